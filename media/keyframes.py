"""When to ask a publisher for a key frame: soon, but never in storms.

Viewers who join or lose data want one; the host's encoder pays for each. One request per
interval goes out however many want it, and it is repeated while a wanted frame has not come.
"""


class KeyframeRequester:
    """Throttle for one video track. Times are seconds of the caller's clock."""

    def __init__(self, interval_s: float) -> None:
        self._interval = interval_s
        self._wanted = False
        self._sent_at: float | None = None

    def want(self) -> None:
        """Note that somebody needs a key frame."""
        self._wanted = True

    def keyframe_started(self) -> None:
        """Note that a key frame begins to arrive: whoever waited is served."""
        self._wanted = False

    def get_timer(self) -> float | None:
        """Time at which a request is due; None when nobody waits. May lie in the past."""
        if not self._wanted:
            return None
        return 0.0 if self._sent_at is None else self._sent_at + self._interval

    def is_due(self, now: float) -> bool:
        """Tell whether to send a request now; if so it counts as sent."""
        due = self.get_timer()
        if due is None or now < due:
            return False
        self._sent_at = now
        return True
