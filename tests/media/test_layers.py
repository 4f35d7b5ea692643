"""Which layer a viewer gets: the best its line carries, without flapping."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media.layers import AUDIO_ONLY, Layer, LayerSelector, Wish

LOW, MIDDLE, HIGH = 0, 1, 2
THREE = (
    Layer("l", 150_000, 180),
    Layer("m", 500_000, 360),
    Layer("h", 2_000_000, 720),
)
ONE = (Layer("", 1_000_000, 720),)
TICK_S = 0.25


class Viewing:
    """One viewer, looked at every 250 ms as the room does."""

    def __init__(self, layers: tuple[Layer, ...] = THREE) -> None:
        self.layers = layers
        self.selector = LayerSelector()
        self.remb_bps: int | None = None
        self.fraction_lost = 0.0
        self.now = 50.0
        self.changes: list[tuple[float, int]] = []

    def look(self) -> int:
        chosen = self.selector.choose(self.layers, self.remb_bps, self.fraction_lost, self.now)
        if not self.changes or self.changes[-1][1] != chosen:
            self.changes.append((self.now, chosen))
        return chosen

    def wait(self, seconds: float) -> int:
        chosen = self.look()
        for _ in range(round(seconds / TICK_S)):
            self.now += TICK_S
            chosen = self.look()
        return chosen

    def until(self, wanted: int, within_s: float = 100.0) -> float:
        """Seconds until a layer is chosen."""
        began = self.now
        while self.look() != wanted:
            assert self.now - began < within_s, self.changes
            self.now += TICK_S
        return self.now - began


@pytest.fixture
def viewing() -> Viewing:
    return Viewing()


# ---- start --------------------------------------------------------------------------------------


def test_a_viewer_starts_at_the_top(viewing: Viewing) -> None:
    assert viewing.wait(60) == HIGH


def test_layers_that_begin_one_after_the_other_are_taken_as_they_come(viewing: Viewing) -> None:
    viewing.layers = THREE[:1]
    assert viewing.look() == LOW
    viewing.layers = THREE[:2]
    assert viewing.look() == MIDDLE
    viewing.layers = THREE
    assert viewing.look() == HIGH


def test_one_layer_at_times_does_not_cost_the_top_afterwards(viewing: Viewing) -> None:
    viewing.wait(1)
    viewing.layers = ONE
    assert viewing.wait(10) == 0
    viewing.layers = THREE
    assert viewing.look() == HIGH


# ---- down ---------------------------------------------------------------------------------------


def test_an_estimate_too_low_leads_down_to_the_highest_layer_that_fits(viewing: Viewing) -> None:
    viewing.look()
    viewing.remb_bps = 1_200_000
    assert viewing.until(MIDDLE) == pytest.approx(0.75, abs=TICK_S)
    assert [layer for _, layer in viewing.changes] == [HIGH, MIDDLE]


def test_layers_between_are_left_out_when_only_the_lowest_fits(viewing: Viewing) -> None:
    viewing.look()
    viewing.remb_bps = 400_000
    viewing.until(LOW, 1.0)
    assert [layer for _, layer in viewing.changes] == [HIGH, LOW]


def test_one_late_report_is_no_trouble(viewing: Viewing) -> None:
    viewing.look()
    for _ in range(10):
        viewing.remb_bps = 1_200_000
        viewing.wait(0.5)
        viewing.remb_bps = 3_000_000
        viewing.wait(0.5)
    assert viewing.changes == [(50.0, HIGH)]


def test_an_estimate_that_collapses_is_not_waited_for(viewing: Viewing) -> None:
    viewing.remb_bps = 3_000_000
    viewing.look()
    viewing.remb_bps = 700_000
    assert viewing.look() == MIDDLE


def test_an_estimate_that_still_grows_is_no_trouble(viewing: Viewing) -> None:
    """A host speeds up faster than Chrome's estimate may grow."""
    viewing.remb_bps = 1_000_000
    viewing.look()
    while viewing.remb_bps < 2_000_000:
        viewing.remb_bps = int(viewing.remb_bps * 1.08)
        viewing.wait(1)
    assert viewing.changes == [(50.0, HIGH)]


