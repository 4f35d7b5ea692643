"""A bad network in virtual time: seeded loss, delay and jitter, which reorders."""

import heapq
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Link(Generic[T]):
    """One direction. The same seed gives the same fate to the same packets.

    Unlike a real network it never duplicates: SRTP's replay check would drop copies.
    """

    def __init__(
        self, seed: int, *, loss: float = 0.0, delay_s: float = 0.0, jitter_s: float = 0.0
    ) -> None:
        self._random = Random(seed)
        self._loss = loss
        self._delay_s = delay_s
        self._jitter_s = jitter_s
        self._on_the_way: list[tuple[float, int, T]] = []
        self._count = 0
        self.lost = 0

    def send(self, packet: T, now: float) -> None:
        """Put a packet on the wire."""
        self._count += 1
        if self._random.random() < self._loss:
            self.lost += 1
            return
        arrival = now + self._delay_s + self._random.random() * self._jitter_s
        heapq.heappush(self._on_the_way, (arrival, self._count, packet))

    def arrived(self, now: float) -> list[tuple[float, T]]:
        """Take what has arrived by `now`, with its time of arrival, in that order."""
        out = []
        while self._on_the_way and self._on_the_way[0][0] <= now:
            at, _, packet = heapq.heappop(self._on_the_way)
            out.append((at, packet))
        return out
