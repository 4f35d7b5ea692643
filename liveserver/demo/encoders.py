"""libvpx and libopus through PyAV, set for a live picture. No sockets, no clocks."""

from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

OPUS_FRAME_SAMPLES = 960
"20 ms at 48 kHz: what browsers send."


class Vp8Encoder:
    """Encodes I420 frames without delay: one frame in, one frame out."""

    def __init__(self, width: int, height: int, frames_per_second: int, bitrate_bps: int) -> None:
        context = av.CodecContext.create("libvpx", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = width, height
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, frames_per_second)
        context.framerate = Fraction(frames_per_second, 1)
        context.bit_rate = bitrate_bps
        # A key frame comes when asked for; the long interval is a net under lost requests.
        context.gop_size = 60 * frames_per_second
        context.thread_count = 1
        context.options = {
            "deadline": "realtime",
            # Negative: a fixed speed. A positive one follows the machine's load and varies.
            "cpu-used": "-8",
            "lag-in-frames": "0",
            "error-resilient": "1",
            # Skip blocks that did not change: a third of the encoder's time for this picture.
            "static-thresh": "100",
            "minrate": str(bitrate_bps),
            "maxrate": str(bitrate_bps),
            # Half a second of buffer: key frames may burst, the rate stays near constant.
            "bufsize": str(bitrate_bps // 2),
            "undershoot-pct": "95",
            "qmin": "8",
            "qmax": "52",
        }
        self._context = context
        # One frame for all: a new one each time costs a millisecond of page faults.
        self._frame = VideoFrame(width, height, "yuv420p")
        self._frame.time_base = context.time_base
        self._count = 0

    def encode(self, i420: npt.NDArray[np.uint8], *, key: bool = False) -> bytes:
        """Encode one frame of (height * 3 / 2, width) bytes; `key` makes it a key frame."""
        frame = self._frame
        for plane, rows in zip(frame.planes, _plane_rows(i420), strict=True):
            target = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            target[: rows.shape[0], : rows.shape[1]] = rows
        frame.pts = self._count
        frame.pict_type = PictureType.I if key else PictureType.NONE
        self._count += 1
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


def _plane_rows(i420: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
    height, width = i420.shape[0] * 2 // 3, i420.shape[1]
    chroma = i420[height:].reshape(2, height // 2, width // 2)
    return [i420[:height], chroma[0], chroma[1]]


def opus_loop(samples: npt.NDArray[np.int16], bitrate_bps: int = 48_000) -> list[bytes]:
    """Encode a repeating sound once.

    The loop is fed twice and the second round kept: its first packet continues its last one.

    Args:
        samples: Mono at 48 kHz, a whole number of 20 ms frames.
        bitrate_bps: Target of the encoder.

    Returns:
        One Opus packet per 20 ms; played end to end they repeat without a seam.
    """
    context = av.CodecContext.create("libopus", "w")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate = 48_000
    context.layout = "mono"
    context.format = "s16"
    context.bit_rate = bitrate_bps
    context.options = {"application": "audio", "frame_duration": "20", "vbr": "on"}
    packets: list[bytes] = []
    for index, part in enumerate(np.tile(samples, 2).reshape(-1, 1, OPUS_FRAME_SAMPLES)):
        frame = AudioFrame.from_ndarray(part, format="s16", layout="mono")
        frame.sample_rate = 48_000
        frame.pts = index * OPUS_FRAME_SAMPLES
        packets += [bytes(packet) for packet in context.encode(frame)]
    packets += [bytes(packet) for packet in context.encode(None)]
    count = samples.size // OPUS_FRAME_SAMPLES
    return packets[count : 2 * count]
