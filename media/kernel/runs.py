"""Cuts a train into runs that can leave in one segmented send (UDP_SEGMENT).

The kernel cuts a buffer into equal segments, the last may be shorter. libwebrtc makes some
packets of a frame one byte larger than others, so nearly equal ones are padded alike (RTP
padding, RFC 3550 §5.1): a byte more costs less than another system call.
"""

import struct

from media.train import Forwardable, Train

Row = tuple[int, int, int, bytes, bytes]
"(first two header bytes, index, timestamp, extensions, payload)"

_VERSION = 0x8000
_PADDING = 0x2000
_EXTENSION = 0x1000
_MARKER = 0x0080
_HEADER_BYTES = 12
_SOL_UDP = 17
_UDP_SEGMENT = 103
_MAX_SEGMENTS = 48
"The kernel takes 64 (UDP_MAX_SEGMENTS); trains are rarely longer than 20."
_MAX_RUN_BYTES = 60_000
_MAX_PADDING = 8
_MAX_SEGMENT_BYTES = 1440
"With IPv6 and UDP headers just under a 1500-byte MTU: the kernel refuses larger segments."


def payload_bytes(row: Row) -> int:
    """Size of a row's payload without the padding that was added to it."""
    first, *_, payload = row
    return len(payload) - (payload[-1] if first & _PADDING else 0)


class Run:
    """Packets of equal size (the last may be shorter) that leave in one send."""

    __slots__ = ("ancillary", "octets", "rows")

    def __init__(self, rows: list[Row], segment_bytes: int, octets: int) -> None:
        """Make a run whose datagrams have `segment_bytes` each and `octets` of payload in all."""
        self.rows = rows
        self.octets = octets
        self.ancillary = (
            [(_SOL_UDP, _UDP_SEGMENT, struct.pack("=H", segment_bytes))] if len(rows) > 1 else []
        )


def plan_runs(train: Train, tag_bytes: int, *, can_segment: bool) -> list[Run]:
    """Plan how a train's packets leave: once for all its lanes.

    Args:
        train: Packets in sending order.
        tag_bytes: What the SRTP profile adds to a packet.
        can_segment: False makes every run a single packet.
    """
    overhead = _HEADER_BYTES + len(train.extensions) + tag_bytes
    groups: list[tuple[list[Forwardable], int]] = []
    open_group: list[Forwardable] = []
    low = high = limit = 0
    tolerance = _MAX_PADDING if train.may_pad else 0
    for packet in train.packets:
        size = len(packet[3])
        if len(open_group) < limit:
            if max(high, size) - min(low, size) <= tolerance:
                low, high = min(low, size), max(high, size)
                open_group.append(packet)
                groups[-1] = (open_group, high)
                continue
            if size < low:
                open_group.append(packet)
                limit = 0
                continue
        open_group, low, high = [packet], size, size
        groups.append((open_group, high))
        is_small = size + overhead + _MAX_PADDING <= _MAX_SEGMENT_BYTES
        room = _MAX_RUN_BYTES // (size + overhead + _MAX_PADDING)
        limit = min(_MAX_SEGMENTS, room) if can_segment and is_small else 0
    return [_make_run(train, group, size, overhead) for group, size in groups]


def _make_run(train: Train, group: list[Forwardable], size: int, overhead: int) -> Run:
    """Build one run; payloads little short of `size` are padded up to it, if they may be."""
    base = _VERSION | train.payload_type | (_EXTENSION if train.extensions else 0)
    rows: list[Row] = []
    for index, timestamp, marker, payload in group:
        first = base | _MARKER if marker else base
        missing = size - len(payload)
        if train.may_pad and 0 < missing <= _MAX_PADDING:
            rows.append(
                (
                    first | _PADDING,
                    index,
                    timestamp,
                    train.extensions,
                    payload + bytes(missing - 1) + bytes((missing,)),
                )
            )
        else:
            rows.append((first, index, timestamp, train.extensions, payload))
    octets = sum(len(packet[3]) for packet in group)
    return Run(rows, size + overhead, octets)
