"""Packets on their way to viewers: what waits, for how long, and who shares a train."""

import pytest

from media.clock import PublisherClock
from media.dispatcher import Dispatcher
from media.rtp import parse_packet, write_extensions
from media.tracks import DownTrack, UpTrack
from media.train import Forwardable, Group, Train
from tests.support.media_factories import Stream, codec, make_lane

GATHER_S = 0.002
PLAIN = Group(96, None, is_gcm=True, may_pad=True)
STAMPED = Group(96, 2, is_gcm=True, may_pad=True)


class Source:
    """A track and the packets that arrive on it."""

    def __init__(self, name: str = "VP8", ssrc: int = 5) -> None:
        kind = "audio" if name == "opus" else "video"
        self.stream = Stream(codec(name), ssrc)
        self.up = UpTrack(kind, codec(name), ssrc, PublisherClock(), 1.0)

    def frame(self, packets: int = 3) -> list[bytes]:
        return self.stream.frame(packets=packets)

    def take(self, data: bytes) -> Forwardable:
        received = self.up.receive(parse_packet(data), 1.0)
        assert received is not None
        return received[0]


class Viewers:
    """A dispatcher and the trains it sent."""

    def __init__(self) -> None:
        self.trains: list[Train] = []
        self._lanes = 0
        self.dispatcher = Dispatcher(GATHER_S, self.trains.append)

    def join(self, source: Source, group: Group = PLAIN) -> DownTrack:
        self._lanes += 1
        down = DownTrack(source.up.kind, [source.up.codec], make_lane(self._lanes), 0)
        self.dispatcher.join(source.up, group, down)
        return down

    def queue(self, source: Source, packets: list[bytes], now: float = 1.0) -> list[Forwardable]:
        """Let packets arrive one by one."""
        taken = []
        for data in packets:
            taken.append(source.take(data))
            self.dispatcher.queue(source.up, taken[-1], now)
        return taken

    def sizes(self) -> list[int]:
        return [len(train.packets) for train in self.trains]


@pytest.fixture
def viewers() -> Viewers:
    return Viewers()


@pytest.fixture
def video() -> Source:
    return Source()


def test_a_frame_waits_for_its_last_packet(viewers: Viewers, video: Source) -> None:
    viewers.join(video)
    first, second, last = video.frame()
    viewers.queue(video, [first, second])
    viewers.dispatcher.flush(1.0)
    assert viewers.trains == []
    assert viewers.dispatcher.get_timer() == 1.0 + GATHER_S
    viewers.queue(video, [last], 1.001)
    viewers.dispatcher.flush(1.001)
    assert viewers.sizes() == [3]
    assert viewers.dispatcher.get_timer() is None


def test_an_unfinished_frame_leaves_when_its_time_is_over(viewers: Viewers, video: Source) -> None:
    viewers.join(video)
    viewers.queue(video, video.frame()[:1])
    viewers.dispatcher.flush(1.0 + GATHER_S / 2)
    assert viewers.sizes() == []
    viewers.dispatcher.flush(1.0 + GATHER_S)
    assert viewers.sizes() == [1]


def test_a_release_sends_all_that_waits_and_then_nothing(viewers: Viewers, video: Source) -> None:
    viewers.join(video)
    viewers.queue(video, video.frame()[:2])
    viewers.dispatcher.release(1.0)
    viewers.dispatcher.release(1.0)
    assert viewers.sizes() == [2]


def test_sound_alone_leaves_at_once_and_beside_a_picture_with_it(
    viewers: Viewers, video: Source
) -> None:
    sound = Source("opus", 6)
    viewers.join(video)
    viewers.join(sound)
    viewers.queue(sound, [sound.stream.sound()])
    viewers.dispatcher.flush(1.0)
    assert viewers.sizes() == [1]
    viewers.queue(video, video.frame()[:1])
    viewers.queue(sound, [sound.stream.sound()])
    viewers.dispatcher.flush(1.0)
    assert viewers.sizes() == [1]
    viewers.dispatcher.flush(1.0 + GATHER_S)
    assert viewers.sizes() == [1, 1, 1]


