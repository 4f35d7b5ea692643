"""What a viewer lost is sent again: the right packet, as it was, and no other."""

import struct
from collections import defaultdict

import pytest

from media.client_offer import EXTENSIONS
from media.kernel import FanOut
from media.layers import Wish
from media.rtcp import write_nack, write_remb
from media.rtp import EXTENSION_ABS_SEND_TIME, parse_packet, write_extensions
from tests.support.clock import Clock
from tests.support.media_factories import (
    KEYS,
    Room,
    Sent,
    Stream,
    Viewer,
    Wire,
    codec,
    egress_plan,
    ingest_plan,
    srtp_session,
    with_rtx,
)
from tests.support.simulcast import SimulcastHost

NO_RTX = egress_plan(has_rtx=False, extensions=EXTENSIONS)


class Show:
    """A room with a publisher of a single stream at 30 frames a second."""

    def __init__(self, fan_out: FanOut | None = None) -> None:
        self.room = Room(Clock(), fan_out=fan_out)
        self.room.publish("host", plan=ingest_plan())
        self.video = Stream(codec("VP8"), 0xAAAA)

    def frame(self, *, is_key: bool = False, packets: int = 3) -> None:
        self.room.feed("host", self.video.frame(is_key=is_key, packets=packets))
        self.room.wait(1 / 30)

    def frames(self, count: int) -> None:
        for _ in range(count):
            self.frame()


@pytest.fixture
def show() -> Show:
    return Show()


def nack(room: Room, viewer: Viewer, *indices: int) -> None:
    lost = [index & 0xFFFF for index in indices]
    room.rtcp(viewer.session_id, write_nack(1, viewer.lanes["video"].ssrc, lost))


def repeats(room: Room, viewer: Viewer, *indices: int) -> list[Sent]:
    """What comes when a viewer reports packets lost."""
    before = len(viewer.repeated)
    nack(room, viewer, *indices)
    return viewer.repeated[before:]


def assert_repeated(room: Room, viewer: Viewer, originals: list[Sent]) -> None:
    """Each is repeated with number, time, marker and content as it was sent."""
    for at in range(0, len(originals), 50):
        part = originals[at : at + 50]
        again = repeats(room, viewer, *(one.index for one in part))
        assert [one.payload for one in again] == [
            (one.index & 0xFFFF).to_bytes(2, "big") + one.payload for one in part
        ]
        assert [(one.timestamp, one.marker) for one in again] == [
            (one.timestamp, one.marker) for one in part
        ]
        room.wait(0.2)


# ---- retransmission ---------------------------------------------------------------------------


def test_a_lost_packet_comes_again_with_its_number_ahead(show: Show) -> None:
    viewer = show.room.watch("v")
    show.frame(is_key=True)
    show.frames(5)
    lost = viewer.video[7]
    (again,) = repeats(show.room, viewer, lost.index)
    assert again.payload == lost.index.to_bytes(2, "big") + lost.payload
    assert (again.timestamp, again.marker, again.payload_type) == (lost.timestamp, lost.marker, 30)
    assert len(viewer.video) == 18
    assert show.room.forwarder.resent == 1


def test_repeats_are_numbered_on_their_own_without_a_gap(show: Show) -> None:
    viewer = show.room.watch("v", first_index=500)
    show.frame(is_key=True)
    show.frames(10)
    again = repeats(show.room, viewer, *range(503, 520))
    assert [one.index for one in again] == list(range(500, 517))


def test_each_codec_has_its_own_format_of_repeats() -> None:
    show = Show()
    plan = egress_plan(video=[codec("VP8", 120), codec("H264", 121)])
    viewer = show.room.watch("v", plan)
    show.frame(is_key=True)
    show.room.publish("next", plan=ingest_plan(video=[codec("H264")]))
    show.room.feed("next", Stream(codec("H264"), 7).frame(is_key=True))
    again = repeats(show.room, viewer, 7, 10)
    assert [one.payload_type for one in again] == [30, 31]


