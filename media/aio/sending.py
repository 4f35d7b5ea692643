"""What a sending client does around its payloads: header extensions, numbering, reports."""

import time
from collections.abc import Sequence
from typing import Protocol

from media.client_offer import AnsweredTrack
from media.clock import to_ntp
from media.packetizer import RtpStream
from media.rtcp import write_sdes, write_sender_report
from media.rtp import EXTENSION_ABS_SEND_TIME, EXTENSION_MID, EXTENSION_TRANSPORT_CC


class RtpSink(Protocol):
    """Where packets go: a `WebRtcClient`, or something else that takes plain ones."""

    def send_rtp(self, packet: bytes) -> None:
        """Send one RTP packet."""

    def send_rtcp(self, packet: bytes) -> None:
        """Send one compound RTCP packet."""


class SendingTransport:
    """What the tracks of one client share: its numbers, and the wall time of media time 0."""

    def __init__(self, client: RtpSink) -> None:
        self.client = client
        self.began_at = _wall_time()
        self._next = 0

    def take_number(self) -> bytes:
        """Return the next transport-wide sequence number as extension value."""
        value, self._next = self._next, (self._next + 1) & 0xFFFF
        return value.to_bytes(2, "big")


class TrackSender:
    """Sends one track through a connected client."""

    def __init__(self, transport: SendingTransport, track: AnsweredTrack, ssrc: int) -> None:
        codec = track.codecs[0]
        self._transport = transport
        self._rate = codec.clock_rate
        self._stream = RtpStream(ssrc, codec.payload_type)
        self._abs_send_time = track.extensions.get(EXTENSION_ABS_SEND_TIME)
        self._transport_cc = track.extensions.get(EXTENSION_TRANSPORT_CC)
        mid = track.extensions.get(EXTENSION_MID)
        self._fixed = {mid: track.mid.encode()} if mid is not None else {}
        self._newest_s = 0.0

    def send(self, payloads: Sequence[bytes], media_s: float, *, ends_frame: bool = True) -> None:
        """Send the packets of one frame, or a part of them.

        Args:
            payloads: In sending order.
            media_s: Presentation time in seconds since the start; becomes the RTP timestamp.
            ends_frame: The last of `payloads` is the frame's last and takes the marker.
        """
        timestamp = round(media_s * self._rate)
        self._newest_s = media_s
        stamp = (to_ntp(_wall_time()) >> 14 & 0xFFFFFF).to_bytes(3, "big")
        last = len(payloads) - 1
        for index, payload in enumerate(payloads):
            extensions = dict(self._fixed)
            if self._abs_send_time is not None:
                extensions[self._abs_send_time] = stamp
            if self._transport_cc is not None:
                extensions[self._transport_cc] = self._transport.take_number()
            packet = self._stream.write(
                payload, timestamp, extensions, marker=ends_frame and index == last
            )
            self._transport.client.send_rtp(packet)

    def report(self, cname: str) -> None:
        """Send a sender report (RFC 3550 §6.4.1).

        It names the wall time for which the newest frame was meant, not when it left: a late
        frame must not move sound against picture.
        """
        sent = self._stream.counters
        if not sent.packets:
            return
        report = write_sender_report(
            self._stream.ssrc,
            to_ntp(self._transport.began_at + self._newest_s),
            sent.timestamp,
            sent.packets,
            sent.octets,
        )
        self._transport.client.send_rtcp(report + write_sdes(self._stream.ssrc, cname))


def _wall_time() -> float:
    return time.time()  # noqa: TID251 - a shell: abs-send-time and reports tell wall time
