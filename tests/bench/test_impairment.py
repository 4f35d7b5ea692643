"""The bad network: the same seed the same fate, and never worse or better than asked."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.bench.impairment import HEADER_BYTES, Conditions, Link, LinkCounts

PACE_S = 0.004
CONDITIONS = st.builds(
    Conditions,
    delay_s=st.floats(0, 1),
    jitter_s=st.floats(0, 0.5),
    loss=st.floats(0, 1),
    burst=st.floats(0, 0.9),
    burst_packets=st.floats(1, 50),
    rate_bps=st.sampled_from([0.0, 50e3, 400e3, 5e6]),
    queue_s=st.floats(0, 1),
    is_down=st.booleans(),
)
TRAFFIC = st.lists(st.tuples(st.floats(0, 0.1), st.integers(1, 1400)), max_size=60)


def send(link: Link, conditions: Conditions, count: int, size: int = 1000) -> list[float | None]:
    return [link.send(size, conditions, index * PACE_S) for index in range(count)]


def fates(
    seed: str, conditions: Conditions, traffic: Sequence[tuple[float, int]]
) -> list[tuple[float, float | None]]:
    """Send packets with these gaps and sizes; return when each was sent and arrived."""
    link = Link(seed)
    times = itertools.accumulate(gap for gap, _ in traffic)
    return [
        (now, link.send(size, conditions, now))
        for now, (_, size) in zip(times, traffic, strict=True)
    ]


@given(st.text(max_size=5), CONDITIONS, TRAFFIC)
def test_link_repeats_itself_for_the_same_seed(
    seed: str, conditions: Conditions, traffic: list[tuple[float, int]]
) -> None:
    assert fates(seed, conditions, traffic) == fates(seed, conditions, traffic)


@given(CONDITIONS, TRAFFIC)
def test_link_keeps_order_and_bounds(
    conditions: Conditions, traffic: list[tuple[float, int]]
) -> None:
    arrived = [(sent, at) for sent, at in fates("s", conditions, traffic) if at is not None]
    arrivals = [at for _, at in arrived]
    assert arrivals == sorted(arrivals)
    longest_s = 8 * (1400 + HEADER_BYTES) / conditions.rate_bps if conditions.rate_bps else 0.0
    waits_s = conditions.queue_s + longest_s if conditions.rate_bps else 0.0
    slowest_s = conditions.delay_s + conditions.jitter_s + waits_s
    assert all(conditions.delay_s <= at - sent + 1e-9 for sent, at in arrived)
    assert all(at - sent <= slowest_s + 1e-9 for sent, at in arrived)


@given(CONDITIONS, TRAFFIC)
def test_link_accounts_for_every_packet(
    conditions: Conditions, traffic: list[tuple[float, int]]
) -> None:
    link = Link("s")
    now = 0.0
    for gap, size in traffic:
        now += gap
        link.send(size, conditions, now)
    counts = link.counts
    assert counts.offered == len(traffic)
    assert counts.offered == counts.delivered + counts.lost + counts.overflowed + counts.blocked


@given(TRAFFIC, st.floats(0, 0.5), st.floats(0, 0.5))
def test_links_of_one_seed_lose_alike_whatever_else_happens(
    traffic: list[tuple[float, int]], delay_s: float, jitter_s: float
) -> None:
    plain = fates("s", Conditions(loss=0.3), traffic)
    slow = fates("s", Conditions(loss=0.3, delay_s=delay_s, jitter_s=jitter_s), traffic)
    assert [at is None for _, at in plain] == [at is None for _, at in slow]


def test_link_passes_at_once_when_nothing_is_wrong() -> None:
    assert send(Link("s"), Conditions(), 50) == [index * PACE_S for index in range(50)]


@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_link_loses_about_the_share_asked(loss: float) -> None:
    link = Link("s")
    send(link, Conditions(loss=loss), 20_000)
    assert link.counts.lost / 20_000 == pytest.approx(loss, rel=0.1)


@pytest.mark.parametrize(("share", "length"), [(0.2, 5.0), (0.05, 20.0)])
def test_link_loses_in_bursts_of_the_length_asked(share: float, length: float) -> None:
    lost = [
        at is None for at in send(Link("s"), Conditions(burst=share, burst_packets=length), 60_000)
    ]
    bursts = [len(list(group)) for is_lost, group in itertools.groupby(lost) if is_lost]
    assert sum(lost) / len(lost) == pytest.approx(share, rel=0.15)
    assert sum(bursts) / len(bursts) == pytest.approx(length, rel=0.15)


def test_link_never_carries_more_than_its_rate() -> None:
    conditions = Conditions(rate_bps=400e3, queue_s=0.2)
    arrivals = [at for at in send(Link("s"), conditions, 2000) if at is not None]
    seconds = arrivals[-1] - arrivals[0]
    carried_bps = 8 * (1000 + HEADER_BYTES) * (len(arrivals) - 1) / seconds
    assert carried_bps == pytest.approx(400e3, rel=0.01)


def test_link_drops_at_the_tail_when_its_queue_is_full() -> None:
    link = Link("s")
    conditions = Conditions(rate_bps=400e3, queue_s=0.1)
    waits = [at for at in (link.send(1000, conditions, 0.0) for _ in range(20)) if at]
    assert link.counts.overflowed == 20 - len(waits) > 0
    assert 0.1 < waits[-1] < 0.1 + 2 * 8 * (1000 + HEADER_BYTES) / 400e3


def test_link_that_was_slow_delivers_what_follows_after_it() -> None:
    link = Link("s")
    slow = link.send(1000, Conditions(delay_s=0.5), 0.0)
    assert slow == link.send(1000, Conditions(), 0.1) == 0.5


def test_a_packet_that_overtakes_is_not_delayed() -> None:
    link = Link("s")
    arrivals = send(link, Conditions(delay_s=0.1, reorder=0.1), 1000)
    early = [at for index, at in enumerate(arrivals) if at == index * PACE_S]
    assert len(early) == pytest.approx(100, rel=0.3)


def test_counts_add_up() -> None:
    assert LinkCounts(5, 3, 1, 1, 0) + LinkCounts(1, 0, 0, 0, 1) == LinkCounts(6, 3, 1, 1, 1)