def test_the_end_of_one_layers_frame_releases_the_others_too(viewers: Viewers) -> None:
    low, high = Source(ssrc=1), Source(ssrc=2)
    viewers.join(low)
    viewers.join(high)
    viewers.queue(high, high.frame(6)[:4])
    viewers.queue(low, low.frame(1))
    viewers.dispatcher.flush(1.0)
    assert sorted(viewers.sizes()) == [1, 4]


def test_lanes_of_a_group_share_a_train_and_other_groups_have_their_own(
    viewers: Viewers, video: Source
) -> None:
    alike = [viewers.join(video) for _ in range(3)]
    stamped = viewers.join(video, STAMPED)
    viewers.queue(video, video.frame())
    viewers.dispatcher.flush(1.0)
    assert [train.lanes for train in viewers.trains] == [
        [down.lane for down in alike],
        [stamped.lane],
    ]
    assert viewers.trains[0].extensions == b""
    stamp = int(1.0 * 2**18) & 0xFFFFFF
    assert viewers.trains[1].extensions == write_extensions({2: stamp.to_bytes(3, "big")})


def test_the_stamp_goes_around_after_64_seconds(viewers: Viewers, video: Source) -> None:
    viewers.join(video, STAMPED)
    for now in (3.5, 67.5):
        viewers.queue(video, video.frame(), now)
        viewers.dispatcher.flush(now)
    assert viewers.trains[0].extensions == viewers.trains[1].extensions


def test_a_train_says_what_its_group_must_not_do(viewers: Viewers, video: Source) -> None:
    viewers.join(video, Group(120, None, is_gcm=True, may_pad=False))
    viewers.queue(video, video.frame())
    viewers.dispatcher.flush(1.0)
    assert [(train.payload_type, train.may_pad) for train in viewers.trains] == [(120, False)]


def test_who_left_is_sent_nothing_more(viewers: Viewers, video: Source) -> None:
    stays, goes = viewers.join(video), viewers.join(video)
    viewers.dispatcher.leave(video.up, PLAIN, goes)
    viewers.queue(video, video.frame())
    viewers.dispatcher.flush(1.0)
    assert [train.lanes for train in viewers.trains] == [[stays.lane]]
    viewers.dispatcher.leave(video.up, PLAIN, stays)
    viewers.queue(video, video.frame())
    viewers.dispatcher.flush(1.0)
    assert len(viewers.trains) == 1


def test_a_late_packet_is_sent_at_once_after_what_waits(viewers: Viewers, video: Source) -> None:
    early, late = viewers.join(video), viewers.join(video)
    held, *rest = video.frame(4)
    waiting = viewers.queue(video, rest[:2])
    late.floor = waiting[0][0]
    sent = viewers.queue(video, [held])
    assert [train.packets for train in viewers.trains] == [waiting, sent]
    assert viewers.trains[1].lanes == [early.lane]


def test_a_late_packet_of_before_everybody_is_dropped(viewers: Viewers, video: Source) -> None:
    viewers.join(video).floor = 1 << 20
    held, newer = video.frame(2)
    viewers.queue(video, [newer])
    viewers.dispatcher.flush(1.0)
    viewers.queue(video, [held])
    assert viewers.sizes() == [1]


def test_a_packet_for_one_lane_leaves_alone_and_at_once(viewers: Viewers, video: Source) -> None:
    viewers.join(video)
    (repeated,) = viewers.queue(video, video.frame()[:1])
    lane = make_lane(99)
    viewers.dispatcher.send_alone(repeated, STAMPED, lane, 1.0)
    (train,) = viewers.trains
    assert (train.packets, train.lanes) == ([repeated], [lane])
    assert train.extensions
