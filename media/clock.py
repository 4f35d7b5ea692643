"""Maps a publisher's RTP timestamps to server time, so that sound and picture stay together.

The publisher's sender reports tie both of its tracks to one clock of its own (RFC 3550 §6.4.1).
That clock is tied to ours by the smallest transit time seen lately: the mapping leaves out the
shortest way from lens to server, which nobody can measure from here, and nothing else.
Before the first sender report each track maps by its own smallest transit.
"""

from .sequence import unwrap

NTP_UNIX_OFFSET = 2_208_988_800
"Seconds from the NTP epoch (1900) to the Unix epoch (RFC 5905 figure 4)."
_WINDOW_S = 5.0


def to_ntp(unix_s: float) -> int:
    """Convert Unix seconds to a 64-bit NTP timestamp (32.32 fixed point)."""
    return int((unix_s + NTP_UNIX_OFFSET) * (1 << 32))


class _RecentMinimum:
    """Minimum over the last 5 to 10 s, in two buckets: follows a drifting clock, keeps no list."""

    def __init__(self) -> None:
        self._current: float | None = None
        self._previous: float | None = None
        self._started = 0.0

    def add(self, value: float, now: float) -> None:
        if self._current is None or now - self._started > _WINDOW_S:
            self._previous, self._current, self._started = self._current, value, now
        elif value < self._current:
            self._current = value

    @property
    def value(self) -> float | None:
        if self._previous is not None and self._current is not None:
            return min(self._previous, self._current)
        return self._current


class PublisherClock:
    """One publisher's clock against ours; shared by its tracks."""

    def __init__(self) -> None:
        self._transit = _RecentMinimum()

    def arrived(self, publisher_s: float, now: float) -> None:
        """Note that a packet captured at `publisher_s` (publisher clock, s) arrived `now`."""
        self._transit.add(now - publisher_s, now)

    def server_time(self, publisher_s: float) -> float | None:
        """Convert the publisher's clock to server time, both in seconds; None before data."""
        offset = self._transit.value
        return None if offset is None else publisher_s + offset


class TrackClock:
    """RTP timestamps of one track in server time."""

    def __init__(self, clock_rate: int, publisher: PublisherClock) -> None:
        self._rate = clock_rate
        self._publisher = publisher
        self._own = _RecentMinimum()
        self._report: tuple[float, int] | None = None

    def sender_report(self, ntp: int, rtp_timestamp: int, reference: int) -> None:
        """Take a sender report: 64-bit NTP and 32-bit RTP time of one instant.

        Args:
            ntp: The publisher's NTP timestamp.
            rtp_timestamp: The same instant in RTP units, wrapped.
            reference: An unwrapped RTP timestamp of the track close to it.
        """
        self._report = (ntp / (1 << 32), unwrap(rtp_timestamp, reference, 32))

    def arrived(self, timestamp: int, now: float) -> None:
        """Note the arrival of an unwrapped RTP timestamp."""
        if self._report is None:
            self._own.add(now - timestamp / self._rate, now)
        else:
            self._publisher.arrived(self._publisher_time(timestamp), now)

    def capture_time(self, timestamp: int) -> float | None:
        """Server time in seconds at which `timestamp` was captured; None before any packet."""
        if self._report is not None:
            mapped = self._publisher.server_time(self._publisher_time(timestamp))
            if mapped is not None:
                return mapped
        offset = self._own.value
        return None if offset is None else timestamp / self._rate + offset

    def _publisher_time(self, timestamp: int) -> float:
        assert self._report is not None
        ntp_s, reported = self._report
        return ntp_s + (timestamp - reported) / self._rate
