"""The demo's moving test picture: a gold sun behind drifting hills, and a clock with tenths.

What moves proves something: the hills that the picture is smooth, the tenths how late it is, the
dot under the clock (it swells with every note) that sound and picture belong together. Pure: the
time is an argument. Everything that can be is drawn once, a frame costs about 2 ms of one core.
"""

from collections.abc import Sequence
from datetime import datetime
from math import cos, exp, pi, sin
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liveserver.demo import lettering
from liveserver.demo.canvas import Canvas, Colour, Coverage, Stamp, colour

WIDTH, HEIGHT = 720, 1280
FRAMES_PER_SECOND = 25

_INK_950, _INK_800, _PAPER = colour("#0e0c0b"), colour("#272220"), colour("#fffdfa")
_GOLD_300, _GOLD_500, _GOLD_600 = colour("#ffd27a"), colour("#ffb21a"), colour("#f09f00")
_EMBER = colour("#5a3a14")
"Between gold 800 and ink: the glow at the horizon."

_RING = (360, 428, 232)
"Centre and radius of the ring that the seconds fill."
_SUN = (360, 1010, 176)
_HILLS_TOP = 880
_CLOCK_HEIGHT, _CLOCK_WEIGHT = 62, 5.6


class _Ridge(NamedTuple):
    row: float
    amplitude_px: float
    length_px: float
    speed_px_per_s: float
    crest: Colour
    foot: Colour


_RIDGES = (
    _Ridge(1034, 28, 900, 9.0, colour("#6d4a1c"), colour("#3a2c1c")),
    _Ridge(1106, 34, 720, -14.0, colour("#4a3520"), colour("#272220")),
    _Ridge(1196, 28, 1080, 22.0, colour("#2c241e"), colour("#0e0c0b")),
)
_LIGHTS = 9


class DemoPicture:
    """Draws the frames; call `draw` with growing times."""

    def __init__(self, seed: int = 7) -> None:
        random = np.random.default_rng(seed)
        self.canvas = Canvas(WIDTH, HEIGHT)
        self._backdrop = _backdrop(random)
        self._hills = [_Hill(ridge, random) for ridge in _RIDGES]
        self._lights = [_Light(random) for _ in range(_LIGHTS)]
        self._digits = {
            sign: Stamp(lettering.glyph(sign, _CLOCK_HEIGHT, _CLOCK_WEIGHT))
            for sign in "0123456789:."
        }
        self._dot = [Stamp(_disc(size, 0.9)) for size in range(8, 26, 2)]
        self._glow = Stamp(_glow(27))

    def draw(self, now_s: float, wall: datetime, since_note_s: float) -> npt.NDArray[np.uint8]:
        """Draw one frame.

        Args:
            now_s: Seconds since the picture began; moves the shapes.
            wall: The time the clock shows.
            since_note_s: Seconds since the last note sounded.

        Returns:
            I420 as (1920, 720) bytes: the 1280 rows of luma, then both chroma planes. The buffer
            is drawn over by the next call.
        """
        canvas = self.canvas
        np.copyto(canvas.buffer, self._backdrop.buffer)
        for light in self._lights:
            light.paint(canvas, now_s)
        self._draw_seconds(wall)
        self._draw_clock(wall)
        swell = exp(-2.5 * max(0.0, since_note_s))
        dot = self._dot[round(swell * (len(self._dot) - 1))]
        _centred(dot, canvas, _RING[0], _RING[1] + 96, _GOLD_500)
        for hill in self._hills:
            hill.paint(canvas, now_s)
        return canvas.buffer

    def _draw_clock(self, wall: datetime) -> None:
        tenth = wall.microsecond // 100_000
        text = f"{wall:%H:%M:%S}.{tenth}"
        spacing = 0.24 * _CLOCK_HEIGHT
        widths = [lettering.GLYPHS[sign][0] * _CLOCK_HEIGHT + spacing for sign in text]
        x = _RING[0] - (sum(widths) - spacing) / 2 - lettering.margin(_CLOCK_WEIGHT)
        y = _RING[1] - 22 - lettering.margin(_CLOCK_WEIGHT)
        for index, (sign, width) in enumerate(zip(text, widths, strict=True)):
            ink = _GOLD_300 if index >= 8 else _PAPER
            self._digits[sign].paint(self.canvas, round(x), y, ink)
            x += width

    def _draw_seconds(self, wall: datetime) -> None:
        """Set a light on the ring where a second hand would point."""
        turn = (wall.second + wall.microsecond / 1e6) / 60
        x = _RING[0] + _RING[2] * sin(2 * pi * turn)
        y = _RING[1] - _RING[2] * cos(2 * pi * turn)
        _centred(self._glow, self.canvas, x, y, _GOLD_500)
        _centred(self._dot[3], self.canvas, x, y, _GOLD_300)


