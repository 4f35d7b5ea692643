"""The demo's encoders give what a live sender needs."""

import numpy as np

from liveserver.demo.encoders import OPUS_FRAME_SAMPLES, Vp8Encoder, opus_loop


def _is_key(frame: bytes) -> bool:
    return not frame[0] & 0x01


def test_every_frame_comes_out_at_once_and_the_first_is_a_key_frame() -> None:
    encoder = Vp8Encoder(64, 96, 25, 200_000)
    frames = [encoder.encode(np.full((144, 64), 40 + i, np.uint8)) for i in range(5)]
    assert all(frames)
    assert [_is_key(frame) for frame in frames] == [True, False, False, False, False]


def test_a_key_frame_is_made_when_asked_for() -> None:
    encoder = Vp8Encoder(64, 96, 25, 200_000)
    kinds = [
        _is_key(encoder.encode(np.full((144, 64), 40, np.uint8), key=i == 3)) for i in range(5)
    ]
    assert kinds == [True, False, False, True, False]


def test_a_sound_loop_becomes_one_packet_per_20_ms() -> None:
    samples = np.zeros(OPUS_FRAME_SAMPLES * 50, np.int16)
    packets = opus_loop(samples)
    assert len(packets) == 50
    assert all(packets)
