"""The demo's picture, lettering and sound: pure drawing, no encoder."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from liveserver.demo import lettering, tone
from liveserver.demo.canvas import Canvas, Stamp, colour
from liveserver.demo.picture import HEIGHT, WIDTH, DemoPicture

NOON = datetime(2026, 1, 1, 12, 0, 0)  # noqa: DTZ001 - the clock face shows local time


@pytest.fixture(scope="module")
def picture() -> DemoPicture:
    return DemoPicture()


def test_a_frame_is_i420_in_limited_range(picture: DemoPicture) -> None:
    frame = picture.draw(0.0, NOON, 1.0)
    assert frame.shape == (HEIGHT * 3 // 2, WIDTH)
    assert frame.min() >= 10
    assert frame[:HEIGHT].max() <= 236


def test_the_same_moment_looks_the_same_and_another_does_not(picture: DemoPicture) -> None:
    first = picture.draw(3.0, NOON, 1.0).copy()
    other = picture.draw(3.1, NOON, 1.0).copy()
    again = picture.draw(3.0, NOON, 1.0)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_only_a_small_part_changes_from_frame_to_frame(picture: DemoPicture) -> None:
    first = picture.draw(3.0, NOON, 1.0)[:HEIGHT].astype(int)
    second = picture.draw(3.04, NOON + timedelta(seconds=0.04), 1.0)[:HEIGHT].astype(int)
    assert 0.0 < np.mean(np.abs(first - second) > 8) < 0.05


def test_each_tenth_of_a_second_shows_another_clock(picture: DemoPicture) -> None:
    faces = {
        picture.draw(0.0, NOON + timedelta(seconds=tenth / 10), 1.0)[330:460].tobytes()
        for tenth in range(10)
    }
    assert len(faces) == 10


def test_a_note_swells_the_dot(picture: DemoPicture) -> None:
    loud = picture.draw(0.0, NOON, 0.0)[:HEIGHT].astype(int).sum()
    quiet = picture.draw(0.0, NOON, 4.0)[:HEIGHT].astype(int).sum()
    assert loud > quiet


@pytest.mark.parametrize("sign", sorted(lettering.GLYPHS))
def test_every_sign_is_drawn_inside_its_box(sign: str) -> None:
    mask = lettering.glyph(sign, 60, 6.0)
    assert mask.shape[0] % 2 == mask.shape[1] % 2 == 0
    assert 0.0 <= mask.min() <= mask.max() <= 1.0
    assert (mask.max() > 0.9) == (sign != " ")
    border = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    assert all(edge.max() == 0.0 for edge in border)


def test_digits_are_equally_wide_so_that_the_clock_stands_still() -> None:
    assert len({lettering.GLYPHS[digit][0] for digit in "0123456789"}) == 1


def test_a_stamp_is_cut_off_at_every_edge_of_the_canvas() -> None:
    canvas, stamp = Canvas(20, 20), Stamp(np.ones((8, 8)))
    for x, y in ((-4, -4), (16, 16), (-4, 16), (40, 2), (2, -40)):
        stamp.paint(canvas, x, y, colour("#ffffff"))
    assert int((canvas.y == 235).sum()) == 3 * 16


def test_paper_white_and_black_map_to_the_limits_of_video_range() -> None:
    assert colour("#ffffff") == (235, 128, 128)
    assert colour("#000000") == (16, 128, 128)


def test_the_loop_is_quiet_and_ends_in_silence() -> None:
    samples = tone.loop()
    assert samples.size == 16 * 48_000
    assert 3_000 < np.abs(samples).max() < 6_000
    assert samples[-1] == 0


def test_the_last_note_is_counted_from_its_start() -> None:
    assert tone.since_note_s(0.0) == 0.0
    assert tone.since_note_s(4.1) == pytest.approx(0.1)
    assert tone.since_note_s(15.84) == pytest.approx(3.0)
