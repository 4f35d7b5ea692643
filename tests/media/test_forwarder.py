"""The core of one room: who is the picture, and what everybody is told."""

from itertools import pairwise

import pytest

from media.client_offer import CODECS
from media.clock import to_ntp
from media.events import MediaStarted, MediaStopped
from media.negotiation import IngestPlan
from media.rtcp import (
    SenderReport,
    write_fir,
    write_pli,
    write_receiver_report,
    write_sender_report,
)
from media.rtp import parse_packet
from tests.support.clock import Clock
from tests.support.media_factories import Room, Sent, Stream, codec, egress_plan, ingest_plan
from tests.support.netem import Link

AUDIO_ONLY = ingest_plan(video=[])
VIDEO_ONLY = ingest_plan(audio=[])


@pytest.fixture
def room() -> Room:
    return Room(Clock())


class Sender:
    """A publisher's two streams."""

    def __init__(self, room: Room, session_id: str, ssrc: int) -> None:
        self.room, self.session_id = room, session_id
        self.video = Stream(codec("VP8"), ssrc, sequence=ssrc, timestamp=ssrc << 12)
        self.audio = Stream(codec("opus"), ssrc + 1, sequence=2 * ssrc, timestamp=ssrc << 11)

    def frame(self, *, is_key: bool = False, packets: int = 3) -> None:
        self.room.feed(self.session_id, self.video.frame(is_key=is_key, packets=packets))

    def sound(self) -> None:
        self.room.feed(self.session_id, [self.audio.sound()])

    def play(self, seconds: float, *, first_is_key: bool = False) -> None:
        """Frames and sound for a while, with ticks."""
        for at in range(round(seconds * 30)):
            self.frame(is_key=first_is_key and at == 0)
            self.sound()
            self.room.wait(1 / 30)


def publish(
    room: Room, session_id: str, ssrc: int, *, demo: bool = False, plan: IngestPlan | None = None
) -> Sender:
    room.publish(session_id, "demo" if demo else "host", plan)
    return Sender(room, session_id, ssrc)


def told(room: Room) -> list[str]:
    """Events since the last call, in short."""
    events, room.events = room.events, []
    found = []
    for event in events:
        assert isinstance(event, MediaStarted | MediaStopped)
        assert event.room == "r"
        found.append(f"{type(event).__name__[5:].lower()} {event.session_id}")
    return found


def assert_seamless(sent: list[Sent]) -> None:
    indices = [one.index for one in sent]
    assert indices == list(range(indices[0], indices[0] + len(indices)))
    stamps = [one.timestamp for one in sent]
    assert stamps == sorted(stamps)


# ---- one publisher ------------------------------------------------------------------------------


def test_the_picture_starts_with_a_key_frame(room: Room) -> None:
    host = publish(room, "host", 100)
    assert told(room) == []
    host.sound()
    host.frame()
    assert told(room) == []
    host.frame(is_key=True)
    assert told(room) == ["started host"]
    host.frame()
    assert told(room) == []


def test_a_publisher_who_joins_in_mid_stream_is_asked_for_a_key_frame(room: Room) -> None:
    host = publish(room, "host", 100)
    host.frame()
    room.wait(0.1)
    assert len(room.keyframe_requests("host")) == 1


def test_a_publisher_of_sound_alone_is_the_picture_at_once(room: Room) -> None:
    viewer = room.watch("v")
    host = publish(room, "host", 100, plan=AUDIO_ONLY)
    host.sound()
    assert told(room) == ["started host"]
    host.sound()
    assert len(viewer.audio) == 2
    assert viewer.video == []


def test_a_publisher_of_video_alone_is_forwarded(room: Room) -> None:
    viewer = room.watch("v")
    host = publish(room, "host", 100, plan=VIDEO_ONLY)
    host.frame(is_key=True)
    assert (len(viewer.video), viewer.audio) == (3, [])