class _Hill:
    """One ridge: a periodic outline that slides, filled with a fixed texture."""

    def __init__(self, ridge: _Ridge, random: np.random.Generator) -> None:
        self._ridge = ridge
        self._top = int(ridge.row - 1.6 * ridge.amplitude_px) // 2 * 2
        rows = HEIGHT - self._top
        blend = np.linspace(0, 1, rows, dtype=np.float32)[:, None] ** 0.8
        blend = np.repeat(blend, WIDTH, axis=1)
        self._fill = _layered(ridge.crest, [(blend, ridge.foot)], random)
        self._rows = np.arange(self._top, HEIGHT, dtype=np.float32)[:, None]
        self._half_rows = self._rows[::2] + 0.5
        self._columns = np.arange(WIDTH, dtype=np.float32)

    def paint(self, canvas: Canvas, now_s: float) -> None:
        ridge = self._ridge
        phase = (self._columns + ridge.speed_px_per_s * now_s) * (2 * pi / ridge.length_px)
        waves = np.sin(phase) + 0.45 * np.sin(2 * phase + 1.3)
        crest = ridge.row + ridge.amplitude_px * waves
        y, u, v = self._fill.planes
        np.copyto(canvas.y[self._top :], y, where=self._rows >= crest)
        half = self._half_rows >= (crest[::2] + crest[1::2]) / 2
        np.copyto(canvas.u[self._top // 2 :], u, where=half)
        np.copyto(canvas.v[self._top // 2 :], v, where=half)
        self._soften(canvas, crest.astype(np.float32))

    def _soften(self, canvas: Canvas, crest: Coverage) -> None:
        """Blend the one pixel per column that the outline cuts, so that it slides, not jumps."""
        row = np.ceil(crest).astype(np.intp) - 1
        cover = row + 1 - crest
        column = np.arange(WIDTH)
        above = canvas.y[row, column].astype(np.float32)
        inside = self._fill.y[row - self._top, column]
        canvas.y[row, column] = (above + (inside - above) * cover).astype(np.uint8)


class _Light:
    """A soft gold light that rises slowly and sways."""

    def __init__(self, random: np.random.Generator) -> None:
        radius = int(random.uniform(9, 34))
        self._stamp = Stamp(_disc(radius * 2, float(random.uniform(0.05, 0.16))))
        self._x = float(random.uniform(40, WIDTH - 40))
        self._start = float(random.uniform(0, _HILLS_TOP))
        self._speed = float(random.uniform(10, 22))
        self._sway = float(random.uniform(8, 30))
        self._size = radius * 2

    def paint(self, canvas: Canvas, now_s: float) -> None:
        way = _HILLS_TOP + 2 * self._size
        y = way - (self._start + self._speed * now_s) % way - self._size
        x = self._x + self._sway * sin(now_s * self._speed / 60 + self._start)
        self._stamp.paint(canvas, round(x), round(y), _GOLD_300)


def _backdrop(random: np.random.Generator) -> Canvas:
    """Paint what never moves: sky, glow, sun, ring, words."""
    rows = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    sky = np.clip(rows / 0.78, 0, 1) ** 1.7 * np.ones((1, WIDTH), np.float32)
    xs, ys = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    x, y, radius = _SUN
    away = np.hypot(xs - x, (ys - y) * 1.15)
    sun = np.clip(radius - np.hypot(xs - x, ys - y) + 0.5, 0, 1)
    lit = np.clip((y + 40 - ys) / (radius + 40), 0, 1)
    layers = (
        (sky, _INK_800),
        (0.85 * np.exp(-((away / 420) ** 2)), _EMBER),
        (0.45 * np.exp(-((away / 250) ** 2)), _GOLD_600),
        (sun, _GOLD_500),
        (sun * lit, _GOLD_300),
    )
    canvas = _layered(_INK_950, layers, random)
    _draw_ring(canvas)
    _draw_words(canvas)
    return canvas


def _draw_ring(canvas: Canvas) -> None:
    x, y, radius = _RING
    size = 2 * radius + 40
    grid = np.arange(size, dtype=np.float32) - size / 2 + 0.5
    away = np.hypot(grid[None, :], grid[:, None])
    angle = np.arctan2(grid[:, None], grid[None, :])
    ring = np.clip(1.6 - np.abs(away - radius), 0, 1) * 0.30
    beside = np.abs((angle * 30 / pi + 0.5) % 1 - 0.5) * away * pi / 30
    five = np.abs((angle * 6 / pi + 0.5) % 1 - 0.5) * away * pi / 6
    radial = np.clip(9.5 - np.abs(away - radius + 22), 0, 1)
    minute = np.clip(1.4 - beside, 0, 1) * np.clip(4.5 - np.abs(away - radius + 22), 0, 1) * 0.28
    hour = np.clip(2.0 - five, 0, 1) * radial * 0.6
    marks = np.maximum(np.maximum(ring, minute), hour)
    Stamp(marks).paint(canvas, x - size // 2, y - size // 2, _PAPER)


def _draw_words(canvas: Canvas) -> None:
    name = Stamp(lettering.line("liveserver demo", 50, 4.6, 0.17))
    _centred(name, canvas, WIDTH / 2, 752, _PAPER)
    sign = Stamp(lettering.line("演示", 50, 4.6, 0.42))
    _centred(sign, canvas, WIDTH / 2 + 11, _RING[1] - 84, _GOLD_300)


def _layered(
    ground: Colour, layers: Sequence[tuple[Coverage, Colour]], random: np.random.Generator
) -> Canvas:
    """Lay colours over each other and round with fixed grain: 8-bit ink gradients show bands."""
    rows, columns = layers[0][0].shape
    canvas = Canvas(columns, rows)
    for index, plane in enumerate(canvas.planes):
        values = np.full(plane.shape, ground[index], np.float32)
        for coverage, ink in layers:
            mask = coverage if plane is canvas.y else coverage[::2, ::2]
            values += (ink[index] - values) * mask
        plane[:] = np.floor(values + random.uniform(0, 1, plane.shape))
    return canvas


def _disc(size: int, strength: float) -> Coverage:
    """Return a filled circle with a soft rim, `size` pixels across, in an even box."""
    box = size + 4
    grid = np.arange(box, dtype=np.float32) - box / 2 + 0.5
    away = np.hypot(grid[None, :], grid[:, None])
    rim = max(1.0, size / 14)
    return np.asarray(np.clip((size / 2 - away) / rim + 0.5, 0, 1) * strength)


def _glow(radius: int) -> Coverage:
    grid = np.arange(4 * radius, dtype=np.float32) - 2 * radius + 0.5
    away = np.hypot(grid[None, :], grid[:, None])
    return np.asarray(0.4 * np.exp(-((away / radius * 1.5) ** 2)))


def _centred(stamp: Stamp, canvas: Canvas, x: float, y: float, ink: Colour) -> None:
    rows, columns = stamp.full.shape
    stamp.paint(canvas, round(x - columns / 2), round(y - rows / 2), ink)
