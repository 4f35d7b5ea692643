"""Feedback that lets a host's encoder ramp up, and the rates shown to people.

Transport-wide congestion control: draft-holmer-rmcat-transport-wide-cc-extensions-01. Without
it Chrome stayed near 0.4 Mbit/s, with it it reaches 4-5 Mbit/s in 5-20 s.
"""

from .rtcp import write_transport_feedback
from .sequence import unwrap

_INTERVAL_S = 0.1
"libwebrtc adapts between 50 and 250 ms; 100 ms keeps the estimate quick at 10 packets/s back."
_MAX_PENDING = 400
"Packets per report: bounds its size (below the MTU) and the work on hostile numbering."
_MAX_SPAN = 1000
_MAX_LATENESS = 100
"Packets that a straggler may be behind those already told of: a third of a second at 300/s."


class ArrivalRecorder:
    """Arrival times of one publisher's packets by transport-wide sequence number."""

    def __init__(self, sender_ssrc: int) -> None:
        self._sender_ssrc = sender_ssrc
        self._pending: dict[int, float] = {}
        self._highest: int | None = None
        self._next: int | None = None
        "First index not yet reported; a gap up to there is reported as lost."
        self._told: dict[int, float] = {}
        "The newest of those reported: told again beside a straggler, else they would seem lost."
        self._due_at: float | None = None
        self._count = 0

    def arrived(self, sequence: int, now: float) -> None:
        """Record the 16-bit transport-wide `sequence` of a packet that arrived `now` (s)."""
        reference = sequence + (1 << 16) if self._highest is None else self._highest
        index = unwrap(sequence, reference, 16)
        if self._highest is None or index > self._highest:
            self._highest = index
        if len(self._pending) >= _MAX_PENDING or index <= self._highest - _MAX_SPAN:
            return
        if self._next is not None and (index < self._next - _MAX_LATENESS or index in self._told):
            return
        self._pending.setdefault(index, now)
        if self._due_at is None:
            self._due_at = now + _INTERVAL_S

    def get_timer(self) -> float | None:
        """Time at which the next report is due; None while nothing arrived."""
        return self._due_at

    def report(self, media_ssrc: int, now: float) -> bytes | None:
        """Write the due report, or nothing when it is too early or nothing arrived.

        Args:
            media_ssrc: Any media SSRC of the publisher, as libwebrtc does.
            now: Seconds of the caller's clock.
        """
        if self._due_at is None or now < self._due_at or not self._pending:
            return None
        first = min(self._pending)
        if self._next is not None and 0 < first - self._next < _MAX_SPAN // 2:
            first = self._next
        known = {**self._told, **self._pending}
        arrivals = [
            (index & 0xFFFF, int(at * 1_000_000))
            for index, at in sorted(known.items())
            if 0 <= index - first < _MAX_SPAN
        ]
        self._next = max(known) + 1
        self._told = {i: at for i, at in known.items() if i >= self._next - _MAX_LATENESS}
        self._pending.clear()
        self._due_at = None
        self._count = (self._count + 1) & 0xFF
        return write_transport_feedback(
            self._sender_ssrc, media_ssrc, first & 0xFFFF, (self._count - 1) & 0xFF, arrivals
        )


class RateMeter:
    """Amount per second over the last whole second or so. Times are seconds."""

    def __init__(self) -> None:
        self._amount = 0.0
        self._since: float | None = None
        self.per_second = 0.0

    def add(self, amount: float, now: float) -> None:
        """Count `amount` (bits, frames, …) at `now`."""
        self.advance(now)
        self._amount += amount

    def advance(self, now: float) -> None:
        """Close the running second if it is over; call also when nothing arrives."""
        if self._since is None:
            self._since = now
        elif now - self._since >= 1.0:
            self.per_second = self._amount / (now - self._since)
            self._amount, self._since = 0.0, now
