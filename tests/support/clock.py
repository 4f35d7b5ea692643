"""Virtual time: tests of pure modules never wait."""


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def advance(self, seconds: float) -> float:
        """Let time pass; returns the new time."""
        self.now += seconds
        return self.now
