"""The light client against the real media plane, over loopback sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from media.aio.client import ConnectFailed, WebRtcClient
from media.aio.dtls_peer import Certificate, make_certificate
from media.aio.sending import SendingTransport, TrackSender
from media.aio.signalling import OfferRefused, delete_session, post_offer
from media.client_offer import OfferedTrack
from media.events import MediaStarted, SessionClosed
from media.packetizer import Vp8Packetizer
from media.rtp import parse_packet
from tests.support.bare_server import BareServer, bare_server
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.integration
SENT = (OfferedTrack("audio", ("opus",), 1001), OfferedTrack("video", ("VP8",), 2002))
WATCHED = (OfferedTrack("audio", ("opus",)), OfferedTrack("video", ("H264", "VP8")))
KEY_FRAME = b"\x10" + bytes(3000)


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return make_certificate()


@pytest.fixture
async def server() -> AsyncIterator[BareServer]:
    async with bare_server() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


class Publisher:
    def __init__(self, certificate: Certificate) -> None:
        self.client = WebRtcClient("sendonly", SENT, certificate=certificate)
        self.session_url = ""

    async def start(self, server: BareServer, http: aiohttp.ClientSession) -> None:
        session = await post_offer(http, f"{server.url}/whip/r", self.client.offer())
        self.session_url = session.url
        answer = await self.client.connect(session.answer)
        transport = SendingTransport(self.client)
        self.audio = TrackSender(transport, answer.tracks["audio"], 1001)
        self.video = TrackSender(transport, answer.tracks["video"], 2002)


@pytest.fixture
async def publisher(
    server: BareServer, http: aiohttp.ClientSession, certificate: Certificate
) -> AsyncIterator[Publisher]:
    one = Publisher(certificate)
    await one.start(server, http)
    yield one
    await one.client.close()


Viewer = tuple[WebRtcClient, "asyncio.Queue[bytes]"]


@pytest.fixture
async def watch(
    server: BareServer, http: aiohttp.ClientSession, certificate: Certificate
) -> AsyncIterator[Callable[[], Awaitable[Viewer]]]:
    """Return a function that joins room `r` and gives the client and what it receives."""
    clients: list[WebRtcClient] = []

    async def join() -> Viewer:
        client = WebRtcClient("recvonly", WATCHED, certificate=certificate)
        clients.append(client)
        arrived: asyncio.Queue[bytes] = asyncio.Queue()
        client.on_rtp = arrived.put_nowait
        session = await post_offer(http, f"{server.url}/whep/r", client.offer())
        await client.connect(session.answer)
        return client, arrived

    yield join
    for client in clients:
        await client.close()


async def take(arrived: "asyncio.Queue[bytes]", count: int) -> list[bytes]:
    async with asyncio.timeout(PATIENCE_S):
        return [await arrived.get() for _ in range(count)]


async def test_packets_sent_by_one_client_arrive_at_another(
    publisher: Publisher, watch: Callable[[], Awaitable[Viewer]]
) -> None:
    _, arrived = await watch()
    payloads = Vp8Packetizer(picture_id=3).packetize(KEY_FRAME)
    publisher.video.send(payloads, 0.0)
    packets = [parse_packet(data) for data in await take(arrived, len(payloads))]
    # Picture numbers are taken out: one descriptor byte is left.
    assert b"".join(p.payload[1:] for p in packets) == KEY_FRAME
    assert [p.marker for p in packets] == [False, False, True]
    assert {p.payload_type for p in packets} == {96}
    publisher.audio.send([b"sound"], 0.02)
    (sound,) = [parse_packet(data) for data in await take(arrived, 1)]
    assert (sound.payload, sound.payload_type) == (b"sound", 111)


async def test_a_viewer_who_comes_later_gets_the_kept_key_frame(
    server: BareServer, publisher: Publisher, watch: Callable[[], Awaitable[Viewer]]
) -> None:
    payloads = Vp8Packetizer(picture_id=3).packetize(KEY_FRAME)
    publisher.video.send(payloads, 0.0)
    await server.event(MediaStarted)
    _, arrived = await watch()
    packets = [parse_packet(data) for data in await take(arrived, len(payloads))]
    # Picture numbers are taken out: one descriptor byte is left.
    assert b"".join(p.payload[1:] for p in packets) == KEY_FRAME


async def test_the_server_learns_of_a_client_that_leaves(
    server: BareServer, watch: Callable[[], Awaitable[Viewer]]
) -> None:
    viewer, _ = await watch()
    await viewer.close()
    assert viewer.closed.is_set()
    assert (await server.event(SessionClosed)).reason == "dtls"


async def test_a_client_notices_that_the_server_ended_its_session(
    http: aiohttp.ClientSession, publisher: Publisher
) -> None:
    assert await delete_session(http, publisher.session_url) == 200
    async with asyncio.timeout(PATIENCE_S):
        await publisher.client.closed.wait()


async def test_many_clients_share_a_process(
    publisher: Publisher, watch: Callable[[], Awaitable[Viewer]]
) -> None:
    viewers = await asyncio.gather(*(watch() for _ in range(10)))
    publisher.video.send([b"\x10\x10 a key frame"], 0.0)
    for _, arrived in viewers:
        (packet,) = await take(arrived, 1)
        assert parse_packet(packet).payload == b"\x10\x10 a key frame"


async def test_a_refused_offer_tells_status_and_code(
    server: BareServer, http: aiohttp.ClientSession
) -> None:
    with pytest.raises(OfferRefused) as caught:
        await post_offer(http, f"{server.url}/whip/r", "nonsense")
    assert (caught.value.status, caught.value.problem) == (400, "invalid_offer")


async def test_an_answer_from_nowhere_times_out(
    server: BareServer, http: aiohttp.ClientSession, certificate: Certificate
) -> None:
    client = WebRtcClient("recvonly", WATCHED, certificate=certificate)
    session = await post_offer(http, f"{server.url}/whep/r", client.offer())
    answer = session.answer.replace(f" {server.media.port} typ", " 9 typ")
    with pytest.raises(ConnectFailed):
        await client.connect(answer, timeout_s=0.3)
    assert client.closed.is_set()
