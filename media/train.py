"""The records that travel from the forwarder to the kernel.

Plain tuples and lists on purpose: they are made once per packet, not once per viewer, and
read in the innermost loop.
"""

from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from .kernel import Lane

Forwardable = tuple[int, int, bool, bytes]
"""One packet of a track: (index, timestamp, marker, payload).

`index` is the sequence number and `timestamp` the RTP timestamp, both unwrapped (never going
around), so that adding an offset is all it takes to continue another stream.
"""


class Group(NamedTuple):
    """What lanes must have in common to be served by one train."""

    payload_type: int
    abs_send_time_id: int | None
    is_gcm: bool
    may_pad: bool


class Train(msgspec.Struct, gc=False):
    """Packets of one track to be sent to many lanes in one go, oldest first."""

    packets: list[Forwardable]
    payload_type: int
    "As the lanes' viewers know the codec."
    extensions: bytes
    "Header extension block with its preamble, the same for all packets; may be empty."
    lanes: "list[Lane]"
    may_pad: bool = True
    """Whether packets may be padded alike. Not for viewers whose lost packets are sent again as
    they were (no RTX): a nonce must never meet two contents."""