@pytest.mark.parametrize("indices", [(6,), (7 + 18,), (7 + 18 + 500,), (60_000,), (32_000, 40_000)])
def test_what_was_never_sent_is_not_repeated(show: Show, indices: tuple[int, ...]) -> None:
    viewer = show.room.watch("v")
    show.frame(is_key=True)
    show.frames(5)
    assert repeats(show.room, viewer, *indices) == []


def test_what_the_publisher_lost_is_repeated_once_it_came(show: Show) -> None:
    viewer = show.room.watch("v")
    show.frame(is_key=True)
    packets = show.video.frame(packets=4)
    show.room.feed("host", [packets[0], packets[1], packets[3]])
    lost = 7 + 3 + 2
    assert repeats(show.room, viewer, lost) == []
    show.room.feed("host", [packets[2]])
    assert viewer.video[-1].index == lost
    (again,) = repeats(show.room, viewer, lost)
    assert again.payload[2:] == viewer.video[-1].payload


def test_other_tracks_losses_are_not_taken_for_the_pictures(show: Show) -> None:
    viewer = show.room.watch("v")
    show.frame(is_key=True)
    show.room.rtcp("v", write_nack(1, viewer.lanes["audio"].ssrc, [7]))
    show.room.rtcp("v", write_nack(1, 0xDEAD, [8]))
    assert viewer.repeated == []


def test_a_deaf_or_blind_viewers_losses_are_survived(show: Show) -> None:
    show.room.watch("blind", egress_plan(video=[]))
    show.frame(is_key=True)
    show.room.rtcp("blind", write_nack(1, 0x5000, [7]))
    assert show.room.forwarder.resent == 0


def test_a_packet_is_not_repeated_again_within_a_round_trip(show: Show) -> None:
    viewer = show.room.watch("v")
    show.frame(is_key=True)
    assert len(repeats(show.room, viewer, 7)) == 1
    assert repeats(show.room, viewer, 7) == []
    show.room.clock.advance(0.1)
    assert len(repeats(show.room, viewer, 7)) == 1


def test_repeats_are_bounded_and_more_so_on_a_poor_line(show: Show) -> None:
    viewer, poor = show.room.watch("v"), show.room.watch("poor")
    show.frame(is_key=True)
    for _ in range(10):
        show.frame(packets=60)
    show.room.rtcp("poor", write_remb(1, 300_000, [2]))
    for at in range(10):
        nack(show.room, viewer, *range(10 + 60 * at, 70 + 60 * at))
        nack(show.room, poor, *range(10 + 60 * at, 70 + 60 * at))
    assert len(viewer.repeated) == 400
    assert len(poor.repeated) == 20
    show.room.clock.advance(0.5)
    nack(show.room, viewer, *range(500, 560))
    assert len(viewer.repeated) == 460


def test_packets_too_old_are_not_repeated(show: Show) -> None:
    viewer = show.room.watch("v")
    show.frame(is_key=True)
    for _ in range(30):
        show.frame(packets=40)
    assert repeats(show.room, viewer, 8) == []
    assert len(repeats(show.room, viewer, 1000)) == 1


# ---- across changes ---------------------------------------------------------------------------


def test_a_hurried_burst_is_repeated_with_the_times_it_was_sent_with(show: Show) -> None:
    show.frame(is_key=True)
    show.frames(15)
    viewer = show.room.watch("v")
    burst = viewer.video[:]
    assert len(burst) == 48
    show.frames(5)
    assert_repeated(show.room, viewer, viewer.video)


def test_a_still_and_the_stream_after_it_are_repeated_as_they_were_sent(show: Show) -> None:
    show.frame(is_key=True)
    show.frames(40)
    viewer = show.room.watch("v")
    assert len(viewer.video) == 3
    assert_repeated(show.room, viewer, viewer.video)
    show.frames(5)
    show.frame(is_key=True)
    show.frames(5)
    assert len(viewer.video) == 21
    assert_repeated(show.room, viewer, viewer.video)


