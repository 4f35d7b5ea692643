"""The demo picture's own lettering: rounded single-line strokes turned into coverage masks.

No font file is needed on the machine: the few signs of the demo (digits, the letters of
"liveserver demo", 演示) are drawn here as strokes in a unit box, x to the right, y down,
baseline at 1.0, capital height 1.0. A mask is the distance to the nearest stroke, so that any size
comes out smooth. Pure numpy; knows nothing of colours or frames.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import cos, pi, sin

import numpy as np
import numpy.typing as npt

Point = tuple[float, float]
Stroke = list[Point]
Coverage = npt.NDArray[np.float32]


def _arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float) -> Stroke:
    """Return an elliptic arc; angles in turns, 0 is to the right, growing clockwise on screen."""
    steps = max(4, int(abs(end - start) * 40))
    turns = [start + (end - start) * i / steps for i in range(steps + 1)]
    return [(cx + rx * cos(2 * pi * t), cy + ry * sin(2 * pi * t)) for t in turns]


_BOWL = (0.24, 0.70, 0.24, 0.30)
"Centre and radii of the round lower-case letters (x-height 0.60)."

GLYPHS: dict[str, tuple[float, list[Stroke]]] = {
    # sign: (advance without spacing, strokes)
    "0": (0.56, [[*_arc(0.28, 0.28, 0.28, 0.28, 0.5, 1.0),
                  *_arc(0.28, 0.72, 0.28, 0.28, 0.0, 0.5), (0.0, 0.28)]]),
    "1": (0.56, [[(0.10, 0.20), (0.32, 0.0), (0.32, 1.0)]]),
    "2": (0.56, [[*_arc(0.28, 0.28, 0.27, 0.28, 0.48, 1.08), (0.02, 1.0), (0.56, 1.0)]]),
    "3": (0.56, [_arc(0.27, 0.245, 0.245, 0.245, 0.53, 1.25),
                 _arc(0.27, 0.745, 0.28, 0.255, -0.25, 0.47)]),
    "4": (0.56, [[(0.40, 1.0), (0.40, 0.0), (0.0, 0.70), (0.56, 0.70)]]),
    "5": (0.56, [[(0.50, 0.0), (0.10, 0.0), (0.05, 0.46),
                  *_arc(0.26, 0.68, 0.28, 0.32, -0.37, 0.42)]]),
    "6": (0.56, [[(0.42, 0.0), (0.06, 0.54)], _arc(0.28, 0.70, 0.28, 0.30, 0.0, 1.0)]),
    "7": (0.56, [[(0.0, 0.0), (0.56, 0.0), (0.18, 1.0)]]),
    "8": (0.56, [_arc(0.28, 0.235, 0.235, 0.235, 0.0, 1.0),
                 _arc(0.28, 0.735, 0.28, 0.265, 0.0, 1.0)]),
    "9": (0.56, [[(0.14, 1.0), (0.50, 0.46)], _arc(0.28, 0.30, 0.28, 0.30, 0.0, 1.0)]),
    ":": (0.06, [[(0.03, 0.32), (0.03, 0.321)], [(0.03, 0.74), (0.03, 0.741)]]),
    ".": (0.06, [[(0.03, 1.0), (0.03, 0.999)]]),
    "l": (0.04, [[(0.02, -0.02), (0.02, 1.0)]]),
    "i": (0.04, [[(0.02, 0.42), (0.02, 1.0)], [(0.02, 0.16), (0.02, 0.161)]]),
    "v": (0.46, [[(0.0, 0.42), (0.23, 1.0), (0.46, 0.42)]]),
    "e": (0.48, [[(0.02, 0.70), *_arc(*_BOWL, 0.0, -0.87)]]),
    "s": (0.38, [[*_arc(0.19, 0.55, 0.17, 0.15, -0.06, -0.75),
                  *_arc(0.19, 0.85, 0.19, 0.15, -0.25, 0.44)]]),
    "r": (0.26, [[(0.02, 0.42), (0.02, 1.0)], _arc(0.24, 0.64, 0.22, 0.23, 0.5, 0.79)]),
    "d": (0.48, [_arc(*_BOWL, 0.0, 1.0), [(0.48, -0.02), (0.48, 1.0)]]),
    "m": (0.76, [[(0.02, 0.42), (0.02, 1.0)],
                 [*_arc(0.20, 0.60, 0.18, 0.19, 0.5, 1.0), (0.38, 1.0)],
                 [*_arc(0.56, 0.60, 0.18, 0.19, 0.5, 1.0), (0.74, 1.0)]]),
    "o": (0.48, [_arc(*_BOWL, 0.0, 1.0)]),
    " ": (0.18, []),
    "演": (1.0, [
        [(0.09, 0.08), (0.20, 0.18)], [(0.02, 0.35), (0.14, 0.44)], [(0.04, 0.98), (0.22, 0.62)],
        [(0.64, 0.0), (0.68, 0.10)], [(0.34, 0.27), (0.34, 0.15), (0.97, 0.15), (0.94, 0.27)],
        [(0.44, 0.32), (0.86, 0.32)], [(0.65, 0.32), (0.65, 0.74)],
        [(0.42, 0.44), (0.89, 0.44), (0.89, 0.74), (0.42, 0.74), (0.42, 0.44)],
        [(0.42, 0.59), (0.89, 0.59)], [(0.53, 0.80), (0.34, 0.99)], [(0.76, 0.80), (0.97, 0.99)],
    ]),
    "示": (1.0, [
        [(0.22, 0.10), (0.78, 0.10)], [(0.04, 0.38), (0.96, 0.38)],
        [(0.50, 0.38), (0.50, 0.98), (0.36, 0.90)],
        [(0.27, 0.56), (0.08, 0.86)], [(0.73, 0.56), (0.93, 0.86)],
    ]),
}  # fmt: skip


def _distance(strokes: Sequence[Stroke], xs: Coverage, ys: Coverage) -> Coverage:
    """Return each pixel's distance to the nearest stroke, in the strokes' own units."""
    nearest = np.full((ys.size, xs.size), 1e9, np.float32)
    for stroke in strokes:
        for (ax, ay), (bx, by) in pairwise(stroke):
            dx, dy = bx - ax, by - ay
            along = (xs[None, :] - ax) * dx + (ys[:, None] - ay) * dy
            t = np.clip(along / max(dx * dx + dy * dy, 1e-12), 0.0, 1.0)
            squared = (xs[None, :] - ax - t * dx) ** 2 + (ys[:, None] - ay - t * dy) ** 2
            np.minimum(nearest, squared, out=nearest)
    return np.asarray(np.sqrt(nearest), np.float32)


def glyph(sign: str, height: int, weight: float) -> Coverage:
    """Draw one sign.

    Args:
        sign: A key of `GLYPHS`.
        height: Capital height in pixels.
        weight: Stroke width in pixels.

    Returns:
        Coverage 0..1, even sizes, with a margin of `margin(weight)` pixels on all sides.
    """
    advance, strokes = GLYPHS[sign]
    edge = margin(weight)
    width = _even(advance * height) + 2 * edge
    rows = _even(height * 1.02) + 2 * edge
    xs = ((np.arange(width, dtype=np.float32) + 0.5 - edge) / height).astype(np.float32)
    ys = ((np.arange(rows, dtype=np.float32) + 0.5 - edge) / height).astype(np.float32)
    distance = _distance(strokes, xs, ys) * height
    return np.asarray(np.clip(weight / 2 - distance + 0.5, 0.0, 1.0), np.float32)


def line(text: str, height: int, weight: float, spacing: float) -> Coverage:
    """Draw a line of text; `spacing` is the gap between signs in capital heights."""
    edge = margin(weight)
    images = [glyph(sign, height, weight) for sign in text]
    steps = [round((GLYPHS[sign][0] + spacing) * height) for sign in text]
    width = _even(sum(steps) + 2 * edge + 2)
    result = np.zeros((images[0].shape[0], width), np.float32)
    x = 0
    for image, step in zip(images, steps, strict=True):
        room = min(image.shape[1], width - x)
        target = result[:, x : x + room]
        np.maximum(target, image[:, :room], out=target)
        x += step
    return result


def margin(weight: float) -> int:
    """Return the even number of empty pixels `glyph` leaves around the unit box."""
    return _even(weight / 2 + 2)


def _even(value: float) -> int:
    return int(value + 1.999) // 2 * 2
