"""Sessions that end give their memory back at once, without waiting for the garbage collector."""

import asyncio
import gc

from media.aio.client import WebRtcClient
from media.aio.dtls_peer import DtlsPeer, make_certificate
from media.aio.peer import Peer
from media.aio.server import MediaServer
from media.client_offer import OfferedTrack
from media.settings import MediaSettings

TRACKS = [OfferedTrack("audio", ("opus",)), OfferedTrack("video", ("VP8",))]


def count_alive() -> int:
    return sum(isinstance(found, Peer | DtlsPeer) for found in gc.get_objects())


async def test_a_closed_session_is_freed_without_the_garbage_collector() -> None:
    server = MediaServer(MediaSettings(udp_host="127.0.0.1", udp_port=0), lambda _: None)
    await server.start()
    certificate = make_certificate()
    gc.collect()
    before = count_alive()
    gc.disable()
    try:
        for _ in range(3):
            viewer = WebRtcClient("recvonly", TRACKS, certificate=certificate)
            session = await server.subscribe("room", viewer.offer())
            await viewer.connect(session.answer)
            await server.close(session.id, "client")
            await viewer.close()
            del viewer
        # The cancelled tasks of the transports end within a turn or two of the loop.
        async with asyncio.timeout(5):
            while count_alive() > before:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
    finally:
        gc.enable()
        await server.stop()
