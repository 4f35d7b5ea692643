"""How far behind the viewers are, from what they report while they watch. Pure."""

import msgspec

MAX_DELAY_MS = 60_000
# A page polls every few seconds; what it said longer ago tells about nobody.
KEEP_S = 10.0
# Every viewer's poll asks; sorting a thousand reports for each of a thousand polls is too much.
CACHE_S = 1.0


class Percentiles(msgspec.Struct, frozen=True):
    """Of the viewers' delays, in milliseconds."""

    p50: int
    p95: int


class DelayReports:
    """The last report of each session, by room."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, tuple[int, float]]] = {}
        self._cached: dict[str, tuple[float, Percentiles | None]] = {}

    def report(self, room: str, session_id: str, delay_ms: int, *, now: float) -> None:
        """Take in one report; the caller has checked that the session watches this room."""
        if 0 <= delay_ms <= MAX_DELAY_MS:
            self._rooms.setdefault(room, {})[session_id] = (delay_ms, now)

    def forget(self, room: str, session_id: str) -> None:
        """Drop the report of a session that ended."""
        reports = self._rooms.get(room, {})
        reports.pop(session_id, None)
        if not reports:
            self._rooms.pop(room, None)

    def percentiles(self, room: str, *, now: float) -> Percentiles | None:
        """Return the percentiles (nearest rank) of recent reports, at most `CACHE_S` old."""
        at, known = self._cached.get(room, (-KEEP_S, None))
        if now - at < CACHE_S:
            return known
        computed = self._compute(room, now)
        if computed is None:
            self._cached.pop(room, None)
        else:
            self._cached[room] = (now, computed)
        return computed

    def _compute(self, room: str, now: float) -> Percentiles | None:
        reports = self._rooms.get(room, {}).values()
        delays = sorted(delay for delay, at in reports if now - at <= KEEP_S)
        if not delays:
            return None
        return Percentiles(p50=_rank(delays, 50), p95=_rank(delays, 95))


def _rank(ordered: list[int], percent: int) -> int:
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
