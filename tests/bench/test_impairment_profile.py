"""Schedules as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.bench.impairment import Conditions
from scripts.bench.impairment_profile import DIRECTIONS, InvalidProfile, read_profile


def test_empty_profile_is_a_perfect_network() -> None:
    for direction in DIRECTIONS:
        assert read_profile("").conditions(direction, 99.0) == Conditions()


def test_settings_hold_until_they_are_set_again_or_cleared() -> None:
    profile = read_profile("0s loss=5 delay=40ms; 10s loss=0 jitter=5ms; 20s clear")
    assert profile.conditions("up", 9.9) == Conditions(loss=0.05, delay_s=0.04)
    assert profile.conditions("down", 10) == Conditions(delay_s=0.04, jitter_s=0.005)
    assert profile.conditions("down", 20) == Conditions()
    assert profile.ends_s == 20


def test_outage_ends_by_itself_and_leaves_the_rest() -> None:
    profile = read_profile("loss=1; 20s outage=3s")
    down = [profile.conditions("up", at).is_down for at in (19.9, 20.0, 22.9, 23.0)]
    assert down == [False, True, True, False]
    assert profile.conditions("up", 23).loss == 0.01


def test_a_direction_in_front_leaves_the_other_alone() -> None:
    profile = read_profile("0s down.rate=400k down.queue=300ms up.burst=20 up.burst_length=8")
    assert profile.conditions("down", 1) == Conditions(rate_bps=400e3, queue_s=0.3)
    assert profile.conditions("up", 1) == Conditions(burst=0.2, burst_packets=8)


def test_steps_may_stand_in_any_order() -> None:
    profile = read_profile("1m rate=2.5M; 500ms reorder=2%")
    assert profile.conditions("up", 0.6) == Conditions(reorder=0.02)
    assert profile.conditions("up", 60) == Conditions(reorder=0.02, rate_bps=2.5e6)


def test_json_says_the_same() -> None:
    text = '[{"loss": 5}, {"at": "20s", "outage": "3s"}, {"at": "30s", "down": {"rate": "400k"}}]'
    said, meant = read_profile(text), read_profile("loss=5; 20s outage=3s; 30s down.rate=400k")
    for direction in DIRECTIONS:
        for at in (0, 20, 22.99, 23, 30):
            assert said.conditions(direction, at) == meant.conditions(direction, at)


@pytest.mark.parametrize(
    "text",
    [
        *("loss=x", "loss=101", "loss=-1", "loss=nan", "burst=95", "delay=40", "delay=-1s"),
        *("20 loss=5", "speed=3", "left.loss=5", "outage=", "rate=fast", "5x clear", "loss"),
        *("[", '["a"]', '[{"at": 5}]', '[{"loss": {"up": 5}}]', "burst_length=many"),
    ],
)
def test_a_profile_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidProfile):
        read_profile(text)


@given(st.text(max_size=40) | st.text('0s123.;= lossdelayoutagek[]{}":,', max_size=60))
def test_reading_never_breaks_in_another_way(text: str) -> None:
    try:
        profile = read_profile(text)
    except InvalidProfile:
        return
    assert profile.conditions("up", 1.0) is not None
