"""Which packets of a publisher are missing, and when to ask for them again (RFC 4585 §6.2.1).

A gap is asked for almost at once, again after a round trip and a half, and given up when a
viewer could not wait for it any longer. Only what is missing here is accepted as a
retransmission: Chrome probes its uplink with copies of packets that arrived long ago.
"""

_REORDERING_S = 0.005
"A packet that only overtook another arrives within this time."
_MIN_RETRY_S = 0.03
_MAX_RETRY_S = 0.25
_GIVE_UP_S = 0.6
"Longer than browsers wait before they give a frame up and ask for a key frame."
_MAX_MISSING = 256
"A larger gap is an outage: a key frame is cheaper than the packets."
_MAX_NACKS = 64


class LossRecovery:
    """Missing packets of one track, by unwrapped index. Times are seconds."""

    def __init__(self) -> None:
        self.given_up = 0
        "Packets that did not come in time; each batch calls for a key frame."
        self._highest: int | None = None
        self._missing: dict[int, tuple[float, float, int]] = {}
        "Index to (missed at, ask next at, times asked)."

    def arrived(self, index: int, now: float) -> bool:
        """Note a packet.

        Returns:
            False if the gap before it is too large to be worth filling.
        """
        if self._highest is None or index <= self._highest:
            self._missing.pop(index, None)
            self._highest = index if self._highest is None else self._highest
            return True
        gap = index - self._highest - 1
        first, self._highest = self._highest + 1, index
        if gap + len(self._missing) > _MAX_MISSING:
            self.given_up += gap + len(self._missing)
            self._missing.clear()
            return False
        for missed in range(first, index):
            self._missing[missed] = (now, now + _REORDERING_S, 0)
        return True

    def is_missing(self, index: int) -> bool:
        """Tell whether a retransmission of this packet is welcome."""
        return index in self._missing

    def get_timer(self) -> float | None:
        """When `nacks_due` has something to say; None while nothing is missing."""
        return min((ask_at for _, ask_at, _ in self._missing.values()), default=None)

    def nacks_due(self, now: float, rtt_s: float | None) -> tuple[list[int], bool]:
        """Return the indices to ask for now, and whether any was given up just now."""
        late = [i for i, (since, _, _) in self._missing.items() if now >= since + _GIVE_UP_S]
        for index in late:
            del self._missing[index]
        self.given_up += len(late)
        retry_s = min(max(1.5 * (rtt_s or 0.05), _MIN_RETRY_S), _MAX_RETRY_S)
        due = [i for i, (_, ask_at, _) in self._missing.items() if ask_at <= now][:_MAX_NACKS]
        for index in due:
            since, _, times = self._missing[index]
            # Patience grows: a publisher that does not resend is not to be flooded.
            again_at = min(now + retry_s * 1.5**times, since + _GIVE_UP_S)
            self._missing[index] = (since, again_at, times + 1)
        return due, bool(late)
