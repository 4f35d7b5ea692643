"""RTCP: datagrams to records and records to bytes. Zero state.

RFC 3550 §6 (SR, RR, SDES, BYE), RFC 4585 §6 (NACK, PLI), RFC 5104 §4.3.1 (FIR) and
draft-alvestrand-rmcat-remb-03 (REMB); transport-wide feedback is in `media.transport_feedback`.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from struct import Struct, pack, unpack_from

import msgspec

from media.errors import MalformedPacket
from media.transport_feedback import (
    MAX_STATUSES,
    TransportFeedback,
    read_transport_feedback,
    write_transport_feedback,
)

__all__ = [
    "Bye",
    "FullIntraRequest",
    "Nack",
    "PictureLossIndication",
    "ReceiverReport",
    "Remb",
    "ReportBlock",
    "RtcpPacket",
    "SenderReport",
    "TransportFeedback",
    "parse_compound",
    "write_bye",
    "write_fir",
    "write_nack",
    "write_pli",
    "write_receiver_report",
    "write_remb",
    "write_sdes",
    "write_sender_report",
    "write_transport_feedback",
]

MAX_COMPOUND = 2048
"Bytes; RTCP stays below the MTU (RFC 3550 §6.1)."
MAX_REPORTS = 31

_SR, _RR, _SDES, _BYE, _RTPFB, _PSFB = 200, 201, 202, 203, 205, 206
_NACK, _TRANSPORT_CC = 1, 15  # formats of RTPFB
_PLI, _FIR, _APPLICATION = 1, 4, 15  # formats of PSFB

_HEADER = Struct("!BBH")
_PAIR = Struct("!II")
_SENDER = Struct("!IQIII")
_BLOCK = Struct("!6I")
_LOSS = Struct("!HH")
_REMB = Struct("!II4sI")


class ReportBlock(msgspec.Struct, frozen=True):
    """Reception of one stream (RFC 3550 §6.4.1)."""

    ssrc: int
    fraction_lost: int
    "Since the last report, in 1/256."
    packets_lost: int
    "Since the beginning; 24 bits, signed: duplicates make it negative."
    highest_sequence: int
    "Extended, 32 bits."
    jitter: int
    "In units of the RTP clock."
    lsr: int
    "Middle 32 bits of the NTP time of the last sender report; 0 if none."
    dlsr: int
    "Since that report, in 1/65536 s."


class SenderReport(msgspec.Struct, frozen=True):
    """A sender's clocks and counts."""

    ssrc: int
    ntp: int
    "64 bits, seconds since 1900 times 2**32."
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    reports: tuple[ReportBlock, ...] = ()


class ReceiverReport(msgspec.Struct, frozen=True):
    """What a receiver got."""

    ssrc: int
    reports: tuple[ReportBlock, ...] = ()


class Bye(msgspec.Struct, frozen=True):
    """Streams that end."""

    ssrcs: tuple[int, ...]


class PictureLossIndication(msgspec.Struct, frozen=True):
    """A request for a key frame."""

    sender_ssrc: int
    media_ssrc: int


class FullIntraRequest(msgspec.Struct, frozen=True):
    """A numbered request for a key frame."""

    sender_ssrc: int
    entries: tuple[tuple[int, int], ...]
    "SSRC and command sequence number (8 bits): the same number again is the same request."


class Nack(msgspec.Struct, frozen=True):
    """Sequence numbers that are asked for again."""

    sender_ssrc: int
    media_ssrc: int
    lost: tuple[int, ...]
    "As listed, at most 17 for every four bytes; may repeat."


class Remb(msgspec.Struct, frozen=True):
    """A receiver's estimate of its bandwidth."""

    sender_ssrc: int
    bitrate_bps: int
    ssrcs: tuple[int, ...] = ()


RtcpPacket = (
    SenderReport
    | ReceiverReport
    | Bye
    | PictureLossIndication
    | FullIntraRequest
    | Nack
    | Remb
    | TransportFeedback
)


