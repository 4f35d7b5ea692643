"""Encoded frames into RTP payloads, for those few places where this project is the sender.

The server itself forwards packets and never packetises; the demo picture, the load tool and tests
do. Pure: sequence numbers and picture ids start where the caller says.
"""

import msgspec

from .rtp import RtpPacket, write_packet

MAX_PAYLOAD_BYTES = 1180
"Leaves room for RTP and SRTP overhead inside 1,280 bytes of IPv6 minimum MTU, as libwebrtc does."


def split_evenly(data: bytes, limit: int) -> list[bytes]:
    """Cut `data` into the fewest pieces of at most `limit` bytes, all equal but the last.

    Equal sizes let a sender hand the pieces to the kernel as one train (UDP_SEGMENT).
    """
    count = max(1, -(-len(data) // limit))
    size = -(-len(data) // count) or 1
    return [data[at : at + size] for at in range(0, len(data), size)]


class Vp8Packetizer:
    """Writes the VP8 payload descriptor with a 15-bit picture id (RFC 7741 §4.2)."""

    def __init__(self, picture_id: int, limit: int = MAX_PAYLOAD_BYTES) -> None:
        self._picture_id = picture_id & 0x7FFF
        self._limit = limit - 4

    def packetize(self, frame: bytes) -> list[bytes]:
        """Return the payloads of one frame in sending order; the last one takes the marker."""
        ident = (0x8000 | self._picture_id).to_bytes(2, "big")
        self._picture_id = (self._picture_id + 1) & 0x7FFF
        # X = 1; S = 1 and PID = 0 on the first packet only; then I = 1 and the picture id.
        first, later = b"\x90\x80" + ident, b"\x80\x80" + ident
        pieces = split_evenly(frame, self._limit)
        return [(later if index else first) + piece for index, piece in enumerate(pieces)]


class StreamCounters(msgspec.Struct, frozen=True):
    """What a sender report says of a stream (RFC 3550 §6.4.1)."""

    timestamp: int
    "RTP timestamp of the newest packet."
    packets: int
    octets: int
    "Payload bytes, headers not counted."


class RtpStream:
    """Numbers the packets of one outgoing stream and counts them."""

    def __init__(self, ssrc: int, payload_type: int, sequence: int = 0) -> None:
        self.ssrc = ssrc
        self._payload_type = payload_type
        self._sequence = sequence & 0xFFFF
        self._timestamp = 0
        self._packets = 0
        self._octets = 0

    def write(
        self, payload: bytes, timestamp: int, extensions: dict[int, bytes], *, marker: bool
    ) -> bytes:
        """Return the next packet of the stream, unprotected."""
        sequence, self._sequence = self._sequence, (self._sequence + 1) & 0xFFFF
        self._timestamp = timestamp & 0xFFFFFFFF
        self._packets += 1
        self._octets += len(payload)
        return write_packet(
            RtpPacket(
                payload_type=self._payload_type,
                marker=marker,
                sequence=sequence,
                timestamp=self._timestamp,
                ssrc=self.ssrc,
                extensions=extensions,
                payload=payload,
            )
        )

    @property
    def counters(self) -> StreamCounters:
        """The numbers for the next sender report."""
        return StreamCounters(self._timestamp, self._packets, self._octets)
