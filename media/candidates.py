"""The candidates of this server as SDP text (RFC 8839 §5.1, RFC 6544 §4.5).

Host candidates only: an ICE-lite server gathers no others. UDP comes before TCP in every
browser's choice, for a lost packet then holds up nothing behind it.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

IceTransport = Literal["udp", "tcp"]

_UDP_PREFERENCE = 126
"Type preference of host candidates (RFC 8445 §5.1.2.2)."
_TCP_PREFERENCE = 90
"Below every UDP candidate, a relayed one's 0 left aside (RFC 6544 §4.2)."
_PASSIVE = 4
"Direction preference of passive host candidates (RFC 6544 §4.2)."


class LocalCandidates(msgspec.Struct, frozen=True):
    """Where this server is reached."""

    addresses: tuple[tuple[str, int], ...]
    "(address, port), the preferred first; one port number for UDP and TCP."
    transports: tuple[IceTransport, ...] = ("udp",)


def write_candidates(local: LocalCandidates) -> Iterator[str]:
    """Yield `a=candidate` lines and the end mark; foundations differ, as the bases do."""
    foundation = 0
    for transport in ("udp", "tcp"):
        if transport not in local.transports:
            continue
        for rank, (address, port) in enumerate(local.addresses):
            foundation += 1
            priority = _udp_priority(rank) if transport == "udp" else _tcp_priority(rank)
            passive = " tcptype passive" if transport == "tcp" else ""
            yield (
                f"a=candidate:{foundation} 1 {transport} {priority} {address} {port}"
                f" typ host{passive}"
            )
    yield "a=end-of-candidates"


def _udp_priority(rank: int) -> int:
    return (_UDP_PREFERENCE << 24) + ((65535 - rank) << 8) + 255


def _tcp_priority(rank: int) -> int:
    """The local preference is 2^13 times the direction's plus the interface's."""
    return (_TCP_PREFERENCE << 24) + (((_PASSIVE << 13) + 8191 - rank) << 8) + 255