def parse_compound(data: bytes) -> list[RtcpPacket]:
    """Read all packets of a datagram; SDES, APP, XR and unknown ones are skipped.

    Reduced-size RTCP (RFC 5506) is accepted: no order or first packet is required.

    Raises:
        MalformedPacket: a header or body is broken, or the bounds are exceeded.
    """
    if not 4 <= len(data) <= MAX_COMPOUND:
        raise MalformedPacket("not the size of an RTCP datagram")
    packets: list[RtcpPacket] = []
    position = statuses = 0
    try:
        while position < len(data):
            first, kind, words = _HEADER.unpack_from(data, position)
            end = position + 4 + 4 * words
            if first >> 6 != 2 or end > len(data):
                raise MalformedPacket("not an RTCP header")
            packet = _read_packet(first, kind, data[position + 4 : end])
            if packet is not None:
                packets.append(packet)
                statuses += len(packet.received) if type(packet) is TransportFeedback else 0
            if statuses > MAX_STATUSES:
                raise MalformedPacket("too many packet statuses")
            position = end
    except struct.error:
        raise MalformedPacket("an RTCP packet is cut") from None
    return packets


def _read_packet(first: int, kind: int, body: bytes) -> RtcpPacket | None:
    if first & 0x20:
        padding = body[-1] if body else 0
        if not 0 < padding <= len(body):
            raise MalformedPacket("malformed RTCP padding")
        body = body[:-padding]
    read = _READERS.get(kind)
    return read(first & 0x1F, body) if read is not None else None


def _read_sender_report(count: int, body: bytes) -> SenderReport:
    ssrc, ntp, timestamp, packets, octets = _SENDER.unpack_from(body)
    return SenderReport(ssrc, ntp, timestamp, packets, octets, _read_blocks(body, 24, count))


def _read_receiver_report(count: int, body: bytes) -> ReceiverReport:
    (ssrc,) = unpack_from("!I", body)
    return ReceiverReport(ssrc, _read_blocks(body, 4, count))


def _read_bye(count: int, body: bytes) -> Bye:
    return Bye(unpack_from(f"!{count}I", body))


def _read_rtp_feedback(kind: int, body: bytes) -> Nack | TransportFeedback | None:
    if kind == _TRANSPORT_CC:
        return read_transport_feedback(body)
    return _read_nack(body) if kind == _NACK else None


def _read_payload_feedback(kind: int, body: bytes) -> RtcpPacket | None:
    if kind == _PLI:
        return PictureLossIndication(*_PAIR.unpack_from(body))
    if kind == _FIR:
        return _read_fir(body)
    return _read_remb(body) if kind == _APPLICATION else None


def _read_blocks(body: bytes, offset: int, count: int) -> tuple[ReportBlock, ...]:
    return tuple(
        _read_block(*_BLOCK.unpack_from(body, start))
        for start in range(offset, offset + 24 * count, 24)
    )


def _read_block(
    ssrc: int, losses: int, highest_sequence: int, jitter: int, lsr: int, dlsr: int
) -> ReportBlock:
    lost = ((losses & 0xFFFFFF) ^ 0x800000) - 0x800000
    return ReportBlock(ssrc, losses >> 24, lost, highest_sequence, jitter, lsr, dlsr)


def _read_fir(body: bytes) -> FullIntraRequest:
    sender_ssrc, _ = _PAIR.unpack_from(body)
    entries = tuple((ssrc, word >> 24) for ssrc, word in _PAIR.iter_unpack(body[8:]))
    return FullIntraRequest(sender_ssrc, entries)


def _read_nack(body: bytes) -> Nack:
    sender_ssrc, media_ssrc = _PAIR.unpack_from(body)
    lost: list[int] = []
    for first, following in _LOSS.iter_unpack(body[8:]):
        lost.append(first)
        if following:
            lost += [first + i & 0xFFFF for i in range(1, 17) if following >> i - 1 & 1]
    return Nack(sender_ssrc, media_ssrc, tuple(lost))


def _read_remb(body: bytes) -> Remb | None:
    sender_ssrc, _, name, rate = _REMB.unpack_from(body)
    if name != b"REMB":
        return None
    bitrate_bps = (rate & 0x3FFFF) << (rate >> 18 & 0x3F)
    return Remb(sender_ssrc, bitrate_bps, unpack_from(f"!{rate >> 24}I", body, _REMB.size))


