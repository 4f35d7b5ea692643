"""The media plane on loopback: real sockets, DTLS and SRTP, and every kind of hostility."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Self

import pytest

from media import stun
from media.aio.client import WebRtcClient
from media.aio.dtls_peer import Certificate, DtlsPeer, make_certificate
from media.aio.server import MediaServer, Session
from media.client_offer import (
    LocalDescription,
    OfferedTrack,
    read_answer,
    write_offer,
)
from media.errors import InvalidOffer, Overloaded, UnsupportedCodec
from media.events import MediaEvent, MediaStarted, MediaStopped, SessionClosed, Source
from media.kernel import Address
from media.rtcp import PictureLossIndication, parse_compound, write_pli
from media.rtp import RtpPacket, parse_packet, write_packet
from media.settings import MediaSettings
from tests.support.media_factories import Stream, codec

pytestmark = pytest.mark.integration
SENT = (OfferedTrack("audio", ("opus",), 1001), OfferedTrack("video", ("VP8",), 2002))
WATCHED = (OfferedTrack("audio", ("opus",)), OfferedTrack("video", ("VP8", "H264")))


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return make_certificate()


async def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


class Host:
    """A client that publishes frames."""

    def __init__(self, client: WebRtcClient, session: Session) -> None:
        self.client, self.session = client, session
        self.video, self.audio = Stream(codec("VP8"), 2002), Stream(codec("opus"), 1001)

    def frame(self, *, is_key: bool = False, packets: int = 4, size: int = 1000) -> None:
        for data in self.video.frame(is_key=is_key, packets=packets, size=size):
            self.client.send_rtp(data)

    def sound(self) -> None:
        self.client.send_rtp(self.audio.sound())


class Viewer:
    """A client that watches."""

    def __init__(self, client: WebRtcClient, session: Session) -> None:
        self.client, self.session = client, session
        self.packets: list[RtpPacket] = []
        client.on_rtp = lambda data: self.packets.append(parse_packet(data))

    def of(self, payload_type: int) -> list[RtpPacket]:
        return [packet for packet in self.packets if packet.payload_type == payload_type]


class Plane:
    """A running media server and who is connected to it."""

    def __init__(self, settings: MediaSettings, certificate: Certificate) -> None:
        self.events: list[MediaEvent] = []
        self.server = MediaServer(settings, self.events.append)
        self.certificate = certificate
        self.clients: list[WebRtcClient] = []

    async def publish(self, room: str = "r", source: Source = "host") -> Host:
        client = WebRtcClient("sendonly", SENT, certificate=self.certificate)
        self.clients.append(client)
        session = await self.server.publish(room, client.offer(), source=source)
        await client.connect(session.answer)
        await until(lambda: self.server.is_connected(session.id))
        return Host(client, session)

    async def watch(self, room: str = "r") -> Viewer:
        client = WebRtcClient("recvonly", WATCHED, certificate=self.certificate)
        self.clients.append(client)
        session = await self.server.subscribe(room, client.offer())
        viewer = Viewer(client, session)
        await client.connect(session.answer)
        await until(lambda: self.server.is_connected(session.id))
        return viewer

    def count(self, name: str) -> float:
        return self.server.counters().get(name, 0)

    def closed(self) -> list[tuple[str, str]]:
        return [(e.session_id, e.reason) for e in self.events if isinstance(e, SessionClosed)]

    async def assert_media_flows(self, host: Host, viewer: Viewer) -> None:
        """A key frame sent now arrives."""
        before = len(viewer.packets)
        host.frame(is_key=True)
        await until(lambda: len(viewer.packets) >= before + 4)


@contextlib.asynccontextmanager
async def running(certificate: Certificate, **changes: object) -> AsyncIterator[Plane]:
    values = {"udp_host": "127.0.0.1", "udp_port": 0, **changes}
    plane = Plane(MediaSettings(**values), certificate)  # type: ignore[arg-type]
    await plane.server.start()
    try:
        yield plane
    finally:
        for client in plane.clients:
            await client.close()
        await plane.server.stop()


@pytest.fixture
async def plane(certificate: Certificate) -> AsyncIterator[Plane]:
    async with running(certificate) as one:
        yield one


# ---- the show -----------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["gcm", "sha1"])
async def test_two_viewers_get_everything(certificate: Certificate, profile: str) -> None:
    async with running(certificate, preferred_srtp=profile) as plane:
        host = await plane.publish()
        viewers = [await plane.watch(), await plane.watch()]
        for at in range(30):
            host.frame(is_key=at == 0)
            host.sound()
            await asyncio.sleep(0.003)
        await until(lambda: all(len(viewer.packets) == 150 for viewer in viewers))
        for viewer in viewers:
            for payload_type, sent in ((96, 120), (111, 30)):
                sequences = [packet.sequence for packet in viewer.of(payload_type)]
                assert len(sequences) == sent
                assert sequences == [sequences[0] + at & 0xFFFF for at in range(sent)]
            assert {len(packet.payload) for packet in viewer.of(96)} == {1000}
        assert plane.count("media_packets_received_total") == 150
        assert plane.count("media_packets_forwarded_total") == 300
        assert plane.count("media_segmentation_enabled") == 1
        assert plane.count("media_srtp_failures_total") == 0
        assert plane.count("media_sends_total") < 300


async def test_a_joiner_gets_the_cached_picture_at_once(plane: Plane) -> None:
    host = await plane.publish()
    host.frame(is_key=True)
    host.frame()
    await until(lambda: plane.count("media_packets_received_total") == 8)
    viewer = await plane.watch()
    await until(lambda: len(viewer.packets) == 8)
    assert plane.count("media_keyframe_requests_total") == 0


async def test_a_request_of_a_viewer_reaches_the_host(plane: Plane) -> None:
    host, viewer = await plane.publish(), await plane.watch()
    asked: list[PictureLossIndication] = []

    def listen(data: bytes) -> None:
        asked.extend(p for p in parse_compound(data) if isinstance(p, PictureLossIndication))

    host.client.on_rtcp = listen
    await plane.assert_media_flows(host, viewer)
    viewer.client.send_rtcp(write_pli(1, 2))
    await until(lambda: len(asked) == 1)
    assert asked[0].media_ssrc == 2002


async def test_a_room_is_measured(plane: Plane) -> None:
    nothing = plane.server.room_media("r")
    assert (nothing.viewers, nothing.ingest) == (0, None)
    host, viewer = await plane.publish(), await plane.watch()
    await plane.assert_media_flows(host, viewer)
    media = plane.server.room_media("r")
    assert media.viewers == 1
    assert media.ingest is not None
    assert (media.ingest.session_id, media.ingest.source) == (host.session.id, "host")
    assert (media.ingest.video_codec, media.ingest.audio_codec) == ("VP8", None)


async def test_a_host_takes_over_from_the_demo_and_an_earlier_host(plane: Plane) -> None:
    demo, viewer = await plane.publish(source="demo"), await plane.watch()
    await plane.assert_media_flows(demo, viewer)
    first = await plane.publish()
    await plane.assert_media_flows(first, viewer)
    second = await plane.publish()
    await plane.assert_media_flows(second, viewer)
    await until(lambda: plane.closed() == [(first.session.id, "taken_over")])
    started = [event.session_id for event in plane.events if isinstance(event, MediaStarted)]
    assert started == [demo.session.id, first.session.id, second.session.id]
    sequences = [packet.sequence for packet in viewer.of(96)]
    assert sequences == [sequences[0] + at & 0xFFFF for at in range(12)]
    assert plane.server.find(demo.session.id) is not None


async def test_an_event_handler_that_fails_stops_nothing(
    certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(certificate) as plane:

        def fail(event: MediaEvent) -> None:
            plane.events.append(event)
            raise ValueError("not my day")

        await plane.server.stop()
        plane.server = MediaServer(plane.server.settings, fail)
        await plane.server.start()
        host, viewer = await plane.publish(), await plane.watch()
        await plane.assert_media_flows(host, viewer)
        await plane.server.close(host.session.id, "client")
        assert len(plane.events) == 3
    assert "an event handler failed" in caplog.text


# ---- ends ---------------------------------------------------------------------------------------


async def test_a_deleted_session_ends_on_both_sides(plane: Plane) -> None:
    host, viewer, stays = await plane.publish(), await plane.watch(), await plane.watch()
    await plane.server.close(viewer.session.id, "client")
    await plane.server.close(viewer.session.id, "client")
    await asyncio.wait_for(viewer.client.closed.wait(), 5)
    assert plane.closed() == [(viewer.session.id, "client")]
    assert plane.server.find(viewer.session.id) is None
    await plane.assert_media_flows(host, stays)


async def test_a_goodbye_of_the_host_stops_the_show(plane: Plane) -> None:
    host, viewer = await plane.publish(), await plane.watch()
    await plane.assert_media_flows(host, viewer)
    await host.client.close()
    await until(lambda: plane.closed() == [(host.session.id, "dtls")])
    stopped = [event.session_id for event in plane.events if isinstance(event, MediaStopped)]
    assert stopped == [host.session.id]
    assert plane.server.room_media("r").ingest is None
    assert plane.count("media_packets_received_total") == 4


async def test_a_session_that_never_connects_is_freed(certificate: Certificate) -> None:
    async with running(certificate, connect_timeout_s=0.1) as plane:
        client = WebRtcClient("recvonly", WATCHED, certificate=certificate)
        session = await plane.server.subscribe("r", client.offer())
        await until(lambda: plane.closed() == [(session.id, "timeout")])
        assert plane.count("media_egresses") == 0


async def test_a_peer_that_takes_its_consent_back_is_freed(certificate: Certificate) -> None:
    async with running(certificate, consent_timeout_s=0.2) as plane:
        viewer = await plane.watch()
        await until(lambda: plane.closed() == [(viewer.session.id, "consent")])
        assert plane.count("media_rooms") == 0


async def test_a_silent_host_is_told_and_returns(certificate: Certificate) -> None:
    async with running(certificate, away_after_ms=200) as plane:
        host, viewer = await plane.publish(), await plane.watch()
        await plane.assert_media_flows(host, viewer)
        await until(lambda: isinstance(plane.events[-1], MediaStopped))
        host.frame()
        await until(lambda: isinstance(plane.events[-1], MediaStarted))


async def test_too_many_sessions_are_refused_for_now(certificate: Certificate) -> None:
    async with running(certificate, max_ingests=1, max_egresses=2) as plane:
        host, first = await plane.publish(), await plane.watch()
        await plane.watch()
        offer = WebRtcClient("recvonly", WATCHED, certificate=certificate).offer()
        with pytest.raises(Overloaded):
            await plane.server.subscribe("r", offer)
        other = WebRtcClient("sendonly", SENT, certificate=certificate).offer()
        with pytest.raises(Overloaded):
            await plane.server.publish("other", other, source="host")
        await plane.server.close(first.session.id, "client")
        assert (await plane.server.subscribe("r", offer)).role == "egress"
        assert plane.server.find(host.session.id) is not None


async def test_refused_offers_leave_nothing_behind(plane: Plane) -> None:
    offer = WebRtcClient("sendonly", SENT, certificate=plane.certificate).offer()
    with pytest.raises(InvalidOffer):
        await plane.server.publish("r", "nonsense", source="host")
    with pytest.raises(UnsupportedCodec):
        await plane.server.publish("r", offer.replace("VP8/90000", "H266/90000"), source="host")
    assert plane.count("media_ingests") == 0


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_nothing_is_left_after_stop(certificate: Certificate) -> None:
    before = open_files()
    tasks = asyncio.all_tasks()
    async with running(certificate) as plane:
        host, viewer = await plane.publish(), await plane.watch()
        await plane.assert_media_flows(host, viewer)
        half = WebRtcClient("recvonly", WATCHED, certificate=certificate)
        await plane.server.subscribe("r", half.offer())
        await plane.server.stop()
        await plane.server.stop()
        assert {reason for _, reason in plane.closed()} == {"server"}
        assert len(plane.closed()) == 3
    for _ in range(5):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks
    assert open_files() == before


async def test_a_port_in_use_is_told(plane: Plane, certificate: Certificate) -> None:
    settings = MediaSettings(udp_host="127.0.0.1", udp_port=plane.server.port)
    other = MediaServer(settings, plane.events.append)
    with pytest.raises(OSError, match="in use"):
        await other.start()
    await other.stop()


# ---- addresses ----------------------------------------------------------------------------------


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("advertised", [["::1"], ["127.0.0.1"]], ids=["IPv6", "mapped IPv4"])
async def test_both_address_families_share_the_port(
    certificate: Certificate, advertised: list[str]
) -> None:
    async with running(certificate, udp_host="::", advertised_addresses=advertised) as plane:
        host, viewer = await plane.publish(), await plane.watch()
        await plane.assert_media_flows(host, viewer)
        assert plane.count("media_segmentation_enabled") == 1


async def test_answers_name_the_port_and_the_addresses(certificate: Certificate) -> None:
    async with running(certificate, advertised_addresses=["198.51.100.1", "203.0.113.2"]) as plane:
        client = WebRtcClient("recvonly", WATCHED, certificate=certificate)
        session = await plane.server.subscribe("r", client.offer())
        addresses = read_answer(session.answer).candidates
        assert {address for address, _ in addresses} == {"198.51.100.1", "203.0.113.2"}
        assert {port for _, port in addresses} == {plane.server.port}


# ---- hostility ----------------------------------------------------------------------------------


class Attacker:
    """Owns sockets and says what it likes; `join` gives it a session of its own."""

    def __init__(self, plane: Plane, sockets: int = 1) -> None:
        self.plane = plane
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(sockets)]
        for one in self.sockets:
            one.bind(("127.0.0.1", 0))
            one.setblocking(False)
        self._transactions = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.sockets:
            one.close()

    @property
    def target(self) -> Address:
        return ("127.0.0.1", self.plane.server.port)

    def say(self, data: bytes, at: int = 0) -> None:
        with contextlib.suppress(OSError):
            self.sockets[at].sendto(data, self.target)

    def heard(self, at: int = 0) -> list[bytes]:
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self.sockets[at].recv(2048))
        return found

    async def join(self, *, publishes: bool = False) -> None:
        local = LocalDescription("atkr", "a" * 24, self.plane.certificate.fingerprint, 1)
        server = self.plane.server
        if publishes:
            offer = write_offer("sendonly", SENT, local)
            self.session = await server.publish("r", offer, source="host")
        else:
            self.session = await server.subscribe("r", write_offer("recvonly", WATCHED, local))
        self.answer = read_answer(self.session.answer)

    def binding_request(self, *, password: str | None = None, nominate: bool = False) -> bytes:
        self._transactions += 1
        return stun.write_binding_request(
            self._transactions.to_bytes(12, "big"),
            f"{self.answer.ice_ufrag}:atkr",
            (password or self.answer.ice_pwd).encode(),
            role="controlling",
            tie_breaker=1,
            priority=1,
            use_candidate=nominate,
        )

    def answer_checks(self, datagrams: list[bytes], at: int) -> int:
        """Answer the server's own checks from a socket; returns how many there were."""
        found = 0
        for data in datagrams:
            if data[0] < 4 and isinstance(message := stun.parse(data), stun.BindingRequest):
                mapped = ("127.0.0.1", 1)
                self.say(stun.write_binding_success(message.transaction_id, mapped, b"a" * 24), at)
                found += 1
        return found

    async def shake_hands(self, route: Callable[[int], int]) -> DtlsPeer:
        """Do the DTLS handshake; `route` gives the socket for the nth datagram sent."""
        sent = 0

        def send(data: bytes) -> None:
            nonlocal sent
            self.say(data, route(sent))
            sent += 1

        peer = DtlsPeer("client", self.plane.certificate, self.answer.fingerprints, send)
        task = asyncio.create_task(peer.handshake())
        async with asyncio.timeout(5):
            while not task.done():
                heard = [data for at in range(len(self.sockets)) for data in self.heard(at)]
                for data in (one for one in heard if 20 <= one[0] <= 63):
                    peer.feed(data)
                await asyncio.sleep(0.002)
        await task
        return peer


