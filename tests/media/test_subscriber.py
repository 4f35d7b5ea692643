"""One viewer's reports, both ways."""

import pytest

from media.client_offer import EXTENSIONS
from media.clock import PublisherClock, to_ntp
from media.rtcp import (
    Bye,
    FullIntraRequest,
    Nack,
    PictureLossIndication,
    ReceiverReport,
    Remb,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    parse_compound,
    write_sdes,
)
from media.rtp import EXTENSION_ABS_SEND_TIME, parse_packet
from media.subscriber import Subscriber, Wanted
from media.tracks import UpTrack
from tests.support.media_factories import Stream, codec, egress_plan, make_lane

UNIX = 1_700_000_000.0


def make_subscriber(plan_kinds: str = "av") -> Subscriber:
    plan = egress_plan(
        audio=[codec("opus")] if "a" in plan_kinds else [],
        video=[codec("VP8")] if "v" in plan_kinds else [],
        extensions=EXTENSIONS,
    )
    lanes = {"audio": make_lane(1), "video": make_lane(2)}
    return Subscriber("s", plan, lanes, cname="server", first_index=7)


def fed(name: str, ssrc: int, now: float) -> UpTrack:
    kind = "audio" if name == "opus" else "video"
    up = UpTrack(kind, codec(name), ssrc, PublisherClock(), 1.0)
    stream = Stream(codec(name), ssrc)
    for data in [stream.sound()] if kind == "audio" else stream.frame(is_key=True):
        up.receive(parse_packet(data), now)
    return up


def report(**changes: int) -> ReceiverReport:
    values = {
        "ssrc": 2,
        "fraction_lost": 64,
        "packets_lost": 1,
        "highest_sequence": 1,
        "jitter": 0,
        "lsr": 0,
        "dlsr": 0,
    }
    return ReceiverReport(5, (ReportBlock(**{**values, **changes}),))


def test_tracks_are_those_that_were_negotiated() -> None:
    subscriber = make_subscriber("v")
    video = subscriber.track("video")
    assert video is not None
    assert video.lane.ssrc == 2
    assert subscriber.track("audio") is None
    assert subscriber.abs_send_time_ids == {"video": EXTENSIONS[EXTENSION_ABS_SEND_TIME]}


@pytest.mark.parametrize(
    "request_", [PictureLossIndication(5, 2), FullIntraRequest(5, ((2, 0),))], ids=["PLI", "FIR"]
)
def test_a_request_for_a_key_frame_is_noticed(
    request_: PictureLossIndication | FullIntraRequest,
) -> None:
    assert make_subscriber().handle_rtcp([report(), request_], to_ntp(UNIX)).keyframe


def test_other_feedback_asks_for_nothing() -> None:
    packets: list[RtcpPacket] = [report(), Bye((5,)), Remb(5, 1, (2,))]
    assert make_subscriber().handle_rtcp(packets, to_ntp(UNIX)) == Wanted()


def test_the_round_trip_is_taken_from_reports() -> None:
    subscriber = make_subscriber()
    sent_at = to_ntp(UNIX)
    echoed = report(lsr=sent_at >> 16 & 0xFFFFFFFF, dlsr=65536)
    subscriber.handle_rtcp([echoed], to_ntp(UNIX + 1.08))
    assert subscriber.rtt_s == pytest.approx(0.08, abs=0.001)


@pytest.mark.parametrize("dlsr", [0xFFFFFFFF, 3 * 65536])
def test_a_round_trip_below_zero_is_not_believed(dlsr: int) -> None:
    subscriber = make_subscriber()
    echoed = report(lsr=to_ntp(UNIX) >> 16 & 0xFFFFFFFF, dlsr=dlsr)
    subscriber.handle_rtcp([echoed], to_ntp(UNIX + 1))
    assert subscriber.rtt_s is None or subscriber.rtt_s < 2.0


def test_a_report_without_a_sender_report_tells_no_round_trip() -> None:
    subscriber = make_subscriber()
    subscriber.handle_rtcp([report()], to_ntp(UNIX))
    assert subscriber.rtt_s is None


def test_the_loss_of_the_video_track_is_kept() -> None:
    subscriber = make_subscriber()
    subscriber.handle_rtcp([report(ssrc=1, fraction_lost=255)], to_ntp(UNIX))
    assert subscriber.fraction_lost == 0.0
    subscriber.handle_rtcp([report()], to_ntp(UNIX))
    assert subscriber.fraction_lost == 0.25