def test_packets_of_the_last_publisher_are_repeated_after_a_switch(show: Show) -> None:
    viewer = show.room.watch("v")
    show.frame(is_key=True)
    show.frames(5)
    show.room.publish("next", plan=ingest_plan())
    following = Stream(codec("VP8"), 0xBBBB, sequence=show.video.sequence, timestamp=5)
    for at in range(5):
        show.room.feed("next", following.frame(is_key=at == 0))
        show.room.wait(1 / 30)
    assert len(viewer.video) == 33
    assert_repeated(show.room, viewer, viewer.video)


def test_packets_of_both_layers_are_repeated_after_a_switch_up() -> None:
    room = Room(Clock())
    host, viewer = SimulcastHost(room), room.watch("v")
    host.frame(keys=host.layers)
    room.forwarder.select_layer("v", Wish(rid="l"), room.clock.now)
    host.frame(keys=host.layers)
    host.play(0.2)
    for rid, count in (("m", 20), ("h", 50)):
        room.forwarder.select_layer("v", Wish(rid=rid), room.clock.now)
        host.frame(keys=host.layers)
        host.play(0.2)
        assert_repeated(room, viewer, viewer.video[-count:])


def test_what_is_too_old_to_be_played_is_not_repeated_but_costs_a_key_frame(show: Show) -> None:
    viewer = show.room.watch("v")
    show.frame(is_key=True)
    show.frames(30)
    asked = len(show.room.keyframe_requests("host"))
    assert repeats(show.room, viewer, 9) == []
    assert len(show.room.keyframe_requests("host")) == asked + 1
    assert len(repeats(show.room, viewer, 7 + 60)) == 1


def test_a_viewer_who_takes_no_repeats_of_a_codec_gets_none() -> None:
    show = Show()
    video = (codec("H264", 121), *with_rtx([codec("VP8", 120)]))
    viewer = show.room.watch("v", egress_plan(video=video, has_rtx=False))
    show.frame(is_key=True)
    assert len(repeats(show.room, viewer, 8)) == 1
    show.room.publish("next", plan=ingest_plan(video=[codec("H264")]))
    show.room.feed("next", Stream(codec("H264"), 7).frame(is_key=True))
    assert repeats(show.room, viewer, 10, 11) == []
    assert len(viewer.video) == 6


def test_what_a_layer_sent_while_the_viewer_had_another_is_not_repeated() -> None:
    room = Room(Clock())
    host, viewer = SimulcastHost(room), room.watch("v")
    room.forwarder.select_layer("v", Wish(rid="l"), room.clock.now)
    host.frame(keys=host.layers)
    host.play(1)
    room.forwarder.select_layer("v", Wish(rid="h"), room.clock.now)
    host.frame(keys={"h"})
    first, last = viewer.video[0].index, viewer.video[-1].index
    again = repeats(room, viewer, *range(last + 1, last + 60))
    again += repeats(room, viewer, *range(first - 7, first))
    assert again == []


def test_a_line_with_no_room_for_a_layer_is_not_filled_with_what_it_lost_of_it() -> None:
    room = Room(Clock())
    host, viewer = SimulcastHost(room), room.watch("v")
    host.frame(keys=host.layers)
    host.play(1.5)
    high = viewer.video[-1].index
    room.rtcp("v", write_remb(1, 250_000, [2]))
    host.play(0.5)
    assert len(viewer.video) > high
    assert repeats(room, viewer, *range(high - 20, high)) == []
    assert_repeated(room, viewer, viewer.video[-3:])


# ---- viewers without RTX ----------------------------------------------------------------------


def test_a_viewer_without_rtx_gets_the_same_packet_again(show: Show) -> None:
    viewer = show.room.watch("v", NO_RTX)
    show.frame(is_key=True)
    show.frames(5)
    count = len(viewer.video)
    lost = viewer.video[4]
    nack(show.room, viewer, lost.index)
    (again,) = viewer.video[count:]
    assert (again.index, again.timestamp, again.payload, again.marker, again.payload_type) == (
        lost.index,
        lost.timestamp,
        lost.payload,
        lost.marker,
        lost.payload_type,
    )
    show.frame()
    assert [one.index for one in viewer.video[-3:]] == [lost.index + at for at in (14, 15, 16)]