def hostile_datagrams() -> list[bytes]:
    random = Random(20)
    sizes = [0, 1, 2, 3, 11, 12, 13, 20, 27, 28, 100, 1200, 1500, 1501, 2048, 4000, 60_000]
    firsts = [0, 1, 3, 4, 19, 20, 22, 23, 63, 64, 79, 80, 127, 128, 144, 176, 191, 192, 255]
    return [(bytes((first,)) + random.randbytes(size))[:size] for first in firsts for size in sizes]


async def test_strangers_cannot_disturb_anything(plane: Plane) -> None:
    host, viewer = await plane.publish(), await plane.watch()
    await plane.assert_media_flows(host, viewer)
    with Attacker(plane) as attacker:
        for at, data in enumerate(hostile_datagrams()):
            attacker.say(data)
            if at % 50 == 0:
                await asyncio.sleep(0.001)
        await plane.assert_media_flows(host, viewer)
        await until(lambda: plane.count("media_unknown_address_total") > 100)
        assert plane.count("media_unknown_datagram_total") > 50
        assert plane.count("media_malformed_stun_total") > 20
        assert plane.count("media_handler_failures_total") == 0
        assert attacker.heard() == []
    assert plane.closed() == []


async def test_a_wrong_password_is_counted_and_not_answered(plane: Plane) -> None:
    with Attacker(plane) as attacker:
        await attacker.join()
        attacker.say(attacker.binding_request(password="wrong" * 5))
        attacker.say(stun.write_binding_success(bytes(12), ("127.0.0.1", 1), b"x"))
        await until(lambda: plane.count("media_refused_stun_total") == 2)
        assert attacker.heard() == []
        attacker.say(b"\x16\xfe\xfd" + bytes(20))
        await until(lambda: plane.count("media_unknown_address_total") == 1)


