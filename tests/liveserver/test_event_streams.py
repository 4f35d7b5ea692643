"""Event streams: the present state, each kind once, nothing that was not asked for."""

import pytest

from liveserver.rooms.event_streams import (
    EVENT_TYPES,
    MAX_STREAMS,
    EventStream,
    EventStreams,
    TooManyStreams,
)
from media.layers import Layer


def open_stream(
    streams: EventStreams, name: str = "a", *types: str, is_active: bool = False
) -> EventStream:
    return streams.open(name, "demo", f"session-{name}", types or EVENT_TYPES, is_active=is_active)


def test_a_room_that_is_live_is_told_at_once_and_a_silent_one_is_not() -> None:
    streams = EventStreams()
    assert open_stream(streams, is_active=True).take() == b"event: active\ndata: {}\n\n"
    assert open_stream(streams, "b").take() == b""


def test_of_opposite_events_only_the_newer_is_kept() -> None:
    streams = EventStreams()
    stream = open_stream(streams, is_active=True)
    for kind in ("inactive", "active", "inactive"):
        streams.tell("demo", kind)
    assert stream.take() == b"event: inactive\ndata: {}\n\n"
    assert stream.take() == b""


def test_only_the_types_asked_for_are_told() -> None:
    streams = EventStreams()
    stream = open_stream(streams, "a", "viewercount", is_active=True)
    streams.tell("demo", "inactive")
    streams.count_viewers(lambda room: {"demo": 3}[room])
    assert stream.take() == b'event: viewercount\ndata: {"viewercount":3}\n\n'


def test_counts_are_told_when_they_change_and_to_newcomers() -> None:
    streams = EventStreams()
    first = open_stream(streams, "a", "viewercount")
    streams.count_viewers(lambda _: 3)
    streams.count_viewers(lambda _: 4)
    assert first.take().endswith(b'{"viewercount":4}\n\n')
    streams.count_viewers(lambda _: 4)
    assert first.take() == b""
    assert open_stream(streams, "b").take().endswith(b'{"viewercount":4}\n\n')


def test_layers_are_told_when_they_change_not_when_their_rate_does() -> None:
    stream = open_stream(EventStreams(), "a", "layers")
    stream.offer_layers(1, [Layer("", 500.0, 360)])
    assert stream.take() == b""  # no simulcast, no layers
    for rate in (1.0, 2.0):
        stream.offer_layers(1, [Layer("l", rate)])
    assert stream.take() == b'event: layers\ndata: {"1":[{"rid":"l","bitrate":1}]}\n\n'
    stream.offer_layers(1, [])
    assert stream.take() == b'event: layers\ndata: {"1":[]}\n\n'


def test_other_rooms_hear_nothing() -> None:
    streams = EventStreams()
    stream = open_stream(streams)
    streams.tell("other", "active")
    streams.close_session("other", "session-a")
    assert stream.take() == b""
    assert not stream.is_over


def test_a_sessions_streams_end_with_it() -> None:
    streams = EventStreams()
    mine, other = open_stream(streams), open_stream(streams, "b")
    streams.close_session("demo", "session-a")
    assert (mine.is_over, other.is_over, len(streams)) == (True, False, 1)
    assert streams.find("a", "demo", "session-a") is None
    assert streams.find("b", "demo", "session-a") is None
    assert streams.find("b", "demo", "session-b") is other


def test_a_session_has_its_share_of_streams() -> None:
    streams = EventStreams()
    opened = [
        streams.open(str(at), "demo", "s", EVENT_TYPES, is_active=False)
        for at in range(MAX_STREAMS)
    ]
    with pytest.raises(TooManyStreams):
        streams.open("more", "demo", "s", EVENT_TYPES, is_active=False)
    streams.close(opened[0])
    streams.open("more", "demo", "s", EVENT_TYPES, is_active=False)


def test_draining_asks_every_player_to_reconnect() -> None:
    streams = EventStreams()
    wants, does_not = open_stream(streams), open_stream(streams, "b", "active")
    streams.drain()
    assert wants.take() == b"event: reconnect\ndata: {}\n\n"
    assert does_not.take() == b""
    assert (wants.is_over, does_not.is_over, len(streams)) == (True, True, 0)


def test_a_reader_is_woken_for_news_and_the_end() -> None:
    streams = EventStreams()
    stream = open_stream(streams)
    woken: list[bool] = []
    stream.notify = lambda: woken.append(stream.is_over)
    streams.tell("demo", "active")
    streams.close(stream)
    streams.tell("demo", "inactive")
    assert woken == [False, True]
