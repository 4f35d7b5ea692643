import itertools

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from liveserver.errors import InvalidState, RoomEnded, RoomTaken
from liveserver.rooms.room import TRANSITIONS, Act, Presence, Room, RoomRecord, State

GRACE_S = 60.0
PATCHES = {
    (State.LIVE, State.PAUSED),
    (State.PAUSED, State.LIVE),
    (State.SCHEDULED, State.ENDED),
    (State.LIVE, State.ENDED),
    (State.PAUSED, State.ENDED),
    (State.ENDED, State.SCHEDULED),
}


def make_room(state: State = State.SCHEDULED, now: float = 0.0) -> Room:
    record = RoomRecord(room="demo", title="Demo", state=state, host_name=None, created_at=0.0)
    return Room(record, away_grace_s=GRACE_S, now=now)


def live_room(sub: str = "ada", session: str = "s1", now: float = 0.0) -> Room:
    room = make_room()
    room.take(sub, "Ada", session, is_takeover=False, now=now)
    room.handle_media_started("host", now=now)
    return room


def test_room_goes_live_with_the_first_packets() -> None:
    room = make_room()
    room.take("ada", "Ada", "s1", is_takeover=False, now=1.0)
    assert (room.state, room.presence) == (State.SCHEDULED, Presence.OFF)
    room.handle_media_started("host", now=2.0)
    assert (room.state, room.presence, room.source) == (State.LIVE, Presence.ON, "host")
    assert room.record.started_at == 2.0
    assert room.host_name == "Ada"


def test_any_host_takes_over_from_the_demo_once_the_former_one_left() -> None:
    room = live_room("ada", "s1")
    room.handle_session_closed("s1", now=10.0)
    with pytest.raises(RoomTaken):
        room.check_publish("bob", is_takeover=False, now=10.5)
    room.admit_demo("Demo", "d1")
    room.handle_media_started("demo", now=11.0)
    room.check_publish("bob", is_takeover=False, now=11.5)


def test_host_is_away_for_the_grace_time_then_off() -> None:
    room = live_room()
    room.handle_media_stopped(now=10.0)
    assert (room.presence, room.source, room.get_timer()) == (Presence.AWAY, None, 70.0)
    room.handle_timer(now=69.9)
    assert room.presence is Presence.AWAY
    room.handle_timer(now=70.0)
    assert (room.state, room.presence, room.get_timer()) == (State.LIVE, Presence.OFF, None)


def test_host_who_returns_in_time_is_on_again() -> None:
    room = live_room()
    room.handle_media_stopped(now=10.0)
    room.handle_media_started("host", now=20.0)
    assert (room.presence, room.get_timer()) == (Presence.ON, None)
    assert room.record.started_at == 0.0


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
def test_show_moves_only_along_the_table(before: State, after: State) -> None:
    room = make_room(before)
    if before is after:
        assert not room.move(after, now=1.0)
    elif (before, after) in PATCHES:
        assert room.move(after, now=1.0)
        assert room.state is after
    else:
        with pytest.raises(InvalidState):
            room.move(after, now=1.0)
        assert room.state is before


def test_table_leads_to_every_state_and_out_of_each() -> None:
    assert {state for state, _ in TRANSITIONS} == set(State)
    assert set(TRANSITIONS.values()) == set(State)
    assert {act for _, act in TRANSITIONS} == set(Act)


def test_ended_show_has_nobody_and_ignores_late_packets() -> None:
    room = live_room()
    room.move(State.ENDED, now=5.0)
    room.handle_media_started("host", now=6.0)
    assert (room.state, room.presence, room.publisher) == (State.ENDED, Presence.OFF, None)
    assert room.record.ended_at == 5.0
    with pytest.raises(RoomEnded):
        room.take("ada", "Ada", "s2", is_takeover=True, now=7.0)


def test_room_runs_again_after_it_was_scheduled_again() -> None:
    room = live_room()
    room.move(State.ENDED, now=5.0)
    room.move(State.SCHEDULED, now=6.0)
    room.take("bo", "Bo", "s2", is_takeover=False, now=7.0)
    room.handle_media_started("host", now=8.0)
    assert (room.record.started_at, room.record.ended_at, room.host_name) == (8.0, None, "Bo")


def test_pause_outlasts_a_lost_connection() -> None:
    room = live_room()
    room.move(State.PAUSED, now=1.0)
    room.handle_media_stopped(now=2.0)
    room.handle_media_started("host", now=3.0)
    assert room.state is State.PAUSED


def test_another_host_is_refused_until_the_grace_time_is_over() -> None:
    room = live_room()
    with pytest.raises(RoomTaken):
        room.take("bo", "Bo", "s2", is_takeover=False, now=1.0)
    room.handle_session_closed("s1", now=10.0)
    with pytest.raises(RoomTaken):
        room.take("bo", "Bo", "s2", is_takeover=False, now=69.9)
    room.take("bo", "Bo", "s2", is_takeover=False, now=70.0)
    assert room.host_name == "Bo"


def test_timer_gives_the_room_free() -> None:
    room = live_room()
    room.handle_session_closed("s1", now=10.0)
    assert room.get_timer() == 70.0
    room.handle_timer(now=70.0)
    assert room.publisher is None


