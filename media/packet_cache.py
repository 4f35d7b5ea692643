"""The newest packets of a track: for viewers who join between key frames, and for losses.

Kept in the forwarder's own record form. The newest key frame alone gives a joiner a picture at
once; together with everything since it gives a moving picture at once, as long as that is
little and complete. Any packet here can be sent again to whoever lost it.
"""

from .train import Forwardable

_HISTORY_PACKETS = 1024
"2 to 3 s of 720p: longer than a viewer waits for a packet that it asks for again."
_MAX_BURST_PACKETS = 600
"About 2 s of 720p at 2.5 Mbit/s; beyond it a burst would hurt more than a key frame costs."


class PacketCache:
    """Packets of one track by unwrapped index."""

    def __init__(self) -> None:
        self._packets: dict[int, Forwardable] = {}
        self._highest = -1
        self._start: int | None = None
        "Index of the newest key frame's first packet."
        self._end: int | None = None
        "Index of its last packet (marker), once that came."
        self._is_whole = False
        self._started_at = 0.0
        self._whole: list[Forwardable] = []
        "The newest key frame that arrived whole."

    def start(self, packet: Forwardable, now: float) -> None:
        """Add the first packet of a key frame."""
        self._start, self._started_at = packet[0], now
        self._is_whole = False
        # A first packet that was lost and came again finds the end of its frame here already.
        later = (self._packets.get(index) for index in range(packet[0] + 1, self._highest + 1))
        self._end = next((one[0] for one in later if one is not None and one[2]), None)
        self.add(packet)

    def add(self, packet: Forwardable) -> None:
        """Add a packet, in whatever order it arrived."""
        index = packet[0]
        self._packets[index] = packet
        if index > self._highest:
            self._highest = index
            self._forget(index - _HISTORY_PACKETS)
        if self._start is not None and index >= self._start and not self._is_whole:
            if packet[2] and (self._end is None or index < self._end):
                self._end = index
            self._complete()

    def find(self, index: int) -> Forwardable | None:
        """Return a packet, if it came and is young enough."""
        return self._packets.get(index)

    def keyframe(self) -> list[Forwardable]:
        """Return the newest key frame that arrived whole, or nothing."""
        return self._whole

    def since_keyframe(self, now: float, max_age_s: float) -> list[Forwardable]:
        """Return everything from the newest key frame on, gapless, if it is young enough.

        The key frame itself may still be arriving: what follows it then completes it.
        """
        if self._start is None or now - self._started_at > max_age_s:
            return []
        if self._highest - self._start >= _MAX_BURST_PACKETS:
            return []
        return self._range(self._start, self._highest)

    def _complete(self) -> None:
        if self._start is None or self._end is None:
            return
        whole = self._range(self._start, self._end)
        if whole:
            self._whole, self._is_whole = whole, True

    def _range(self, first: int, last: int) -> list[Forwardable]:
        """Return the packets first..last, or nothing if one is missing."""
        found = [self._packets.get(index) for index in range(first, last + 1)]
        return [packet for packet in found if packet is not None] if None not in found else []

    def _forget(self, oldest: int) -> None:
        self._packets.pop(oldest, None)
        if len(self._packets) > 2 * _HISTORY_PACKETS:
            # Jumps in the numbering leave packets behind that no later index throws out.
            self._packets = {i: p for i, p in self._packets.items() if i > oldest}