@pytest.mark.parametrize(("growth", "within_s"), [(1.0001, 1), (1.08, 33)])
def test_an_estimate_that_creeps_or_only_wavers_is_believed(
    viewing: Viewing, growth: float, within_s: float
) -> None:
    viewing.remb_bps = 1_100_000
    viewing.look()
    while viewing.look() == HIGH:
        viewing.remb_bps = int(viewing.remb_bps * growth)
        viewing.wait(TICK_S)
        if viewing.remb_bps > 1_400_000:
            viewing.remb_bps = 1_100_000
    assert viewing.now - 50 <= within_s


def test_heavy_loss_leads_down_by_one_without_an_estimate(viewing: Viewing) -> None:
    viewing.look()
    viewing.fraction_lost = 0.3
    assert viewing.until(MIDDLE) == pytest.approx(0.75, abs=TICK_S)
    assert viewing.until(LOW) == pytest.approx(0.75, abs=TICK_S)
    assert viewing.wait(10) == LOW


def test_heavy_loss_leads_down_though_the_estimate_is_high(viewing: Viewing) -> None:
    viewing.remb_bps = 9_000_000
    viewing.look()
    viewing.fraction_lost = 0.2
    assert viewing.until(MIDDLE, 1.1)


def test_moderate_loss_leads_nowhere(viewing: Viewing) -> None:
    viewing.fraction_lost = 0.1
    assert viewing.wait(30) == HIGH


@pytest.mark.parametrize("layers", [ONE, THREE])
def test_a_line_too_poor_for_any_picture_gets_sound_alone(layers: tuple[Layer, ...]) -> None:
    viewing = Viewing(layers)
    viewing.look()
    viewing.remb_bps = 100_000
    assert viewing.until(AUDIO_ONLY) >= 3.0
    assert viewing.selector.is_audio_only


def test_a_line_that_is_poor_for_a_moment_keeps_the_lowest_layer(viewing: Viewing) -> None:
    viewing.look()
    viewing.remb_bps = 60_000
    assert viewing.wait(2.5) == LOW
    viewing.remb_bps = 200_000
    assert viewing.wait(3) == LOW


def test_the_only_layer_is_sent_to_a_line_that_is_just_too_slow() -> None:
    viewing = Viewing(ONE)
    viewing.remb_bps = 300_000
    assert viewing.wait(10) == 0
    assert not viewing.selector.is_audio_only


# ---- up -----------------------------------------------------------------------------------------


def lowered(viewing: Viewing, remb_bps: int = 250_000) -> Viewing:
    viewing.look()
    viewing.remb_bps = remb_bps
    viewing.until(LOW)
    viewing.changes.clear()
    return viewing


def test_going_up_is_tried_after_four_seconds_one_layer_at_a_time(viewing: Viewing) -> None:
    lowered(viewing)
    viewing.remb_bps = 5_000_000
    assert viewing.until(MIDDLE) == pytest.approx(4.0, abs=TICK_S)
    assert viewing.until(HIGH) == pytest.approx(4.0, abs=TICK_S)
    assert viewing.wait(60) == HIGH


def test_nothing_is_tried_while_packets_are_lost(viewing: Viewing) -> None:
    lowered(viewing)
    viewing.remb_bps, viewing.fraction_lost = 5_000_000, 0.05
    assert viewing.wait(30) == LOW


def test_nothing_is_tried_while_the_estimate_hardly_carries_what_is_sent(viewing: Viewing) -> None:
    lowered(viewing, 140_000)
    assert viewing.wait(30) == LOW