def test_announced_video_that_does_not_come_holds_sound_back_for_a_second(room: Room) -> None:
    viewer = room.watch("v")
    host = publish(room, "host", 100)
    for _ in range(10):
        host.sound()
        room.wait(0.1)
    assert viewer.audio == []
    room.wait(0.1)
    host.sound()
    assert told(room) == ["started host"]
    assert len(viewer.audio) == 1
    host.frame(is_key=True)
    assert len(viewer.video) == 3


def test_a_host_who_returns_with_a_dark_camera_becomes_the_picture_by_its_sound(room: Room) -> None:
    viewer = room.watch("v")
    host, demo = publish(room, "host", 100), publish(room, "demo", 300, demo=True)
    host.play(0.5, first_is_key=True)
    demo.play(3, first_is_key=True)
    demo.play(0.5, first_is_key=True)
    assert told(room) == ["started host", "started demo"]
    came_at = room.clock.now
    while not (names := told(room)):
        host.sound()
        demo.frame()
        room.wait(1 / 30)
    assert names == ["started host"]
    assert room.clock.now - came_at == pytest.approx(1.0, abs=0.15)
    pictures, sounds = len(viewer.video), len(viewer.audio)
    for _ in range(30):
        host.sound()
        demo.frame(is_key=True)
        room.wait(1 / 30)
    assert (len(viewer.video), len(viewer.audio)) == (pictures, sounds + 30)
    host.frame()
    assert room.keyframe_requests("host")
    host.frame(is_key=True)
    assert len(viewer.video) == pictures + 3
    assert_seamless(viewer.video)


def test_a_host_who_returns_with_a_picture_is_waited_for(room: Room) -> None:
    host, demo = publish(room, "host", 100), publish(room, "demo", 300, demo=True)
    host.play(0.5, first_is_key=True)
    demo.play(3, first_is_key=True)
    demo.play(0.5, first_is_key=True)
    told(room)
    host.play(3)
    assert told(room) == []
    host.play(0.1, first_is_key=True)
    assert told(room) == ["started host"]


def test_silence_is_told_once_and_the_return_too(room: Room) -> None:
    host = publish(room, "host", 100)
    host.play(0.5, first_is_key=True)
    assert told(room) == ["started host"]
    room.wait(1.9)
    assert told(room) == []
    room.wait(0.2)
    assert told(room) == ["stopped host"]
    room.wait(10)
    assert told(room) == []
    host.play(0.2)
    assert told(room) == ["started host"]


def test_a_viewer_sees_a_pause_and_nothing_more(room: Room) -> None:
    viewer = room.watch("v")
    host = publish(room, "host", 100)
    host.play(0.5, first_is_key=True)
    room.wait(5)
    host.video.timestamp += 5 * 90000
    host.play(0.5)
    assert len(viewer.video) == 90
    assert_seamless(viewer.video)


def test_a_publisher_who_leaves_is_told_once(room: Room) -> None:
    host = publish(room, "host", 100)
    host.play(0.2, first_is_key=True)
    room.unpublish("host")
    room.unpublish("host")
    room.wait(5)
    assert told(room) == ["started host", "stopped host"]
    assert room.forwarder.active is None
    assert room.forwarder.is_empty


def test_a_silent_publisher_who_leaves_is_not_told_twice(room: Room) -> None:
    host = publish(room, "host", 100)
    host.play(0.2, first_is_key=True)
    room.wait(3)
    room.unpublish("host")
    assert told(room) == ["started host", "stopped host"]


def test_a_publisher_who_never_sent_leaves_without_a_word(room: Room) -> None:
    publish(room, "host", 100)
    room.wait(1)
    room.unpublish("host")
    assert told(room) == []


def test_a_room_is_empty_when_nobody_is_left(room: Room) -> None:
    empty = [room.forwarder.is_empty]
    room.watch("v")
    empty.append(room.forwarder.is_empty)
    room.leave("v")
    empty.append(room.forwarder.is_empty)
    assert empty == [True, False, True]


def test_strangers_are_not_forwarded(room: Room) -> None:
    viewer = room.watch("v")
    room.feed("nobody", Stream(codec("VP8"), 1).frame(is_key=True))
    room.rtcp("nobody", write_pli(1, 2))
    assert viewer.video == []


