"""Which codecs are served, and which payload type carries a stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.codecs import is_served, match_codec
from media.sdp import RtpCodec


def codec(name: str, payload_type: int = 96, **parameters: str) -> RtpCodec:
    named = {key.replace("_", "-"): value for key, value in parameters.items()}
    rate, channels = (48000, 2) if name == "opus" else (90000, 1)
    return RtpCodec(payload_type, name, rate, channels, named)


def h264(level: str, payload_type: int = 96, mode: str = "1") -> RtpCodec:
    return codec("H264", payload_type, packetization_mode=mode, profile_level_id=level)


@pytest.mark.parametrize(
    "served",
    [
        codec("opus"),
        codec("VP8"),
        codec("VP9"),
        codec("VP9", profile_id="0"),
        codec("AV1"),
        codec("AV1", profile="0", level_idx="5", tier="0"),
        codec("H264"),
        h264("42e01f"),
        h264("640c34"),
        h264("F4001F", mode="0"),
    ],
)
def test_a_codec_every_browser_plays_is_served(served: RtpCodec) -> None:
    assert is_served(served)


@pytest.mark.parametrize(
    "other",
    [
        codec("VP9", profile_id="2"),
        codec("AV1", profile="1"),
        codec("H265"),
        codec("rtx", apt="96"),
        codec("red"),
        RtpCodec(0, "PCMU", 8000),
        RtpCodec(111, "opus", 48000, 1),
        RtpCodec(111, "opus", 16000, 2),
        RtpCodec(96, "VP8", 48000),
        h264("42e01f", mode="2"),
        h264("42e01f", mode="x"),
        h264("zz"),
        h264("42e0"),
        h264("42e01f00"),
        h264("42 e01f"),
        h264("４２e01f"),
    ],
)
def test_another_codec_is_not_served(other: RtpCodec) -> None:
    assert not is_served(other)


@pytest.mark.parametrize("name", ["opus", "VP8", "VP9", "AV1", "H264"])
def test_a_codec_matches_itself_among_all(name: str) -> None:
    accepted = [codec(n, 96 + i) for i, n in enumerate(["VP8", "VP9", "opus", "AV1"])]
    accepted.append(codec("H264", 120, packetization_mode="1"))
    found = match_codec(codec(name, 35), accepted)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("name", ["opus", "VP8", "VP9", "AV1", "H264"])
def test_a_codec_that_is_not_accepted_matches_nothing(name: str) -> None:
    assert match_codec(codec(name), [codec("H265", 97)]) is None
    assert match_codec(codec(name), []) is None


def test_a_name_alone_is_no_match() -> None:
    assert match_codec(codec("opus"), [RtpCodec(111, "opus", 48000, 1)]) is None
    assert match_codec(codec("VP8"), [RtpCodec(96, "VP8", 48000)]) is None


@pytest.mark.parametrize(
    ("stream", "accepted", "payload_type"),
    [
        (codec("VP9"), [codec("VP9", 100, profile_id="2"), codec("VP9", 98, profile_id="0")], 98),
        (codec("VP9", profile_id="0"), [codec("VP9", 98)], 98),
        (codec("VP9", profile_id="2"), [codec("VP9", 98)], None),
        (codec("AV1", profile="0"), [codec("AV1", 47, profile="1"), codec("AV1", 45)], 45),
        (codec("AV1", profile="1"), [codec("AV1", 45)], None),
    ],
)
def test_vp9_and_av1_match_by_profile(
    stream: RtpCodec, accepted: list[RtpCodec], payload_type: int | None
) -> None:
    found = match_codec(stream, accepted)
    assert (found and found.payload_type) == payload_type


CHROMIUM = [h264("42001f", 102), h264("42e01f", 108), h264("4d001f", 116), h264("64001f", 127)]
SAFARI = [h264("640c1f", 96), h264("42e01f", 98)]


@pytest.mark.parametrize(
    ("level", "accepted", "payload_type"),
    [
        ("42e01f", CHROMIUM, 108),
        ("42001f", CHROMIUM, 102),
        ("4d001f", CHROMIUM, 116),
        ("64001f", CHROMIUM, 127),
        ("42e034", CHROMIUM, 108),  # the level is not compared
        ("42E01F", CHROMIUM, 108),
        ("42c01f", CHROMIUM, 108),  # constrained baseline in other bytes (GStreamer)
        ("42401f", CHROMIUM, 108),
        ("4d801f", CHROMIUM, 108),  # main that keeps to constrained baseline
        ("58c01f", CHROMIUM, 108),
        ("58801f", CHROMIUM, 102),  # extended that keeps to baseline
        ("42801f", CHROMIUM, 102),
        ("4d401f", CHROMIUM, 116),
        ("640c1f", CHROMIUM, 127),  # a high decoder plays constrained high
        ("640c1f", SAFARI, 96),
        ("64001f", SAFARI, 96),  # no high: the first
        ("42001f", SAFARI, 98),  # baseline to constrained baseline
        ("42e01f", [h264("640c1f", 96), h264("42001f", 97)], 97),
        ("42e01f", [h264("f4001f", 95), h264("64001f", 96)], 96),
        ("4d001f", [h264("42e01f", 95), h264("64001f", 96)], 96),
        ("4d001f", SAFARI, 96),
        ("f4001f", CHROMIUM, 102),  # none alike: any
        ("f4001f", [*CHROMIUM, h264("f40028", 41)], 41),
        ("420010", [codec("H264", 99, packetization_mode="1")], 99),
        ("zz", CHROMIUM, 102),
    ],
)
def test_h264_matches_the_closest_profile(
    level: str, accepted: list[RtpCodec], payload_type: int
) -> None:
    found = match_codec(h264(level, 35), accepted)
    assert found is not None
    assert found.payload_type == payload_type


@pytest.mark.parametrize(
    ("mode", "accepted", "payload_type"),
    [
        ("0", [h264("42e01f", 98, "1"), h264("64001f", 97, "0")], 97),
        ("0", [h264("64001f", 97, "1"), h264("42e01f", 98, "1")], 98),
        ("1", [h264("42e01f", 97, "0"), h264("64001f", 98, "1")], 98),
        ("1", [h264("42e01f", 97, "0")], None),
        ("1", [codec("H264", 97, profile_level_id="42e01f")], None),
    ],
)
def test_h264_matches_by_packetization_mode_before_profile(
    mode: str, accepted: list[RtpCodec], payload_type: int | None
) -> None:
    found = match_codec(h264("42e01f", 35, mode), accepted)
    assert (found and found.payload_type) == payload_type


def test_the_first_of_equals_is_matched() -> None:
    assert match_codec(h264("42e01f"), [h264("42e01f", 97), h264("42e020", 98)]) == h264(
        "42e01f", 97
    )


@given(st.text(max_size=8), st.text(max_size=3), st.text(max_size=8))
def test_hostile_parameters_never_raise(level: str, mode: str, profile: str) -> None:
    hostile = [
        h264(level, 97, mode),
        codec("VP9", 98, profile_id=profile),
        codec("AV1", 99, profile=profile),
    ]
    for one in hostile:
        is_served(one)
        match_codec(one, [*CHROMIUM, *hostile])
        match_codec(h264("42e01f"), hostile)