def test_a_trial_goes_on_while_the_estimate_grows(viewing: Viewing) -> None:
    lowered(viewing)
    viewing.until(MIDDLE)
    assert viewing.remb_bps == 250_000
    while viewing.remb_bps < 400_000:
        viewing.wait(1)
        viewing.remb_bps = int(viewing.remb_bps * 1.08)
    viewing.wait(1)
    assert [layer for _, layer in viewing.changes] == [LOW, MIDDLE]


def test_a_trial_ends_when_the_estimate_does_not_grow(viewing: Viewing) -> None:
    lowered(viewing)
    viewing.until(MIDDLE)
    assert viewing.until(LOW) == pytest.approx(2.5, abs=2 * TICK_S)


@pytest.mark.parametrize(("remb_bps", "lost"), [(220_000, 0.0), (250_000, 0.3)])
def test_a_trial_ends_at_once_when_the_estimate_falls_or_packets_are_lost(
    viewing: Viewing, remb_bps: int, lost: float
) -> None:
    lowered(viewing)
    viewing.until(MIDDLE)
    viewing.remb_bps, viewing.fraction_lost = remb_bps, lost
    viewing.now += TICK_S
    assert viewing.look() == LOW


def test_a_trial_ends_before_any_report_when_many_packets_are_asked_for(viewing: Viewing) -> None:
    lowered(viewing)
    viewing.until(MIDDLE)
    viewing.now += 0.1
    viewing.selector.lost(range(12), viewing.now)
    assert viewing.look() == LOW


def losing(viewing: Viewing, per_100_ms: int, seconds: float) -> int:
    """Ask for so many new packets, and for the old ones again."""
    chosen = viewing.look()
    for at in range(round(seconds * 10)):
        viewing.now += 0.1
        first = 1000 * round(viewing.now * 10)
        viewing.selector.lost([*range(first - 1000, first - 999), *range(at)], viewing.now)
        viewing.selector.lost(range(first, first + per_100_ms), viewing.now)
        chosen = viewing.look()
    return chosen


def test_packets_lost_in_flood_lead_down_before_any_report(viewing: Viewing) -> None:
    viewing.look()
    assert losing(viewing, 12, 0.4) == MIDDLE


def test_packets_lost_in_one_blow_lead_nowhere(viewing: Viewing) -> None:
    viewing.look()
    viewing.selector.lost(range(900), viewing.now)
    assert viewing.look() == HIGH
    viewing.now += 0.4
    viewing.selector.lost(range(900), viewing.now)
    assert viewing.wait(2) == HIGH


def test_a_few_packets_asked_for_again_and_again_lead_nowhere(viewing: Viewing) -> None:
    viewing.look()
    assert losing(viewing, 5, 10.0) == HIGH


def trial_waits(viewing: Viewing, count: int) -> list[float]:
    """How long each of some failing trials is waited for."""
    waits = []
    for _ in range(count):
        waits.append(viewing.until(MIDDLE))
        viewing.remb_bps = 200_000
        viewing.until(LOW)
        viewing.remb_bps = 250_000
    return waits


def test_each_failed_trial_doubles_the_wait_up_to_a_minute(viewing: Viewing) -> None:
    waits = trial_waits(lowered(viewing), 7)
    assert waits == [pytest.approx(wait, abs=0.5) for wait in (4, 8, 16, 32, 60, 60, 60)]


def test_a_trial_that_lasts_makes_the_next_wait_short_again(viewing: Viewing) -> None:
    trial_waits(lowered(viewing), 3)
    viewing.until(MIDDLE)
    viewing.remb_bps = 600_000
    viewing.layers = THREE[:2]
    viewing.wait(30)
    viewing.remb_bps = 250_000
    viewing.until(LOW)
    assert viewing.until(MIDDLE) == pytest.approx(4, abs=2 * TICK_S)


def test_a_picture_is_tried_again_where_there_was_sound_alone(viewing: Viewing) -> None:
    viewing.look()
    viewing.remb_bps = 60_000
    viewing.until(AUDIO_ONLY)
    assert viewing.until(LOW) == pytest.approx(4, abs=TICK_S)
    assert not viewing.selector.is_audio_only
    viewing.remb_bps = 50_000
    viewing.until(AUDIO_ONLY, 1)
    assert viewing.until(LOW) == pytest.approx(8, abs=2 * TICK_S)


