"""What a viewer gets, and how packets gather into trains."""

import pytest

from media.client_offer import EXTENSIONS
from media.rtp import EXTENSION_ABS_SEND_TIME, write_extensions
from tests.support.clock import Clock
from tests.support.media_factories import (
    VIDEO_CODECS,
    Room,
    Sent,
    Stream,
    Viewer,
    codec,
    egress_plan,
    ingest_plan,
)

FRAME_S = 1 / 30


class Show:
    """A room with a publisher whose frames come at 30 a second."""

    def __init__(self, name: str = "VP8") -> None:
        self.clock = Clock()
        self.room = Room(self.clock)
        self.video = Stream(codec(name), 0xAAAA)
        self.audio = Stream(codec("opus"), 0xBBBB, sequence=3)
        self.publisher = self.room.publish("host", plan=ingest_plan(video=[codec(name)]))

    def frame(self, *, is_key: bool = False, packets: int = 3) -> None:
        self.room.feed("host", self.video.frame(is_key=is_key, packets=packets))
        self.clock.advance(FRAME_S)

    def frames(self, count: int) -> None:
        for _ in range(count):
            self.frame()

    def sound(self) -> None:
        self.room.feed("host", [self.audio.sound()])


@pytest.fixture
def show() -> Show:
    return Show()


def indices(sent: list[Sent]) -> list[int]:
    return [one.index for one in sent]


def assert_seamless(sent: list[Sent]) -> None:
    """No number is left out or sent twice, and time never goes back."""
    assert indices(sent) == list(range(sent[0].index, sent[0].index + len(sent)))
    stamps = [one.timestamp for one in sent]
    assert stamps == sorted(stamps)


# ---- joining ------------------------------------------------------------------------------------


def test_a_viewer_who_waits_gets_everything_from_the_first_key_frame(show: Show) -> None:
    viewer = show.room.watch("v")
    show.frame()
    assert viewer.video == []
    show.frame(is_key=True)
    show.frames(10)
    assert len(viewer.video) == 33
    assert viewer.video[0].index == 7
    assert viewer.video[0].payload.startswith(b"\x10\x00")
    assert_seamless(viewer.video)


@pytest.mark.parametrize("name", VIDEO_CODECS)
def test_a_joiner_gets_a_young_group_of_pictures_in_a_burst(name: str) -> None:
    show = Show(name)
    show.frame(is_key=True)
    show.frames(10)
    joined_at = show.clock.now
    viewer = show.room.watch("v")
    burst = viewer.video[:]
    assert len(burst) == 33
    assert {one.at for one in burst} == {joined_at}
    show.frames(5)
    assert len(viewer.video) == 33 + 15
    assert_seamless(viewer.video)


def test_a_burst_is_stamped_to_be_played_at_once(show: Show) -> None:
    show.frame(is_key=True)
    show.frames(20)
    viewer = show.room.watch("v")
    spread = viewer.video[-1].timestamp - viewer.video[0].timestamp
    assert spread == 20 * 90
    newest = viewer.video[-1].timestamp
    show.frame()
    assert viewer.video[-1].timestamp - newest == 3000
    frames = {one.timestamp for one in viewer.video}
    assert len(frames) == 22


def test_a_joiner_in_the_middle_of_a_key_frame_gets_its_rest_live(show: Show) -> None:
    packets = show.video.frame(is_key=True, packets=6)
    show.room.feed("host", packets[:4])
    viewer = show.room.watch("v")
    assert len(viewer.video) == 4
    show.room.feed("host", packets[4:])
    assert len(viewer.video) == 6
    assert_seamless(viewer.video)
    assert len({one.timestamp for one in viewer.video}) == 1


def test_a_burst_asks_for_no_key_frame(show: Show) -> None:
    show.frame(is_key=True)
    show.frames(3)
    asked = show.publisher.keyframe_requests
    show.room.watch("v")
    assert show.publisher.keyframe_requests == asked


def test_a_joiner_to_an_old_group_gets_a_still_and_the_next_key_frame(show: Show) -> None:
    show.frame(is_key=True, packets=4)
    show.frames(40)
    viewer = show.room.watch("v")
    assert viewer.video[0].payload.startswith(b"\x10\x00")
    assert len(viewer.video) == 4
    assert show.room.keyframe_requests("host")[-1] == show.clock.now
    show.frames(3)
    assert len(viewer.video) == 4
    show.frame(is_key=True)
    show.frames(3)
    assert len(viewer.video) == 4 + 12
    assert_seamless(viewer.video)


def test_a_still_is_stamped_as_of_now(show: Show) -> None:
    show.frame(is_key=True)
    show.frames(60)
    viewer = show.room.watch("v")
    show.clock.advance(0.5)
    show.video.timestamp += 45000
    show.frame(is_key=True)
    waited = viewer.video[3].timestamp - viewer.video[2].timestamp
    assert waited == pytest.approx(0.5 * 90000, abs=3000)


