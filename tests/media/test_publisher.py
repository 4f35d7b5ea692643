"""One publisher's packets, and the RTCP it gets back."""

import pytest

from media.client_offer import EXTENSIONS
from media.description import RtpCodec
from media.negotiation import IngestPlan
from media.publisher import Publisher
from media.rtcp import (
    FullIntraRequest,
    PictureLossIndication,
    ReceiverReport,
    RtcpPacket,
    SenderReport,
    TransportFeedback,
    parse_compound,
)
from media.rtp import EXTENSION_MID, EXTENSION_TRANSPORT_CC, RtpPacket, write_packet
from tests.support.media_factories import Stream, codec, ingest_plan

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
