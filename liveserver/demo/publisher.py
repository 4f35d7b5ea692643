"""Publishes the programme through WHIP, for as long as it is wanted.

Shell: clocks, tasks, sockets. A dropped or refused session is tried again, ever more slowly.
"""

import asyncio
import contextlib
import logging
import os
import ssl
from collections.abc import Callable
from datetime import datetime

import aiohttp

from liveserver.demo.pacing import ticks
from liveserver.demo.programme import FRAME_S, SOUND_S, Programme
from media.aio.client import WebRtcClient
from media.aio.dtls_peer import make_certificate
from media.aio.sending import SendingTransport, TrackSender
from media.aio.signalling import OfferRefused, delete_session, post_offer
from media.client_offer import Answer, OfferedTrack
from media.errors import MalformedPacket, MediaError
from media.packetizer import Vp8Packetizer
from media.rtcp import FullIntraRequest, PictureLossIndication, parse_compound

_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.5, 15.0
_GOOD_AFTER_S = 20.0
"A session that lasted so long was no failure: the next retry comes quickly again."
_REPORT_S = 1.0
_KEY_FRAME_S = 0.3
"Least time between two key frames, however many are asked for."
_SOUND_CATCH_UP = 25
"Packets of 20 ms."
_GOODBYE_S = 2.0
_CNAME = "demo"

log = logging.getLogger(__name__)


class DemoPublisher:
    """Keeps one WHIP session alive.

    Args:
        whip_url: Where to publish.
        token: Called before each POST; the token may be renewed meanwhile.
        tls: Certificates to trust, for an https address with a self-made one.
    """

    def __init__(
        self, whip_url: str, token: Callable[[], str], tls: ssl.SSLContext | None = None
    ) -> None:
        self._url, self._token, self._tls = whip_url, token, tls
        self._programme = Programme()
        self._certificate = make_certificate()

    async def run(self) -> None:
        """Publish until cancelled."""
        retry_s = _FIRST_RETRY_S
        loop = asyncio.get_running_loop()
        connector = aiohttp.TCPConnector(ssl=self._tls if self._tls is not None else True)
        timeout = aiohttp.ClientTimeout(total=15)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
            while True:
                began = loop.time()
                wait_s = await self._publish_once(http)
                if loop.time() - began > _GOOD_AFTER_S:
                    retry_s = _FIRST_RETRY_S
                await asyncio.sleep(max(retry_s, wait_s))
                retry_s = min(2 * retry_s, _LONGEST_RETRY_S)

    async def _publish_once(self, http: aiohttp.ClientSession) -> float:
        """Publish until the session ends; return how long the server asks to wait."""
        broadcast = _Broadcast(self._programme)
        client = WebRtcClient("sendonly", broadcast.tracks, certificate=self._certificate)
        client.on_rtcp = broadcast.receive_rtcp
        session_url = ""
        try:
            session = await post_offer(http, self._url, client.offer(), token=self._token())
            session_url = session.url
            answer = await client.connect(session.answer)
            log.info("publishing")
            await broadcast.send_until_closed(client, answer)
            log.info("the server ended the session")
        except OfferRefused as error:
            log.warning("refused: %s", error)
            return error.retry_after_s or 0.0
        except (MediaError, aiohttp.ClientError, TimeoutError) as error:
            log.warning("not connected: %s", str(error) or type(error).__name__)
        finally:
            if session_url:
                await self._say_goodbye(http, session_url)
            await client.close()
        return 0.0

    async def _say_goodbye(self, http: aiohttp.ClientSession, session_url: str) -> None:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await delete_session(http, session_url, token=self._token())


class _Broadcast:
    """The programme of one session: two streams paced by the loop's clock."""

    def __init__(self, programme: Programme) -> None:
        self._programme = programme
        self._video_ssrc, self._audio_ssrc = (
            int.from_bytes(os.urandom(4), "big") | 1 for _ in range(2)
        )
        self._packetizer = Vp8Packetizer(int.from_bytes(os.urandom(2), "big"))
        self._key_wanted = True
        self.tracks = (
            OfferedTrack("audio", ("opus",), self._audio_ssrc),
            OfferedTrack("video", ("VP8",), self._video_ssrc),
        )

    def receive_rtcp(self, data: bytes) -> None:
        try:
            packets = parse_compound(data)
        except MalformedPacket:
            return
        if any(isinstance(p, PictureLossIndication | FullIntraRequest) for p in packets):
            self._key_wanted = True

    async def send_until_closed(self, client: WebRtcClient, answer: Answer) -> None:
        transport = SendingTransport(client)
        audio = TrackSender(transport, answer.tracks["audio"], self._audio_ssrc)
        video = TrackSender(transport, answer.tracks["video"], self._video_ssrc)
        start = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self._send_sound(audio, start)),
                tasks.create_task(self._send_picture(video, start)),
                tasks.create_task(_report(audio, video)),
            ]
            await client.closed.wait()
            for task in running:
                task.cancel()

    async def _send_sound(self, sender: TrackSender, start: float) -> None:
        # Late sound is still played, skipped sound is a gap: only a long stop is jumped over.
        async for index in ticks(start, SOUND_S, catch_up=_SOUND_CATCH_UP):
            sender.send([self._programme.sound(index)], index * SOUND_S)

    async def _send_picture(self, sender: TrackSender, start: float) -> None:
        loop = asyncio.get_running_loop()
        last_key = -_KEY_FRAME_S
        async for index in ticks(start, FRAME_S):
            key = self._key_wanted and loop.time() - last_key >= _KEY_FRAME_S
            if key:
                self._key_wanted, last_key = False, loop.time()
            wall = datetime.now().astimezone()
            # In a thread: the encoder's milliseconds must not hold up the sound.
            frame = await asyncio.to_thread(self._programme.frame, index, wall, key=key)
            sender.send(self._packetizer.packetize(frame), index * FRAME_S)


async def _report(*senders: TrackSender) -> None:
    while True:
        await asyncio.sleep(_REPORT_S)
        for sender in senders:
            sender.report(_CNAME)
