"""A publisher without camera or encoder: packets of a 720p30 stream's size and rhythm over WHIP.

The payload is noise behind a true VP8 descriptor, so forwarding is real and decoding impossible.
"""

import asyncio
import os

import aiohttp
import msgspec

from liveserver.demo.pacing import ticks
from media.aio.client import WebRtcClient
from media.aio.dtls_peer import Certificate
from media.aio.sending import SendingTransport, TrackSender
from media.aio.signalling import SignalledSession, delete_session, post_offer
from media.client_offer import OfferedTrack
from media.errors import MalformedPacket
from media.rtcp import FullIntraRequest, PictureLossIndication, parse_compound

_AUDIO_S, _AUDIO_BYTES = 0.02, 120
_KEY_FRAME_FACTOR = 4
_CNAME = "synthetic"


class Shape(msgspec.Struct, frozen=True):
    """What the stream looks like."""

    video_bps: int = 2_500_000
    frames_per_second: int = 30
    packet_bytes: int = 1160
    "Largest payload."
    spread_ms: float = 0.0
    "0: a frame's packets leave at once; else over so long, in steps of 5 ms like Chromium's pacer."

    @property
    def packets_per_s(self) -> float:
        """Audio and video packets of a second without key frames."""
        frame_bytes = self.video_bps // 8 // self.frames_per_second
        return self.frames_per_second * -(-frame_bytes // self.packet_bytes) + 1 / _AUDIO_S


def frame_payloads(size: int, limit: int, picture_id: int, *, key: bool) -> list[bytes]:
    """Return one frame's payloads of nearly equal size, the longer ones last, as libwebrtc cuts."""
    count = max(1, -(-size // limit))
    base, longer = divmod(size, count)
    ident = (0x8000 | picture_id & 0x7FFF).to_bytes(2, "big")
    head = (0x00 if key else 0x01).to_bytes(1, "big")
    noise = os.urandom(base + 1)
    payloads = []
    for index in range(count):
        length = base + (index >= count - longer)
        start = b"\x90\x80" + ident + head if index == 0 else b"\x80\x80" + ident
        payloads.append(start + noise[: length - len(start)])
    return payloads


class SyntheticStream:
    """Frames and sound at the rhythm of a live stream, through two senders."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._key_wanted = True
        self._tasks: list[asyncio.Task[None]] = []
        self.sending = asyncio.Event()
        "Clear it to fall silent while staying connected."
        self.sending.set()
        self.packets = 0

    def start(self, audio: TrackSender, video: TrackSender) -> None:
        """Begin to send."""
        start = asyncio.get_running_loop().time()
        self._tasks = [
            asyncio.create_task(self._send_audio(audio, start)),
            asyncio.create_task(self._send_video(video, start)),
            asyncio.create_task(self._send_reports(audio, video)),
        ]

    def stop(self) -> None:
        """Send no more. Idempotent."""
        for task in self._tasks:
            task.cancel()

    def want_key_frame(self) -> None:
        """Make the next frame a key frame."""
        self._key_wanted = True

    async def _send_audio(self, sender: TrackSender, start: float) -> None:
        payload = os.urandom(_AUDIO_BYTES)
        async for index in ticks(start, _AUDIO_S):
            await self.sending.wait()
            sender.send([payload], index * _AUDIO_S)
            self.packets += 1

    async def _send_video(self, sender: TrackSender, start: float) -> None:
        shape = self._shape
        interval = 1 / shape.frames_per_second
        usual = shape.video_bps // 8 // shape.frames_per_second
        async for index in ticks(start, interval):
            await self.sending.wait()
            key, self._key_wanted = self._key_wanted, False
            size = usual * (_KEY_FRAME_FACTOR if key else 1)
            payloads = frame_payloads(size, shape.packet_bytes, index, key=key)
            await self._send_frame(sender, payloads, index * interval)
            self.packets += len(payloads)

    async def _send_frame(self, sender: TrackSender, payloads: list[bytes], media_s: float) -> None:
        steps = max(1, round(self._shape.spread_ms / 5))
        per_step = -(-len(payloads) // steps)
        for at in range(0, len(payloads), per_step):
            if at:
                await asyncio.sleep(0.005)
            last = at + per_step >= len(payloads)
            sender.send(payloads[at : at + per_step], media_s, ends_frame=last)

    async def _send_reports(self, *senders: TrackSender) -> None:
        while True:
            await asyncio.sleep(1.0)
            await self.sending.wait()
            for sender in senders:
                sender.report(_CNAME)


class SyntheticPublisher:
    """One WHIP session that sends a `SyntheticStream`."""

    def __init__(self, whip_url: str, token: str, shape: Shape, certificate: Certificate) -> None:
        self._url, self._token = whip_url, token
        self._ssrcs = [int.from_bytes(os.urandom(4), "big") | 1 for _ in range(2)]
        tracks = (
            OfferedTrack("audio", ("opus",), self._ssrcs[0]),
            OfferedTrack("video", ("VP8",), self._ssrcs[1]),
        )
        self._client = WebRtcClient("sendonly", tracks, certificate=certificate)
        self._client.on_rtcp = self._receive_rtcp
        self._session: SignalledSession | None = None
        self._stream = SyntheticStream(shape)
        self.key_requests = 0
        "PLI and FIR messages received."

    async def start(self, http: aiohttp.ClientSession) -> None:
        """POST, connect and begin to send."""
        self._session = await post_offer(http, self._url, self._client.offer(), token=self._token)
        answer = await self._client.connect(self._session.answer)
        transport = SendingTransport(self._client)
        self._stream.start(
            TrackSender(transport, answer.tracks["audio"], self._ssrcs[0]),
            TrackSender(transport, answer.tracks["video"], self._ssrcs[1]),
        )

    async def stop(self, http: aiohttp.ClientSession) -> None:
        """End the session politely."""
        self._stream.stop()
        if self._session is not None:
            await delete_session(http, self._session.url, token=self._token)
        await self._client.close()

    @property
    def sending(self) -> asyncio.Event:
        """Clear it to fall silent while staying connected."""
        return self._stream.sending

    @property
    def packets(self) -> int:
        """Packets sent so far."""
        return self._stream.packets

    def _receive_rtcp(self, data: bytes) -> None:
        try:
            packets = parse_compound(data)
        except MalformedPacket:
            return
        wanted = [p for p in packets if isinstance(p, PictureLossIndication | FullIntraRequest)]
        self.key_requests += len(wanted)
        if wanted:
            self._stream.want_key_frame()
