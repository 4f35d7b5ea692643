"""Missing packets: asked for soon, then ever more slowly, and not for ever."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.loss import LossRecovery

RTT_S = 0.05
GIVE_UP_S = 0.6


def losing(*indices: int, now: float = 0.0) -> LossRecovery:
    """A track whose packets 0 and 10 came, and of those between all but some."""
    loss = LossRecovery()
    for index in range(11):
        if index not in indices:
            assert loss.arrived(index, now)
    return loss


def asking_times(loss: LossRecovery, rtt_s: float | None, until: float = 5.0) -> list[float]:
    """When packets are asked for if whoever owns the track looks exactly when told to."""
    times = []
    while (due := loss.get_timer()) is not None and due < until:
        asked, _ = loss.nacks_due(due, rtt_s)
        times += [due] * len(asked)
    return times


def test_nothing_is_missing_while_everything_comes() -> None:
    loss = losing()
    assert loss.get_timer() is None
    assert loss.nacks_due(9.0, RTT_S) == ([], False)


def test_packets_before_the_first_are_not_missed() -> None:
    loss = LossRecovery()
    assert loss.arrived(70_000, 0.0)
    assert loss.arrived(69_990, 0.0)
    assert loss.get_timer() is None
    assert not loss.is_missing(69_995)


def test_a_gap_is_asked_for_after_five_milliseconds() -> None:
    loss = losing(4, 5, now=1.0)
    assert loss.get_timer() == pytest.approx(1.005)
    assert loss.nacks_due(1.004, RTT_S) == ([], False)
    assert loss.nacks_due(1.005, RTT_S) == ([4, 5], False)
    assert loss.nacks_due(1.006, RTT_S) == ([], False)


def test_a_packet_that_was_only_overtaken_is_never_asked_for() -> None:
    loss = losing(4)
    assert loss.is_missing(4)
    assert loss.arrived(4, 0.004)
    assert not loss.is_missing(4)
    assert loss.get_timer() is None
    assert loss.nacks_due(0.005, RTT_S) == ([], False)


def test_it_is_asked_for_ever_more_slowly() -> None:
    times = asking_times(losing(4), RTT_S)
    gaps = [b - a for a, b in pairwise([0.0, *times])]
    assert len(times) >= 4
    assert gaps == sorted(gaps)
    assert gaps[1] == pytest.approx(1.5 * RTT_S)


@pytest.mark.parametrize(
    ("rtt_s", "expected"), [(None, 0.075), (0.001, 0.03), (0.1, 0.15), (3.0, 0.25)]
)
def test_the_first_retry_waits_for_the_round_trip_within_bounds(
    rtt_s: float | None, expected: float
) -> None:
    first, second = asking_times(losing(4), rtt_s)[:2]
    assert second - first == pytest.approx(expected)


@pytest.mark.parametrize("rtt_s", [None, 0.001, 0.05, 0.113, 0.15, 0.4])
def test_it_is_given_up_after_600_ms_whatever_the_round_trip(rtt_s: float | None) -> None:
    loss = losing(4)
    given_up_at = []
    while (due := loss.get_timer()) is not None:
        if loss.nacks_due(due, rtt_s)[1]:
            given_up_at.append(due)
    assert given_up_at == [pytest.approx(GIVE_UP_S)]
    assert loss.given_up == 1
    assert not loss.is_missing(4)


def test_what_came_too_late_is_not_missed_again() -> None:
    loss = losing(4)
    loss.nacks_due(1.0, RTT_S)
    assert loss.arrived(4, 1.1)
    assert loss.arrived(11, 1.1)
    assert loss.get_timer() is None


def test_a_large_gap_is_an_outage_that_is_not_filled() -> None:
    loss = losing(4)
    assert not loss.arrived(11 + 256, 0.01)
    assert loss.get_timer() is None
    assert not loss.is_missing(100)
    assert not loss.is_missing(4)
    assert loss.given_up == 256 + 1


def test_a_gap_just_small_enough_is_filled() -> None:
    loss = losing()
    assert loss.arrived(11 + 256, 0.01)
    assert loss.is_missing(11)
    assert loss.is_missing(11 + 255)


def test_many_small_gaps_become_an_outage_too() -> None:
    loss = LossRecovery()
    filled = [loss.arrived(2 * at, 0.0) for at in range(300)]
    assert filled.count(False) == 1
    assert sum(loss.is_missing(at) for at in range(600)) <= 256


def test_a_request_asks_for_64_packets_and_the_next_for_the_rest() -> None:
    loss = losing()
    loss.arrived(111, 0.0)
    first, _ = loss.nacks_due(0.005, RTT_S)
    second, _ = loss.nacks_due(0.005, RTT_S)
    assert (len(first), len(second)) == (64, 36)
    assert sorted(first + second) == list(range(11, 111))
    timer = loss.get_timer()
    assert timer is not None
    assert timer > 0.005


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["arrives"] * 6 + ["lost", "late", "copy", "outage"]),
            st.floats(0.0005, 0.2),
        ),
        max_size=150,
    ),
    st.sampled_from([None, 0.01, 0.1, 0.5]),
)
def test_whatever_is_lost_each_packet_comes_or_is_given_up_in_time(
    steps: list[tuple[str, float]], rtt_s: float | None
) -> None:
    loss, now, index = LossRecovery(), 0.0, 1000
    came, held, missed_at = {index}, [], dict[int, float]()
    loss.arrived(index, now)
    for fate, wait in steps:
        index += 300 if fate == "outage" else 1
        if fate == "late":
            held.append(index)
        elif fate != "lost":
            for lost in range(max(came) + 1, index):
                missed_at.setdefault(lost, now)
            came.add(index)
            if not loss.arrived(index, now):
                assert not any(loss.is_missing(one) for one in range(1000, index))
        if fate == "copy":
            came.update(held)
            for late in [*held, index]:
                loss.arrived(late, now)
            held.clear()
        now += wait
        while (due := loss.get_timer()) is not None and due <= now:
            asked, _ = loss.nacks_due(now, rtt_s)
            for one in asked:
                assert one not in came
                assert missed_at[one] + 0.005 <= now + 1e-9
                assert now < missed_at[one] + GIVE_UP_S
    missing = [one for one in range(1000, index + 1) if loss.is_missing(one)]
    assert len(missing) <= 256
    assert not came & set(missing)
    assert all(now - missed_at[one] < GIVE_UP_S for one in missing)
    loss.nacks_due(now + 1.0, rtt_s)
    assert loss.get_timer() is None
