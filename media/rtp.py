"""RTP packets as the forwarding path needs them: fixed header by struct, payload untouched.

RFC 3550 §5.1, header extensions RFC 8285. aiortc's `RtpPacket.parse` costs 4 us a packet and
makes objects for everything; here a packet becomes one small record and slices of its bytes.
"""

import struct

import msgspec

from .errors import MalformedPacket

_FIXED = struct.Struct(">BBHII")
HEADER_BYTES = 12
ONE_BYTE_PROFILE = 0xBEDE
_MARKER = 0x80
_PADDING = 0x20
_EXTENSION = 0x10

EXTENSION_MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
EXTENSION_RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
EXTENSION_REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
EXTENSION_ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
EXTENSION_TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"


class RtpPacket(msgspec.Struct, gc=False):
    """One received packet. `payload` has no padding; `extensions` maps id to value bytes."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    extensions: dict[int, bytes]
    payload: bytes


def is_rtcp(datagram: bytes) -> bool:
    """Tell RTCP from RTP in a muxed datagram of at least 2 bytes (RFC 5761 §4)."""
    return 192 <= datagram[1] <= 223


def parse_packet(data: bytes) -> RtpPacket:
    """Parse one RTP packet.

    Raises:
        MalformedPacket: if the bytes do not form a version 2 packet.
    """
    size = len(data)
    if size < HEADER_BYTES:
        raise MalformedPacket("RTP packet is shorter than its header")
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(data)
    if first >> 6 != 2:
        raise MalformedPacket("RTP version is not 2")
    start = HEADER_BYTES + 4 * (first & 0x0F)
    extensions: dict[int, bytes] = {}
    if first & _EXTENSION:
        if size < start + 4:
            raise MalformedPacket("RTP header extension is cut short")
        profile = data[start] << 8 | data[start + 1]
        end = start + 4 + 4 * (data[start + 2] << 8 | data[start + 3])
        if end > size:
            raise MalformedPacket("RTP header extension is cut short")
        extensions = _read_extensions(profile, data, start + 4, end)
        start = end
    stop = size
    if first & _PADDING and size > start:
        stop -= data[-1]
        if data[-1] == 0:
            raise MalformedPacket("RTP padding length is zero")
    if start > stop:
        raise MalformedPacket("RTP payload has a negative length")
    return RtpPacket(
        second & 0x7F, second >= _MARKER, sequence, timestamp, ssrc, extensions, data[start:stop]
    )


def _read_extensions(profile: int, data: bytes, at: int, end: int) -> dict[int, bytes]:
    """Read one-byte (RFC 8285 §4.2) or two-byte (§4.3) elements; unknown profiles are skipped."""
    found: dict[int, bytes] = {}
    one_byte = profile == ONE_BYTE_PROFILE
    if not one_byte and profile & 0xFFF0 != 0x1000:
        return found
    while at < end:
        if data[at] == 0:
            at += 1
            continue
        if one_byte:
            ident, length = data[at] >> 4, (data[at] & 0x0F) + 1
            if ident == 15:
                break
            at += 1
        else:
            if at + 2 > end:
                raise MalformedPacket("RTP header extension element is cut short")
            ident, length = data[at], data[at + 1]
            at += 2
        if at + length > end:
            raise MalformedPacket("RTP header extension element is cut short")
        found[ident] = data[at : at + length]
        at += length
    return found


def write_extensions(elements: dict[int, bytes]) -> bytes:
    """Write one-byte header extensions with their 4-byte preamble; nothing for no elements.

    Ids are 1..14 and values 1..16 bytes long (RFC 8285 §4.2).
    """
    if not elements:
        return b""
    body = b"".join(
        bytes((ident << 4 | len(value) - 1,)) + value for ident, value in elements.items()
    )
    body += bytes(-len(body) % 4)
    return struct.pack(">HH", ONE_BYTE_PROFILE, len(body) // 4) + body


def write_packet(packet: RtpPacket) -> bytes:
    """Write a packet with one-byte header extensions; for clients and tests, not the hot path."""
    extensions = write_extensions(packet.extensions)
    header = _FIXED.pack(
        0x80 | (_EXTENSION if extensions else 0),
        packet.payload_type | (_MARKER if packet.marker else 0),
        packet.sequence,
        packet.timestamp,
        packet.ssrc,
    )
    return header + extensions + packet.payload
