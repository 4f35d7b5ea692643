"""The keeper of the rooms: feeds the directory, saves what changed, runs its timers.

The one place that holds directory, media plane and storage together. Memory is ahead of the disk:
a change that could not be written stays in use, is told to the one who asked (503) and is written
as soon as the database answers again.
"""

import asyncio
import logging
import weakref
from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol

import msgspec
from msgspec import UNSET, UnsetType

from liveserver.errors import (
    LiveServerError,
    RateLimited,
    RoomEnded,
    RoomFull,
    RoomNotFound,
    RoomNotLive,
    SessionNotFound,
    StorageUnavailable,
)
from liveserver.logs import fields
from liveserver.rooms.delays import DelayReports
from liveserver.rooms.directory import Directory, Page, RoomChanged, ShowEnded, read_title
from liveserver.rooms.media_port import MediaPort, MediaRestart, MediaSession
from liveserver.rooms.room import Room, RoomRecord, State
from liveserver.rooms.sessions import Attendance, SessionBook
from liveserver.rooms.view import RoomView, describe_room
from liveserver.settings import RoomSettings
from media.events import MediaEvent, Role, SessionClosed, Source

logger = logging.getLogger(__name__)

RETRY_S = 1.0


class RoomStore(Protocol):
    """Where rooms outlive the process."""

    async def load_rooms(self) -> list[RoomRecord]:
        """Return every room."""

    async def save_rooms(self, records: Sequence[RoomRecord]) -> None:
        """Insert or overwrite rooms; raises `StorageUnavailable`."""


class Attempt(msgspec.Struct, frozen=True):
    """Someone's wish to publish or watch."""

    room: str
    offer: str
    sub: str | None = None
    name: str = ""
    network: str | None = None
    source: Source = "host"
    is_takeover: bool = False
    may_open_room: bool = False


