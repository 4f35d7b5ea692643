"""Who is connected: the open sessions as this package knows them. Pure.

The media plane owns the sessions; this book remembers whose they are, so that limits can be kept
and only their owner ends them.
"""

from collections import Counter
from collections.abc import Iterator

import msgspec

from media.events import Role


class Attendance(msgspec.Struct, frozen=True):
    """One open session."""

    session_id: str
    room: str
    role: Role
    sub: str | None
    "Whose token opened it; None without a token."
    network: str | None
    "Key of the network it counts for; None counts for none (loopback)."


class SessionBook:
    """Open sessions by id, counted by room and by network."""

    def __init__(self) -> None:
        self._sessions: dict[str, Attendance] = {}
        self._rooms: dict[str, set[str]] = {}
        self._egress_by_room: Counter[str] = Counter()
        self._egress_by_network: Counter[str] = Counter()

    def add(self, session: Attendance) -> None:
        """Enter a session that has just been opened."""
        self._sessions[session.session_id] = session
        self._rooms.setdefault(session.room, set()).add(session.session_id)
        self._count(session, 1)

    def remove(self, session_id: str) -> None:
        """Strike out a session; an unknown one is ignored."""
        session = self._sessions.pop(session_id, None)
        if session is None:
            return
        self._rooms[session.room].discard(session_id)
        if not self._rooms[session.room]:
            del self._rooms[session.room]
        self._count(session, -1)

    def find(self, session_id: str, room: str, role: Role) -> Attendance | None:
        """Return the session if it is of this room and role."""
        session = self._sessions.get(session_id)
        fits = session is not None and session.room == room and session.role == role
        return session if fits else None

    def of_room(self, room: str) -> Iterator[str]:
        """Iterate over the ids of the room's sessions; safe while closing them."""
        return iter(tuple(self._rooms.get(room, ())))

    def viewers(self, room: str) -> int:
        """Count the room's egress sessions, connected or on the way to it."""
        return self._egress_by_room[room]

    def viewers_from(self, network: str | None) -> int:
        """Count the egress sessions opened from a network."""
        return self._egress_by_network[network] if network else 0

    def _count(self, session: Attendance, step: int) -> None:
        if session.role != "egress":
            return
        _step(self._egress_by_room, session.room, step)
        if session.network:
            _step(self._egress_by_network, session.network, step)


def _step(counter: Counter[str], key: str, step: int) -> None:
    counter[key] += step
    if not counter[key]:
        del counter[key]
