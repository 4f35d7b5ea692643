"""What a viewer saw, from the frames its page logged."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

_FREEZE_FACTOR, _FREEZE_EXTRA_S = 3.0, 0.15
"As W3C's webrtc-stats `freezeCount`: longer than 3 usual intervals and by 150 ms more than one."


class Frame(NamedTuple):
    """One picture that a page got to show."""

    at_s: float
    "Wall time."
    age_s: float | None
    "Since it was painted at the host; None if its code could not be read."
    width: int


class Gap(NamedTuple):
    """The time between two pictures."""

    began_s: float
    seconds: float


def between(frames: Sequence[Frame], start_s: float, end_s: float) -> list[Frame]:
    """Return the frames of a time, ends included."""
    return [frame for frame in frames if start_s <= frame.at_s <= end_s]


def gaps(frames: Sequence[Frame], start_s: float, end_s: float) -> list[Gap]:
    """Return all gaps between frames of a time; its ends count as frames.

    So a picture that never came is one long gap.
    """
    times = [start_s, *(frame.at_s for frame in between(frames, start_s, end_s)), end_s]
    return [Gap(a, b - a) for a, b in itertools.pairwise(times)]


def longest_gap_s(frames: Sequence[Frame], start_s: float, end_s: float) -> float:
    """Return the longest time without a new picture."""
    return max(gap.seconds for gap in gaps(frames, start_s, end_s))


def freeze_share(frames: Sequence[Frame], start_s: float, end_s: float, usual_s: float) -> float:
    """Return the share of a time in which the picture was frozen, 0..1.

    Args:
        usual_s: Time between two frames when nothing is wrong.
    """
    limit_s = max(_FREEZE_FACTOR * usual_s, usual_s + _FREEZE_EXTRA_S)
    found = [gap.seconds for gap in gaps(frames, start_s, end_s)]
    return sum(seconds for seconds in found if seconds > limit_s) / (end_s - start_s)


def first_after(frames: Sequence[Frame], at_s: float) -> Frame | None:
    """Return the first frame that came after a time."""
    return next((frame for frame in frames if frame.at_s > at_s), None)


def describe(frames: Sequence[Frame], start_s: float, end_s: float, limit_s: float = 0.2) -> str:
    """Return what a failing test should say: long gaps and ages, in seconds since the start."""
    seen = between(frames, start_s, end_s)
    long = [gap for gap in gaps(frames, start_s, end_s) if gap.seconds > limit_s]
    ages = [frame.age_s for frame in seen if frame.age_s is not None]
    parts = [
        f"{len(seen)} frames in {end_s - start_s:.1f} s",
        f"unreadable {len(seen) - len(ages)}",
        f"oldest {max(ages, default=0.0):.2f} s",
        "gaps " + (" ".join(f"{g.began_s - start_s:.2f}+{g.seconds:.2f}" for g in long) or "none"),
        f"widths {sorted({frame.width for frame in seen})}",
    ]
    return ", ".join(parts)
