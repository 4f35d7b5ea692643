"""What a viewer's page is told about layers."""

from media.layers import AUDIO_ONLY, Layer, LayerSelector, LayersShown, Wish
from tests.support.clock import Clock
from tests.support.media_factories import Room, Stream, codec, ingest_plan

POOR_BPS = 60_000
LAYERS = (Layer("l", 150_000), Layer("h", 2_500_000))


def playing_room() -> tuple[Room, Stream, Clock]:
    clock = Clock()
    room = Room(clock)
    room.publish("host", plan=ingest_plan(video=[codec("VP8")]))
    room.watch("v")
    video = Stream(codec("VP8"), 0xAAAA)
    room.feed("host", video.frame(is_key=True))
    return room, video, clock


def test_a_viewer_without_simulcast_has_one_layer_and_is_sent_it() -> None:
    room, _, clock = playing_room()
    shown = room.forwarder.layers_of("v", clock.now)
    assert [layer.rid for layer in shown.layers] == [""]
    assert shown.current == ""
    assert not shown.is_audio_only


def test_a_wish_for_sound_only_is_told_as_such() -> None:
    room, _, clock = playing_room()
    room.forwarder.select_layer("v", Wish(is_audio_only=True), clock.now)
    shown = room.forwarder.layers_of("v", clock.now)
    assert shown.current is None
    assert shown.is_audio_only


def test_a_layer_that_fell_silent_is_not_offered() -> None:
    room, _, clock = playing_room()
    assert room.forwarder.layers_of("v", clock.now + 2.1).layers == ()


def test_an_unknown_viewer_has_no_layers() -> None:
    assert Room(Clock()).forwarder.layers_of("nobody", 0.0) == LayersShown()


def test_a_link_too_poor_for_a_picture_is_told_as_sound_only() -> None:
    selector = LayerSelector()
    chosen = [selector.choose(LAYERS, POOR_BPS, 0.0, now) for now in (0.0, 1.0, 2.0, 3.0)]
    assert chosen[-1] == AUDIO_ONLY
    assert selector.is_audio_only
    selector.wish = Wish(rid="l")
    assert not selector.is_audio_only
