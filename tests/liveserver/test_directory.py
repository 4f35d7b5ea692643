import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveserver.errors import BadRequest, RoomExists, RoomLimit, RoomNotFound
from liveserver.rooms.directory import (
    Directory,
    DirectoryEvent,
    RoomChanged,
    ShowEnded,
    read_slug,
    read_title,
)
from liveserver.rooms.room import Presence, RoomRecord, State
from media.events import MediaStarted, MediaStopped, SessionClosed


def make_directory(*slugs: str, max_rooms: int = 100) -> Directory:
    directory = Directory([], away_grace_s=60.0, max_rooms=max_rooms, now=0.0)
    for slug in slugs:
        directory.create(slug, slug, now=0.0)
    drain(directory)
    return directory


def drain(directory: Directory) -> list[DirectoryEvent]:
    events = []
    while event := directory.next_event():
        events.append(event)
    return events


@pytest.mark.parametrize("slug", ["", "A", "a b", "a/b", "ä", "a" * 65, "a\n", "../x"])
def test_address_of_other_characters_is_refused(slug: str) -> None:
    with pytest.raises(BadRequest):
        read_slug(slug)


@given(st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True))
def test_address_of_the_right_characters_is_kept(slug: str) -> None:
    assert read_slug(slug) == slug


@pytest.mark.parametrize("title", ["", "   ", "x" * 121, "a\nb", "a\u2028b", "\ud800"])
def test_title_that_cannot_be_shown_is_refused(title: str) -> None:
    with pytest.raises(BadRequest):
        read_title(title)


def test_title_is_trimmed_and_composed() -> None:
    assert read_title("  Cafe\u0301 春季 👗 ") == "Café 春季 👗"


def test_made_room_is_scheduled_and_told() -> None:
    directory = make_directory()
    room = directory.create("demo", "Demo", now=5.0, scheduled_at=9.0)
    assert (room.state, room.record.created_at, room.record.scheduled_at) == (
        State.SCHEDULED,
        5.0,
        9.0,
    )
    assert drain(directory) == [RoomChanged("demo")]


def test_address_is_given_once() -> None:
    directory = make_directory("demo")
    with pytest.raises(RoomExists):
        directory.create("demo", "Demo", now=1.0)


def test_rooms_are_limited() -> None:
    directory = make_directory("a", "b", max_rooms=2)
    with pytest.raises(RoomLimit):
        directory.create("c", "C", now=1.0)


def test_unknown_room_is_told_shortened() -> None:
    with pytest.raises(RoomNotFound) as caught:
        make_directory().get("x" * 1000)
    assert len(str(caught.value)) < 100


@given(st.sets(st.from_regex(r"[a-z0-9-]{1,4}", fullmatch=True), max_size=20), st.integers(1, 25))
def test_pages_hold_every_room_once_and_in_order(slugs: set[str], limit: int) -> None:
    directory, after, seen = make_directory(*slugs), None, []
    while True:
        page = directory.list(after=after, limit=limit)
        assert len(page.rooms) <= limit
        seen += [room.record.room for room in page.rooms]
        after = page.after
        if after is None:
            break
    assert seen == sorted(slugs)


def test_media_events_reach_their_room_alone() -> None:
    directory = make_directory("a", "b")
    directory.handle_media(MediaStarted("a", "s1", "host"), now=1.0)
    directory.handle_media(MediaStarted("nowhere", "s1", "host"), now=1.0)
    assert directory.get("a").state is State.LIVE
    assert directory.get("b").state is State.SCHEDULED
    assert drain(directory) == [RoomChanged("a")]
    directory.handle_media(MediaStopped("a", "s1", "host"), now=2.0)
    assert directory.get("a").presence is Presence.AWAY
    # Presence is not saved, so nothing is told.
    assert drain(directory) == []


def test_earliest_grace_time_is_the_timer() -> None:
    directory = make_directory("a", "b")
    for room, at in (("a", 2.0), ("b", 1.0)):
        directory.take(room, "ada", "Ada", f"s-{room}", is_takeover=False, now=0.0)
        directory.handle_media(MediaStarted(room, f"s-{room}", "host"), now=0.0)
        directory.handle_media(MediaStopped(room, f"s-{room}", "host"), now=at)
        directory.handle_media(SessionClosed(room, f"s-{room}", "ingest", "host", "client"), now=at)
    assert directory.get_timer() == 61.0
    directory.handle_timer(now=61.0)
    assert [directory.get(room).presence for room in "ab"] == [Presence.AWAY, Presence.OFF]
    assert directory.get_timer() == 62.0
    directory.handle_timer(now=62.0)
    assert directory.get_timer() is None


def test_end_of_a_show_is_told_once() -> None:
    directory = make_directory("a")
    directory.move("a", State.ENDED, now=1.0)
    directory.move("a", State.ENDED, now=2.0)
    assert drain(directory) == [RoomChanged("a"), ShowEnded("a")]


def test_rooms_are_counted_by_state() -> None:
    directory = make_directory("a", "b")
    directory.move("b", State.ENDED, now=1.0)
    counts = directory.count_by_state()
    assert (counts[State.SCHEDULED], counts[State.ENDED], counts[State.LIVE]) == (1, 1, 0)


def test_saved_rooms_come_back() -> None:
    record = RoomRecord("demo", "Demo", State.LIVE, "Ada", created_at=1.0, started_at=2.0)
    directory = Directory([record], away_grace_s=60.0, max_rooms=10, now=100.0)
    assert directory.get("demo").record == record
    assert directory.get_timer() == 160.0
