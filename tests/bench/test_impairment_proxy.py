"""The proxy on loopback sockets: whose packets pass, and how."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import pytest

from media import stun
from media.aio.client import ConnectFailed, WebRtcClient
from media.aio.dtls_peer import Certificate, make_certificate
from media.aio.signalling import post_offer
from media.client_offer import OfferedTrack
from media.settings import MediaSettings
from scripts.bench.impairment_proxy import ImpairmentProxy
from tests.support.bare_server import BareServer, bare_server
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
WATCHED = (OfferedTrack("audio", ("opus",)), OfferedTrack("video", ("VP8",)))


@contextmanager
def udp_socket() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with udp_socket() as sock:
        yield sock


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with udp_socket() as sock:
        yield sock


@pytest.fixture
async def proxy(server: socket.socket) -> AsyncIterator[ImpairmentProxy]:
    async with ImpairmentProxy(("127.0.0.2", 0), server.getsockname(), seed=1) as running:
        yield running


async def receive(sock: socket.socket) -> tuple[bytes, tuple[str, int]]:
    async with asyncio.timeout(5):
        return await asyncio.get_running_loop().sock_recvfrom(sock, 2048)


def check(client_ufrag: str) -> bytes:
    """Write a Binding request of a client."""
    return stun.write_binding_request(
        bytes(12),
        f"server:{client_ufrag}",
        b"secret",
        role="controlling",
        tie_breaker=1,
        priority=1,
    )


async def test_proxy_passes_both_ways(
    proxy: ImpairmentProxy, client: socket.socket, server: socket.socket
) -> None:
    client.sendto(b"ping", proxy.address)
    data, seen = await receive(server)
    assert data == b"ping"
    server.sendto(b"pong", seen)
    assert await receive(client) == (b"pong", proxy.address)


async def test_every_client_has_a_socket_of_its_own(
    proxy: ImpairmentProxy, client: socket.socket, server: socket.socket
) -> None:
    with udp_socket() as other:
        client.sendto(b"a", proxy.address)
        other.sendto(b"b", proxy.address)
        sources = {await receive(server) for _ in range(2)}
    assert {data for data, _ in sources} == {b"a", b"b"}
    assert len({source for _, source in sources}) == 2


async def test_one_client_is_impaired_alone_by_its_fragment(
    proxy: ImpairmentProxy, client: socket.socket, server: socket.socket
) -> None:
    proxy.impair("loss=100", ufrag="poor")
    with udp_socket() as other:
        client.sendto(check("poor"), proxy.address)
        other.sendto(check("rich"), proxy.address)
        data, _ = await receive(server)
    assert data == check("rich")
    assert {path.ufrag: path.up.lost for path in proxy.stats} == {"poor": 1, "rich": 0}
    proxy.release("poor")
    client.sendto(b"again", proxy.address)
    assert (await receive(server))[0] == b"again"


async def test_delayed_packets_keep_their_order_among_later_ones(
    proxy: ImpairmentProxy, client: socket.socket, server: socket.socket
) -> None:
    proxy.impair("up.delay=60ms")
    for number in range(20):
        client.sendto(bytes([128, number]), proxy.address)
    await eventually(lambda: bool(proxy.stats) and proxy.stats[0].up.offered == 20)
    proxy.impair("")
    client.sendto(bytes([128, 20]), proxy.address)
    assert [(await receive(server))[0][1] for _ in range(21)] == list(range(21))


async def test_proxy_passes_tcp_on_when_asked(server: socket.socket) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(100))
        writer.close()

    listening = await asyncio.start_server(echo, "127.0.0.1", server.getsockname()[1])
    address = server.getsockname()
    async with listening, ImpairmentProxy(("127.0.0.2", 0), address, with_tcp=True) as proxy:
        reader, writer = await asyncio.open_connection(*proxy.address)
        writer.write(b"through")
        assert await asyncio.wait_for(reader.read(), 5) == b"through"
        writer.close()


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return make_certificate()


@pytest.fixture
async def media() -> AsyncIterator[BareServer]:
    settings = MediaSettings(udp_host="127.0.0.1", udp_port=0, advertised_addresses=["127.0.0.2"])
    async with bare_server(settings) as running:
        yield running


async def join(media: BareServer, certificate: Certificate, timeout_s: float = 5.0) -> None:
    client = WebRtcClient("recvonly", WATCHED, certificate=certificate)
    async with aiohttp.ClientSession() as http:
        session = await post_offer(http, f"{media.url}/whep/r", client.offer())
    await client.connect(session.answer, timeout_s=timeout_s)
    await client.close()


async def test_a_client_joins_through_the_proxy_at_the_servers_port_number(
    media: BareServer, certificate: Certificate
) -> None:
    port = media.media.port
    async with ImpairmentProxy(("127.0.0.2", port), ("127.0.0.1", port)) as proxy:
        proxy.impair("delay=10ms loss=5")
        await join(media, certificate)
        (path,) = proxy.stats
        assert path.ufrag
        assert path.up.delivered > 2
        proxy.impair("outage=10s")
        with pytest.raises(ConnectFailed):
            await join(media, certificate, timeout_s=0.3)