def test_sender_reports_run_on_the_servers_clock() -> None:
    subscriber = make_subscriber()
    for kind, name in (("audio", "opus"), ("video", "VP8")):
        down, up = subscriber.track(kind), fed(name, 70, 10.0)
        assert down is not None
        down.attach(up, (up.last_index, up.last_timestamp, False, b""), 10.0)
        down.lane.packets, down.lane.octets = 3, 300
    assert subscriber.rtcp_to_send(10.0, UNIX) == []
    subscriber.started(10.0)
    found = [parse_compound(data) for data in subscriber.rtcp_to_send(10.5, UNIX + 0.5)]
    reports = [packet for packets in found for packet in packets]
    assert len(reports) == 2
    for packet, rate in zip(reports, (48000, 90000), strict=True):
        assert isinstance(packet, SenderReport)
        assert packet.ntp == to_ntp(UNIX + 0.5)
        assert (packet.packet_count, packet.octet_count) == (3, 300)
        down = subscriber.track("audio" if rate == 48000 else "video")
        assert down is not None
        assert down.up is not None
        since = packet.rtp_timestamp - down.up.last_timestamp & 0xFFFFFFFF
        assert since == pytest.approx(rate / 2, abs=2)


def test_reports_name_the_server_and_come_every_two_seconds() -> None:
    subscriber = make_subscriber("v")
    down, up = subscriber.track("video"), fed("VP8", 70, 10.0)
    assert down is not None
    down.attach(up, (up.last_index, up.last_timestamp, False, b""), 10.0)
    subscriber.started(10.0)
    (first,) = subscriber.rtcp_to_send(10.0, UNIX)
    assert first.endswith(write_sdes(2, "server"))
    assert subscriber.rtcp_to_send(11.9, UNIX) == []
    assert len(subscriber.rtcp_to_send(12.0, UNIX)) == 1


def test_a_track_that_waits_is_not_reported_on() -> None:
    subscriber = make_subscriber("v")
    subscriber.started(10.0)
    assert subscriber.rtcp_to_send(10.0, UNIX) == []


# ---- losses -------------------------------------------------------------------------------------


def test_lost_packets_of_the_picture_are_gathered_and_others_left_out() -> None:
    packets: list[RtcpPacket] = [
        Nack(5, 2, (7, 9)),
        Nack(5, 1, (3,)),
        Nack(5, 77, (4,)),
        Nack(5, 2, (65535,)),
    ]
    wanted = make_subscriber().handle_rtcp(packets, to_ntp(UNIX))
    assert wanted == Wanted(lost=[7, 9, 65535])


def test_losses_of_one_call_are_not_those_of_the_next() -> None:
    subscriber = make_subscriber()
    subscriber.handle_rtcp([Nack(5, 2, (7,))], to_ntp(UNIX))
    assert subscriber.handle_rtcp([report()], to_ntp(UNIX)).lost == []


def test_a_viewer_of_sound_alone_loses_no_picture() -> None:
    assert make_subscriber("a").handle_rtcp([Nack(5, 2, (7,))], to_ntp(UNIX)).lost == []


def test_the_newest_estimate_is_kept() -> None:
    subscriber = make_subscriber()
    assert subscriber.remb_bps is None
    subscriber.handle_rtcp([Remb(5, 500_000, (2,)), Remb(5, 300_000, (2,))], to_ntp(UNIX))
    assert subscriber.remb_bps == 300_000


@pytest.mark.parametrize(("rtt_s", "wait_s"), [(None, 0.04), (0.001, 0.02), (0.2, 0.16)])
def test_a_packet_is_sent_again_once_a_round_trip(rtt_s: float | None, wait_s: float) -> None:
    subscriber = make_subscriber()
    subscriber.rtt_s = rtt_s
    assert subscriber.may_resend(7, 10.0)
    assert not subscriber.may_resend(7, 10.0 + 0.9 * wait_s)
    assert subscriber.may_resend(8, 10.0 + 0.9 * wait_s)
    assert subscriber.may_resend(7, 10.0 + 1.1 * wait_s)


@pytest.mark.parametrize(
    ("remb_bps", "per_s"), [(None, 400), (20_000_000, 400), (900_000, 50), (90_000, 20)]
)
def test_as_much_is_sent_again_as_the_line_bears(remb_bps: int | None, per_s: int) -> None:
    subscriber = make_subscriber()
    subscriber.remb_bps = remb_bps
    allowed = [
        sum(subscriber.may_resend(1000 * second + at, 50.0 + second) for at in range(900))
        for second in range(5)
    ]
    assert allowed == [per_s] * 5


def test_what_waits_to_be_sent_again_does_not_add_up() -> None:
    subscriber = make_subscriber()
    assert sum(subscriber.may_resend(at, 1000.0) for at in range(5000)) == 400
    assert sum(subscriber.may_resend(at, 2000.0) for at in range(5000, 9000)) == 400
