"""FFmpeg's WHIP muxer against the real media plane: it offers `setup:passive`, no candidates."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import av
import pytest

from liveserver.aio.certificate import ensure_certificate
from media.aio.client import WebRtcClient
from media.aio.dtls_peer import make_certificate
from media.aio.signalling import post_offer
from media.client_offer import OfferedTrack
from media.events import MediaStarted, SessionClosed
from media.rtp import parse_packet
from tests.support.bare_server import bare_server
from tests.support.waiting import eventually

WATCHED = (OfferedTrack("audio", ("opus",)), OfferedTrack("video", ("H264",)))


@pytest.mark.skipif(
    "whip" not in av.formats_available, reason="the FFmpeg inside PyAV has no whip muxer"
)
async def test_ffmpeg_publishes_and_a_viewer_receives(tmp_path: Path) -> None:
    certificate, key = ensure_certificate(tmp_path, [], datetime.now(UTC))
    arrived: set[int] = set()
    async with bare_server() as server, aiohttp.ClientSession() as http:
        viewer = WebRtcClient("recvonly", WATCHED, certificate=make_certificate())
        viewer.on_rtp = lambda data: arrived.add(parse_packet(data).payload_type)
        session = await post_offer(http, f"{server.url}/whep/r", viewer.offer())
        await viewer.connect(session.answer)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.ffmpeg_publisher"),
            *(f"{server.url}/whip/r", str(certificate), str(key)),
            cwd=Path(__file__).parents[2],
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        await server.event(MediaStarted)
        assert (await server.event(SessionClosed)).reason == "client"
        await eventually(lambda: arrived == {111, 102})
        await viewer.close()
