"""Who joins and leaves when, and whether what a server kept is bounded. Pure."""

from collections.abc import Iterator, Sequence
from random import Random

import msgspec


class Sample(msgspec.Struct, frozen=True):
    """A reading of a server under load."""

    at_s: float
    "Since the start."
    viewers: int
    "That the load holds."
    rss_bytes: int
    open_files: int
    sessions: int
    "Viewing sessions that the server holds."
    tasks: int | None
    "asyncio tasks, where the server tells."


class Limits(msgspec.Struct, frozen=True):
    """What counts as flat."""

    rss_bytes_per_hour: float = 8e6
    "Growth of resident memory after the warm-up; a leak of one session's memory would be 100 x."
    warm_up_share: float = 0.25
    "Of the time, left out: caches fill, the allocator finds its size."
    tolerance_bytes: float = 2e6
    "Never a fault below this much growth in all: a short run's slope is mostly noise."
    extra_files: int = 2
    "Open files after all have left, beyond those before anyone came."


def visits(
    seed: int, seats: int, mean_stay_s: float, mean_away_s: float
) -> Iterator[tuple[float, float]]:
    """Yield endlessly for one of `seats` seats: how long to stay away, then how long to stay.

    Both are exponential, as of people who come and go on their own. The seat's number is in
    the seed, so every seat has its own sequence.
    """
    random = Random(f"{seed} {seats}")
    while True:
        yield random.expovariate(1 / mean_away_s), random.expovariate(1 / mean_stay_s)


def slope_per_s(points: Sequence[tuple[float, float]]) -> float:
    """Return the least-squares slope of (x, y); 0 for fewer than two different x."""
    count = len(points)
    if count < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        return 0.0
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def faults(first: Sample, samples: Sequence[Sample], last: Sample, limits: Limits) -> list[str]:
    """Return what was left behind, as sentences.

    Args:
        first: Before anyone came.
        samples: Under load, in order.
        last: After all have left and the server had time to notice.
        limits: What is allowed.
    """
    found = []
    growth = grown_bytes_per_hour(samples, limits)
    warm = _after_warm_up(samples, limits)
    grown = growth / 3600 * (warm[-1].at_s - warm[0].at_s) if warm else 0.0
    if growth > limits.rss_bytes_per_hour and grown > limits.tolerance_bytes:
        found.append(f"memory grew by {growth / 1e6:.1f} MB an hour")
    if last.open_files > first.open_files + limits.extra_files:
        found.append(f"{last.open_files - first.open_files} files were left open")
    if last.sessions > first.sessions:
        found.append(f"{last.sessions - first.sessions} sessions were left behind")
    if last.tasks is not None and first.tasks is not None and last.tasks > first.tasks:
        found.append(f"{last.tasks - first.tasks} tasks were left running")
    return found


def grown_bytes_per_hour(samples: Sequence[Sample], limits: Limits) -> float:
    """Return the slope of memory after the warm-up."""
    warm = _after_warm_up(samples, limits)
    return 3600 * slope_per_s([(sample.at_s, sample.rss_bytes) for sample in warm])


def _after_warm_up(samples: Sequence[Sample], limits: Limits) -> Sequence[Sample]:
    if not samples:
        return samples
    start = samples[0].at_s + limits.warm_up_share * (samples[-1].at_s - samples[0].at_s)
    return [sample for sample in samples if sample.at_s >= start]
