"""Tracks: what arrives is numbered and measured; what leaves continues without a seam."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.clock import PublisherClock, to_ntp
from media.rtp import RtpPacket
from media.tracks import DownTrack, UpTrack
from media.train import Forwardable
from tests.support.media_factories import (
    codec,
    first_payload,
    make_lane,
    next_payload,
    with_rtx,
)


def make_up(name: str = "VP8") -> UpTrack:
    kind = "audio" if name == "opus" else "video"
    return UpTrack(kind, codec(name), 77, PublisherClock(), 1.0)


def packet(
    sequence: int, timestamp: int = 0, *, marker: bool = False, payload: bytes = b"\x00\x00"
) -> RtpPacket:
    return RtpPacket(96, marker, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 77, {}, payload)


def received(up: UpTrack, one: RtpPacket, now: float = 0.0) -> Forwardable:
    result = up.receive(one, now)
    assert result is not None
    return result[0]


# ---- toward the server ------------------------------------------------------------------------


def test_numbers_and_timestamps_are_unwrapped() -> None:
    up = make_up()
    start = received(up, packet(65534, 0xFFFFFFF0))
    later = received(up, packet(1, 0x10))
    assert later[0] - start[0] == 3
    assert later[1] - start[1] == 0x20
    assert start[0] % 65536 == 65534
    assert (up.last_index, up.last_timestamp) == later[:2]


def test_a_reordered_packet_keeps_its_place_and_moves_nothing() -> None:
    up = make_up()
    first = received(up, packet(10, 3000), 1.0)
    received(up, packet(12, 6000), 2.0)
    late = received(up, packet(11, 3000), 3.0)
    assert late[0] == first[0] + 1
    assert (up.last_index, up.last_timestamp, up.last_at) == (first[0] + 2, 6000 + (1 << 32), 2.0)


def test_a_packet_older_than_the_replay_window_is_dropped() -> None:
    up = make_up()
    received(up, packet(5000))
    assert up.receive(packet(4001), 0.0) is not None
    assert up.receive(packet(4000), 0.0) is None


def test_numbers_before_the_first_are_placed_below_it() -> None:
    up = make_up()
    first = received(up, packet(3))
    assert received(up, packet(65530))[0] == first[0] - 9


@pytest.mark.parametrize("name", ["VP8", "H264", "VP9", "AV1"])
def test_a_key_frame_is_noticed_once_by_its_first_packet(name: str) -> None:
    up = make_up(name)
    key, rest = first_payload(name, is_key=True), next_payload(name)
    payloads = [key, key, rest, first_payload(name, is_key=False), rest]
    found = [
        up.receive(packet(at, 3000 * (at // 3), payload=payload), 0.0)
        for at, payload in enumerate(payloads)
    ]
    assert [result[1] for result in found if result] == [True, False, False, False, False]


def test_a_key_frame_serves_the_request_and_fills_the_cache() -> None:
    up = make_up()
    up.keyframes.want()
    sent = [
        received(up, packet(5, 9, payload=b"\x10\x00")),
        received(up, packet(6, 9, marker=True)),
        received(up, packet(7, 3009, marker=True, payload=b"\x10\x01")),
    ]
    assert up.keyframes.get_timer() is None
    assert up.cache.keyframe() == sent[:2]
    assert up.cache.since_keyframe(0.0, 1.0) == sent


def test_sound_has_no_key_frames() -> None:
    up = make_up("opus")
    result = up.receive(packet(1, payload=b"\x10\x00"), 0.0)
    assert result is not None
    assert not result[1]
    assert up.cache.keyframe() == []


def test_rates_are_measured() -> None:
    up = make_up()
    for at in range(61):
        up.receive(packet(at, 3000 * at, marker=True, payload=bytes(1000)), at / 30)
    assert up.frame_rate.per_second == pytest.approx(30, abs=0.1)
    assert up.bitrate.per_second == pytest.approx(240_000, rel=0.01)


def test_reports_tell_the_loss_of_their_interval() -> None:
    up = make_up()
    for at in (0, 1, 2, 3):
        up.receive(packet(at), 0.0)
    block = up.report_block(1.0)
    assert (block.ssrc, block.fraction_lost, block.packets_lost) == (77, 0, 0)
    assert block.highest_sequence & 0xFFFF == 3
    for at in (4, 7):
        up.receive(packet(at), 1.0)
    block = up.report_block(2.0)
    assert (block.fraction_lost, block.packets_lost) == (128, 2)
    assert up.loss_fraction() == 0.5
    up.receive(packet(5), 2.0)
    block = up.report_block(3.0)
    assert (block.fraction_lost, block.packets_lost) == (0, 1)


def test_a_report_of_nothing_new_tells_no_loss() -> None:
    up = make_up()
    up.receive(packet(0), 0.0)
    up.report_block(1.0)
    assert up.report_block(2.0).fraction_lost == 0


def test_reports_echo_the_newest_sender_report() -> None:
    up = make_up()
    assert (up.report_block(0.0).lsr, up.report_block(0.0).dlsr) == (0, 0)
    up.sender_report(0x1122334455667788, 0, 1.0)
    block = up.report_block(1.5)
    assert (block.lsr, block.dlsr) == (0x33445566, 32768)


def test_jitter_follows_the_appendix_of_rfc_3550() -> None:
    up, random = make_up("opus"), Random(3)
    transit: float | None = None
    expected = 0.0
    for at in range(200):
        arrival = at * 0.02 + random.random() * 0.01
        up.receive(packet(at, at * 960), arrival)
        relative = arrival - at * 0.02
        if transit is not None:
            expected += (abs(relative - transit) - expected) / 16
        transit = relative
    assert up.report_block(5.0).jitter == pytest.approx(expected * 48000, abs=2)


def test_sender_reports_before_the_first_packet_do_not_place_the_clock() -> None:
    up = make_up()
    up.sender_report(to_ntp(0.0), 5, 0.0)
    up.receive(packet(1, 90000), 3.0)
    assert up.clock.capture_time(up.last_timestamp) == pytest.approx(3.0)


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=60))
def test_measures_stay_in_range_whatever_the_numbers(sequences: list[int]) -> None:
    up = make_up()
    for at, sequence in enumerate(sequences):
        result = up.receive(packet(sequence, sequence * 3000), at / 50)
        assert result is None or result[0][0] % 65536 == sequence
        block = up.report_block(at / 50)
        assert 0 <= block.fraction_lost <= 255
        assert -0x800000 <= block.packets_lost <= 0x7FFFFF
        assert 0.0 <= up.loss_fraction() <= 1.0


# ---- losses -----------------------------------------------------------------------------------


def test_a_packet_that_comes_twice_is_taken_once() -> None:
    up = make_up()
    received(up, packet(1))
    received(up, packet(2))
    assert up.receive(packet(1), 0.0) is None
    assert up.receive(packet(2), 0.0) is None
    assert up.report_block(1.0).packets_lost == 0


def test_sound_that_comes_twice_is_taken_once() -> None:
    up = make_up("opus")
    received(up, packet(1))
    assert up.receive(packet(1), 0.0) is None


def test_lost_sound_is_not_asked_for() -> None:
    up = make_up("opus")
    received(up, packet(1))
    received(up, packet(5))
    assert up.nacks_due(1.0, None) == []
    assert up.loss.get_timer() is None


def test_what_is_missing_is_asked_for_by_wrapped_number() -> None:
    up = make_up()
    received(up, packet(65533))
    received(up, packet(1))
    assert up.nacks_due(0.004, None) == []
    assert up.nacks_due(0.005, None) == [65534, 65535, 0]


def test_an_outage_calls_for_a_key_frame_instead() -> None:
    up = make_up()
    received(up, packet(1))
    received(up, packet(600))
    assert up.nacks_due(1.0, None) == []
    assert up.keyframes.get_timer() == 0.0


def rtx(sequence: int, timestamp: int = 0, payload: bytes = b"\x00\x00") -> RtpPacket:
    osn = (sequence & 0xFFFF).to_bytes(2, "big")
    return RtpPacket(30, True, 9, timestamp, 78, {3: b"x"}, osn + payload)


def test_a_missing_packet_is_recovered_as_it_was() -> None:
    up = make_up()
    received(up, packet(65533))
    received(up, packet(1))
    found = up.recover(65535, rtx(65535, 3000, b"\x10\x01abc"), 0.1)
    assert found == RtpPacket(96, True, 65535, 3000, 77, {}, b"\x10\x01abc")


@pytest.mark.parametrize("sequence", [65533, 1, 2, 5000, 65532])
def test_what_is_not_missing_is_not_recovered(sequence: int) -> None:
    up = make_up()
    assert up.recover(sequence, rtx(sequence), 0.0) is None
    received(up, packet(65533))
    received(up, packet(1))
    assert up.recover(sequence, rtx(sequence), 0.1) is None


def test_an_empty_retransmission_recovers_nothing() -> None:
    up = make_up()
    received(up, packet(1))
    received(up, packet(3))
    assert up.recover(2, rtx(2, payload=b""), 0.1) is None


def test_vp8_payloads_are_kept_plain_and_key_frames_tell_their_height() -> None:
    up = make_up()
    header = b"\x00\x00\x00\x9d\x01\x2a\x80\x02\x68\x01"
    taken = received(up, packet(1, payload=b"\x90\xe0\x91\x23\x07\x20" + header))
    assert taken[3] == b"\x10" + header
    assert up.height == 360
    received(up, packet(2, 3000, payload=b"\x10\x00"))
    assert up.height == 360


def test_other_codecs_payloads_are_kept_as_they_are() -> None:
    up = make_up("VP9")
    assert received(up, packet(1, payload=b"\x90\x80\x91\x23"))[3] == b"\x90\x80\x91\x23"


def test_a_key_frame_whose_first_packet_is_recovered_starts_with_it() -> None:
    up = make_up()
    received(up, packet(1, 0, marker=True))
    rest = [received(up, packet(at, 3000, marker=at == 4)) for at in (3, 4)]
    after = received(up, packet(5, 6000, marker=True))
    result = up.receive(packet(2, 3000, payload=b"\x10\x00"), 0.05)
    assert result is not None
    assert result[1]
    assert up.cache.keyframe() == [result[0], *rest]
    assert up.cache.since_keyframe(0.05, 1.0) == [result[0], *rest, after]


# ---- toward a viewer --------------------------------------------------------------------------


class Journey:
    """A down track and what would stand on the wire, numbers unwrapped."""

    def __init__(self, *accepted: str, first_index: int = 500) -> None:
        codecs = [codec(name) for name in accepted or ("VP8",)]
        self.lane = make_lane()
        self.down = DownTrack("video", codecs, self.lane, first_index)
        self.wire: list[tuple[int, int]] = []

    def send(self, one: Forwardable) -> None:
        self.wire.append((one[0] + self.lane.index_offset, one[1] + self.lane.timestamp_offset))


def test_the_first_packet_carries_the_first_number() -> None:
    journey, up = Journey(first_index=500), make_up()
    first = received(up, packet(9000, 1234))
    journey.down.attach(up, first, 0.0)
    journey.send(first)
    assert journey.wire == [(500, 1234 + (1 << 32))]
    assert journey.down.up is up


def test_another_source_continues_numbers_and_time() -> None:
    journey = Journey()
    now = 100.0
    for source in range(4):
        up = make_up()
        for at in range(3):
            one = received(up, packet(20_000 * source + at, 0x40000000 * source + 3000 * at), now)
            if at == 0:
                journey.down.attach(up, one, now)
            journey.send(one)
            now += 1 / 30
        journey.down.detach()
        assert journey.down.up is None
    assert [index for index, _ in journey.wire] == list(range(500, 512))
    steps = [b[1] - a[1] for a, b in zip(journey.wire, journey.wire[1:], strict=False)]
    assert steps == [pytest.approx(3000, abs=2)] * 11


def test_a_pause_is_as_long_in_timestamps_as_on_the_clock() -> None:
    journey, up = Journey(), make_up()
    one = received(up, packet(1, 0), 10.0)
    journey.down.attach(up, one, 10.0)
    journey.send(one)
    journey.down.detach()
    other = make_up()
    another = received(other, packet(5000, 777), 14.0)
    journey.down.attach(other, another, 14.0)
    journey.send(another)
    assert journey.wire[1][1] - journey.wire[0][1] == 4 * 90000


def test_time_goes_on_even_when_the_clock_stood_still() -> None:
    journey = Journey()
    for at in range(3):
        up = make_up()
        one = received(up, packet(at, 50 * at), 1.0)
        journey.down.attach(up, one, 1.0)
        journey.send(one)
        journey.down.detach()
    stamps = [timestamp for _, timestamp in journey.wire]
    assert stamps == sorted(set(stamps))


def test_packets_lost_on_the_way_in_leave_their_gap() -> None:
    journey, up = Journey(), make_up()
    first = received(up, packet(10))
    journey.down.attach(up, first, 0.0)
    journey.send(first)
    journey.send(received(up, packet(14)))
    journey.down.detach()
    other = make_up()
    one = received(other, packet(0))
    journey.down.attach(other, one, 0.0)
    journey.send(one)
    assert [index for index, _ in journey.wire] == [500, 504, 505]


def test_a_still_is_followed_without_a_seam() -> None:
    journey, up = Journey(), make_up()
    still = [received(up, packet(at, 3000)) for at in range(3)]
    journey.down.splice_still(still, up, 5.0)
    for one in still:
        journey.send(one)
    assert journey.down.up is None
    key = received(up, packet(200, 600_000), 6.0)
    journey.down.attach(up, key, 6.0)
    journey.send(key)
    assert [index for index, _ in journey.wire] == [500, 501, 502, 503]
    assert journey.wire[3][1] - journey.wire[2][1] == 90000


def test_detaching_twice_changes_nothing() -> None:
    journey, up = Journey(), make_up()
    one = received(up, packet(1))
    journey.down.attach(up, one, 0.0)
    journey.down.detach()
    journey.down.detach()
    other = received(make_up(), packet(0))
    journey.down.attach(up, other, 0.0)
    journey.send(other)
    assert journey.wire[-1][0] == 501


def test_a_viewer_knows_codecs_by_its_own_payload_types() -> None:
    down = DownTrack("video", [codec("VP8", 120), codec("H264", 121)], make_lane(), 0)
    assert down.payload_type_for(codec("VP8")) == 120
    assert down.payload_type_for(codec("H264")) == 121
    assert down.payload_type_for(codec("AV1")) is None


def test_report_timestamps_go_on_with_the_servers_clock() -> None:
    journey, up = Journey(), make_up()
    first = received(up, packet(1, 0), 20.0)
    assert journey.down.timestamp_at(20.0) is None
    journey.down.attach(up, first, 20.0)
    received(up, packet(2, 3000), 20.0 + 1 / 30)
    assert journey.down.timestamp_at(20.0) == pytest.approx(0, abs=2)
    assert journey.down.timestamp_at(21.0) == pytest.approx(90000, abs=2)
    journey.down.detach()
    assert journey.down.timestamp_at(21.0) is None


# ---- what was sent ------------------------------------------------------------------------------


def sent_as(journey: Journey, index: int) -> tuple[int, int] | None:
    """Number and time under which `find_sent` says a number was sent."""
    found = journey.down.find_sent(index & 0xFFFF)
    if found is None:
        return None
    epoch, one = found
    return one[0] + epoch.index_offset, one[1] + epoch.timestamp_offset


def test_nothing_is_found_before_anything_was_sent() -> None:
    assert sent_as(Journey(), 500) is None


def test_each_number_finds_what_was_sent_under_it_across_sources() -> None:
    journey = Journey(first_index=65_500)
    now = 100.0
    for source in range(6):
        up = make_up()
        for at in range(20):
            one = received(up, packet(20_000 * source + at, 0x40000000 * source + 3000 * at), now)
            if at == 0:
                journey.down.attach(up, one, now)
            journey.send(one)
            now += 1 / 30
        journey.down.detach()
    for index, timestamp in journey.wire:
        assert sent_as(journey, index) == (index, timestamp)
    assert sent_as(journey, journey.wire[-1][0] + 1) is None
    assert sent_as(journey, 65_499) is None


def test_only_the_newest_sources_are_remembered() -> None:
    journey = Journey()
    for source in range(12):
        up = make_up()
        one = received(up, packet(source))
        journey.down.attach(up, one, float(source))
        journey.send(one)
        journey.down.detach()
    found = [sent_as(journey, index) for index, _ in journey.wire]
    assert [one is None for one in found] == [True] * 4 + [False] * 8


def test_what_is_to_be_forgotten_is_found_no_more() -> None:
    journey, up = Journey(), make_up()
    first = received(up, packet(1))
    journey.down.attach(up, first, 0.0)
    journey.down.forget_sent()
    assert sent_as(journey, 500) is None
    other = make_up()
    one = received(other, packet(7))
    journey.down.detach()
    journey.down.attach(other, one, 1.0)
    assert sent_as(journey, 501) is not None


def test_a_burst_and_what_follows_are_found_with_their_own_times() -> None:
    journey, up = Journey(), make_up()
    burst = [received(up, packet(at, 3000 * at)) for at in range(4)]
    hurried = [(index, 99_000 + at, marker, b"h") for at, (index, _, marker, _) in enumerate(burst)]
    journey.down.attach_burst(up, hurried, 1.0)
    for one in hurried:
        journey.send(one)
    journey.send(received(up, packet(4, 12_000)))
    assert [sent_as(journey, 500 + at) for at in range(5)] == journey.wire
    assert sent_as(journey, 505) is None


def test_viewers_know_retransmissions_by_the_payload_type_of_each_codec() -> None:
    down = DownTrack("video", with_rtx([codec("VP8", 120), codec("H264", 121)]), make_lane(), 0)
    assert down.rtx_payload_type_for(codec("VP8")) == 30
    assert down.rtx_payload_type_for(codec("H264")) == 31
    assert down.rtx_payload_type_for(codec("AV1")) is None
    plain = DownTrack("video", [codec("VP8")], make_lane(), 0)
    assert plain.rtx_payload_type_for(codec("VP8")) is None