def test_a_joiner_after_a_loss_gets_the_still_alone(show: Show) -> None:
    show.frame(is_key=True)
    show.room.feed("host", show.video.frame(packets=5)[2:])
    viewer = show.room.watch("v")
    assert len(viewer.video) == 3
    show.frame()
    assert len(viewer.video) == 3


def test_a_joiner_before_any_key_frame_gets_sound_alone(show: Show) -> None:
    show.room.feed("host", show.video.frame(is_key=True)[1:])
    viewer = show.room.watch("v")
    assert viewer.video == []


def test_sound_is_joined_with_the_next_packet(show: Show) -> None:
    show.frame(is_key=True)
    for _ in range(5):
        show.sound()
    viewer = show.room.watch("v")
    assert viewer.audio == []
    for _ in range(3):
        show.sound()
    assert len(viewer.audio) == 3
    assert_seamless(viewer.audio)


def test_a_viewer_of_one_kind_gets_that_kind(show: Show) -> None:
    deaf = show.room.watch("deaf", egress_plan(audio=[]))
    blind = show.room.watch("blind", egress_plan(video=[]))
    show.frame(is_key=True)
    show.sound()
    assert (len(deaf.video), list(deaf.sent)) == (3, ["video"])
    assert (len(blind.audio), list(blind.sent)) == (1, ["audio"])


def test_who_left_gets_nothing_more(show: Show) -> None:
    stays, goes = show.room.watch("stays"), show.room.watch("goes")
    show.frame(is_key=True)
    show.room.leave("goes")
    show.room.forwarder.remove_subscriber("never was")
    show.frame()
    assert (len(stays.video), len(goes.video)) == (6, 3)


def test_packets_that_gather_are_not_for_who_joins_or_leaves_meanwhile(show: Show) -> None:
    early, goes = show.room.watch("early"), show.room.watch("goes")
    show.frame(is_key=True)
    packets = show.video.frame(packets=4)
    show.room.feed("host", packets[:2])
    assert len(early.video) == 3
    show.room.leave("goes")
    late = show.room.watch("late")
    show.room.feed("host", packets[2:])
    assert len(goes.video) == 3
    for viewer in (early, late):
        assert len(viewer.video) == 7
        assert_seamless(viewer.video)


# ---- gathering ----------------------------------------------------------------------------------


def test_a_frame_leaves_as_one_train(show: Show) -> None:
    show.room.watch("v")
    show.frame(is_key=True, packets=9)
    assert [len(train.packets) for train in show.room.trains] == [9]


def test_an_unfinished_frame_waits_but_not_for_long(show: Show) -> None:
    viewer = show.room.watch("v")
    packets = show.video.frame(is_key=True, packets=5)
    show.room.feed("host", packets[:2])
    assert viewer.video == []
    due = show.room.forwarder.get_flush_timer()
    assert due == pytest.approx(show.clock.now + 0.002)
    show.clock.now = due or 0.0
    show.room.settle()
    assert len(viewer.video) == 2
    assert show.room.forwarder.get_flush_timer() is None
    show.room.feed("host", packets[2:])
    assert len(viewer.video) == 5


def test_sound_does_not_wait_when_no_picture_is_under_way(show: Show) -> None:
    viewer = show.room.watch("v")
    show.frame(is_key=True)
    show.sound()
    assert len(viewer.audio) == 1


def test_sound_joins_the_wait_of_a_picture_under_way(show: Show) -> None:
    viewer = show.room.watch("v")
    show.frame(is_key=True)
    show.sound()
    packets = show.video.frame()
    show.room.feed("host", [packets[0], show.audio.sound()])
    assert (len(viewer.audio), len(viewer.video)) == (1, 3)
    show.room.feed("host", packets[1:])
    assert (len(viewer.audio), len(viewer.video)) == (2, 6)


def test_viewers_with_the_same_needs_share_a_train(show: Show) -> None:
    plan = egress_plan(extensions=EXTENSIONS)
    stamped = [show.room.watch(f"stamped {at}", plan) for at in range(3)]
    other = [
        show.room.watch("plain"),
        show.room.watch("pt", egress_plan(video=[codec("VP8", 120)])),
    ]
    show.frame(is_key=True)
    assert sorted(len(train.lanes) for train in show.room.trains) == [1, 1, 3]
    assert {one.payload_type for one in other[1].video} == {120}
    assert all(len(viewer.video) == 3 for viewer in stamped + other)


def test_trains_carry_the_time_of_sending_for_who_asked(show: Show) -> None:
    show.clock.now = 1000.5
    show.room.watch("v", egress_plan(extensions=EXTENSIONS))
    show.frame(is_key=True)
    (train,) = show.room.trains
    stamp = int(1000.5 * 2**18) % 2**24
    number = EXTENSIONS[EXTENSION_ABS_SEND_TIME]
    assert train.extensions == write_extensions({number: stamp.to_bytes(3, "big")})


# ---- reordering ---------------------------------------------------------------------------------