async def test_garbage_from_a_bound_address_disturbs_nobody_else(plane: Plane) -> None:
    host, viewer = await plane.publish(), await plane.watch()
    with Attacker(plane) as attacker:
        await attacker.join()
        attacker.say(attacker.binding_request())
        await until(lambda: len(attacker.heard()) > 0)
        for at, data in enumerate(hostile_datagrams()):
            attacker.say(data)
            if at % 50 == 0:
                await asyncio.sleep(0.001)
        await plane.assert_media_flows(host, viewer)
        await until(lambda: plane.count("media_early_srtp_total") > 40)
        assert plane.count("media_malformed_dtls_total") > 3
        assert plane.count("media_handler_failures_total") == 0


async def test_garbage_after_the_handshake_is_counted(plane: Plane) -> None:
    host, viewer = await plane.publish(), await plane.watch()
    with Attacker(plane) as attacker:
        await attacker.join()
        attacker.say(attacker.binding_request(nominate=True))
        await asyncio.sleep(0.05)
        dtls = await attacker.shake_hands(lambda _: 0)
        await until(lambda: plane.server.is_connected(attacker.session.id))
        for at, data in enumerate(hostile_datagrams()):
            attacker.say(data)
            if at % 50 == 0:
                await asyncio.sleep(0.001)
        for garbage in (b"\x80\xc8" + bytes(6), b"\x81\xcd\xff\xff" + bytes(24)):
            attacker.say(dtls.sender.protect_rtcp(garbage))
        attacker.say(dtls.sender.protect(write_packet(RtpPacket(96, False, 1, 2, 3, {}, b"x"))))
        await plane.assert_media_flows(host, viewer)
        await until(lambda: plane.count("media_malformed_rtcp_total") == 2)
        assert plane.count("media_srtp_failures_total") > 3
        assert plane.count("media_unexpected_rtp_total") > 20
        assert plane.count("media_handler_failures_total") == 0
        assert plane.server.is_connected(attacker.session.id)
        await dtls.close()


