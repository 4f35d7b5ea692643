"""Loss and outages between a browser and the server."""

import pytest

from tests.e2e.impaired.measures import (
    between,
    describe,
    first_after,
    freeze_share,
    longest_gap_s,
)
from tests.e2e.impaired.show import FRAMES_PER_SECOND, Show

WATCHED_S = 10.0
USUAL_S = 1 / FRAMES_PER_SECOND
OUTAGE_S = 3.0
ADAPTING_S = 3.0


def test_five_percent_loss_each_way_shows_no_freeze_over_half_a_second(show: Show) -> None:
    viewer = show.watch()
    viewer.wait_for_picture()
    show.proxy.impair("loss=5")
    began, ended = viewer.watch(WATCHED_S)
    frames, numbers = viewer.frames(), viewer.numbers()
    assert numbers["nacks"] > 0, "nothing was lost: the proxy is not in the way"
    assert longest_gap_s(frames, began, ended) <= 0.5, describe(frames, began, ended)


@pytest.mark.skip(reason="a longer buffer is not enough: four runs of ten freeze for longer")
def test_bursty_loss_over_a_long_way_stays_watchable(show: Show) -> None:
    viewer = show.open_watch_page()
    show.proxy.impair("delay=40ms burst=20 burst_length=4", ufrag=viewer.ufrag)
    # The page first has to see the loss, and to lengthen its buffer it holds the picture once:
    # what is promised is the picture from then on.
    viewer.watch(ADAPTING_S)
    began, ended = viewer.watch(WATCHED_S)
    frames, numbers = viewer.frames(), viewer.numbers()
    assert numbers["nacks"] > 0, "nothing was lost: the proxy is not in the way"
    said = describe(frames, began, ended)
    assert freeze_share(frames, began, ended, USUAL_S) < 0.05, said


def test_viewer_is_back_two_seconds_after_an_outage_without_old_pictures(show: Show) -> None:
    viewer = show.watch()
    viewer.wait_for_picture()
    viewer.watch(1)
    show.proxy.impair(f"outage={OUTAGE_S}s", ufrag=viewer.ufrag)
    began, ended = viewer.watch(OUTAGE_S)
    viewer.watch(4)
    frames, numbers = viewer.frames(), viewer.numbers()
    assert longest_gap_s(frames, began + 0.5, ended) > OUTAGE_S - 1, "the outage was none"
    said = f"{describe(frames, began, ended + 4)}; {numbers}"
    back = first_after(frames, ended)
    assert back is not None, said
    assert back.at_s - ended < 2, said
    after = between(frames, back.at_s, back.at_s + 2)
    old = [frame for frame in after if frame.age_s is not None and frame.age_s > 1]
    assert not old, said
    assert len(after) < 2.5 * FRAMES_PER_SECOND