_READERS: dict[int, Callable[[int, bytes], RtcpPacket | None]] = {
    _SR: _read_sender_report,
    _RR: _read_receiver_report,
    _BYE: _read_bye,
    _RTPFB: _read_rtp_feedback,
    _PSFB: _read_payload_feedback,
}


def write_sender_report(
    ssrc: int,
    ntp: int,
    rtp_timestamp: int,
    packet_count: int,
    octet_count: int,
    reports: Sequence[ReportBlock] = (),
) -> bytes:
    """Write an SR; the counts wrap at 32 bits, at most `MAX_REPORTS` blocks are written."""
    counts = rtp_timestamp & 0xFFFFFFFF, packet_count & 0xFFFFFFFF, octet_count & 0xFFFFFFFF
    reports = reports[:MAX_REPORTS]
    return _packet(_SR, len(reports), _SENDER.pack(ssrc, ntp, *counts) + _blocks(reports))


def write_receiver_report(ssrc: int, reports: Sequence[ReportBlock] = ()) -> bytes:
    """Write an RR with at most `MAX_REPORTS` blocks."""
    reports = reports[:MAX_REPORTS]
    return _packet(_RR, len(reports), pack("!I", ssrc) + _blocks(reports))


def write_sdes(ssrc: int, cname: str) -> bytes:
    """Write an SDES of one CNAME of at most 255 bytes (RFC 3550 §6.5.1)."""
    text = cname.encode()[:255]
    chunk = pack("!IBB", ssrc, 1, len(text)) + text
    return _packet(_SDES, 1, chunk + bytes(4 - len(chunk) % 4))  # one null byte at least ends it


def write_bye(ssrcs: Sequence[int]) -> bytes:
    """Write a BYE for at most 31 streams."""
    return _packet(_BYE, len(ssrcs), pack(f"!{len(ssrcs)}I", *ssrcs))


def write_pli(sender_ssrc: int, media_ssrc: int) -> bytes:
    """Write a request for a key frame."""
    return _packet(_PSFB, _PLI, _PAIR.pack(sender_ssrc, media_ssrc))


def write_fir(sender_ssrc: int, entries: Iterable[tuple[int, int]]) -> bytes:
    """Write requests for key frames: SSRC and command sequence number, modulo 256."""
    items = (_PAIR.pack(ssrc, (sequence & 0xFF) << 24) for ssrc, sequence in entries)
    return _packet(_PSFB, _FIR, _PAIR.pack(sender_ssrc, 0) + b"".join(items))


def write_nack(sender_ssrc: int, media_ssrc: int, lost: Sequence[int]) -> bytes:
    """Write a NACK; ascending sequence numbers (across the wrap) pack best."""
    entries: list[list[int]] = []
    for sequence in lost:
        distance = (sequence - entries[-1][0] & 0xFFFF) if entries else 0xFFFF
        if entries and distance <= 16:
            entries[-1][1] |= 1 << distance - 1 if distance else 0
        else:
            entries.append([sequence, 0])
    items = (_LOSS.pack(first, following) for first, following in entries)
    return _packet(_RTPFB, _NACK, _PAIR.pack(sender_ssrc, media_ssrc) + b"".join(items))


def write_remb(sender_ssrc: int, bitrate_bps: int, ssrcs: Sequence[int]) -> bytes:
    """Write an estimate, rounded down to 18 significant bits, for at most 255 streams."""
    exponent = max(0, bitrate_bps.bit_length() - 18)
    rate = len(ssrcs) << 24 | exponent << 18 | bitrate_bps >> exponent
    body = _REMB.pack(sender_ssrc, 0, b"REMB", rate) + pack(f"!{len(ssrcs)}I", *ssrcs)
    return _packet(_PSFB, _APPLICATION, body)


def _blocks(reports: Iterable[ReportBlock]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24
            | max(-0x800000, min(block.packets_lost, 0x7FFFFF)) & 0xFFFFFF,
            block.highest_sequence & 0xFFFFFFFF,
            block.jitter,
            block.lsr,
            block.dlsr,
        )
        for block in reports
    )


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body