def test_malformed_rtcp_is_counted(room: Room) -> None:
    publish(room, "host", 100)
    room.rtcp("host", b"\x80\xc8\x00\x09")
    room.rtcp("nobody", b"")
    assert room.forwarder.malformed_rtcp == 2


def test_malformed_rtp_stops_nothing(room: Room) -> None:
    viewer = room.watch("v")
    host = publish(room, "host", 100)
    host.frame(is_key=True)
    good = host.video.frame(packets=2)
    room.feed("host", [b"", good[0], b"\x90" * 12, bytes(40), good[1]])
    assert len(viewer.video) == 5


# ---- several publishers -------------------------------------------------------------------------


def test_a_viewer_who_stays_sees_demo_host_and_demo_without_a_seam(room: Room) -> None:
    viewer = room.watch("v")
    demo = publish(room, "demo", 300, demo=True)
    demo.play(1, first_is_key=True)
    host = publish(room, "host", 100)
    host.play(1, first_is_key=True)
    demo.play(0.5)
    # The host fell silent less than 2 s ago and then hangs up.
    room.unpublish("host")
    demo.play(0.5)
    before = len(viewer.video)
    demo.play(1, first_is_key=True)
    assert told(room) == ["started demo", "started host", "started demo"]
    assert before == 180
    assert len(viewer.video) == 270
    assert_seamless(viewer.video)
    assert_seamless(viewer.audio)


def test_the_demo_steps_in_when_the_host_is_silent_and_out_when_it_returns(room: Room) -> None:
    viewer = room.watch("v")
    host, demo = publish(room, "host", 100), publish(room, "demo", 300, demo=True)
    host.play(0.5, first_is_key=True)
    demo.play(1.9, first_is_key=True)
    assert told(room) == ["started host"]
    demo.play(0.3)
    assert len(room.keyframe_requests("demo")) == 1
    demo.play(0.5, first_is_key=True)
    assert told(room) == ["started demo"]
    host.play(0.3)
    assert room.keyframe_requests("host")
    assert told(room) == []
    host.play(0.3, first_is_key=True)
    assert told(room) == ["started host"]
    assert_seamless(viewer.video)


def test_the_demo_is_not_forwarded_while_a_host_flows(room: Room) -> None:
    viewer = room.watch("v")
    host = publish(room, "host", 100)
    host.play(0.2, first_is_key=True)
    demo = publish(room, "demo", 300, demo=True)
    count = len(viewer.video)
    demo.frame(is_key=True)
    demo.sound()
    assert len(viewer.video) == count
    assert told(room) == ["started host"]


def test_a_later_host_replaces_an_earlier_one(room: Room) -> None:
    viewer = room.watch("v")
    first = publish(room, "first", 100)
    first.play(0.2, first_is_key=True)
    second = publish(room, "second", 500)
    second.sound()
    assert room.to_close == []
    second.frame(is_key=True)
    assert room.to_close == ["first"]
    first.frame(is_key=True)
    room.unpublish("first")
    second.play(0.2)
    assert told(room) == ["started first", "started second"]
    assert_seamless(viewer.video)
    assert room.to_close == ["first"]


def test_a_host_does_not_close_the_demo(room: Room) -> None:
    demo = publish(room, "demo", 300, demo=True)
    demo.frame(is_key=True)
    publish(room, "host", 100).frame(is_key=True)
    assert room.to_close == []


def test_an_earlier_host_goes_on_while_the_later_one_sends_nothing(room: Room) -> None:
    viewer = room.watch("v")
    first = publish(room, "first", 100)
    first.play(0.2, first_is_key=True)
    publish(room, "second", 500)
    first.play(3)
    assert room.to_close == []
    assert len(viewer.video) == 288


def test_a_heir_that_leaves_before_its_key_frame_ends_the_show(room: Room) -> None:
    demo, host = publish(room, "demo", 300, demo=True), publish(room, "host", 100)
    host.play(0.3, first_is_key=True)
    demo.frame()
    room.unpublish("host")
    room.wait(0.5)
    room.unpublish("demo")
    room.wait(5)
    assert told(room) == ["started host", "stopped host"]