# ---- wishes -------------------------------------------------------------------------------------


def test_a_wished_layer_is_sent_whatever_the_line(viewing: Viewing) -> None:
    viewing.remb_bps = 60_000
    viewing.selector.wish = Wish(rid="m")
    assert viewing.wait(10) == MIDDLE
    viewing.selector.wish = Wish(rid="gone")
    assert viewing.look() == HIGH


def test_a_small_picture_gets_the_smallest_layer_that_fills_it(viewing: Viewing) -> None:
    for height, layer in ((100, LOW), (180, LOW), (181, MIDDLE), (360, MIDDLE), (1080, HIGH)):
        viewing.selector.wish = Wish(max_height=height)
        assert viewing.look() == layer


def test_a_picture_made_larger_is_sharp_at_once(viewing: Viewing) -> None:
    viewing.selector.wish = Wish(max_height=180)
    viewing.wait(5)
    viewing.selector.wish = Wish(max_height=720)
    assert viewing.look() == HIGH


def test_layers_of_unknown_height_are_not_ruled_out(viewing: Viewing) -> None:
    viewing.layers = tuple(Layer(layer.rid, layer.bitrate_bps) for layer in THREE)
    viewing.selector.wish = Wish(max_height=180)
    assert viewing.look() == HIGH


def test_sound_alone_is_a_wish_too(viewing: Viewing) -> None:
    viewing.selector.wish = Wish(is_audio_only=True)
    assert viewing.wait(10) == AUDIO_ONLY
    assert viewing.selector.is_audio_only
    viewing.selector.wish = Wish()
    assert viewing.look() == HIGH


def test_a_line_found_too_slow_is_remembered_beyond_a_wish(viewing: Viewing) -> None:
    lowered(viewing)
    viewing.selector.wish = Wish(rid="h")
    assert viewing.look() == HIGH
    viewing.selector.wish = Wish()
    assert viewing.look() == LOW


# ---- against a line -----------------------------------------------------------------------------


class Line:
    """A downlink and Chrome's estimate of it: AIMD, at most 1.5 times what comes, +8 % a second."""

    def __init__(self, viewing: Viewing, rate_bps: float) -> None:
        self.viewing, self.rate_bps = viewing, rate_bps
        self._estimate: float | None = None

    def run(self, seconds: float) -> int:
        chosen = self.viewing.look()
        for _ in range(round(seconds)):
            sent = 40_000 + (THREE[chosen].bitrate_bps if chosen != AUDIO_ONLY else 0)
            arrived = min(sent, self.rate_bps)
            estimate = arrived if self._estimate is None else self._estimate
            if sent > self.rate_bps:
                estimate = min(estimate, 0.85 * arrived)
            elif estimate < 1.5 * arrived + 10_000:
                estimate = min(1.08 * estimate, 1.5 * arrived + 10_000)
            self._estimate = estimate
            self.viewing.remb_bps = int(estimate)
            # The socket's queue holds half a second; what exceeds it is lost.
            self.viewing.fraction_lost = max(0.0, 1 - 1.5 * arrived / sent)
            chosen = self.viewing.wait(1.0)
        return chosen


@pytest.mark.parametrize(
    ("rate_bps", "expected"),
    [(10_000_000, HIGH), (1_000_000, MIDDLE), (400_000, LOW), (60_000, AUDIO_ONLY)],
)
def test_a_line_gets_the_layer_it_carries_nearly_all_the_time(
    viewing: Viewing, rate_bps: float, expected: int
) -> None:
    line = Line(viewing, rate_bps)
    line.run(30)
    chosen = [line.run(1) for _ in range(300)]
    assert chosen.count(expected) > 0.85 * len(chosen)
    assert max(chosen) <= expected + 1