class RoomKeeper:
    """Rooms, sessions and their media.

    **Call `open` before and `close` after everything else.**
    """

    def __init__(
        self,
        settings: RoomSettings,
        make_media: Callable[[Callable[[MediaEvent], None]], MediaPort],
        store: RoomStore,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._media = make_media(self._handle_media)
        self._directory = self._make_directory([])
        self._book = SessionBook()
        self._delays = DelayReports()
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._unsaved: set[str] = set()
        self._has_unsaved = asyncio.Event()
        self._saving = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._observers: list[Callable[[MediaEvent], None]] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def media(self) -> MediaPort:
        """The media plane."""
        return self._media

    def observe(self, handle: Callable[[MediaEvent], None]) -> None:
        """Let `handle` see each media event after the rooms have taken it in."""
        self._observers.append(handle)

    async def open(self) -> None:
        """Load the rooms and start saving."""
        self._directory = self._make_directory(await self._store.load_rooms())
        self._spawn(self._save_forever())
        self._settle()

    async def close(self) -> None:
        """Stop the timers and write what is not written yet."""
        if self._timer:
            self._timer.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._save()
        except StorageUnavailable:
            logger.exception("rooms not saved at the end", extra=fields(rooms=len(self._unsaved)))

    def view(self, slug: str) -> RoomView:
        """Describe one room; raises `RoomNotFound`."""
        return self._view(self._directory.get(slug))

    def list(self, *, after: str | None, limit: int) -> tuple[list[RoomView], str | None]:
        """Describe one page of rooms; the second value is where the next page starts."""
        page: Page = self._directory.list(after=after, limit=limit)
        return [self._view(room) for room in page.rooms], page.after

    def find(self, slug: str) -> Room | None:
        """Return the room or None."""
        return self._directory.find(slug)

    def count_by_state(self) -> dict[State, int]:
        """Count the rooms, for metrics."""
        return self._directory.count_by_state()

    async def create(self, slug: str, title: str, scheduled_at: float | None) -> RoomView:
        """Add a room and save it; raises like `Directory.create`."""
        room = self._directory.create(slug, title, now=self._clock(), scheduled_at=scheduled_at)
        await self._settle_and_save()
        return self._view(room)

    async def change(
        self,
        slug: str,
        *,
        title: str | UnsetType = UNSET,
        state: State | UnsetType = UNSET,
        scheduled_at: float | UnsetType | None = UNSET,
    ) -> RoomView:
        """Apply all given changes or none, and save; raises `BadRequest`, `InvalidState`."""
        room = self._directory.get(slug)
        if not isinstance(title, UnsetType):
            read_title(title)
        if not isinstance(state, UnsetType):
            self._directory.move(slug, state, now=self._clock())
        self._directory.describe(slug, title=title, scheduled_at=scheduled_at)
        await self._settle_and_save()
        return self._view(room)

    async def publish(self, attempt: Attempt) -> MediaSession:
        """Open an ingest session for a host or the built-in picture.

        Raises:
            LiveServerError: the room's refusals.
            MediaError: the offer's.
        """
        # One at a time per room: the media plane lets the latest host win, so who may publish
        # must be settled before the next offer reaches it.
        async with self._lock(attempt.room):
            self._check_publish(attempt)
            session = await self._media.publish(attempt.room, attempt.offer, source=attempt.source)
            try:
                self._enter(attempt, session)
            except LiveServerError:
                await self._media.close(session.id, "server")
                raise
        self._remember(attempt, session)
        return session

    async def subscribe(self, attempt: Attempt) -> MediaSession:
        """Open an egress session for a viewer; raises like `publish`."""
        self._check_watch(attempt)
        session = await self._media.subscribe(attempt.room, attempt.offer)
        self._remember(attempt, session)
        return session

    def attendance(self, slug: str, session_id: str, role: Role) -> Attendance:
        """Return an open session of the room; raises `SessionNotFound`."""
        session = self._book.find(session_id, slug, role)
        if session is None or self._media.find(session_id) is None:
            raise SessionNotFound
        return session

    def patch(
        self, session: Attendance, fragment: str, if_match: str | None
    ) -> MediaRestart | None:
        """Trickle candidates or restart ICE; raises the `MediaError` of a refusal."""
        return self._media.patch(session.session_id, fragment, if_match)

    async def leave(self, session: Attendance) -> None:
        """End a session as its client asked."""
        await self._media.close(session.session_id, "client")

    def report_delay(self, slug: str, session_id: str, delay_ms: int) -> None:
        """Take in what a viewer measured; ignored unless the session watches this room."""
        is_viewer = self._book.find(session_id, slug, "egress") is not None
        if is_viewer and self._media.is_connected(session_id):
            self._delays.report(slug, session_id, delay_ms, now=self._clock())

    def _check_publish(self, attempt: Attempt) -> None:
        room = self._directory.find(attempt.room)
        if room is None:
            if not attempt.may_open_room:
                raise RoomNotFound(attempt.room)
            self._directory.check_creation(attempt.room)
        elif attempt.source == "demo":
            room.check_open()
        else:
            room.check_publish(
                attempt.sub or "", is_takeover=attempt.is_takeover, now=self._clock()
            )

    def _enter(self, attempt: Attempt, session: MediaSession) -> None:
        now = self._clock()
        if self._directory.find(attempt.room) is None:
            self._directory.create(attempt.room, attempt.room, now=now)
        if attempt.source == "demo":
            self._directory.admit_demo(attempt.room, attempt.name, session.id)
            return
        self._directory.take(
            attempt.room,
            attempt.sub or "",
            attempt.name,
            session.id,
            is_takeover=attempt.is_takeover,
            now=now,
        )

    def _check_watch(self, attempt: Attempt) -> None:
        state = self._directory.get(attempt.room).state
        if state is State.ENDED:
            raise RoomEnded(attempt.room)
        if state is State.SCHEDULED:
            raise RoomNotLive(attempt.room, self._settings.retry_after_s)
        if self._book.viewers_from(attempt.network) >= self._settings.max_viewers_per_address:
            raise RateLimited(self._settings.retry_after_s, "viewers")
        if self._book.viewers(attempt.room) >= self._settings.max_viewers:
            raise RoomFull

    def _remember(self, attempt: Attempt, session: MediaSession) -> None:
        if self._media.find(session.id) is not None:
            self._book.add(
                Attendance(session.id, attempt.room, session.role, attempt.sub, attempt.network)
            )
        logger.info("session opened", extra=fields(room=attempt.room, role=session.role))
        self._settle()

    def _handle_media(self, event: MediaEvent) -> None:
        if isinstance(event, SessionClosed):
            self._book.remove(event.session_id)
            self._delays.forget(event.room, event.session_id)
        extra = {
            field: getattr(event, field)
            for field in ("room", "role", "source", "reason")
            if getattr(event, field, None) is not None
        }
        logger.info("media %s", type(event).__name__, extra=fields(**extra))
        self._directory.handle_media(event, now=self._clock())
        self._settle()
        for handle in self._observers:
            handle(event)

    def _settle(self) -> None:
        """Drain the directory and arm its timer."""
        while event := self._directory.next_event():
            match event:
                case RoomChanged(room=slug):
                    self._unsaved.add(slug)
                    self._has_unsaved.set()
                case ShowEnded(room=slug):
                    self._spawn(self._close_sessions(slug))
        if self._timer:
            self._timer.cancel()
            self._timer = None
        at = self._directory.get_timer()
        if at is not None:
            delay_s = max(0.0, at - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._handle_timer)

    def _handle_timer(self) -> None:
        self._directory.handle_timer(now=self._clock())
        self._settle()

    async def _close_sessions(self, slug: str) -> None:
        for session_id in self._book.of_room(slug):
            await self._media.close(session_id, "server")

    async def _settle_and_save(self) -> None:
        self._settle()
        await self._save()

    async def _save(self) -> None:
        async with self._saving:
            slugs, self._unsaved = self._unsaved, set()
            rooms = [room for slug in slugs if (room := self._directory.find(slug))]
            try:
                await self._store.save_rooms([room.record for room in rooms])
            except StorageUnavailable:
                self._unsaved |= slugs
                raise

    async def _save_forever(self) -> None:
        while True:
            await self._has_unsaved.wait()
            self._has_unsaved.clear()
            try:
                await self._save()
            except StorageUnavailable:
                logger.exception("rooms not saved", extra=fields(rooms=len(self._unsaved)))
                await asyncio.sleep(RETRY_S)
                self._has_unsaved.set()

    def _view(self, room: Room) -> RoomView:
        slug, now = room.record.room, self._clock()
        delay = self._delays.percentiles(slug, now=now)
        return describe_room(room, self._media.room_media(slug), delay, now=now)

    def _lock(self, slug: str) -> asyncio.Lock:
        return self._locks.setdefault(slug, asyncio.Lock())

    def _make_directory(self, records: Sequence[RoomRecord]) -> Directory:
        return Directory(
            records,
            away_grace_s=self._settings.away_grace_s,
            max_rooms=self._settings.max_rooms,
            now=self._clock(),
        )

    def _spawn(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
