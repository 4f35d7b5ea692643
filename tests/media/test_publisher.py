"""One publisher's packets, and the RTCP it gets back."""

import pytest

from media.client_offer import EXTENSIONS
from media.description import RtpCodec
from media.negotiation import IngestPlan
from media.publisher import Publisher
from media.rtcp import (
    FullIntraRequest,
    Nack,
    PictureLossIndication,
    ReceiverReport,
    RtcpPacket,
    SenderReport,
    TransportFeedback,
    parse_compound,
)
from media.rtp import EXTENSION_MID, EXTENSION_TRANSPORT_CC, RtpPacket, write_packet
from tests.support.media_factories import Stream, codec, ingest_plan, with_rtx
from tests.support.simulcast import RID_ID, retransmission, simulcast_plan

MID, CC = EXTENSIONS[EXTENSION_MID], EXTENSIONS[EXTENSION_TRANSPORT_CC]


def make_publisher(plan: IngestPlan | None = None) -> Publisher:
    return Publisher(
        "p", "host", plan or ingest_plan(), sender_ssrc=99, keyframe_interval_s=1.0, order=1
    )


def raw(
    payload_type: int = 96,
    ssrc: int = 5,
    sequence: int = 1,
    extensions: dict[int, bytes] | None = None,
) -> bytes:
    return write_packet(
        RtpPacket(payload_type, False, sequence, 0, ssrc, extensions or {}, b"\x10\x01x")
    )


def rtcp(publisher: Publisher, now: float) -> list[RtcpPacket]:
    return [packet for data in publisher.rtcp_to_send(now) for packet in parse_compound(data)]


def test_tracks_are_told_by_payload_type() -> None:
    publisher = make_publisher()
    assert publisher.track("video") is None
    video, audio = publisher.handle_rtp(raw(96, 5), 1.0), publisher.handle_rtp(raw(111, 6), 2.0)
    assert video is not None
    assert audio is not None
    assert (video[0].kind, audio[0].kind) == ("video", "audio")
    assert publisher.track("video") is video[0]
    assert publisher.track("audio") is audio[0]
    assert (publisher.started_at, publisher.last_rtp_at, publisher.packets) == (1.0, 2.0, 2)


def test_the_mid_decides_where_payload_types_are_shared() -> None:
    plan = ingest_plan(audio=[codec("opus", 100)], video=[codec("VP8", 96)])
    publisher = make_publisher(plan)
    taken = publisher.handle_rtp(raw(96, extensions={MID: b"1"}), 1.0)
    assert taken is not None
    assert taken[0].kind == "video"
    assert publisher.handle_rtp(raw(100, 6, extensions={MID: b"1"}), 1.0) is None
    assert publisher.unknown == 1


def test_an_unknown_mid_leaves_it_to_the_payload_type() -> None:
    publisher = make_publisher()
    taken = publisher.handle_rtp(raw(96, extensions={MID: b"\xff\x00"}), 1.0)
    assert taken is not None
    assert taken[0].kind == "video"


def test_packets_of_no_negotiated_track_are_counted_and_dropped() -> None:
    publisher = make_publisher()
    assert publisher.handle_rtp(raw(35), 1.0) is None
    assert (publisher.unknown, publisher.packets, publisher.started_at) == (1, 0, None)


def test_malformed_packets_are_counted_and_dropped() -> None:
    publisher = make_publisher()
    assert publisher.handle_rtp(b"\x80", 1.0) is None
    assert publisher.malformed == 1


def test_packets_too_old_are_dropped_but_prove_life() -> None:
    publisher = make_publisher()
    publisher.handle_rtp(raw(sequence=5000), 1.0)
    assert publisher.handle_rtp(raw(sequence=1), 9.0) is None
    assert publisher.is_flowing(9.5, 2.0)


def test_another_codec_on_the_same_ssrc_is_another_track() -> None:
    publisher = make_publisher(ingest_plan(video=[codec("VP8"), codec("H264")]))
    first, second = publisher.handle_rtp(raw(96), 1.0), publisher.handle_rtp(raw(102), 2.0)
    assert first is not None
    assert second is not None
    assert first[0] is not second[0]
    newest = publisher.track("video")
    assert newest is second[0]
    assert newest.codec.name == "H264"


def test_ssrcs_of_a_publisher_are_bounded() -> None:
    publisher = make_publisher()
    taken = [publisher.handle_rtp(raw(ssrc=ssrc), 1.0) for ssrc in range(1, 100)]
    assert sum(result is not None for result in taken) == len(publisher.tracks) == 8
    assert publisher.unknown == 91
    assert publisher.handle_rtp(raw(ssrc=1, sequence=2), 1.0) is not None