@pytest.mark.parametrize(
    ("rate_bps", "expected", "within_s"),
    [(1_000_000, MIDDLE, 20), (400_000, LOW, 40), (60_000, AUDIO_ONLY, 70)],
)
def test_a_line_that_gets_wide_again_gets_the_top_again(
    viewing: Viewing, rate_bps: float, expected: int, within_s: float
) -> None:
    line = Line(viewing, 10_000_000)
    assert line.run(10) == HIGH
    line.rate_bps = rate_bps
    line.run(4)
    assert min(chosen for _, chosen in viewing.changes) == expected
    line.run(6)
    line.rate_bps = 10_000_000
    assert line.run(within_s) == HIGH
    assert line.run(120) == HIGH
    assert viewing.changes[-1][0] < viewing.now - 120


# ---- no flapping --------------------------------------------------------------------------------

rembs = st.one_of(st.none(), st.integers(20_000, 4_000_000))
losses = st.sampled_from([0.0, 0.0, 0.0, 0.02, 0.1, 0.2, 0.5])
MOST_SWITCHES_A_MINUTE = 14


def most_switches_a_minute(changes: list[tuple[float, int]]) -> int:
    times = [at for at, _ in changes[1:]]
    return max((sum(t <= other < t + 60 for other in times) for t in times), default=0)


@given(st.lists(st.tuples(rembs, losses, st.integers(1, 40)), max_size=60))
@example([(50_000, 0.0, 8), (4_000_000, 0.0, 52)] * 12)
def test_a_viewer_is_not_switched_too_often_whatever_its_reports(
    reports: list[tuple[int | None, float, int]],
) -> None:
    viewing = Viewing()
    for remb_bps, fraction_lost, ticks in reports:
        viewing.remb_bps, viewing.fraction_lost = remb_bps, fraction_lost
        viewing.wait(ticks * TICK_S)
    assert most_switches_a_minute(viewing.changes) <= MOST_SWITCHES_A_MINUTE
    assert all(chosen in range(-1, 3) for _, chosen in viewing.changes)


@given(st.integers(0, 1 << 32), st.sampled_from([0.02, 0.1, 0.4]))
def test_a_random_walk_of_the_estimate_leads_to_few_switches(seed: int, step: float) -> None:
    gauss, viewing = Random(seed).gauss, Viewing()
    remb_bps = 1_000_000.0
    for _ in range(600):
        remb_bps = min(max(remb_bps * (1 + gauss(0, step)), 30_000), 4_000_000)
        viewing.remb_bps = int(remb_bps)
        viewing.wait(TICK_S)
    assert most_switches_a_minute(viewing.changes) <= MOST_SWITCHES_A_MINUTE
    rises = [now for (_, before), (now, chosen) in pairwise(viewing.changes) if chosen > before]
    assert all(b - a >= 4.0 for a, b in pairwise(rises))


@given(
    st.lists(
        st.tuples(
            rembs,
            losses,
            st.sampled_from([THREE, THREE[:2], THREE[1:], ONE]),
            st.builds(
                Wish,
                rid=st.sampled_from([None, None, None, "l", "h", "x"]),
                max_height=st.sampled_from([None, 90, 360, 2160]),
                is_audio_only=st.booleans(),
            ),
        ),
        max_size=40,
    )
)
def test_the_choice_is_always_one_of_what_arrives_and_within_the_wish(
    steps: list[tuple[int | None, float, tuple[Layer, ...], Wish]],
) -> None:
    viewing = Viewing()
    for viewing.remb_bps, viewing.fraction_lost, viewing.layers, wish in steps:
        viewing.selector.wish = wish
        chosen = viewing.wait(1.0)
        assert (chosen == AUDIO_ONLY) == viewing.selector.is_audio_only
        assert chosen == AUDIO_ONLY or chosen in range(len(viewing.layers))
        rids = [layer.rid for layer in viewing.layers]
        if wish.rid in rids and not wish.is_audio_only:
            assert rids[chosen] == wish.rid
