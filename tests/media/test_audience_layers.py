"""Viewers between layers: each change at a key frame, without a gap, and never for nothing."""

from itertools import pairwise

import pytest

from media.layers import Wish
from media.rtcp import write_pli, write_remb
from tests.support.clock import Clock
from tests.support.media_factories import (
    Room,
    Sent,
    Stream,
    Viewer,
    codec,
    egress_plan,
    first_payload,
    ingest_plan,
)
from tests.support.simulcast import HEIGHTS, SimulcastHost


@pytest.fixture
def room() -> Room:
    return Room(Clock())


@pytest.fixture
def host(room: Room) -> SimulcastHost:
    return SimulcastHost(room)


def layer_of(one: Sent, host: SimulcastHost) -> str:
    """Which layer a packet comes from: test payloads end with SSRC and count, then zeros."""
    for rid, stream in host.layers.items():
        if stream.ssrc.to_bytes(4, "big") in one.payload[:24]:
            return rid
    raise AssertionError("a packet of no layer")


def shown(viewer: Viewer, host: SimulcastHost) -> list[str]:
    """The layers a viewer was sent, in order, repetitions left out."""
    layers = [layer_of(one, host) for one in viewer.video]
    return [rid for at, rid in enumerate(layers) if at == 0 or layers[at - 1] != rid]


def assert_seamless(sent: list[Sent]) -> None:
    """No number is left out or sent twice, and time goes on at the pace of frames."""
    assert [one.index for one in sent] == list(range(sent[0].index, sent[0].index + len(sent)))
    for before, after in pairwise(sent):
        assert 0 <= after.timestamp - before.timestamp <= 4500, (before, after)


def assert_changes_at_key_frames(sent: list[Sent], host: SimulcastHost) -> None:
    for before, after in pairwise(sent):
        if layer_of(before, host) != layer_of(after, host):
            assert before.marker
            assert after.payload.startswith(first_payload("VP8", is_key=True, height=1)[:7])


def started(host: SimulcastHost, seconds: float = 2.0) -> None:
    host.frame(keys=host.layers)
    host.play(seconds)


# ---- start ----------------------------------------------------------------------------------


def test_a_viewer_who_waited_has_the_top_layer_within_the_first_frame(
    room: Room, host: SimulcastHost
) -> None:
    viewer = room.watch("v")
    started(host)
    assert shown(viewer, host) == ["l", "m", "h"]
    assert viewer.video[3].payload[:7] == first_payload("VP8", is_key=True, height=720)[:7]
    assert_seamless(viewer.video)


def test_a_joiner_has_the_top_layer_at_once(room: Room, host: SimulcastHost) -> None:
    started(host, 0.5)
    viewer = room.watch("v")
    assert shown(viewer, host) == ["h"]
    host.play(1)
    assert shown(viewer, host) == ["h"]
    assert_seamless(viewer.video)


def test_layers_are_ordered_by_height_before_their_rates_are_known(room: Room) -> None:
    host = SimulcastHost(room, rids=("h", "l", "m"))
    host.frame(keys=host.layers)
    room.watch("v")
    shown_layers = room.forwarder.layers_of("v", room.clock.now).layers
    assert [layer.rid for layer in shown_layers] == ["l", "m", "h"]
    viewer = room.watch("small")
    room.forwarder.select_layer("small", Wish(max_height=180), room.clock.now)
    host.play(1)
    assert shown(viewer, host)[-1] == "l"


# ---- changes --------------------------------------------------------------------------------


def squeeze(room: Room, session_id: str, bps: int) -> None:
    room.rtcp(session_id, write_remb(1, bps, [2]))


def test_a_squeezed_viewer_goes_down_at_a_key_frame_and_up_again(
    room: Room, host: SimulcastHost
) -> None:
    viewer, other = room.watch("v"), room.watch("other")
    started(host)
    squeeze(room, "v", 250_000)
    host.play(2)
    assert shown(viewer, host)[-2:] == ["h", "l"]
    squeeze(room, "v", 6_000_000)
    host.play(10)
    assert shown(viewer, host)[-3:] == ["l", "m", "h"]
    assert shown(other, host) == ["l", "m", "h"]
    for one in (viewer, other):
        assert_seamless(one.video)
        assert_changes_at_key_frames(one.video, host)