def test_a_late_packet_reaches_those_it_belongs_to(show: Show) -> None:
    early = show.room.watch("early")
    show.frame(is_key=True)
    packets = show.video.frame(packets=4)
    show.room.feed("host", [packets[0], packets[2]])
    late = show.room.watch("late")
    had = len(late.video)
    show.room.feed("host", [packets[1], packets[3]])
    assert sorted(indices(early.video)) == list(range(7, 14))
    assert indices(early.video)[-2:] == [11, 13]
    assert len({one.timestamp for one in early.video}) == 2
    # The one who came between gets the still of before, and nothing that it could not place.
    assert had == 3
    assert len(late.video) == 3


def test_a_late_packet_of_before_the_burst_is_not_sent_again(show: Show) -> None:
    show.frame(is_key=True)
    show.frame()
    held = show.video.frame(packets=1)
    viewer = show.room.watch("v")
    before = len(viewer.video)
    show.frame()
    show.room.feed("host", held)
    assert len(viewer.video) == before + 4
    assert sorted(indices(viewer.video)) == list(range(7, 7 + before + 4))


def test_late_sound_is_not_for_who_came_after_it(show: Show) -> None:
    early = show.room.watch("early", egress_plan(video=[]))
    show.frame(is_key=True)
    show.sound()
    held = show.audio.sound()
    show.sound()
    late = show.room.watch("late", egress_plan(video=[]))
    show.room.feed("host", [held])
    show.sound()
    assert len(early.audio) == 4
    assert len(late.audio) == 1


# ---- codecs -------------------------------------------------------------------------------------


def switching_show() -> Show:
    """A publisher that negotiated VP8 and H264 and begins with VP8."""
    show = Show()
    show.room.unpublish("host")
    plan = ingest_plan(video=[codec("VP8"), codec("H264")])
    show.publisher = show.room.publish("host", plan=plan)
    return show


def use(show: Show, name: str) -> None:
    show.video.codec = codec(name)


BOTH = egress_plan(video=[codec("VP8", 120), codec("H264", 121)])


def test_a_codec_change_switches_the_payload_type_without_a_seam() -> None:
    show = switching_show()
    viewer = show.room.watch("v", BOTH)
    show.frame(is_key=True)
    show.frames(2)
    use(show, "H264")
    show.frame()
    assert len(viewer.video) == 9
    show.frame(is_key=True)
    show.frames(2)
    assert [one.payload_type for one in viewer.video] == [120] * 9 + [121] * 9
    assert_seamless(viewer.video)


def test_a_viewer_who_lacks_the_codec_gets_nothing_until_it_comes_back() -> None:
    show = switching_show()
    viewer = show.room.watch("v", egress_plan(video=[codec("VP8", 120)]))
    show.frame(is_key=True)
    use(show, "H264")
    show.frame(is_key=True)
    show.frames(2)
    assert len(viewer.video) == 3
    show.sound()
    assert len(viewer.audio) == 1
    use(show, "VP8")
    show.frame(is_key=True)
    show.frame()
    assert len(viewer.video) == 9
    assert_seamless(viewer.video)


def test_a_joiner_who_lacks_the_codec_costs_no_key_frame() -> None:
    show = switching_show()
    use(show, "H264")
    show.frame(is_key=True)
    show.frames(40)
    viewer = show.room.watch("v", egress_plan(video=[codec("AV1")]))
    show.frame(is_key=True)
    assert viewer.video == []
    assert show.publisher.keyframe_requests == 0


# ---- asking -------------------------------------------------------------------------------------


def test_a_storm_of_joins_asks_once_a_second(show: Show) -> None:
    show.frame(is_key=True)
    show.frames(45)
    viewers: list[Viewer] = []
    for at in range(200):
        viewers.append(show.room.watch(f"v{at}"))
        show.clock.advance(0.01)
        show.room.settle()
    asked = show.room.keyframe_requests("host")
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 1.0
    show.frame(is_key=True)
    assert all(len(viewer.video) == 6 for viewer in viewers)


def test_a_key_frame_that_begins_late_continues_time(show: Show) -> None:
    show.frame(is_key=True)
    show.frames(45)
    viewer = show.room.watch("v")
    key = show.video.frame(is_key=True, packets=1)
    show.frames(10)
    show.room.feed("host", key)
    show.frame()
    stamps = [one.timestamp for one in sorted(viewer.video, key=lambda one: one.index)]
    assert stamps == sorted(stamps)
    assert len(viewer.video) == 3 + 1 + 3


def test_packets_before_a_key_frame_in_one_drain_are_not_for_who_waits_for_it(show: Show) -> None:
    early = show.room.watch("early")
    show.frame(is_key=True)
    show.frames(45)
    waits = show.room.watch("waits")
    assert len(waits.video) == 3
    show.room.feed("host", show.video.frame() + show.video.frame(is_key=True))
    assert len(waits.video) == 6
    assert_seamless(waits.video)
    assert_seamless(early.video)