async def test_forged_packets_take_no_place_of_real_ones(plane: Plane) -> None:
    """Whoever knows a host's address cannot use up the SSRCs that its session may bring."""
    random, video = Random(5), Stream(codec("VP8"), 2002)
    with Attacker(plane) as host:
        await host.join(publishes=True)
        host.say(host.binding_request(nominate=True))
        await asyncio.sleep(0.05)
        dtls = await host.shake_hands(lambda _: 0)
        await until(lambda: plane.server.is_connected(host.session.id))
        for _ in range(100):
            host.say(b"\x80\x60" + random.randbytes(70))
        await until(lambda: plane.count("media_srtp_failures_total") == 100)
        for data in video.frame(is_key=True):
            host.say(dtls.sender.protect(data))
        await until(lambda: plane.count("media_packets_received_total") == 3)
        await dtls.close()


@pytest.mark.parametrize("kind", ["rtp", "rtcp"])
async def test_ssrcs_of_a_session_are_bounded(plane: Plane, kind: str) -> None:
    host = await plane.publish()
    for ssrc in range(1, 101):
        if kind == "rtp":
            host.client.send_rtp(write_packet(RtpPacket(96, False, 1, 2, ssrc, {}, b"x")))
        else:
            host.client.send_rtcp(write_pli(ssrc, 1))
    await until(lambda: plane.count("media_unexpected_rtp_total") == 84)
    assert plane.server.is_connected(host.session.id)


