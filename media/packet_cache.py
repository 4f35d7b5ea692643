"""The newest key frame of a video track and what followed it, for viewers who join between two.

Kept in the forwarder's own record form. The key frame alone gives a picture at once; together
with everything since it gives a moving picture at once, as long as that is little and complete.
"""

from .train import Forwardable

_MAX_PACKETS = 600
"About 2 s of 720p at 2.5 Mbit/s; beyond it a burst would hurt more than a fresh key frame costs."
_MAX_KEYFRAME_PACKETS = 1000


class PacketCache:
    """Packets since the start of the newest key frame, in order of arrival."""

    def __init__(self) -> None:
        self._packets: list[Forwardable] = []
        self._keyframe_end: int | None = None
        "How many packets the key frame has, once its marker came; None before."
        self._started_at = 0.0
        self._is_gapless = False
        self._complete: list[Forwardable] = []
        "The newest key frame that arrived whole."

    def start(self, packet: Forwardable, now: float) -> None:
        """Begin again with the first packet of a key frame."""
        self._packets = []
        self._keyframe_end = None
        self._started_at = now
        self._is_gapless = True
        self._append(packet)

    def add(self, packet: Forwardable) -> None:
        """Add the packet that arrived next; ignored before the first key frame."""
        if not self._packets or not self._is_gapless:
            return
        if packet[0] != self._packets[-1][0] + 1 or len(self._packets) >= self._limit():
            self._is_gapless = False
            return
        self._append(packet)

    def keyframe(self) -> list[Forwardable]:
        """Return the newest whole key frame, or nothing."""
        return self._complete

    def since_keyframe(self, now: float, max_age_s: float) -> list[Forwardable]:
        """Return everything from the newest key frame on, gapless, if it is young enough.

        The key frame itself may still be arriving: what follows it then completes it.
        """
        is_usable = self._is_gapless and now - self._started_at <= max_age_s
        return self._packets if is_usable else []

    def _limit(self) -> int:
        return _MAX_KEYFRAME_PACKETS if self._keyframe_end is None else _MAX_PACKETS

    def _append(self, packet: Forwardable) -> None:
        self._packets.append(packet)
        if self._keyframe_end is None and packet[2]:
            self._keyframe_end = len(self._packets)
            self._complete = self._packets[:]
