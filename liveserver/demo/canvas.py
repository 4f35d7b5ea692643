"""A frame in I420 and the few ways the demo picture paints on it.

Drawing happens in the encoder's own colour planes (BT.601, limited range), so that no frame is
ever converted. Coverage is kept in 1/128 steps: `(colour - pixel) * 128` then fits 16 bits.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]
Coverage = npt.NDArray[np.floating[Any]]


class Colour(NamedTuple):
    """A colour as luma and the two chroma values, each 16..240."""

    y: int
    u: int
    v: int


def colour(rgb: str) -> Colour:
    """Convert `#rrggbb` to BT.601 limited range, which is what VP8 players assume."""
    r, g, b = (int(rgb[i : i + 2], 16) for i in (1, 3, 5))
    y = 16 + 0.25679 * r + 0.50413 * g + 0.09791 * b
    u = 128 - 0.14822 * r - 0.29099 * g + 0.43922 * b
    v = 128 + 0.43922 * r - 0.36779 * g - 0.07143 * b
    return Colour(round(y), round(u), round(v))


class Canvas:
    """One I420 frame: three plane views into one buffer of `height * 3 // 2` rows."""

    def __init__(self, width: int, height: int) -> None:
        self.buffer: Plane = np.zeros((height * 3 // 2, width), np.uint8)
        chroma = (height // 2, width // 2)
        size = chroma[0] * chroma[1]
        rest = self.buffer[height:].reshape(-1)
        self.y: Plane = self.buffer[:height]
        self.u: Plane = rest[:size].reshape(chroma)
        self.v: Plane = rest[size:].reshape(chroma)

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Luma and the two chroma planes."""
        return self.y, self.u, self.v


class Stamp:
    """A coverage mask ready to be painted many times, at even positions."""

    def __init__(self, coverage: Coverage) -> None:
        rows, columns = coverage.shape
        if rows % 2 or columns % 2:
            raise ValueError("a stamp needs even sizes: chroma has half of each")
        halves = coverage.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
        self.full = np.rint(coverage * 128).astype(np.int16)
        self.half = np.rint(halves * 128).astype(np.int16)

    def paint(self, canvas: Canvas, x: int, y: int, ink: Colour) -> None:
        """Blend `ink` through the mask with its corner at (x, y); parts outside are cut off."""
        x, y = x // 2 * 2, y // 2 * 2
        _blend(canvas.y, self.full, x, y, ink.y)
        _blend(canvas.u, self.half, x // 2, y // 2, ink.u)
        _blend(canvas.v, self.half, x // 2, y // 2, ink.v)


def _blend(plane: Plane, mask: npt.NDArray[np.int16], x: int, y: int, value: int) -> None:
    top, left = max(0, -y), max(0, -x)
    target = plane[y + top : y + mask.shape[0], x + left : x + mask.shape[1]]
    if not target.size:
        return
    cut = mask[top : top + target.shape[0], left : left + target.shape[1]]
    step = np.subtract(value, target, dtype=np.int16)
    step *= cut
    step >>= 7
    np.add(target, step, out=target, casting="unsafe")
