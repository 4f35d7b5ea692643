"""A bad network, one direction of one path: sans-I/O, the same seed gives the same fate.

Knows no packet's content and no clock. Contract: give `Link.send` every packet in order with a
time that never goes back; it answers when the packet arrives, or None when it never does.

Order of what happens to a packet: outage, loss, queue and rate, delay and jitter.
"""

from random import Random

import msgspec

HEADER_BYTES = 28
"IPv4 and UDP headers, which a rate limit counts too."


class Conditions(msgspec.Struct, frozen=True):
    """What one direction of a path does to packets."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    "Added to the delay, uniform between 0 and this; order is kept, as a real link's queue does."
    loss: float = 0.0
    "Share lost independently, 0..1."
    burst: float = 0.0
    "Share lost in bursts, 0..0.9: a Gilbert-Elliott chain that loses all in its bad state."
    burst_packets: float = 5.0
    "Mean length of such a burst, at least 1."
    reorder: float = 0.0
    "Share of packets that overtake: they are not delayed (netem's way)."
    rate_bps: float = 0.0
    "Bits per second, headers counted; 0 is unlimited."
    queue_s: float = 0.2
    "Waiting before a rate limit; a packet that would wait longer is dropped at the tail."
    is_down: bool = False
    "Nothing passes."


class LinkCounts(msgspec.Struct):
    """What became of the packets of one direction."""

    offered: int = 0
    delivered: int = 0
    lost: int = 0
    "Independently or in bursts."
    overflowed: int = 0
    "At the tail of the queue."
    blocked: int = 0
    "In an outage."

    def __add__(self, other: "LinkCounts") -> "LinkCounts":
        return LinkCounts(
            *(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__)
        )


class Link:
    """One direction.

    Every packet takes the same number of draws whatever the conditions, so a change of one
    setting leaves the fate by the others alone.
    """

    def __init__(self, seed: str) -> None:
        # Of a string: the same in every process, which hash() is not.
        self._random = Random(seed)
        self._is_bad = False
        self._busy_until = float("-inf")
        self._last_arrival = float("-inf")
        self.counts = LinkCounts()

    def send(self, size: int, conditions: Conditions, now: float) -> float | None:
        """Send a packet of `size` payload bytes; return when it arrives, or None."""
        draw = self._random.random
        loss, chain, jitter, overtakes = draw(), draw(), draw(), draw()
        self.counts.offered += 1
        if conditions.is_down:
            self.counts.blocked += 1
            return None
        self._step(conditions, chain)
        if self._is_bad or loss < conditions.loss:
            self.counts.lost += 1
            return None
        leaves = self._transmit(size, conditions, now)
        if leaves is None:
            self.counts.overflowed += 1
            return None
        self.counts.delivered += 1
        if overtakes < conditions.reorder:
            return leaves
        arrival = leaves + conditions.delay_s + jitter * conditions.jitter_s
        self._last_arrival = max(arrival, self._last_arrival)
        return self._last_arrival

    def _step(self, conditions: Conditions, draw: float) -> None:
        """Move the chain: it leaves the bad state so that bursts and share come out as asked."""
        if not conditions.burst:
            self._is_bad = False
            return
        recovers = 1 / max(1.0, conditions.burst_packets)
        if self._is_bad:
            self._is_bad = draw >= recovers
        else:
            self._is_bad = draw < recovers * conditions.burst / (1 - conditions.burst)

    def _transmit(self, size: int, conditions: Conditions, now: float) -> float | None:
        """Return when the last bit has left, or None if the queue is full."""
        if not conditions.rate_bps:
            return now
        if self._busy_until - now > conditions.queue_s:
            return None
        bits = 8 * (size + HEADER_BYTES)
        self._busy_until = max(now, self._busy_until) + bits / conditions.rate_bps
        return self._busy_until