def test_a_publisher_flows_until_it_is_silent() -> None:
    publisher = make_publisher()
    assert not publisher.is_flowing(0.0, 2.0)
    publisher.handle_rtp(raw(), 10.0)
    assert publisher.is_flowing(11.9, 2.0)
    assert not publisher.is_flowing(12.0, 2.0)


def test_a_receiver_report_comes_every_second() -> None:
    publisher = make_publisher()
    assert publisher.get_timer() is None
    publisher.handle_rtp(raw(96, 5), 10.0)
    publisher.handle_rtp(raw(111, 6), 10.0)
    assert publisher.get_timer() == 11.0
    assert rtcp(publisher, 10.9) == []
    (report,) = rtcp(publisher, 11.0)
    assert isinstance(report, ReceiverReport)
    assert report.ssrc == 99
    assert {block.ssrc for block in report.reports} == {5, 6}
    assert rtcp(publisher, 11.5) == []
    assert len(rtcp(publisher, 12.0)) == 1


def test_arrivals_are_fed_back_when_numbered() -> None:
    publisher = make_publisher()
    for at in range(5):
        publisher.handle_rtp(
            raw(sequence=at, extensions={CC: (at + 7).to_bytes(2, "big")}), 10.0 + at / 100
        )
    publisher.handle_rtp(raw(sequence=5, extensions={CC: b"long"}), 10.05)
    assert publisher.get_timer() == pytest.approx(10.1)
    (feedback,) = rtcp(publisher, 10.1)
    assert isinstance(feedback, TransportFeedback)
    assert (feedback.sender_ssrc, feedback.media_ssrc, feedback.base_sequence) == (99, 5, 7)
    assert len(feedback.received) == 5


def test_packets_of_unknown_tracks_are_fed_back_too() -> None:
    """They cross the same network, and the sender would take them for lost."""
    publisher = make_publisher()
    publisher.handle_rtp(raw(35, extensions={CC: b"\x00\x01"}), 10.0)
    (feedback,) = rtcp(publisher, 10.2)
    assert isinstance(feedback, TransportFeedback)


def test_key_frames_are_asked_for_by_pli() -> None:
    publisher = make_publisher()
    taken = publisher.handle_rtp(raw(96, 5), 10.0)
    assert taken is not None
    taken[0].keyframes.want()
    assert publisher.get_timer() == 0.0
    (request,) = rtcp(publisher, 10.0)
    assert request == PictureLossIndication(99, 5)
    assert publisher.keyframe_requests == 1
    assert rtcp(publisher, 10.5) == []


def test_key_frames_are_asked_for_by_fir_where_pli_was_not_offered() -> None:
    fir_only = RtpCodec(96, "VP8", 90000, 1, {}, ("ccm fir",))
    publisher = make_publisher(ingest_plan(video=[fir_only]))
    taken = publisher.handle_rtp(raw(96, 5), 10.0)
    assert taken is not None
    taken[0].keyframes.want()
    found = [rtcp(publisher, at)[-1] for at in (10.0, 11.0)]
    assert found == [FullIntraRequest(99, ((5, 1),)), FullIntraRequest(99, ((5, 2),))]


def test_sender_reports_of_known_tracks_place_their_clocks() -> None:
    publisher = make_publisher()
    stream = Stream(codec("VP8"), 5)
    taken = [publisher.handle_rtp(data, 10.0) for data in stream.frame(is_key=True)]
    assert taken[-1] is not None
    track = taken[-1][0]
    reports: list[RtcpPacket] = [
        SenderReport(5, 100 << 32, stream.timestamp & 0xFFFFFFFF, 1, 1),
        SenderReport(6, 500 << 32, 0, 1, 1),
    ]
    publisher.handle_rtcp(reports, 10.0)
    publisher.handle_rtp(stream.frame()[0], 11.0)
    assert publisher.clock.server_time(100 + 1 / 30) == pytest.approx(11.0, abs=1e-3)
    assert track.report_block(10.5).lsr == 100 << 16


# ---- losses -------------------------------------------------------------------------------------


def losing(*, rid: str = "") -> tuple[Publisher, Stream, list[bytes]]:
    """A publisher, its video, and a frame of which packet 2 of 5 did not come."""
    plan = simulcast_plan() if rid else ingest_plan(video=with_rtx([codec("VP8")]))
    publisher = make_publisher(plan)
    stream = Stream(codec("VP8"), 5, extensions={RID_ID: rid.encode()} if rid else None)
    for data in stream.frame(is_key=True):
        publisher.handle_rtp(data, 10.0)
    frame = stream.frame(packets=5)
    for at, data in enumerate(frame):
        if at != 2:
            publisher.handle_rtp(data, 10.0)
    return publisher, stream, frame


