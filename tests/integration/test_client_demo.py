"""The demo host as its owner runs it: a child process that speaks WHIP."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from media.aio.client import WebRtcClient
from media.aio.dtls_peer import make_certificate
from media.aio.signalling import delete_session, post_offer
from media.client_offer import OfferedTrack
from media.events import MediaStarted, SessionClosed
from media.payloads import starts_keyframe
from media.rtcp import SenderReport, parse_compound
from media.rtp import RtpPacket, parse_packet
from tests.support.bare_server import BareServer, bare_server

pytestmark = pytest.mark.integration


@pytest.fixture
async def server() -> AsyncIterator[BareServer]:
    async with bare_server() as running:
        yield running


@pytest.fixture
async def demo(server: BareServer) -> AsyncIterator[Process]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "liveserver.demo"),
        *("--whip", f"{server.url}/whip/demo?source=demo"),
        stdin=PIPE,
    )
    assert child.stdin is not None
    child.stdin.write(b"a token\n")
    yield child
    if child.returncode is None:
        child.kill()
    await child.wait()


async def ended(demo: Process) -> int:
    async with asyncio.timeout(8):
        return await demo.wait()


@pytest.fixture
async def packets(
    server: BareServer, demo: Process
) -> AsyncIterator["Callable[[], Awaitable[RtpPacket | SenderReport]]"]:
    """Watch the demo and give what arrives, one by one."""
    assert (await server.event(MediaStarted)).source == "demo"
    arrived: asyncio.Queue[RtpPacket | SenderReport] = asyncio.Queue()

    def keep_reports(data: bytes) -> None:
        for packet in parse_compound(data):
            if isinstance(packet, SenderReport):
                arrived.put_nowait(packet)

    tracks = (OfferedTrack("audio", ("opus",)), OfferedTrack("video", ("VP8",)))
    viewer = WebRtcClient("recvonly", tracks, certificate=make_certificate())
    viewer.on_rtp = lambda data: arrived.put_nowait(parse_packet(data))
    viewer.on_rtcp = keep_reports
    async with aiohttp.ClientSession() as http:
        session = await post_offer(http, f"{server.url}/whep/demo", viewer.offer())
    await viewer.connect(session.answer)
    yield arrived.get
    await viewer.close()


async def test_it_sends_a_key_frame_sound_and_reports(
    packets: "Callable[[], Awaitable[RtpPacket | SenderReport]]",
) -> None:
    kinds: set[str] = set()
    async with asyncio.timeout(10):
        while kinds != {"key frame", "frame", "sound", "report"}:
            packet = await packets()
            if isinstance(packet, SenderReport):
                kinds.add("report")
            elif packet.payload_type == 111:
                kinds.add("sound")
            elif starts_keyframe("VP8", packet.payload):
                kinds.add("key frame")
            else:
                kinds.add("frame")


async def test_it_ends_with_its_session_when_asked_to(server: BareServer, demo: Process) -> None:
    await server.event(MediaStarted)
    demo.terminate()
    assert await ended(demo) == 0
    assert (await server.event(SessionClosed)).reason == "client"


async def test_it_ends_when_its_owner_is_gone(server: BareServer, demo: Process) -> None:
    await server.event(MediaStarted)
    assert demo.stdin is not None
    demo.stdin.close()
    assert await ended(demo) == 0


async def test_it_comes_back_when_the_server_drops_it(server: BareServer, demo: Process) -> None:
    first = await server.event(MediaStarted)
    async with aiohttp.ClientSession() as http:
        await delete_session(http, f"{server.url}/whip/demo/{first.session_id}")
    second = await server.event(MediaStarted)
    assert second.session_id != first.session_id


async def test_it_refuses_to_start_without_a_token() -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "liveserver.demo", "--whip", "http://127.0.0.1:9/whip/demo"),
        stdin=PIPE,
        stderr=PIPE,
    )
    _, complaint = await child.communicate(b"\n")
    assert child.returncode == 2
    assert b"token" in complaint
