"""Publishes two seconds by FFmpeg's own WHIP muxer: `python -m tests.support.ffmpeg_publisher
URL CERTIFICATE KEY`. A process of its own, for the muxer blocks.
"""

import sys
import time
from fractions import Fraction

import av
import numpy as np

FRAMES, RATE = 50, 25
SAMPLES = 960


def publish(url: str, options: dict[str, str]) -> None:
    """Send grey pictures and silence in real time."""
    with av.open(url, "w", format="whip", options=options) as out:
        video = out.add_stream(
            "libx264", rate=RATE, options={"profile": "baseline", "tune": "zerolatency", "bf": "0"}
        )
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        audio = out.add_stream("libopus", rate=48000)
        audio.layout = "stereo"
        began, sent = time.monotonic(), 0
        for at in range(FRAMES):
            picture = av.VideoFrame.from_ndarray(
                np.full((180, 320, 3), at, np.uint8), format="rgb24"
            )
            picture.pts, picture.time_base = at, Fraction(1, RATE)
            out.mux(video.encode(picture))
            while sent < (at + 1) * 48000 // RATE:
                sound = av.AudioFrame.from_ndarray(
                    np.zeros((1, 2 * SAMPLES), np.int16), format="s16", layout="stereo"
                )
                sound.sample_rate, sound.pts, sound.time_base = 48000, sent, Fraction(1, 48000)
                sent += SAMPLES
                out.mux(audio.encode(sound))
            time.sleep(max(0.0, began + (at + 1) / RATE - time.monotonic()))


if __name__ == "__main__":
    address, certificate, key = sys.argv[1:]
    publish(address, {"cert_file": certificate, "key_file": key, "handshake_timeout": "20000"})