async def test_media_is_not_reflected_to_an_address_that_only_sent(plane: Plane) -> None:
    """The end of the handshake comes from another address than its beginning."""
    host = await plane.publish()
    host.frame(is_key=True)
    with Attacker(plane, sockets=2) as attacker:
        mine, spoofed = 0, 1
        await attacker.join()
        for at in (mine, spoofed):
            attacker.say(attacker.binding_request(nominate=at == spoofed), at)
        await asyncio.sleep(0.05)
        dtls = await attacker.shake_hands(lambda nth: mine if nth == 0 else spoofed)
        for _ in range(5):
            host.frame(is_key=True)
            host.sound()
            await asyncio.sleep(0.02)
        reflected = [data for data in attacker.heard(spoofed) if 128 <= data[0] <= 191]
        assert reflected == []
        assert not plane.server.is_connected(attacker.session.id)
        # A round trip from where the attacker is brings its own media, there.
        await asyncio.sleep(0.12)
        assert attacker.answer_checks(attacker.heard(mine), mine) > 0
        await until(lambda: plane.server.is_connected(attacker.session.id))
        host.frame(is_key=True)
        await asyncio.sleep(0.05)
        assert [data for data in attacker.heard(mine) if 128 <= data[0] <= 191]
        assert [data for data in attacker.heard(spoofed) if 128 <= data[0] <= 191] == []
        await dtls.close()


