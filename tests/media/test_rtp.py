"""RTP packets: read like aiortc reads them, hostile ones refused."""

import contextlib
import struct

import pytest
from aiortc.rtp import HeaderExtensionsMap, unpack_header_extensions
from aiortc.rtp import RtpPacket as Oracle
from hypothesis import given
from hypothesis import strategies as st

from media.errors import MalformedPacket
from media.rtp import RtpPacket, is_rtcp, parse_packet, write_extensions, write_packet
from tests.media.hostile import broken_bytes

extension_maps = st.dictionaries(st.integers(1, 14), st.binary(min_size=1, max_size=16), max_size=5)
rtp_packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    marker=st.booleans(),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    extensions=extension_maps,
    payload=st.binary(max_size=60),
)

FIXED = bytes.fromhex("9060 0102 03040506 0708090a".replace(" ", ""))
TWO_BYTE = FIXED + bytes.fromhex("1000 0002 0102 aabb 0000 0300".replace(" ", "")) + b"payload"
ONE_BYTE = FIXED + bytes.fromhex("bede 0002 12aabbcc 00 30dd f0".replace(" ", "")) + b"payload"
WITH_CSRC = b"\x82" + FIXED[1:] + bytes(8) + b"payload"
PADDED = b"\xa0" + FIXED[1:] + b"payload" + bytes.fromhex("000003")
SAMPLES = [TWO_BYTE, ONE_BYTE, WITH_CSRC, PADDED]


@given(rtp_packets)
def test_packets_survive_writing_and_reading(packet: RtpPacket) -> None:
    assert parse_packet(write_packet(packet)) == packet


@given(rtp_packets)
def test_packets_are_read_like_aiortc_reads_them(packet: RtpPacket) -> None:
    data = write_packet(packet)
    theirs = Oracle.parse(data, HeaderExtensionsMap())
    assert packet == RtpPacket(
        theirs.payload_type,
        bool(theirs.marker),
        theirs.sequence_number,
        theirs.timestamp,
        theirs.ssrc,
        packet.extensions,
        theirs.payload,
    )
    if packet.extensions:
        profile, words = struct.unpack_from(">HH", data, 12)
        found = unpack_header_extensions(profile, data[16 : 16 + 4 * words])
        assert dict(found) == packet.extensions


@given(st.one_of(st.binary(max_size=80), broken_bytes(SAMPLES)))
def test_hostile_bytes_are_read_or_refused_as_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedPacket):
        packet = parse_packet(data)
        assert len(packet.payload) <= len(data) - 12
        assert data[1] == packet.payload_type | packet.marker << 7


@given(broken_bytes(SAMPLES))
def test_what_aiortc_reads_is_read_alike(data: bytes) -> None:
    try:
        theirs = Oracle.parse(data, HeaderExtensionsMap())
    except ValueError:
        return
    try:
        ours = parse_packet(data)
    except MalformedPacket as refusal:
        # aiortc looks into extensions only when it knows them.
        assert "extension element" in str(refusal)  # noqa: PT017
        return
    assert (ours.sequence, ours.timestamp, ours.ssrc, ours.payload) == (
        theirs.sequence_number,
        theirs.timestamp,
        theirs.ssrc,
        theirs.payload,
    )


def test_two_byte_extensions_are_read() -> None:
    assert parse_packet(TWO_BYTE).extensions == {1: b"\xaa\xbb", 3: b""}


def test_one_byte_extensions_end_at_id_15_and_skip_padding() -> None:
    assert parse_packet(ONE_BYTE).extensions == {1: b"\xaa\xbb\xcc", 3: b"\xdd"}


def test_extensions_of_an_unknown_profile_are_skipped() -> None:
    data = FIXED + bytes.fromhex("abcd0001ffffffff") + b"payload"
    packet = parse_packet(data)
    assert (packet.extensions, packet.payload) == ({}, b"payload")


def test_contributing_sources_are_skipped() -> None:
    assert parse_packet(WITH_CSRC).payload == b"payload"


def test_padding_is_taken_off() -> None:
    assert parse_packet(PADDED).payload == b"payload"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        FIXED[:11],
        b"\x40" + FIXED[1:],
        b"\x8f" + FIXED[1:],
        FIXED,
        FIXED + bytes.fromhex("bede0002aabbccdd"),
        FIXED + bytes.fromhex("bede000113aabbcc"),
        FIXED + bytes.fromhex("10000001 00000001".replace(" ", "")),
        FIXED + bytes.fromhex("10000001 010403aa".replace(" ", "")),
        b"\xa0" + FIXED[1:] + b"payload\x00",
        b"\xa0" + FIXED[1:] + b"payload\x09",
    ],
    ids=[
        "nothing",
        "short header",
        "version 1",
        "cut sources",
        "cut extension preamble",
        "cut extension block",
        "cut one-byte element",
        "cut two-byte preamble",
        "cut two-byte element",
        "zero padding",
        "more padding than payload",
    ],
)
def test_malformed_packets_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedPacket):
        parse_packet(data)


def test_no_extensions_take_no_bytes() -> None:
    assert write_extensions({}) == b""


@given(extension_maps)
def test_extension_blocks_fill_whole_words(elements: dict[int, bytes]) -> None:
    assert len(write_extensions(elements)) % 4 == 0


@pytest.mark.parametrize(("second", "expected"), [(191, False), (192, True), (223, True), (224, 0)])
def test_rtcp_is_told_by_its_packet_type(second: int, expected: bool) -> None:
    assert is_rtcp(bytes((128, second))) == expected