def test_key_frames_are_asked_of_the_layer_that_is_wanted_alone(
    room: Room, host: SimulcastHost
) -> None:
    room.watch("v")
    started(host)
    room.feedback.clear()
    room.forwarder.select_layer("v", Wish(rid="m"), room.clock.now)
    for _ in range(60):
        host.frame()
    asked = room.keyframe_requests_by_track("host")
    assert {ssrc for _, ssrc in asked} == {host.layers["m"].ssrc}
    assert len(asked) == 2


def test_who_waits_for_a_layer_is_sent_the_old_one_meanwhile(
    room: Room, host: SimulcastHost
) -> None:
    viewer = room.watch("v")
    started(host)
    room.forwarder.select_layer("v", Wish(rid="l"), room.clock.now)
    before = len(viewer.video)
    for _ in range(10):
        host.frame()
    assert len(viewer.video) == before + 60
    host.frame(keys={"m"})
    assert shown(viewer, host)[-1] == "h"
    host.frame(keys={"l"})
    assert shown(viewer, host)[-1] == "l"
    assert_seamless(viewer.video)


def test_a_request_of_a_viewer_goes_to_the_layer_it_is_sent(
    room: Room, host: SimulcastHost
) -> None:
    room.watch("v")
    room.watch("low")
    room.forwarder.select_layer("low", Wish(rid="l"), room.clock.now)
    started(host)
    host.asked()
    room.rtcp("low", write_pli(1, 2))
    assert host.asked() == {"l"}


@pytest.mark.parametrize("has_reports", [False, True])
def test_many_changes_keep_numbers_and_time_whatever_the_layers_offsets(
    room: Room, host: SimulcastHost, has_reports: bool
) -> None:
    viewer = room.watch("v")
    started(host)
    for at, rid in enumerate("lhmlmhlhmh" * 3):
        if has_reports:
            host.report(5000.0 + room.clock.now)
        room.forwarder.select_layer("v", Wish(rid=rid), room.clock.now)
        host.play(0.1 + 0.1 * (at % 4))
        if at % 7 == 6:
            host.play(1)
    assert len(shown(viewer, host)) > 15
    assert_seamless(viewer.video)
    assert_changes_at_key_frames(viewer.video, host)
    elapsed = viewer.video[-1].timestamp - viewer.video[0].timestamp
    assert elapsed / 90_000 == pytest.approx(viewer.video[-1].at - viewer.video[0].at, abs=0.05)


def test_layers_that_take_longer_are_placed_by_their_reports(
    room: Room, host: SimulcastHost
) -> None:
    """The high layer's frames arrive 80 ms later: its first frame repeats time, and no more."""
    viewer = room.watch("v")
    room.forwarder.select_layer("v", Wish(rid="l"), room.clock.now)
    started(host)
    late: list[list[bytes]] = []
    for at in range(120):
        room.feed("host", host.write("l"))
        late.append(host.write("h", is_key=at % 30 == 20))
        if at == 5:
            host.report(7000.0)
        if at == 60:
            room.forwarder.select_layer("v", Wish(rid="h"), room.clock.now)
        room.wait(1 / 30)
        if len(late) > 2:
            room.feed("host", late.pop(0))
    assert shown(viewer, host)[-2:] == ["l", "h"]
    stamps = [one.timestamp for one in viewer.video]
    assert stamps == sorted(stamps)
    assert max(b - a for a, b in pairwise(stamps)) <= 6100


# ---- layers that stop -------------------------------------------------------------------------


def test_viewers_of_a_layer_that_stops_fall_to_what_still_flows(
    room: Room, host: SimulcastHost
) -> None:
    viewer = room.watch("v")
    started(host)
    host.play(2, rids={"l", "m"})
    assert shown(viewer, host) == ["l", "m", "h", "m"]
    longest = max(b.at - a.at for a, b in pairwise(viewer.video))
    assert longest < 1.5
    host.play(1, rids={"l"})
    host.play(1)
    assert [one.index for one in viewer.video] == list(range(7, 7 + len(viewer.video)))


def test_a_layer_that_comes_back_is_taken_again(room: Room, host: SimulcastHost) -> None:
    viewer = room.watch("v")
    started(host)
    host.play(3, rids={"l"})
    assert shown(viewer, host)[-1] == "l"
    host.play(2)
    assert shown(viewer, host)[-1] == "h"
    stamps = [one.timestamp for one in viewer.video]
    assert stamps == sorted(stamps)


