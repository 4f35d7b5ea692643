"""The demo's sound: soft plucked notes, sixteen seconds that repeat. Pure numpy.

Quiet on purpose (peaks near -16 dBFS, silence in between): it may run all day in a shop.
"""

from math import pi

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 48_000
LOOP_S = 16.0
_PEAK = 0.16
_DECAY_PER_S = 2.0

_NOTES: tuple[tuple[float, float, float], ...] = (
    # second in the loop, Hz, loudness: D major, F sharp minor, B minor, G major, broken slowly
    (0.0, 146.83, 1.0), (0.42, 220.00, 0.7), (0.84, 369.99, 0.6), (1.68, 293.66, 0.5),
    (4.0, 138.59, 0.9), (4.42, 220.00, 0.7), (4.84, 329.63, 0.6), (5.68, 277.18, 0.5),
    (8.0, 123.47, 1.0), (8.42, 220.00, 0.7), (8.84, 293.66, 0.6), (9.68, 369.99, 0.5),
    (12.0, 98.00, 1.0), (12.42, 196.00, 0.7), (12.84, 246.94, 0.6),
)  # fmt: skip


def since_note_s(loop_s: float) -> float:
    """Return how long ago the last note of the loop began, `loop_s` being 0..`LOOP_S`."""
    return loop_s - max((start for start, _, _ in _NOTES if start <= loop_s), default=0.0)


def loop() -> npt.NDArray[np.int16]:
    """Return the whole loop, mono, `SAMPLE_RATE` samples per second; it ends in silence."""
    samples = np.zeros(int(LOOP_S * SAMPLE_RATE), np.float64)
    for start_s, pitch_hz, loudness in _NOTES:
        first = int(start_s * SAMPLE_RATE)
        samples[first:] += loudness * _pluck(pitch_hz, samples.size - first)
    fade = int(0.2 * SAMPLE_RATE)
    samples[-fade:] *= np.linspace(1, 0, fade)
    samples *= _PEAK / np.abs(samples).max()
    return np.asarray(np.rint(samples * 32767), np.int16)


def _pluck(pitch_hz: float, length: int) -> npt.NDArray[np.float64]:
    """Return one note: few overtones, the higher the sooner gone, and a rounded attack."""
    t = np.arange(length) / SAMPLE_RATE
    wave = np.zeros(length)
    for overtone, strength in ((1, 1.0), (2, 0.42), (3, 0.16), (4, 0.07)):
        decay = np.exp(-_DECAY_PER_S * t * (0.6 + 0.4 * overtone))
        wave += strength * decay * np.sin(2 * pi * pitch_hz * overtone * t)
    return wave * np.minimum(1.0, t / 0.012)
