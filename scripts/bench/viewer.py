"""A viewer that plays nothing: joins by WHEP, counts what arrives and reports as a browser does."""

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence

import aiohttp

from media.aio.client import WebRtcClient
from media.aio.dtls_peer import Certificate
from media.aio.signalling import SignalledSession, delete_session, post_offer
from media.client_offer import OfferedTrack
from media.errors import MalformedPacket
from media.payloads import starts_keyframe
from media.rtcp import ReportBlock, write_receiver_report, write_remb
from media.rtp import parse_packet

_CODECS = ("VP8", "H264", "VP9", "AV1")
_REPORT_S = 1.0
_REMB_BPS = 8_000_000


class ReceivedStream:
    """Counts one stream by sequence number alone."""

    def __init__(self, ssrc: int, sequence: int) -> None:
        self.ssrc = ssrc
        self.received = 0
        self._first = self._highest = sequence

    def add(self, sequence: int) -> None:
        """Count a packet with this 16-bit sequence number."""
        self.received += 1
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead < 0x8000:
            self._highest += ahead

    @property
    def lost(self) -> int:
        """Packets missing between the first and the newest."""
        return max(0, self._highest - self._first + 1 - self.received)

    def report_block(self) -> ReportBlock:
        """Return what a receiver report says of the stream."""
        return ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=0,
            packets_lost=self.lost,
            highest_sequence=self._highest & 0xFFFFFFFF,
            jitter=0,
            lsr=0,
            dlsr=0,
        )


class JoinTimes:
    """Milliseconds from the POST to each step; None until it happened."""

    def __init__(self) -> None:
        self.answered_ms: float | None = None
        self.connected_ms: float | None = None
        self.first_packet_ms: float | None = None
        self.key_frame_ms: float | None = None
        "The last packet of the first key frame."


class LightViewer:
    """One WHEP session."""

    def __init__(
        self,
        whep_url: str,
        certificate: Certificate,
        token: str = "",
        codecs: tuple[str, ...] = _CODECS,
    ) -> None:
        self._url, self._token = whep_url, token
        tracks = (OfferedTrack("audio", ("opus",)), OfferedTrack("video", codecs))
        self._client = WebRtcClient("recvonly", tracks, certificate=certificate)
        self._client.on_srtp = self._receive
        self._session: SignalledSession | None = None
        self._has_joined = False
        self._reporting: asyncio.Task[None] | None = None
        self._streams: dict[bytes, ReceivedStream] = {}
        self._key_timestamp: int | None = None
        self._ssrc = int.from_bytes(os.urandom(4), "big")
        self._began = 0.0
        self.times = JoinTimes()
        self.has_picture = asyncio.Event()
        "A whole key frame has arrived."

    async def join(self, http: aiohttp.ClientSession) -> None:
        """POST, connect and start to report; raises what signalling and client raise."""
        self._began = time.perf_counter()
        remote = await self._signal(http)
        self.times.answered_ms = self._since_ms()
        await self._client.connect(remote)
        self.times.connected_ms = self._since_ms()
        self._has_joined = True
        self._reporting = asyncio.create_task(self._report())

    async def leave(self, http: aiohttp.ClientSession, *, politely: bool = True) -> None:
        """End the session; without politeness by DTLS alone, as a page that is closed."""
        if self._reporting is not None:
            self._reporting.cancel()
        if politely:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                await self._end(http)
        await self._client.close()

    async def _signal(self, http: aiohttp.ClientSession) -> str:
        """Exchange descriptions; return the server's."""
        self._session = await post_offer(http, self._url, self._client.offer(), token=self._token)
        return self._session.answer

    async def _end(self, http: aiohttp.ClientSession) -> None:
        """Tell the server that the session is over."""
        if self._session is not None:
            await delete_session(http, self._session.url, token=self._token)

    @property
    def is_connected(self) -> bool:
        """Whether the server still holds the session."""
        return self._has_joined and not self._client.closed.is_set()

    @property
    def received(self) -> int:
        """RTP packets so far."""
        return sum(stream.received for stream in self._streams.values())

    @property
    def lost(self) -> int:
        """RTP packets missing so far."""
        return sum(stream.lost for stream in self._streams.values())

    def _since_ms(self) -> float:
        return (time.perf_counter() - self._began) * 1000

    def _receive(self, datagram: bytes) -> None:
        """Count a packet by its clear header; open it only while a key frame is awaited."""
        sequence = datagram[2] << 8 | datagram[3]
        stream = self._streams.get(datagram[8:12])
        if stream is None:
            ssrc = int.from_bytes(datagram[8:12], "big")
            stream = self._streams[datagram[8:12]] = ReceivedStream(ssrc, sequence)
        stream.add(sequence)
        if self.times.key_frame_ms is None:
            self._look_for_key_frame(datagram)

    def _look_for_key_frame(self, datagram: bytes) -> None:
        if self.times.first_packet_ms is None:
            self.times.first_packet_ms = self._since_ms()
        codec = self._video_codec(datagram[1] & 0x7F)
        opened = self._client.unprotect(datagram) if codec else None
        if opened is None or codec is None:
            return
        with contextlib.suppress(MalformedPacket):
            packet = parse_packet(opened)
            if starts_keyframe(codec, packet.payload):
                self._key_timestamp = packet.timestamp
            if packet.marker and packet.timestamp == self._key_timestamp:
                self.times.key_frame_ms = self._since_ms()
                self.has_picture.set()

    def _video_codec(self, payload_type: int) -> str | None:
        video = self._client.answer.tracks.get("video") if self._client.answer else None
        codecs = video.codecs if video else ()
        return next((c.name for c in codecs if c.payload_type == payload_type), None)

    async def _report(self) -> None:
        while not self._client.closed.is_set():
            await asyncio.sleep(_REPORT_S)
            streams = list(self._streams.values())
            report = write_receiver_report(self._ssrc, [s.report_block() for s in streams])
            estimate = write_remb(self._ssrc, _REMB_BPS, [s.ssrc for s in streams])
            self._client.send_rtcp(report + estimate)


def total_received(viewers: Sequence[LightViewer]) -> int:
    """Sum the packets of all viewers."""
    return sum(viewer.received for viewer in viewers)
