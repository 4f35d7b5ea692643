"""All rooms by address. Pure; drives each `Room` with events and time.

**After each call that changes something, drain `next_event()` and read `get_timer()`.**
"""

import re
import unicodedata
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable

import msgspec
from msgspec import UNSET, UnsetType

from liveserver.errors import BadRequest, RoomExists, RoomLimit, RoomNotFound
from liveserver.rooms.room import Room, RoomRecord, State
from media.events import MediaEvent, MediaStarted, MediaStopped, SessionClosed

_SLUG = re.compile(r"[a-z0-9-]{1,64}")
MAX_TITLE_CHARACTERS = 120


class RoomChanged(msgspec.Struct, frozen=True):
    """Something of the room that is saved has changed."""

    room: str


class ShowEnded(msgspec.Struct, frozen=True):
    """The show is over: the room's sessions must be closed."""

    room: str


DirectoryEvent = RoomChanged | ShowEnded


class Page(msgspec.Struct, frozen=True):
    """One page of the list; `after` is the last slug when there are more."""

    rooms: tuple[Room, ...]
    after: str | None


def read_slug(text: str) -> str:
    """Return `text` if it can be a room's address; raises `BadRequest`."""
    if not _SLUG.fullmatch(text):
        raise BadRequest("room: use 1 to 64 of a-z, 0-9 and -")
    return text


def read_title(text: str) -> str:
    """Return the title without outer space; raises `BadRequest` if empty, long or unprintable."""
    title = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(title) <= MAX_TITLE_CHARACTERS:
        raise BadRequest(f"title: use 1 to {MAX_TITLE_CHARACTERS} characters")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in title):
        raise BadRequest("title: contains control characters")
    return title


class Directory:
    """The rooms of one server."""

    def __init__(
        self, records: Iterable[RoomRecord], *, away_grace_s: float, max_rooms: int, now: float
    ) -> None:
        self._away_grace_s = away_grace_s
        self._max_rooms = max_rooms
        self._rooms = {
            record.room: Room(record, away_grace_s=away_grace_s, now=now) for record in records
        }
        self._slugs = sorted(self._rooms)
        self._events: deque[DirectoryEvent] = deque()

    def get(self, slug: str) -> Room:
        """Return the room; raises `RoomNotFound`."""
        room = self._rooms.get(slug)
        if room is None:
            raise RoomNotFound(slug[:64])
        return room

    def find(self, slug: str) -> Room | None:
        """Return the room or None."""
        return self._rooms.get(slug)

    def check_creation(self, slug: str) -> None:
        """Raise `BadRequest`, `RoomExists` or `RoomLimit` unless `create` would work."""
        read_slug(slug)
        if slug in self._rooms:
            raise RoomExists(slug)
        if len(self._rooms) >= self._max_rooms:
            raise RoomLimit

    def create(
        self, slug: str, title: str, *, now: float, scheduled_at: float | None = None
    ) -> Room:
        """Add a scheduled room; raises like `check_creation`, and `BadRequest` for the title."""
        self.check_creation(slug)
        record = RoomRecord(
            room=slug,
            title=read_title(title),
            state=State.SCHEDULED,
            host_name=None,
            created_at=now,
            scheduled_at=scheduled_at,
        )
        room = self._rooms[slug] = Room(record, away_grace_s=self._away_grace_s, now=now)
        insort(self._slugs, slug)
        self._events.append(RoomChanged(slug))
        return room

    def list(self, *, after: str | None, limit: int) -> Page:
        """Return up to `limit` rooms in the order of their addresses, those behind `after`."""
        start = 0 if after is None else bisect_right(self._slugs, after)
        slugs = self._slugs[start : start + limit]
        has_more = start + limit < len(self._slugs)
        return Page(tuple(self._rooms[slug] for slug in slugs), slugs[-1] if has_more else None)

    def count_by_state(self) -> dict[State, int]:
        """Count the rooms in each state, for metrics. O(rooms)."""
        counts = dict.fromkeys(State, 0)
        for room in self._rooms.values():
            counts[room.state] += 1
        return counts

    def take(
        self, slug: str, sub: str, name: str, session_id: str, *, is_takeover: bool, now: float
    ) -> None:
        """Make `sub` the room's host; raises like `Room.take`."""
        self.get(slug).take(sub, name, session_id, is_takeover=is_takeover, now=now)
        self._events.append(RoomChanged(slug))

    def admit_demo(self, slug: str, name: str, session_id: str) -> None:
        """Let the built-in picture publish; raises `RoomEnded`."""
        self.get(slug).admit_demo(name, session_id)

    def move(self, slug: str, state: State, *, now: float) -> None:
        """Bring the show to `state`; raises `InvalidState`."""
        if self.get(slug).move(state, now=now):
            self._events.append(RoomChanged(slug))
            if state is State.ENDED:
                self._events.append(ShowEnded(slug))

    def describe(
        self,
        slug: str,
        *,
        title: str | UnsetType = UNSET,
        scheduled_at: float | UnsetType | None = UNSET,
    ) -> None:
        """Change what is announced, as `Room.describe`; raises `BadRequest` for the title."""
        checked = title if isinstance(title, UnsetType) else read_title(title)
        self.get(slug).describe(title=checked, scheduled_at=scheduled_at)
        self._events.append(RoomChanged(slug))

    def handle_media(self, event: MediaEvent, *, now: float) -> None:
        """Take in what the media plane tells; events of unknown rooms are ignored."""
        room = self._rooms.get(event.room)
        if room is None:
            return
        before = room.record
        match event:
            case MediaStarted(source=source):
                room.handle_media_started(source, now=now)
            case MediaStopped():
                room.handle_media_stopped(now=now)
            case SessionClosed(session_id=session_id):
                room.handle_session_closed(session_id, now=now)
        if room.record is not before:
            self._events.append(RoomChanged(event.room))

    def next_event(self) -> DirectoryEvent | None:
        """Return the oldest event not yet drained."""
        return self._events.popleft() if self._events else None

    def get_timer(self) -> float | None:
        """When `handle_timer` wants to be called. O(rooms)."""
        timers = (room.get_timer() for room in self._rooms.values())
        return min((at for at in timers if at is not None), default=None)

    def handle_timer(self, *, now: float) -> None:
        """End the grace times that are over, in every room."""
        for room in self._rooms.values():
            room.handle_timer(now=now)
