"""Where a key frame starts, in payloads written by hand from the RFCs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.payloads import picture_height, plain_vp8, starts_keyframe

KEY, NOT_KEY = True, False
SPS, PPS, IDR, SLICE = b"\x67\x42\x00\x1f", b"\x68\xce\x38\x80", b"\x65\x88\x84", b"\x41\x9a\x02"


def stap_a(*units: bytes) -> bytes:
    return b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


VP8 = {
    "bare key frame": (b"\x10\x00\x9d", KEY),
    "bare delta frame": (b"\x10\x01\x9d", NOT_KEY),
    "later packet of a key frame": (b"\x00\x00\x9d", NOT_KEY),
    "start of another partition": (b"\x11\x00\x9d", NOT_KEY),
    "not referenced": (b"\x30\x00", KEY),
    "7-bit picture id": (b"\x90\x80\x11\x00", KEY),
    "7-bit picture id, delta": (b"\x90\x80\x11\x01", NOT_KEY),
    "15-bit picture id": (b"\x90\x80\x91\x23\x00", KEY),
    "15-bit picture id, delta": (b"\x90\x80\x91\x23\x01", NOT_KEY),
    "picture id, TL0PICIDX, TID": (b"\x90\xe0\x91\x23\x07\x20\x00", KEY),
    "all fields, delta": (b"\x90\xf0\x91\x23\x07\x20\x01", NOT_KEY),
    "only KEYIDX": (b"\x90\x10\x05\x00", KEY),
    "descriptor alone": (b"\x90\xf0\x91\x23\x07\x20", NOT_KEY),
    "one byte": (b"\x10", NOT_KEY),
}
H264 = {
    "sequence parameters": (SPS, KEY),
    "IDR slice": (IDR, KEY),
    "slice": (SLICE, NOT_KEY),
    "picture parameters": (PPS, NOT_KEY),
    "STAP-A of SPS, PPS, IDR": (stap_a(SPS, PPS, IDR), KEY),
    "STAP-A of delimiter and SPS": (stap_a(b"\x09\xf0", SPS), KEY),
    "STAP-A of slices": (stap_a(SLICE, SLICE), NOT_KEY),
    "STAP-A cut inside": (stap_a(SLICE, SPS)[:6], NOT_KEY),
    "STAP-A of nothing": (b"\x78", NOT_KEY),
    "FU-A start of IDR": (b"\x7c\x85\x88", KEY),
    "FU-A middle of IDR": (b"\x7c\x05\x88", NOT_KEY),
    "FU-A end of IDR": (b"\x7c\x45\x88", NOT_KEY),
    "FU-A start of slice": (b"\x7c\x81\x9a", NOT_KEY),
    "FU-A start of SPS": (b"\x7c\x87\x42", KEY),
    "one byte": (b"\x67", NOT_KEY),
}
VP9 = {
    "key frame without layers": (b"\x08\x82", KEY),
    "with picture id": (b"\x88\x11\x82", KEY),
    "inter-predicted": (b"\x48\x82", NOT_KEY),
    "later packet": (b"\x04\x82", NOT_KEY),
    "spatial layer 0, 7-bit picture id": (b"\xa8\x11\x00\x00\x82", KEY),
    "spatial layer 1, 7-bit picture id": (b"\xa8\x11\x02\x00\x82", NOT_KEY),
    "spatial layer 0, 15-bit picture id": (b"\xa8\x91\x22\x00\x00\x82", KEY),
    "spatial layer 2, 15-bit picture id": (b"\xa8\x91\x22\x04\x00\x82", NOT_KEY),
    "layers without picture id": (b"\x28\x00\x00", KEY),
    "cut before the layer": (b"\xa8\x91\x22", NOT_KEY),
    "nothing": (b"", NOT_KEY),
}
AV1 = {
    "new sequence": (b"\x18\x0a\x0b", KEY),
    "new sequence, more to come": (b"\x58\x0a\x0b", KEY),
    "no new sequence": (b"\x10\x32", NOT_KEY),
    "continues an OBU": (b"\x98\x0a", NOT_KEY),
    "header alone": (b"\x18", NOT_KEY),
}
CASES = [
    pytest.param(codec, payload, expected, id=f"{codec}: {title}")
    for codec, cases in {"VP8": VP8, "H264": H264, "VP9": VP9, "AV1": AV1}.items()
    for title, (payload, expected) in cases.items()
]


@pytest.mark.parametrize(("codec", "payload", "expected"), CASES)
def test_key_frames_are_told_by_their_first_packet(
    codec: str, payload: bytes, expected: bool
) -> None:
    assert starts_keyframe(codec, payload) is expected


@given(st.sampled_from(["VP8", "H264", "VP9", "AV1", "opus", "H265"]), st.binary(max_size=40))
def test_no_payload_is_too_strange(codec: str, payload: bytes) -> None:
    assert starts_keyframe(codec, payload) in {True, False}


@given(st.binary(max_size=40))
def test_unknown_codecs_have_no_key_frames(payload: bytes) -> None:
    assert not starts_keyframe("H265", payload)


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=5))
def test_aggregates_hold_a_key_frame_when_one_of_their_units_does(units: list[bytes]) -> None:
    expected = any(unit[0] & 0x1F in {5, 7} for unit in units)
    assert starts_keyframe("H264", stap_a(*units)) == expected


# ---- VP8 made plain -----------------------------------------------------------------------------


@st.composite
def vp8_descriptors(draw: st.DrawFn) -> bytes:
    """Payload descriptors of every shape (RFC 7741 §4.2), well formed."""
    first = draw(st.integers(0, 0x7F))
    if draw(st.booleans()):
        return bytes((first,))
    flags = draw(st.integers(0, 255))
    fields = b""
    if flags & 0x80:
        ident = draw(st.integers(0, 0x7FFF))
        is_long = draw(st.booleans())
        fields += (0x8000 | ident).to_bytes(2, "big") if is_long else bytes((ident & 0x7F,))
    if flags & 0x40:
        fields += bytes((draw(st.integers(0, 255)),))
    if flags & 0x30:
        fields += bytes((draw(st.integers(0, 255)),))
    return bytes((first | 0x80, flags)) + fields


@given(vp8_descriptors(), st.binary(max_size=20))
def test_a_vp8_descriptor_of_any_shape_becomes_one_byte(descriptor: bytes, frame: bytes) -> None:
    plain = plain_vp8(descriptor + frame)
    assert plain == bytes((descriptor[0] & 0x7F,)) + frame
    assert plain_vp8(plain) == plain


@given(vp8_descriptors(), st.binary(max_size=20))
def test_key_frames_are_told_alike_from_plain_payloads(descriptor: bytes, frame: bytes) -> None:
    payload = descriptor + frame
    assert starts_keyframe("VP8", plain_vp8(payload)) == starts_keyframe("VP8", payload)
    assert picture_height("VP8", plain_vp8(payload)) == picture_height("VP8", payload)


@given(st.binary(max_size=12))
def test_no_vp8_payload_is_too_strange_to_be_made_plain(payload: bytes) -> None:
    plain = plain_vp8(payload)
    assert len(plain) <= len(payload)
    assert starts_keyframe("VP8", plain) == starts_keyframe("VP8", payload)
    assert not payload or plain


@pytest.mark.parametrize(
    "payload", [b"\x90", b"\x90\x80", b"\x90\xc0\x81", b"\x90\xf0\x80\x01\x02"]
)
def test_a_descriptor_cut_short_stays_as_it_is(payload: bytes) -> None:
    assert plain_vp8(payload) == payload


# ---- heights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("descriptor", [b"\x10", b"\x90\x80\x11", b"\x90\xf0\x91\x23\x07\x20"])
def test_the_height_stands_in_the_first_packet_of_a_vp8_key_frame(descriptor: bytes) -> None:
    header = b"\x00\x00\x00\x9d\x01\x2a\x80\x02\x68\x41"
    assert picture_height("VP8", descriptor + header) == 360
    assert picture_height("VP8", descriptor + header[:9]) is None
    assert picture_height("VP8", descriptor + b"\x00" * 10) is None


@given(st.sampled_from(["VP8", "H264", "VP9", "AV1"]), st.binary(max_size=40))
def test_no_payload_is_too_strange_for_a_height(codec: str, payload: bytes) -> None:
    height = picture_height(codec, payload)
    assert height is None or 0 <= height <= 16384
