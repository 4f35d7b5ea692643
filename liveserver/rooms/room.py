"""One room: the state of its show, who publishes to it, and whether the host is there. Pure.

Knows no sessions' inside, no HTTP and no disk. Every method takes `now` (seconds since the epoch
of a clock that never runs back). **After each call, read `get_timer()`.**

The state moves only along `TRANSITIONS`:

    scheduled --go_live--> live <--resume/pause--> paused
    scheduled, live, paused --end--> ended --schedule--> scheduled

Beside it stands `presence`: `on` while a publisher's packets flow (a host's or the built-in
picture's; `source` tells whose), `away` for the grace time after they stop, then `off`.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from liveserver.errors import InvalidState, RoomEnded, RoomTaken
from media.events import Source


class State(StrEnum):
    """Where the show is."""

    SCHEDULED = "scheduled"
    LIVE = "live"
    PAUSED = "paused"
    ENDED = "ended"


class Presence(StrEnum):
    """Whether there is somebody to see."""

    ON = "on"
    AWAY = "away"
    OFF = "off"


class Act(StrEnum):
    """What moves the state."""

    GO_LIVE = "go live"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"
    SCHEDULE = "schedule"


TRANSITIONS: Mapping[tuple[State, Act], State] = {
    (State.SCHEDULED, Act.GO_LIVE): State.LIVE,
    (State.LIVE, Act.PAUSE): State.PAUSED,
    (State.PAUSED, Act.RESUME): State.LIVE,
    (State.SCHEDULED, Act.END): State.ENDED,
    (State.LIVE, Act.END): State.ENDED,
    (State.PAUSED, Act.END): State.ENDED,
    (State.ENDED, Act.SCHEDULE): State.SCHEDULED,
}

_ACT_TOWARDS: Mapping[State, Act] = {
    State.LIVE: Act.RESUME,
    State.PAUSED: Act.PAUSE,
    State.ENDED: Act.END,
    State.SCHEDULED: Act.SCHEDULE,
}


class RoomRecord(msgspec.Struct, frozen=True):
    """What of a room outlives the process. Times are seconds since the epoch."""

    room: str
    title: str
    state: State
    host_name: str | None
    created_at: float
    scheduled_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None


class Publisher(msgspec.Struct, frozen=True):
    """The host who holds the room."""

    sub: str
    name: str
    session_id: str
    until: float | None = None
    "None while the session is open; then the end of the grace time in which nobody else may come."


class Room:
    """The state table of one room."""

    def __init__(self, record: RoomRecord, *, away_grace_s: float, now: float) -> None:
        self._record = record
        self._away_grace_s = away_grace_s
        self._publishers: list[Publisher] = []
        self._demo: tuple[str, str] | None = None
        self._source: Source | None = None
        self._presence = Presence.OFF
        self._away_until: float | None = None
        if record.state in (State.LIVE, State.PAUSED):
            # The process was restarted under a running show: its host is given the time to return.
            self._go_away(now)

    @property
    def record(self) -> RoomRecord:
        """The part that is saved; a new value after each change."""
        return self._record

    @property
    def state(self) -> State:
        """Where the show is."""
        return self._record.state

    @property
    def presence(self) -> Presence:
        """Whether there is somebody to see."""
        return self._presence

    @property
    def source(self) -> Source | None:
        """Whose packets flow; None unless `presence` is `on`."""
        return self._source

    @property
    def publisher(self) -> Publisher | None:
        """The host who holds the room, also through the grace time; the demo never does."""
        return self._publishers[-1] if self._publishers else None

    @property
    def host_name(self) -> str | None:
        """The name to show beside the picture."""
        if self._source == "demo" and self._demo:
            return self._demo[1] or None
        return self._record.host_name

    def check_publish(self, sub: str, *, is_takeover: bool, now: float) -> None:
        """Ask whether the host `sub` may publish now.

        Raises:
            RoomEnded: the show is over.
            RoomTaken: another host is here or in the grace time, and this is no takeover.
        """
        self.check_open()
        holder = self.publisher
        if holder is None or holder.sub == sub or is_takeover:
            return
        # A host who left lends the room to the demo, and any host takes over from that.
        is_lent = holder.until is not None and self._source == "demo"
        if not is_lent and (holder.until is None or holder.until > now):
            raise RoomTaken(self._record.room)

    def check_open(self) -> None:
        """Raise `RoomEnded` when the show is over."""
        if self.state is State.ENDED:
            raise RoomEnded(self._record.room)

    def take(self, sub: str, name: str, session_id: str, *, is_takeover: bool, now: float) -> None:
        """Make `sub` the room's host with `session_id`; raises like `check_publish`.

        The host before stays known until its session closes: if the new session never connects,
        the room is the former host's again.
        """
        self.check_publish(sub, is_takeover=is_takeover, now=now)
        self._publishers = [one for one in self._publishers if one.until is None]
        self._publishers.append(Publisher(sub, name, session_id))
        self._change(host_name=name or None)

    def admit_demo(self, name: str, session_id: str) -> None:
        """Let the built-in picture publish; it holds nothing. Raises `RoomEnded`."""
        self.check_open()
        self._demo = (session_id, name)

    def handle_media_started(self, source: Source, *, now: float) -> None:
        """A publisher's packets flow: the show goes live unless it is already, or is over."""
        if self.state is State.ENDED:
            return
        self._presence, self._source, self._away_until = Presence.ON, source, None
        if self.state is State.SCHEDULED:
            self._transition(Act.GO_LIVE)
            self._change(started_at=now, ended_at=None)

    def handle_media_stopped(self, *, now: float) -> None:
        """Nobody's packets flow any more."""
        if self._presence is Presence.ON:
            self._go_away(now)

    def handle_session_closed(self, session_id: str, *, now: float) -> None:
        """A publishing session ended; its host keeps the room for the grace time."""
        closed = [one for one in self._publishers if one.session_id == session_id]
        others = [one for one in self._publishers if one.session_id != session_id]
        if closed and others:
            self._publishers = others
            self._change(host_name=others[-1].name or None)
        elif closed:
            until = now + self._away_grace_s
            self._publishers = [msgspec.structs.replace(closed[0], until=until)]
        if self._demo and self._demo[0] == session_id:
            self._demo = None

    def move(self, state: State, *, now: float) -> bool:
        """Bring the show to `state` as its host asked; False when it is there already.

        Raises:
            InvalidState: the table has no such transition. Only packets bring a scheduled show
                live.
        """
        if state is self.state:
            return False
        self._transition(_ACT_TOWARDS[state])
        if state is State.ENDED:
            self._publishers, self._demo, self._source = [], None, None
            self._presence, self._away_until = Presence.OFF, None
            self._change(ended_at=now)
        elif state is State.SCHEDULED:
            self._change(scheduled_at=None, started_at=None, ended_at=None)
        return True

    def describe(
        self,
        *,
        title: str | UnsetType = UNSET,
        scheduled_at: float | UnsetType | None = UNSET,
    ) -> None:
        """Change what is announced; UNSET leaves it as it is, no time is None."""
        given = {"title": title, "scheduled_at": scheduled_at}
        self._change(**{field: value for field, value in given.items() if value is not UNSET})

    def get_timer(self) -> float | None:
        """When `handle_timer` wants to be called, in the clock of `now`."""
        until = self.publisher.until if self.publisher else None
        return min((at for at in (self._away_until, until) if at is not None), default=None)

    def handle_timer(self, *, now: float) -> None:
        """End the grace times that are over."""
        if self._away_until is not None and self._away_until <= now:
            self._presence, self._away_until = Presence.OFF, None
        until = self.publisher.until if self.publisher else None
        if until is not None and until <= now:
            self._publishers = []

    def _go_away(self, now: float) -> None:
        self._presence, self._source = Presence.AWAY, None
        self._away_until = now + self._away_grace_s

    def _transition(self, act: Act) -> None:
        state = TRANSITIONS.get((self.state, act))
        if state is None:
            raise InvalidState(act.value, self.state.value)
        self._change(state=state)

    def _change(self, **changes: object) -> None:
        self._record = msgspec.structs.replace(self._record, **changes)
