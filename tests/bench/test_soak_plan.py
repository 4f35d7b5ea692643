"""What a soak calls flat, and who comes when."""

import itertools
import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from scripts.bench.soak_plan import (
    Limits,
    Sample,
    faults,
    grown_bytes_per_hour,
    slope_per_s,
    visits,
)

BEFORE = Sample(at_s=0, viewers=0, rss_bytes=80_000_000, open_files=20, sessions=0, tasks=5)
LIMITS = Limits()


def grown(bytes_per_s: float, seconds: int = 3600) -> list[Sample]:
    """Return a reading every 30 s of a server that grows at this pace."""
    return [
        msgspec.structs.replace(BEFORE, at_s=at, rss_bytes=80_000_000 + int(bytes_per_s * at))
        for at in range(0, seconds + 1, 30)
    ]


def test_a_seat_is_taken_and_left_alike_for_the_same_seed() -> None:
    first, again, other = (
        list(itertools.islice(visits(seed, seat, 20, 40), 500))
        for seed, seat in ((1, 1), (1, 1), (1, 2))
    )
    assert first == again
    assert first != other
    assert math.isclose(sum(away for away, _ in first) / 500, 40, rel_tol=0.2)
    assert math.isclose(sum(stay for _, stay in first) / 500, 20, rel_tol=0.2)


@given(st.floats(-1e6, 1e6), st.floats(-1e3, 1e3), st.integers(2, 50))
def test_slope_of_a_line_is_its_own(start: float, slope: float, count: int) -> None:
    points = [(float(x), start + slope * x) for x in range(count)]
    assert math.isclose(slope_per_s(points), slope, rel_tol=1e-6, abs_tol=1e-6)


def test_slope_of_no_line_is_none() -> None:
    assert slope_per_s([]) == slope_per_s([(1, 2)]) == slope_per_s([(1, 2), (1, 3)]) == 0


def test_a_server_that_gives_everything_back_has_no_fault() -> None:
    assert faults(BEFORE, grown(0), BEFORE, LIMITS) == []


def test_growth_without_end_is_a_fault() -> None:
    samples = grown(10_000)
    assert math.isclose(grown_bytes_per_hour(samples, LIMITS), 36e6, rel_tol=0.01)
    assert faults(BEFORE, samples, BEFORE, LIMITS) == ["memory grew by 36.0 MB an hour"]


def test_growth_while_warming_up_is_none() -> None:
    samples = grown(0)
    cold = [msgspec.structs.replace(s, rss_bytes=60_000_000) for s in samples[:20]]
    assert faults(BEFORE, cold + samples[20:], BEFORE, LIMITS) == []


def test_noise_of_a_short_run_is_no_growth() -> None:
    assert faults(BEFORE, grown(5_000, seconds=60), BEFORE, LIMITS) == []


def test_what_is_left_behind_is_named() -> None:
    after = msgspec.structs.replace(BEFORE, open_files=25, sessions=3, tasks=6)
    assert faults(BEFORE, [], after, LIMITS) == [
        "5 files were left open",
        "3 sessions were left behind",
        "1 tasks were left running",
    ]