def test_a_heir_that_falls_silent_before_its_key_frame_ends_the_show(room: Room) -> None:
    demo, host = publish(room, "demo", 300, demo=True), publish(room, "host", 100)
    host.play(0.3, first_is_key=True)
    demo.frame()
    room.unpublish("host")
    room.wait(5)
    assert told(room) == ["started host", "stopped host"]
    demo.frame(is_key=True)
    assert told(room) == ["started demo"]


def test_a_heir_of_sound_alone_takes_over_at_once(room: Room) -> None:
    viewer = room.watch("v")
    demo = publish(room, "demo", 300, demo=True, plan=AUDIO_ONLY)
    host = publish(room, "host", 100)
    host.play(0.3, first_is_key=True)
    demo.sound()
    room.unpublish("host")
    assert told(room) == ["started host", "started demo"]
    demo.sound()
    assert len(viewer.audio) == 10
    assert_seamless(viewer.audio)


def test_a_joiner_after_a_switch_sees_the_new_publisher(room: Room) -> None:
    demo = publish(room, "demo", 300, demo=True)
    demo.play(0.5, first_is_key=True)
    host = publish(room, "host", 100)
    host.play(0.3, first_is_key=True)
    viewer = room.watch("v")
    assert {one.payload[2:][-8:-4] for one in viewer.video} == {(100).to_bytes(4, "big")}


# ---- key-frame requests -------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [write_pli(1, 2), write_fir(1, [(2, 1)])], ids=["PLI", "FIR"])
def test_requests_of_many_viewers_reach_the_publisher_once_a_second(
    room: Room, request_: bytes
) -> None:
    host = publish(room, "host", 100)
    host.play(1, first_is_key=True)
    viewers = [room.watch(f"v{at}") for at in range(20)]
    start = room.clock.now
    for _ in range(30):
        for viewer in viewers:
            room.rtcp(viewer.session_id, request_)
        host.frame(is_key=True)
        room.wait(0.1)
    asked = [at for at in room.keyframe_requests("host") if at >= start]
    assert 3 <= len(asked) <= 4
    gaps = [b - a for a, b in pairwise(asked)]
    assert min(gaps) >= 1.0


def test_a_request_before_any_picture_is_forgotten(room: Room) -> None:
    room.watch("v")
    room.rtcp("v", write_pli(1, 2))
    host = publish(room, "host", 100)
    host.frame(is_key=True)
    assert room.keyframe_requests("host") == []


def test_reports_of_viewers_ask_for_nothing(room: Room) -> None:
    host = publish(room, "host", 100)
    host.frame(is_key=True)
    room.watch("v")
    room.rtcp("v", write_receiver_report(1))
    assert room.keyframe_requests("host") == []


# ---- clocks -------------------------------------------------------------------------------------


def reports(room: Room, session_id: str, ssrc: int) -> list[SenderReport]:
    return [
        packet
        for to, packet in room.reports
        if to == session_id and isinstance(packet, SenderReport) and packet.ssrc == ssrc
    ]


def test_viewers_get_sender_reports_soon_and_every_two_seconds(room: Room) -> None:
    viewer = room.watch("v")
    host = publish(room, "host", 100)
    host.play(0.3, first_is_key=True)
    ssrc = viewer.lanes["video"].ssrc
    assert len(reports(room, "v", ssrc)) == 1
    host.play(4)
    assert len(reports(room, "v", ssrc)) == 3