def test_takeover_outlives_the_end_of_the_older_session() -> None:
    room = live_room()
    room.take("bo", "Bo", "s2", is_takeover=True, now=1.0)
    room.handle_session_closed("s1", now=2.0)
    assert room.publisher is not None
    assert (room.publisher.sub, room.publisher.until) == ("bo", None)


def test_takeover_that_never_connects_leaves_the_room_to_the_former_host() -> None:
    room = live_room()
    room.take("bo", "Bo", "s2", is_takeover=True, now=1.0)
    room.handle_session_closed("s2", now=11.0)
    assert room.publisher is not None
    assert (room.publisher.sub, room.host_name) == ("ada", "Ada")


def test_demo_holds_nothing_and_is_named_while_it_is_seen() -> None:
    room = make_room()
    room.admit_demo("Demo", "d1")
    room.handle_media_started("demo", now=1.0)
    assert (room.source, room.host_name, room.publisher) == ("demo", "Demo", None)
    room.take("ada", "Ada", "s1", is_takeover=False, now=2.0)
    room.handle_media_started("host", now=3.0)
    assert (room.source, room.host_name) == ("host", "Ada")
    room.handle_session_closed("s1", now=4.0)
    room.handle_media_started("demo", now=4.0)
    assert (room.source, room.host_name) == ("demo", "Demo")


def test_restart_gives_the_host_of_a_running_show_time_to_return() -> None:
    for state in (State.LIVE, State.PAUSED):
        room = make_room(state, now=100.0)
        assert (room.presence, room.get_timer()) == (Presence.AWAY, 160.0)
    assert make_room(State.SCHEDULED).presence is Presence.OFF


class RoomMachine(RuleBasedStateMachine):
    """Hosts, demo, packets, patches and time in any order."""

    @initialize()
    def open(self) -> None:
        self.now = 0.0
        self.room = make_room()
        self.ids = itertools.count()
        self.open_sessions: dict[str, str] = {}
        self.last_state = self.room.state

    @rule(sub=st.sampled_from("abc"), is_takeover=st.booleans())
    def publish(self, sub: str, is_takeover: bool) -> None:
        session = f"s{next(self.ids)}"
        holder = self.room.publisher
        try:
            self.room.take(sub, sub, session, is_takeover=is_takeover, now=self.now)
        except RoomTaken:
            assert holder is not None
            assert holder.sub != sub
            assert not is_takeover
        except RoomEnded:
            assert self.room.state is State.ENDED
        else:
            self.open_sessions[session] = sub
            assert self.room.publisher is not None
            assert self.room.publisher.sub == sub

    @rule()
    def publish_demo(self) -> None:
        before = self.room.publisher
        if self.room.state is not State.ENDED:
            self.room.admit_demo("demo", f"d{next(self.ids)}")
        assert self.room.publisher == before

    @rule(source=st.sampled_from(["host", "demo"]))
    def start_packets(self, source: str) -> None:
        self.room.handle_media_started(source, now=self.now)  # type: ignore[arg-type]

    @rule()
    def stop_packets(self) -> None:
        self.room.handle_media_stopped(now=self.now)

    @precondition(lambda self: self.open_sessions)
    @rule(data=st.data())
    def close_session(self, data: st.DataObject) -> None:
        session = data.draw(st.sampled_from(sorted(self.open_sessions)))
        del self.open_sessions[session]
        self.room.handle_session_closed(session, now=self.now)

    @rule(state=st.sampled_from(State))
    def patch(self, state: State) -> None:
        before = self.room.state
        try:
            self.room.move(state, now=self.now)
        except InvalidState:
            assert (before, state) not in PATCHES
        if self.room.state is State.ENDED:
            self.open_sessions.clear()

    @rule(seconds=st.sampled_from([0.5, 30.0, 61.0]))
    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while (at := self.room.get_timer()) is not None and at <= until:
            self.now = max(self.now, at)
            self.room.handle_timer(now=self.now)
            later = self.room.get_timer()
            assert later is None or later > at, "a timer that was served asks again"
        self.now = until

    @invariant()
    def source_is_known_exactly_while_packets_flow(self) -> None:
        assert (self.room.source is not None) is (self.room.presence is Presence.ON)

    @invariant()
    def state_moved_along_the_table(self) -> None:
        state, before = self.room.state, self.last_state
        if state is not before:
            assert state in {to for (source, _), to in TRANSITIONS.items() if source is before}
        self.last_state = state

    @invariant()
    def running_show_has_begun_and_not_ended(self) -> None:
        record = self.room.record
        if record.state in (State.LIVE, State.PAUSED):
            assert record.started_at is not None
            assert record.ended_at is None

    @invariant()
    def open_session_holds_the_room(self) -> None:
        publisher = self.room.publisher
        if self.open_sessions:
            assert publisher is not None
            assert publisher.until is None
            assert publisher.session_id in self.open_sessions
        elif publisher is not None:
            assert publisher.until is not None

    @invariant()
    def away_time_is_always_watched(self) -> None:
        if self.room.presence is Presence.AWAY:
            assert self.room.get_timer() is not None


TestRoomMachine = RoomMachine.TestCase
