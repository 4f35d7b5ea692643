from hypothesis import given
from hypothesis import strategies as st

from liveserver.identity.rate_limit import MAX_KEYS, RateLimiter


def test_as_many_at_once_as_a_minute_allows() -> None:
    limiter = RateLimiter(3)
    assert [limiter.take("a", now=0.0) for _ in range(4)] == [0, 0, 0, 20]
    assert limiter.take("b", now=0.0) == 0


def test_next_one_is_allowed_when_it_was_promised() -> None:
    limiter = RateLimiter(60)
    for _ in range(60):
        limiter.take("a", now=5.0)
    wait_s = limiter.take("a", now=5.25)
    assert wait_s == 0.75
    assert limiter.take("a", now=5.25 + wait_s) == 0


def test_clock_that_runs_back_gives_nothing_away() -> None:
    limiter = RateLimiter(1)
    assert limiter.take("a", now=100.0) == 0
    assert limiter.take("a", now=0.0) == 60


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    limiter = RateLimiter(1)
    for number in range(MAX_KEYS + 10):
        limiter.take(str(number), now=0.0)
    assert len(limiter) == MAX_KEYS
    assert limiter.take("0", now=0.0) == 0
    assert limiter.take(str(MAX_KEYS), now=0.0) > 0


@given(st.lists(st.floats(0, 10), max_size=60), st.integers(1, 20))
def test_never_more_than_the_burst_and_the_rate(gaps: list[float], per_minute: int) -> None:
    limiter, now, allowed = RateLimiter(per_minute), 0.0, 0
    for gap in gaps:
        now += gap
        allowed += limiter.take("a", now=now) == 0
    assert allowed <= per_minute + now * per_minute / 60 + 1e-6
