"""A token bucket per key, bounded in memory. Pure: `now` is seconds of any steady clock."""

# A million distinct keys would be an attack; forgetting the fullest buckets early only lets
# their owners have what they nearly had back anyway.
MAX_KEYS = 50_000


class RateLimiter:
    """Allow `per_minute` acts a minute for each key, all at once at most that many."""

    def __init__(self, per_minute: int) -> None:
        self._capacity = float(per_minute)
        self._per_s = per_minute / 60.0
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str, *, now: float) -> float:
        """Take one act; return 0, or the seconds after which the next one is allowed."""
        level, at = self._buckets.pop(key, (self._capacity, now))
        level = min(self._capacity, level + max(0.0, now - at) * self._per_s)
        wait_s = 0.0 if level >= 1.0 else (1.0 - level) / self._per_s
        # Popped and set again: the dict stays ordered by last use, oldest first.
        self._buckets[key] = (level if wait_s else level - 1.0, now)
        if len(self._buckets) > MAX_KEYS:
            del self._buckets[next(iter(self._buckets))]
        return wait_s

    def __len__(self) -> int:
        return len(self._buckets)
