"""Transport-wide congestion control feedback: which packets arrived, and when.

draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1. One packet has a list of symbols, one for
each transport sequence number from a base (0 lost, 1 arrived with a one-byte delta, 2 with a
two-byte delta), packed into run-length or vector chunks, and the deltas of those that arrived.
"""

from collections.abc import Iterable, Sequence
from struct import Struct

import msgspec

from media.errors import InvalidState, MalformedPacket

MAX_STATUSES = 4096
"Statuses in one datagram. A chunk of two bytes claims up to 8191, so the size bounds nothing."

_FIXED = Struct("!IIHHI")
_HEADER = Struct("!BBH")
_CHUNK = Struct("!H")
_TICK_US = 250
_REFERENCE_TICKS = 256  # 64 ms
_MAX_RUN = 0x1FFF
_MAX_OFFSET = 0x7FFF  # farther from the base is behind it


class TransportFeedback(msgspec.Struct, frozen=True):
    """A report on a range of transport-wide sequence numbers."""

    sender_ssrc: int
    media_ssrc: int
    base_sequence: int
    feedback_count: int
    "8 bits, counts feedback packets."
    reference_time: int
    "24 bits, in 64 ms."
    received: tuple[tuple[int, int | None], ...]
    """Sequence number and microseconds since the arrival before it (the first: since
    `reference_time`), None for a packet that did not arrive."""


def read_transport_feedback(body: bytes) -> TransportFeedback:
    """Read what stands behind the RTCP header.

    Raises:
        MalformedPacket: it is cut, uses the reserved symbol, or has too many statuses.
        struct.error: it is cut.
    """
    sender_ssrc, media_ssrc, base, count, times = _FIXED.unpack_from(body)
    if count > MAX_STATUSES:
        raise MalformedPacket("too many packet statuses")
    symbols, position = _read_symbols(body, count)
    if position + symbols.count(1) + 2 * symbols.count(2) > len(body) or 3 in symbols:
        raise MalformedPacket("receive deltas are cut or a status is reserved")
    received: list[tuple[int, int | None]] = []
    for sequence, symbol in enumerate(symbols, base):
        delta = None
        if symbol:
            value = body[position : position + symbol]
            delta = int.from_bytes(value, signed=symbol == 2) * _TICK_US
            position += symbol
        received.append((sequence & 0xFFFF, delta))
    return TransportFeedback(
        sender_ssrc, media_ssrc, base, times & 0xFF, times >> 8, tuple(received)
    )


def write_transport_feedback(
    sender_ssrc: int,
    media_ssrc: int,
    base_sequence: int,
    feedback_count: int,
    arrivals: Sequence[tuple[int, int]],
) -> bytes:
    """Write a report on `arrivals` and on what is missing between them.

    About 1.3 bytes for each status: keep a report below 800 to stay within 1200 bytes.

    Args:
        sender_ssrc: ours.
        media_ssrc: any stream of the sender's.
        base_sequence: the first sequence number reported on; earlier arrivals are left out.
        feedback_count: counts reports; taken modulo 256.
        arrivals: sequence number and arrival time in microseconds of any one clock, in any
            order. One more than 8.19 s away from its neighbour cannot be told and is left out.

    Raises:
        InvalidState: nothing arrived.
    """
    ordered = sorted(((seq - base_sequence) & 0xFFFF, us // _TICK_US) for seq, us in arrivals)
    ordered = [pair for pair in ordered if pair[0] <= _MAX_OFFSET]
    if not ordered:
        raise InvalidState("no arrival to report")
    reference = ordered[0][1] // _REFERENCE_TICKS
    symbols, deltas = _encode_arrivals(ordered, reference * _REFERENCE_TICKS)
    times = (reference & 0xFFFFFF) << 8 | feedback_count & 0xFF
    fixed = _FIXED.pack(sender_ssrc, media_ssrc, base_sequence & 0xFFFF, len(symbols), times)
    body = fixed + b"".join(map(_CHUNK.pack, _chunks(symbols))) + deltas
    padding = -len(body) % 4
    if padding:
        body += bytes(padding - 1) + bytes([padding])
    return _HEADER.pack(0xAF if padding else 0x8F, 205, len(body) // 4) + body


def _read_symbols(body: bytes, count: int) -> tuple[list[int], int]:
    """Unpack the chunks; returns the symbols and where the deltas begin."""
    symbols: list[int] = []
    position = _FIXED.size
    while len(symbols) < count:
        (chunk,) = _CHUNK.unpack_from(body, position)
        position += 2
        if chunk < 0x8000:
            symbols += [chunk >> 13] * min(chunk & _MAX_RUN, count - len(symbols))
        elif chunk < 0xC000:
            symbols += [chunk >> shift & 1 for shift in range(13, -1, -1)]
        else:
            symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
    del symbols[count:]
    return symbols, position


def _encode_arrivals(ordered: Iterable[tuple[int, int]], ticks: int) -> tuple[list[int], bytes]:
    symbols: list[int] = []
    deltas = bytearray()
    for offset, arrival in ordered:
        delta = arrival - ticks
        if offset < len(symbols) or not -0x8000 <= delta <= 0x7FFF:
            continue
        size = 1 if 0 <= delta <= 0xFF else 2
        symbols += [0] * (offset - len(symbols))
        symbols.append(size)
        deltas += delta.to_bytes(size, signed=size == 2)
        ticks = arrival
    return symbols, bytes(deltas)


def _chunks(symbols: list[int]) -> Iterable[int]:
    """Pack symbols into 16-bit chunks: a run where it covers more than the vector would."""
    position, end = 0, len(symbols)
    while position < end:
        symbol = symbols[position]
        run = _run_length(symbols, position)
        window = symbols[position : position + 14]
        fits_one_bit = 2 not in window
        if run >= (14 if fits_one_bit else 7) or position + run == end:
            yield symbol << 13 | run
            position += run
        elif fits_one_bit:
            yield 0x8000 | sum(bit << 13 - i for i, bit in enumerate(window))
            position += 14
        else:
            yield 0xC000 | sum(pair << 12 - 2 * i for i, pair in enumerate(window[:7]))
            position += 7


def _run_length(symbols: list[int], position: int) -> int:
    symbol, end = symbols[position], min(len(symbols), position + _MAX_RUN)
    cursor = position + 1
    while cursor < end and symbols[cursor] == symbol:
        cursor += 1
    return cursor - position