async def test_media_follows_a_viewer_to_another_network_after_a_round_trip(plane: Plane) -> None:
    host = await plane.publish()
    with Attacker(plane, sockets=2) as roaming:
        home, mobile = 0, 1
        await roaming.join()
        roaming.say(roaming.binding_request(nominate=True), home)
        await asyncio.sleep(0.05)
        dtls = await roaming.shake_hands(lambda _: home)
        await until(lambda: plane.server.is_connected(roaming.session.id))
        roaming.say(roaming.binding_request(nominate=True), mobile)
        await asyncio.sleep(0.05)
        host.frame(is_key=True)
        await asyncio.sleep(0.05)
        assert [data for data in roaming.heard(home) if 128 <= data[0] <= 191]
        heard = roaming.heard(mobile)
        assert [data for data in heard if 128 <= data[0] <= 191] == []
        assert roaming.answer_checks(heard, mobile) == 1
        await asyncio.sleep(0.05)
        host.frame(is_key=True)
        await asyncio.sleep(0.05)
        assert [data for data in roaming.heard(mobile) if 128 <= data[0] <= 191]
        assert roaming.heard(home) == []
        await dtls.close()


async def test_a_flood_of_authentic_requests_stays_bounded(plane: Plane) -> None:
    host, viewer = await plane.publish(), await plane.watch()
    with Attacker(plane, sockets=40) as attacker:
        await attacker.join()
        for at in range(40):
            attacker.say(attacker.binding_request(nominate=True), at)
            attacker.say(os.urandom(3), at)
        await until(lambda: plane.count("media_refused_stun_total") >= 24)
        await plane.assert_media_flows(host, viewer)