def repeat(data: bytes, sequence: int = 1, *, ssrc: int = 6, rid: str = "") -> bytes:
    return retransmission(data, ssrc=ssrc, sequence=sequence, rid=rid)


def test_what_is_missing_is_asked_for_after_five_milliseconds() -> None:
    publisher, stream, _ = losing()
    assert publisher.get_timer() == pytest.approx(10.005)
    assert rtcp(publisher, 10.004) == []
    assert rtcp(publisher, 10.005) == [Nack(99, 5, ((stream.sequence - 3) & 0xFFFF,))]
    assert publisher.nacked == 1


def test_nothing_is_asked_for_of_those_who_do_not_resend() -> None:
    plain = RtpCodec(96, "VP8", 90000, 1, {}, ("nack pli",))
    publisher = make_publisher(ingest_plan(video=[plain]))
    publisher.handle_rtp(raw(sequence=1), 10.0)
    publisher.handle_rtp(raw(sequence=4), 10.0)
    assert publisher.get_timer() == 11.0
    assert [type(one) for one in rtcp(publisher, 10.9)] == []


def test_what_is_given_up_costs_a_key_frame() -> None:
    publisher, _, _ = losing()
    told: list[RtcpPacket] = []
    while (due := publisher.get_timer()) is not None and due < 10.7:
        told += rtcp(publisher, due)
    assert told[-1] == PictureLossIndication(99, 5)
    assert [type(one) for one in told[:-1]] == [Nack] * (len(told) - 1)


def test_a_retransmission_of_what_is_missing_goes_on_in_its_place() -> None:
    publisher, _, frame = losing()
    taken = publisher.handle_rtp(repeat(frame[2]), 10.05)
    assert taken is not None
    track, (index, timestamp, marker, payload), is_key = taken
    assert (track.ssrc, is_key, marker) == (5, False, False)
    assert index == track.last_index - 2
    assert timestamp == track.last_timestamp
    assert payload == frame[2][12:]
    assert publisher.recovered == 1
    assert rtcp(publisher, 10.1) == []


@pytest.mark.parametrize("late_first", [True, False])
def test_an_original_and_its_retransmission_are_not_both_taken(late_first: bool) -> None:
    publisher, _, frame = losing()
    both = [frame[2], repeat(frame[2])] if late_first else [repeat(frame[2]), frame[2]]
    taken = [publisher.handle_rtp(data, 10.05) for data in both]
    assert [one is None for one in taken] == [False, True]


def test_probes_with_copies_or_padding_change_nothing() -> None:
    publisher, stream, frame = losing()
    track = publisher.tracks[5]
    before = (track.last_index, track.last_at, track.cache.keyframe(), publisher.packets)
    probes = [repeat(data, at) for at, data in enumerate(frame) if at != 2] * 20
    probes.append(repeat(stream.frame()[0], 500))
    rtx_header = RtpPacket(30, False, 7, 0, 6, {}, b"")
    probes.append(write_packet(rtx_header))
    for payload in (b"\x00", frame[2][2:4]):
        probes.append(write_packet(RtpPacket(30, False, 7, 0, 6, {}, payload)))
    for probe in probes:
        assert publisher.handle_rtp(probe, 11.0) is None
    after = (track.last_index, track.last_at, track.cache.keyframe(), publisher.packets)
    assert after == before
    assert (publisher.recovered, publisher.unknown, publisher.malformed) == (0, 0, 0)


def test_probes_ahead_of_any_picture_are_survived() -> None:
    publisher = make_publisher(ingest_plan(video=with_rtx([codec("VP8")])))
    assert publisher.handle_rtp(repeat(raw()), 10.0) is None
    assert publisher.started_at is None


def test_retransmissions_follow_the_picture_to_another_ssrc() -> None:
    publisher, _, _ = losing()
    stream = Stream(codec("VP8"), 50, sequence=100)
    first, lost, last = stream.frame(is_key=True)
    publisher.handle_rtp(first, 12.0)
    publisher.handle_rtp(last, 12.0)
    taken = publisher.handle_rtp(repeat(lost, ssrc=60), 12.05)
    assert taken is not None
    assert taken[0].ssrc == 50


# ---- layers -------------------------------------------------------------------------------------