def test_sound_and_picture_are_in_step_for_viewers_on_the_servers_clock(room: Room) -> None:
    """The picture takes 120 ms longer to the server; the host's reports put it right."""
    clock, start = room.clock, room.clock.now
    viewer = room.watch("v")
    host = publish(room, "host", 100)
    links = {"v": Link[bytes](1, delay_s=0.15), "a": Link[bytes](2, delay_s=0.03)}
    captured: dict[bytes, float] = {}
    for step in range(300):
        at = clock.now
        for data in (*host.video.frame(is_key=step == 0, step_s=0.02), host.audio.sound(0.02)):
            captured[parse_packet(data).payload] = at
            links["a" if parse_packet(data).payload_type == 111 else "v"].send(data, at)
        if step % 50 == 5:
            for stream in (host.video, host.audio):
                ntp = to_ntp(5e6 + at)
                sent = write_sender_report(stream.ssrc, ntp, stream.timestamp, 1, 1)
                room.rtcp("host", sent)
        room.wait(0.02)
        for link in links.values():
            for _, data in link.arrived(clock.now):
                room.feed("host", [data])
    assert clock.now - start == pytest.approx(6)
    placed = {}
    for kind, rate in (("audio", 48000), ("video", 90000)):
        report = reports(room, "v", viewer.lanes[kind].ssrc)[-1]
        one = viewer.sent[kind][-1]
        ahead = (report.rtp_timestamp - one.timestamp) & 0xFFFFFFFF
        ahead -= (ahead & 0x80000000) << 1
        unix = report.ntp / 2**32 - 2_208_988_800 - ahead / rate
        placed[kind] = unix - room.forwarder.wall_offset - captured[one.payload]
    assert placed["audio"] == pytest.approx(placed["video"], abs=0.002)
    assert placed["audio"] == pytest.approx(0.03, abs=0.025)


# ---- a bad network ------------------------------------------------------------------------------


def assert_plausible(sent: list[Sent]) -> None:
    """Each number once, few missing, and time goes forward with the numbers."""
    numbers = [one.index for one in sent]
    assert len(set(numbers)) == len(numbers)
    assert len(numbers) > 0.9 * (max(numbers) - min(numbers) + 1)
    in_order = sorted(sent, key=lambda one: one.index)
    assert all(a.timestamp <= b.timestamp for a, b in pairwise(in_order))


@pytest.mark.parametrize("seed", range(6))
def test_viewers_survive_a_bad_uplink(seed: int) -> None:
    room = Room(Clock())
    host = publish(room, "host", 100)
    link = Link[bytes](seed, loss=0.05, delay_s=0.03, jitter_s=0.012)
    viewers = [room.watch("early")]
    asked = 0
    for step in range(600):
        wants_key = len(room.keyframe_requests("host")) > asked
        asked = len(room.keyframe_requests("host"))
        for at, data in enumerate(host.video.frame(is_key=step == 0 or wants_key, packets=5)):
            link.send(data, room.clock.now + at / 2000)
        link.send(host.audio.sound(1 / 30), room.clock.now)
        for tick in range(8):
            room.clock.advance(1 / 240)
            arrived = [data for _, data in link.arrived(room.clock.now)]
            if arrived or tick == 7:
                room.feed("host", arrived)
        if step % 150 == 70:
            viewers.append(room.watch(f"v{step}"))
    assert link.lost > 50
    for viewer in viewers:
        assert_plausible(viewer.audio)
        assert_plausible(viewer.video)


# ---- codecs -------------------------------------------------------------------------------------


def test_a_demo_of_one_codec_and_a_host_of_another_reach_a_viewer_of_both(room: Room) -> None:
    plan = egress_plan(video=[codec("VP8", 120), codec("H264", 121)])
    both, one_codec = room.watch("both", plan), room.watch("one", egress_plan(video=[codec("VP8")]))
    demo = publish(room, "demo", 300, demo=True)
    demo.frame(is_key=True)
    host = publish(room, "host", 100, plan=ingest_plan(video=[CODECS["H264"]]))
    host.video.codec = CODECS["H264"]
    host.frame(is_key=True)
    host.frame()
    room.unpublish("host")
    demo.frame(is_key=True)
    assert [one.payload_type for one in both.video] == [120] * 3 + [121] * 6 + [120] * 3
    assert [one.payload_type for one in one_codec.video] == [96] * 6
    assert_seamless(both.video)
    assert_seamless(one_codec.video)
