"""Loss and jitter of one SSRC as receiver reports tell them (RFC 3550 appendix A.3, A.8)."""

from .rtcp import ReportBlock


class ReceptionStatistics:
    """Counts what arrives; `report` closes an interval. Times are seconds."""

    def __init__(self) -> None:
        self.fraction = 0.0
        "Share of packets lost between the last two reports, 0..1."
        self._base: int | None = None
        self._highest = 0
        self._received = 0
        self._expected_before = 0
        self._received_before = 0
        self._jitter_s = 0.0
        self._transit: float | None = None
        self._last_report: tuple[int, float] | None = None

    def received(self, index: int, media_s: float, now: float) -> None:
        """Note a packet of unwrapped `index` and media time `media_s`."""
        if self._base is None:
            self._base = self._highest = index
        self._received += 1
        self._highest = max(self._highest, index)
        transit = now - media_s
        if self._transit is not None:
            self._jitter_s += (abs(transit - self._transit) - self._jitter_s) / 16
        self._transit = transit

    def sender_report(self, ntp: int, now: float) -> None:
        """Note the sender report whose 64-bit NTP time is echoed in the next report."""
        self._last_report = (ntp >> 16 & 0xFFFFFFFF, now)

    def report(self, ssrc: int, clock_rate: int, now: float) -> ReportBlock:
        """Make a report block and begin a new interval."""
        expected = 0 if self._base is None else self._highest - self._base + 1
        interval = expected - self._expected_before
        lost = max(0, interval - (self._received - self._received_before))
        self._expected_before, self._received_before = expected, self._received
        self.fraction = lost / interval if interval > 0 else 0.0
        middle, at = self._last_report or (0, now)
        return ReportBlock(
            ssrc=ssrc,
            fraction_lost=min(255, int(self.fraction * 256)),
            packets_lost=max(-0x800000, min(0x7FFFFF, expected - self._received)),
            highest_sequence=self._highest & 0xFFFFFFFF,
            jitter=int(self._jitter_s * clock_rate) & 0xFFFFFFFF,
            lsr=middle,
            dlsr=int((now - at) * 65536) & 0xFFFFFFFF,
        )