def test_a_layers_retransmissions_are_known_by_the_repaired_rid_of_the_first() -> None:
    publisher, stream, frame = losing(rid="m")
    assert publisher.handle_rtp(repeat(frame[2]), 10.05) is None
    taken = publisher.handle_rtp(repeat(frame[2], rid="m"), 10.05)
    assert taken is not None
    assert taken[0].rid == "m"
    first, lost, last = stream.frame()
    publisher.handle_rtp(first, 10.1)
    publisher.handle_rtp(last, 10.1)
    assert publisher.handle_rtp(repeat(lost), 10.15) is not None


def test_a_retransmission_repairs_no_other_layer_of_the_same_numbers() -> None:
    publisher, stream, frame = losing(rid="m")
    other = Stream(codec("VP8"), 55, sequence=stream.sequence - 8, extensions={RID_ID: b"h"})
    for data in (*other.frame(is_key=True), *other.frame(packets=5)):
        publisher.handle_rtp(data, 10.0)
    assert publisher.handle_rtp(repeat(frame[2], ssrc=66, rid="h"), 10.05) is None
    assert publisher.recovered == 0


def test_layers_are_told_by_rid_which_need_not_come_again() -> None:
    publisher = make_publisher(simulcast_plan())
    for ssrc, rid in ((5, b"l"), (6, b"m"), (7, b"h")):
        assert publisher.handle_rtp(raw(ssrc=ssrc, extensions={RID_ID: rid}), 1.0) is not None
    found = [publisher.handle_rtp(raw(ssrc=ssrc, sequence=2), 1.0) for ssrc in (7, 5, 6)]
    assert [one[0].rid for one in found if one] == ["h", "l", "m"]


@pytest.mark.parametrize(
    "extensions", [{}, {RID_ID: b""}, {RID_ID: b"x"}, {RID_ID: b"\xff\xfe"}, {RID_ID: b"l" * 16}]
)
def test_a_layer_without_a_known_name_is_not_guessed(extensions: dict[int, bytes]) -> None:
    publisher = make_publisher(simulcast_plan())
    extensions = {ident: value for ident, value in extensions.items() if value}
    assert publisher.handle_rtp(raw(ssrc=8, extensions=extensions), 1.0) is None
    assert (publisher.unknown, publisher.tracks) == (1, {})


def test_a_layer_keeps_its_name_when_its_codec_changes() -> None:
    publisher = make_publisher(simulcast_plan("VP8", others=("H264",)))
    publisher.handle_rtp(raw(ssrc=5, extensions={RID_ID: b"m"}), 1.0)
    taken = publisher.handle_rtp(raw(102, ssrc=5, sequence=2), 1.1)
    assert taken is not None
    assert (taken[0].rid, taken[0].codec.name) == ("m", "H264")


def test_rids_mean_nothing_where_no_layers_were_agreed() -> None:
    publisher = make_publisher()
    taken = publisher.handle_rtp(raw(extensions={RID_ID: b"h"}), 1.0)
    assert taken is not None
    assert taken[0].rid == ""


def test_ever_new_ssrcs_and_names_of_repeats_are_bounded() -> None:
    publisher, stream, frame = losing(rid="m")
    for ssrc in range(1000, 1100):
        publisher.handle_rtp(raw(ssrc=ssrc, extensions={RID_ID: b"h"}), 11.0)
        publisher.handle_rtp(repeat(frame[0], ssrc=ssrc + 5000, rid="h"), 11.0)
    assert len(publisher.tracks) == 8
    assert publisher.handle_rtp(stream.frame()[0], 11.0) is not None


def test_a_layer_that_stopped_is_not_asked_for_key_frames_until_it_flows_again() -> None:
    publisher = make_publisher(simulcast_plan())
    layers = {
        rid: Stream(codec("VP8"), ssrc, extensions={RID_ID: rid.encode()})
        for ssrc, rid in ((5, "l"), (7, "h"))
    }
    taken = [
        publisher.handle_rtp(one.frame(is_key=True, packets=1)[0], 1.0) for one in layers.values()
    ]
    assert taken[1] is not None
    publisher.handle_rtp(layers["l"].frame(packets=1)[0], 2.1)
    taken[1][0].keyframes.want()
    assert [type(one) for one in rtcp(publisher, 2.1)] == [ReceiverReport]
    timer = publisher.get_timer()
    assert timer is not None
    assert timer > 2.1
    publisher.handle_rtp(layers["h"].frame(packets=1)[0], 2.2)
    assert rtcp(publisher, 2.2) == [PictureLossIndication(99, 7)]
