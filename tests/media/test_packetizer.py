"""Frames into RTP payloads (RFC 7741) and numbered packets."""

from hypothesis import given
from hypothesis import strategies as st

from media.packetizer import RtpStream, Vp8Packetizer, split_evenly
from media.payloads import starts_keyframe
from media.rtp import parse_packet


@given(st.binary(min_size=1, max_size=20_000), st.integers(1, 1500))
def test_pieces_are_equal_but_the_last_and_lose_nothing(data: bytes, limit: int) -> None:
    pieces = split_evenly(data, limit)
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= limit
    assert len({len(piece) for piece in pieces[:-1]}) <= 1
    assert len(pieces[-1]) <= len(pieces[0])
    assert len(pieces) == -(-len(data) // limit)


def test_only_the_first_packet_of_a_frame_starts_the_partition() -> None:
    payloads = Vp8Packetizer(picture_id=5, limit=100).packetize(bytes(250))
    assert [payload[0] for payload in payloads] == [0x90, 0x80, 0x80]
    assert b"".join(payload[4:] for payload in payloads) == bytes(250)


def test_all_packets_of_a_frame_share_its_picture_id_and_the_next_frame_counts_on() -> None:
    packetizer = Vp8Packetizer(picture_id=0x7FFF, limit=100)
    first, second = packetizer.packetize(bytes(250)), packetizer.packetize(b"x")
    assert {payload[1:4] for payload in first} == {b"\x80\xff\xff"}
    assert second[0][1:4] == b"\x80\x80\x00"


def test_a_key_frame_is_seen_by_the_forwarder_on_its_first_packet_only() -> None:
    payloads = Vp8Packetizer(picture_id=1, limit=50).packetize(b"\x10" + bytes(120))
    assert [starts_keyframe("VP8", payload) for payload in payloads] == [True, False, False]


def test_a_stream_numbers_its_packets_over_the_wrap_and_counts_payload_only() -> None:
    stream = RtpStream(ssrc=77, payload_type=96, sequence=0xFFFF)
    packets = [
        parse_packet(stream.write(b"abc", 2**32 + 90, {4: b"0"}, marker=last))
        for last in (False, True)
    ]
    assert [packet.sequence for packet in packets] == [0xFFFF, 0]
    assert [packet.marker for packet in packets] == [False, True]
    assert {(packet.ssrc, packet.timestamp, packet.payload_type) for packet in packets} == {
        (77, 90, 96)
    }
    assert packets[0].extensions == {4: b"0"}
    assert stream.counters.packets == 2
    assert stream.counters.octets == 6
    assert stream.counters.timestamp == 90