def test_a_layer_that_stopped_is_neither_offered_nor_asked_for_key_frames(
    room: Room, host: SimulcastHost
) -> None:
    room.watch("v")
    started(host)
    for _ in range(60):
        room.rtcp("v", write_pli(1, 2))
        host.frame(rids={"l"})
    host.asked()
    for _ in range(60):
        room.rtcp("v", write_pli(1, 2))
        host.frame(rids={"l"})
    assert host.asked() == {"l"}
    assert [one.rid for one in room.forwarder.layers_of("v", room.clock.now).layers] == ["l"]


def test_a_host_who_pauses_altogether_loses_no_layer(room: Room, host: SimulcastHost) -> None:
    viewer = room.watch("v")
    started(host)
    count = len(viewer.video)
    room.wait(5)
    for stream in host.layers.values():
        stream.timestamp += 5 * 90_000
    host.frame()
    assert len(viewer.video) == count + 6
    host.play(1)
    assert shown(viewer, host) == ["l", "m", "h"]


# ---- poor lines -------------------------------------------------------------------------------


def test_a_line_too_poor_for_a_picture_keeps_its_sound_and_gets_the_picture_back(
    room: Room, host: SimulcastHost
) -> None:
    viewer = room.watch("v")
    started(host)
    squeeze(room, "v", 60_000)
    host.play(4)
    assert room.forwarder.layers_of("v", room.clock.now).is_audio_only
    pictures, sounds = len(viewer.video), len(viewer.audio)
    host.room.feed("host", [host.audio.sound()])
    assert (len(viewer.video), len(viewer.audio)) == (pictures, sounds + 1)
    squeeze(room, "v", 5_000_000)
    host.play(15)
    assert shown(viewer, host)[-3:] == ["l", "m", "h"]
    assert [one.index for one in viewer.video] == list(range(7, 7 + len(viewer.video)))
    stamps = [one.timestamp for one in viewer.video]
    assert stamps == sorted(stamps)


def test_a_wish_for_sound_alone_stops_the_picture_at_once(room: Room, host: SimulcastHost) -> None:
    viewer = room.watch("v")
    started(host)
    room.forwarder.select_layer("v", Wish(is_audio_only=True), room.clock.now)
    count = len(viewer.video)
    host.play(1)
    assert len(viewer.video) == count
    room.forwarder.select_layer("v", Wish(), room.clock.now)
    host.play(0.5)
    assert shown(viewer, host)[-1] == "h"


# ---- publishers -------------------------------------------------------------------------------


def test_a_viewer_sees_layers_then_a_single_stream_then_layers_without_a_seam(room: Room) -> None:
    viewer = room.watch("v")
    first = SimulcastHost(room, "first")
    started(first)
    room.publish("single", plan=ingest_plan())
    single = Stream(codec("VP8"), 0x900, sequence=9, timestamp=77)
    room.feed("single", single.frame(is_key=True))
    for _ in range(60):
        room.feed("single", single.frame())
        room.wait(1 / 30)
    second = SimulcastHost(room, "second", ssrc=0x5EED0A00)
    started(second, 1)
    top = second.layers["h"].ssrc.to_bytes(4, "big")
    assert top in viewer.video[-1].payload[:24]
    assert [one.index for one in viewer.video] == list(range(7, 7 + len(viewer.video)))
    stamps = [one.timestamp for one in viewer.video]
    assert stamps == sorted(stamps)
    assert set(room.to_close) == {"first", "single"}


def test_a_viewer_found_to_have_a_poor_line_stays_low_with_the_next_publisher(room: Room) -> None:
    viewer = room.watch("v")
    started(SimulcastHost(room, "first"))
    squeeze(room, "v", 250_000)
    room.wait(2)
    second = SimulcastHost(room, "second", ssrc=0x5EED0A00)
    started(second, 2)
    assert second.layers["l"].ssrc.to_bytes(4, "big") in viewer.video[-1].payload[:24]


def test_a_viewer_who_plays_another_codec_alone_is_sent_no_layer(room: Room) -> None:
    host = SimulcastHost(room)
    viewer = room.watch("v", egress_plan(video=[codec("AV1")]))
    started(host)
    assert viewer.video == []
    assert room.forwarder.layers_of("v", room.clock.now).layers == ()


def test_the_page_is_told_rates_and_heights(room: Room, host: SimulcastHost) -> None:
    room.watch("v")
    started(host, 3)
    found = room.forwarder.layers_of("v", room.clock.now)
    assert {one.rid: one.height for one in found.layers} == HEIGHTS
    rates = [one.bitrate_bps for one in found.layers]
    assert rates == [pytest.approx(rate, rel=0.1) for rate in (168_000, 504_000, 1_498_000)]
    assert found.current == "h"
