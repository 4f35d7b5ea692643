"""How sessions reach the server and stay with it: TCP, restarts, moves, silence, DTLS roles."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from media.aio.client import WebRtcClient
from media.aio.client_paths import ClientTransport
from media.aio.dtls_peer import Certificate, make_certificate
from media.aio.sending import SendingTransport, TrackSender
from media.aio.signalling import post_offer
from media.aio.tcp import AUTHENTICATE_WITHIN_S
from media.client_offer import OfferedTrack, Setup
from media.events import MediaStarted, SessionClosed
from media.framing import frame
from media.rtp import parse_packet
from media.settings import MediaSettings
from tests.support.bare_server import BareServer, bare_server
from tests.support.relay import INSIDE, OUTSIDE, tcp_only
from tests.support.waiting import eventually

SENT = (OfferedTrack("audio", ("opus",), 1001),)
WATCHED = (OfferedTrack("audio", ("opus",)),)
TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return make_certificate()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def server() -> AsyncIterator[BareServer]:
    async with bare_server() as running:
        yield running


class Participant:
    """A host or a viewer with what it has received."""

    def __init__(self, client: WebRtcClient, http: aiohttp.ClientSession) -> None:
        self.client = client
        self.http = http
        self.url = ""
        self.etag = ""
        self.heard = 0
        "Packets, but for those still in `arrived`."
        self.arrived: asyncio.Queue[bytes] = asyncio.Queue()
        client.on_rtp = self.arrived.put_nowait

    async def join(self, server: BareServer, surface: str) -> None:
        session = await post_offer(self.http, f"{server.url}/{surface}/r", self.client.offer())
        self.url, self.etag = session.url, session.etag
        answer = await self.client.connect(session.answer)
        if surface == "whip":
            sending = SendingTransport(self.client)
            self.sound = TrackSender(sending, answer.tracks["audio"], 1001)

    async def restart(self, if_match: str = "*") -> int:
        fragment = self.client.begin_restart()
        headers = {"If-Match": if_match, "Content-Type": "application/trickle-ice-sdpfrag"}
        async with self.http.patch(self.url, data=fragment, headers=headers) as response:
            if response.status == 200:
                self.etag = response.headers["ETag"]
                self.client.finish_restart(await response.text())
            return response.status

    async def hears(self, host: "Participant", text: bytes, at_s: float) -> None:
        """Let the host say something until it is heard."""
        async with asyncio.timeout(5):
            while not self._has_heard(text):
                # The server may not be through with its half of a handshake yet.
                host.sound.send([text], at_s)
                await asyncio.sleep(0.02)

    def _has_heard(self, text: bytes) -> bool:
        while not self.arrived.empty():
            self.heard += 1
            if parse_packet(self.arrived.get_nowait()).payload == text:
                return True
        return False


Join = Callable[..., Awaitable[Participant]]


@pytest.fixture
async def join(http: aiohttp.ClientSession, certificate: Certificate) -> AsyncIterator[Join]:
    """Return a function that lets somebody join a server; `whip` is a host."""
    joined: list[Participant] = []

    async def enter(
        server: BareServer,
        surface: str,
        transport: ClientTransport = "udp",
        setup: Setup = "actpass",
    ) -> Participant:
        client = WebRtcClient(
            "sendonly" if surface == "whip" else "recvonly",
            SENT if surface == "whip" else WATCHED,
            certificate=certificate,
            transport=transport,
            setup=setup,
        )
        joined.append(Participant(client, http))
        await joined[-1].join(server, surface)
        return joined[-1]

    yield enter
    for participant in joined:
        await participant.client.close()


# ---- TCP --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("host_by", "viewer_by"), [("tcp", "udp"), ("udp", "tcp"), ("tcp", "tcp")])
async def test_media_flow_over_tcp(
    server: BareServer, join: Join, host_by: ClientTransport, viewer_by: ClientTransport
) -> None:
    host = await join(server, "whip", host_by)
    viewer = await join(server, "whep", viewer_by)
    await viewer.hears(host, b"hello", 0.0)
    await viewer.hears(host, b"again", 0.02)
    connections = server.media.counters()["media_tcp_connections"]
    assert connections == [host_by, viewer_by].count("tcp")


async def test_a_connection_closes_with_its_session(server: BareServer, join: Join) -> None:
    viewer = await join(server, "whep", "tcp")
    await viewer.client.close()
    await server.event(SessionClosed)
    await eventually(lambda: server.media.counters()["media_tcp_connections"] == 0)


async def test_a_viewer_who_stops_reading_holds_up_nobody_and_is_not_queued_for(
    join: Join,
) -> None:
    settings = MediaSettings(udp_host=INSIDE, udp_port=0, advertised_addresses=[OUTSIDE, INSIDE])
    async with bare_server(settings) as server, tcp_only(server.media.port) as relay:
        host, other = await join(server, "whip"), await join(server, "whep")
        stuck = await join(server, "whep", "tcp")
        assert relay.connections == 1
        await stuck.hears(host, b"before", 0.0)
        relay.may_flow.clear()
        for at in range(1, 3000):
            host.sound.send([bytes(1000)], at * 0.02)
            if at % 25 == 0:
                await asyncio.sleep(0.001)
        await other.hears(host, b"during", 60.0)
        assert server.media.counters()["media_tcp_dropped_total"] > 1000
        relay.may_flow.set()
        await stuck.hears(host, b"after", 60.1)
        # What waited is bounded, here to less than a megabyte of the three that were sent.
        assert stuck.heard < 1000


async def test_strangers_on_tcp_get_no_answer_and_little_time() -> None:
    async with bare_server(MediaSettings(udp_host="127.0.0.1", udp_port=0)) as server:
        for greeting in (
            b"GET / HTTP/1.1\r\n\r\n",
            frame(b"\x80" * 3000),
            frame(b"\x16" * 1900) * 2,
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.media.port)
            writer.write(greeting)
            async with asyncio.timeout(AUTHENTICATE_WITHIN_S + 3):
                assert await _read_to_end(reader) == b""
            writer.close()
        assert server.media.counters()["media_tcp_connections"] == 0


async def test_connections_are_capped_per_address_and_in_all() -> None:
    settings = MediaSettings(
        udp_host="127.0.0.1", udp_port=0, max_tcp_connections_per_address=2, max_tcp_connections=3
    )
    async with bare_server(settings) as server:
        opened = [await asyncio.open_connection("127.0.0.1", server.media.port) for _ in range(3)]
        async with asyncio.timeout(3):
            assert await _read_to_end(opened[2][0]) == b""
        assert server.media.counters()["media_tcp_connections"] == 2
        for _, writer in opened:
            writer.close()


async def _read_to_end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_without_tcp_no_port_is_open() -> None:
    settings = MediaSettings(udp_host="127.0.0.1", udp_port=0, transports=("udp",))
    async with bare_server(settings) as server:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.media.port)


async def test_a_taken_tcp_port_is_told_at_the_start() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = MediaSettings(udp_host="127.0.0.1", udp_port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            async with bare_server(settings):
                pass


# ---- restarts and moves -----------------------------------------------------------------------


@TRANSPORTS
async def test_media_go_on_through_restarts(
    server: BareServer, join: Join, transport: ClientTransport
) -> None:
    host, viewer = await join(server, "whip", transport), await join(server, "whep", transport)
    await viewer.hears(host, b"before", 0.0)
    tags = {viewer.etag, host.etag}
    for at in range(1, 4):
        assert await viewer.restart() == 200
        await viewer.hears(host, b"viewer %d" % at, at * 0.1)
        assert await host.restart(host.etag) == 200
        await viewer.hears(host, b"host %d" % at, at * 0.1 + 0.05)
        tags |= {viewer.etag, host.etag}
    assert len(tags) == 8


async def test_an_overtaken_restart_is_refused_and_changes_nothing(
    server: BareServer, join: Join, http: aiohttp.ClientSession
) -> None:
    host, viewer = await join(server, "whip"), await join(server, "whep")
    first = viewer.client.begin_restart()
    assert await viewer.restart() == 200
    old_tag, viewer.etag = viewer.etag, '"made up"'
    assert await viewer.restart('"made up"') == 412
    async with http.patch(viewer.url, data=first, headers={"If-Match": "*"}) as response:
        # It never reached us before: by its order alone it is a newer one.
        assert response.status == 200
    async with http.patch(viewer.url, data=first, headers={"If-Match": old_tag}) as response:
        assert response.status == 412
    await viewer.hears(host, b"still here", 0.1)


@TRANSPORTS
@pytest.mark.parametrize("role", ["host", "viewer"])
async def test_media_follow_who_changes_the_network(
    server: BareServer, join: Join, role: str, transport: ClientTransport
) -> None:
    host, viewer = await join(server, "whip", transport), await join(server, "whep", transport)
    await viewer.hears(host, b"before", 0.0)
    for at in range(1, 9):
        await (host if role == "host" else viewer).client.move()
        await viewer.hears(host, b"at %d" % at, at * 0.1)


# ---- DTLS roles, beginnings and ends ----------------------------------------------------------


@TRANSPORTS
@pytest.mark.parametrize("setup", ["active", "passive"])
async def test_a_peer_may_choose_its_dtls_role(
    server: BareServer, join: Join, setup: Setup, transport: ClientTransport
) -> None:
    host = await join(server, "whip", transport, setup)
    assert host.client.answer is not None
    assert host.client.answer.dtls_role == ("client" if setup == "active" else "server")
    viewer = await join(server, "whep", transport, setup)
    await viewer.hears(host, b"hello", 0.0)


async def test_a_session_that_never_starts_is_freed(
    http: aiohttp.ClientSession, certificate: Certificate
) -> None:
    settings = MediaSettings(udp_host="127.0.0.1", udp_port=0, connect_timeout_s=0.5)
    async with bare_server(settings) as server:
        client = WebRtcClient("recvonly", WATCHED, certificate=certificate)
        await post_offer(http, f"{server.url}/whep/r", client.offer())
        assert server.media.counters()["media_egresses"] == 1
        assert (await server.event(SessionClosed)).reason == "timeout"
        assert server.media.counters()["media_egresses"] == 0


@TRANSPORTS
async def test_a_peer_that_falls_silent_is_freed(join: Join, transport: ClientTransport) -> None:
    settings = MediaSettings(udp_host="127.0.0.1", udp_port=0, consent_timeout_s=0.5)
    async with bare_server(settings) as server:
        await join(server, "whep", transport)
        closed = await server.event(SessionClosed)
        # Over TCP the silence of the connection may be noticed first.
        assert closed.reason == "consent"


async def test_the_default_times_are_those_of_the_documents() -> None:
    assert MediaSettings().connect_timeout_s == 10.0
    assert MediaSettings().consent_timeout_s == 30.0


async def test_a_second_session_of_the_host_is_the_picture_at_once(
    server: BareServer, join: Join
) -> None:
    host, viewer = await join(server, "whip"), await join(server, "whep")
    await viewer.hears(host, b"before", 0.0)
    await server.event(MediaStarted)
    again = await join(server, "whip")
    await viewer.hears(again, b"after", 0.0)
    assert (await server.event(SessionClosed)).reason == "taken_over"
    assert not viewer.client.closed.is_set()
