"""Heights of H.264 pictures, read from what libx264 writes."""

from collections.abc import Iterator
from fractions import Fraction

import av
import pytest
from av.codec.context import Flags
from hypothesis import given
from hypothesis import strategies as st

from media.h264 import picture_height
from media.payloads import picture_height as height_of

SPS = 7


def nal_units(annex_b: bytes) -> Iterator[bytes]:
    """Units of a byte stream (ITU-T H.264 annex B)."""
    for piece in annex_b.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01"):
        if piece:
            yield piece


def parameter_sets(width: int, height: int, profile: str, pixels: str, **more: str) -> list[bytes]:
    """SPS and PPS, and what else libx264 says ahead of the first picture."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, pixels
    encoder.time_base = Fraction(1, 30)
    encoder.options = {"preset": "ultrafast", "profile": profile, "threads": "1", **more}
    encoder.flags |= Flags.global_header
    encoder.open()
    assert encoder.extradata is not None
    return list(nal_units(encoder.extradata))


def sps_of(
    width: int, height: int, profile: str = "high", pixels: str = "yuv420p", **more: str
) -> bytes:
    units = parameter_sets(width, height, profile, pixels, **more)
    return next(unit for unit in units if unit[0] & 0x1F == SPS)


def stap_a(*units: bytes) -> bytes:
    return b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
@pytest.mark.parametrize(
    ("width", "height"),
    [(320, 180), (640, 360), (960, 540), (1280, 720), (1920, 1080), (360, 640), (178, 98)],
)
def test_the_height_is_read_from_every_profile_and_size(
    width: int, height: int, profile: str
) -> None:
    assert picture_height(sps_of(width, height, profile)) == height


@pytest.mark.parametrize(
    ("profile", "pixels"),
    [("high422", "yuv422p"), ("high444", "yuv444p"), ("high10", "yuv420p10le"), ("high", "gray")],
)
def test_the_height_is_read_whatever_the_chroma(profile: str, pixels: str) -> None:
    assert picture_height(sps_of(640, 362, profile, pixels)) == 362


def test_the_height_of_interlaced_pictures_counts_both_fields() -> None:
    sps = sps_of(720, 540, **{"x264-params": "interlaced=1"})
    assert picture_height(sps) == 540


def test_the_height_is_found_in_an_aggregate() -> None:
    units = parameter_sets(640, 360, "high", "yuv420p")
    assert picture_height(stap_a(*units)) == 360
    assert picture_height(stap_a(b"\x09\xf0", *units)) == 360
    assert height_of("H264", stap_a(*units)) == 360


def test_other_units_tell_no_height() -> None:
    units = parameter_sets(640, 360, "high", "yuv420p")
    others = [unit for unit in units if unit[0] & 0x1F != SPS]
    assert others
    assert [picture_height(unit) for unit in others] == [None] * len(others)
    for unit in (b"", b"\x78", b"\x67\x42", b"\x65\x88\x84\x00\x33"):
        assert picture_height(unit) is None


def test_a_parameter_set_cut_short_is_survived_at_every_length() -> None:
    sps = sps_of(640, 360)
    heights = {picture_height(sps[:length]) for length in range(len(sps))}
    assert heights <= {None, *range(1, 16385)}


@given(st.binary(max_size=120), st.sampled_from([b"", b"\x67", b"\x67\x64\x00\x1f", b"\x78\x00"]))
def test_no_bytes_are_too_strange(data: bytes, start: bytes) -> None:
    height = picture_height(start + data)
    assert height is None or 0 < height <= 16384


@given(st.integers(0, 3000), st.sampled_from([b"\x00", b"\xff", b"\x80"]))
def test_long_runs_of_one_byte_are_survived(length: int, byte: bytes) -> None:
    height = picture_height(b"\x67\x42\x00\x1f" + byte * length)
    assert height is None or 0 < height <= 16384