def test_only_packets_that_are_never_repeated_as_they_were_are_stamped(show: Show) -> None:
    show.room.watch("rtx", egress_plan(extensions=EXTENSIONS))
    show.room.watch("no rtx", NO_RTX)
    show.frame(is_key=True)
    stamp = int(1000.0 * 2**18) % 2**24
    number = EXTENSIONS[EXTENSION_ABS_SEND_TIME]
    stamped = write_extensions({number: stamp.to_bytes(3, "big")})
    assert {(train.extensions, train.may_pad) for train in show.room.trains} == {
        (stamped, True),
        (b"", False),
    }


def ciphertexts(wire: Wire) -> dict[tuple[int, int], set[bytes]]:
    """All datagrams ever handed to the kernel by SSRC and sequence number, refused ones too."""
    found: dict[tuple[int, int], set[bytes]] = defaultdict(set)
    for data in (data for datagrams in wire.attempts for data in datagrams):
        sequence, _, ssrc = struct.unpack_from(">HII", data, 2)
        found[ssrc, sequence].add(data)
    return found


def test_no_nonce_ever_meets_two_contents_on_the_wire() -> None:
    wire = Wire()
    room = Room(Clock(), fan_out=FanOut(wire.sendmsg))
    host = SimulcastHost(room)
    plans = {"rtx": egress_plan(extensions=EXTENSIONS), "none": NO_RTX, "low": NO_RTX}
    viewers = {name: room.watch(name, plan) for name, plan in plans.items()}
    room.forwarder.select_layer("low", Wish(rid="l"), room.clock.now)
    host.frame(keys=host.layers)
    for at, rid in enumerate("lhmhlm"):
        if at == 3:
            room.watch("late", NO_RTX)
            host = SimulcastHost(room, "second", ssrc=0x5EED0A00)
            host.frame(keys=host.layers)
        room.forwarder.select_layer("none", Wish(rid=rid), room.clock.now)
        room.forwarder.select_layer("rtx", Wish(rid=rid), room.clock.now)
        for _ in range(10):
            host.play(0.1)
            for viewer in viewers.values():
                newest = viewer.video[-1].index
                nack(room, viewer, *range(max(7, newest - 90), newest + 3))
    found = ciphertexts(wire)
    assert {len(contents) for contents in found.values()} == {1}
    assert room.forwarder.resent > 500
    repeated = sum(len(datagrams) for datagrams in wire.attempts) - len(found)
    assert repeated > 200


def test_a_repeat_is_the_same_datagram_whatever_train_the_packet_went_with() -> None:
    """Sent once among equals that are padded for others, and once alone."""
    wire = Wire()
    show = Show(FanOut(wire.sendmsg))
    viewer = show.room.watch("v", NO_RTX)
    show.room.watch("padded", egress_plan(extensions=EXTENSIONS))
    show.frame(is_key=True)
    packets = [*show.video.frame(packets=2, size=1000), *show.video.frame(packets=2, size=1003)]
    show.room.feed("host", packets)
    ssrc = viewer.lanes["video"].ssrc
    before = ciphertexts(wire)
    nack(show.room, viewer, *(one.index for one in viewer.video))
    after = ciphertexts(wire)
    mine = {key: contents for key, contents in after.items() if key[0] == ssrc}
    assert mine == {key: contents for key, contents in before.items() if key[0] == ssrc}
    assert len(mine) == 7


def test_repeats_unprotect_at_a_viewer_by_rtx_and_alike() -> None:
    wire = Wire()
    show = Show(FanOut(wire.sendmsg))
    viewer = show.room.watch("v")
    show.frame(is_key=True)
    wire.datagrams.clear()
    (again,) = repeats(show.room, viewer, 8)
    ((_, data),) = wire.datagrams
    receiver = srtp_session(bytes(range(28)), "gcm", inbound=True)
    packet = parse_packet(receiver.unprotect(data))
    assert KEYS is not None
    assert viewer.rtx_lane is not None
    assert (packet.ssrc, packet.payload_type) == (viewer.rtx_lane.ssrc, 30)
    assert packet.payload == again.payload
