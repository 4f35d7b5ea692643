"""A viewer's line gets narrow and wide again: a lower layer, and the high one back."""

import pytest

from tests.e2e.impaired.measures import between, describe, longest_gap_s
from tests.e2e.impaired.show import Layer, Picture, Show

# Chromium sends two layers at most of a picture below 960x540.
LAYERS = (Layer("l", 2, 180_000), Layer("h", 1, 1_000_000))
FULL_WIDTH = 640
SQUEEZED_S = 9.0


@pytest.fixture(scope="module")
def picture() -> Picture:
    return Picture(width=FULL_WIDTH, layers=LAYERS)


def test_squeezed_viewer_gets_a_lower_layer_and_the_high_one_back(show: Show) -> None:
    viewer = show.watch()
    viewer.wait_for_width(FULL_WIDTH, 20)
    viewer.watch(2)
    show.proxy.impair("down.rate=400k down.queue=300ms", ufrag=viewer.ufrag)
    began, ended = viewer.watch(SQUEEZED_S)
    frames = viewer.frames()
    said = f"{describe(frames, began, ended)}; {viewer.numbers()}"
    lower = [frame for frame in between(frames, began, ended) if frame.width < FULL_WIDTH]
    assert lower, said
    assert lower[0].at_s - began < 5, said
    assert frames[-1].width < FULL_WIDTH, said
    assert longest_gap_s(frames, began, ended) <= 1.0, said
    show.proxy.impair("", ufrag=viewer.ufrag)
    viewer.wait_for_width(FULL_WIDTH, 20)
