"""The media plane without media: sessions, priorities and events, no sockets.

Unrealistic: every session connects at once, publishers send nothing until `flow` is called, and
the answer is no SDP. Real are the order of events, the priority of hosts over the demo, and the
closing of a session that was taken over.
"""

import itertools
from collections.abc import Awaitable, Callable

import msgspec

from media.errors import InvalidOffer, MediaError
from media.events import (
    CloseReason,
    MediaEvent,
    MediaStarted,
    MediaStopped,
    Role,
    SessionClosed,
    Source,
)
from media.layers import LayersShown, Wish
from media.sdpfrag import RemoteIce, judge, parse_fragment
from media.settings import MediaSettings

OFFER = "v=0\r\n"


class FakeSession(msgspec.Struct, frozen=True):
    """One open session."""

    id: str
    room: str
    role: Role
    source: Source | None
    answer: str = "v=0\r\na=answer\r\nm=audio 9 RTP/AVP 0\r\nm=video 9 RTP/AVP 96\r\n"
    etag: str = '"fake"'


class FakeRestart(msgspec.Struct, frozen=True):
    """Our half of an ICE restart."""

    fragment: str = "a=ice-lite\r\n"
    etag: str = '"restarted"'


class FakeIngest(msgspec.Struct, frozen=True):
    """Numbers of a publisher."""

    video_codec: str | None = "VP8"
    audio_codec: str | None = "opus"
    bitrate_bps: int = 2_500_000
    loss: float = 0.01234
    rtt_ms: int | None = 31
    frames_per_second: float = 29.97


class FakeRoomMedia(msgspec.Struct, frozen=True):
    """Numbers of a room."""

    viewers: int
    ingest: FakeIngest | None


class FakeMedia:
    """What `MediaServer` promises, driven by hand."""

    def __init__(self, settings: MediaSettings, on_event: Callable[[MediaEvent], None]) -> None:
        self.settings = settings
        self.failure: MediaError | None = None
        "Raised by the next publish or subscribe."
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        "Awaited during the next publish or subscribe: what others do in that time."
        self.sessions: dict[str, FakeSession] = {}
        self.layers = LayersShown()
        "Told of every viewer."
        self.wishes: dict[str, Wish] = {}
        "By session."
        self._on_event = on_event
        self._ids = (f"session-{number}" for number in itertools.count(1))
        self._active: dict[str, FakeSession] = {}
        self._port = 0

    @property
    def port(self) -> int:
        return self._port

    async def start(self) -> None:
        self._port = 50_000

    async def stop(self) -> None:
        for session_id in tuple(self.sessions):
            await self.close(session_id, "server")
        self._port = 0

    async def publish(self, room: str, offer: str, *, source: Source) -> FakeSession:
        older = [
            each
            for each in self.sessions.values()
            if each.room == room and each.role == "ingest" and each.source == source
        ]
        session = await self._open(FakeSession(next(self._ids), room, "ingest", source), offer)
        for each in older:
            await self.close(each.id, "taken_over")
        return session

    async def subscribe(self, room: str, offer: str) -> FakeSession:
        return await self._open(FakeSession(next(self._ids), room, "egress", None), offer)

    def patch(self, session_id: str, fragment: str, if_match: str | None) -> FakeRestart | None:
        session = self.sessions[session_id]
        wish = judge(
            parse_fragment(fragment),
            if_match,
            RemoteIce(session.etag, "cur1", "p" * 24),
            is_strict=self.settings.strict_if_match,
        )
        return FakeRestart() if wish == "restart" else None

    def find(self, session_id: str) -> FakeSession | None:
        return self.sessions.get(session_id)

    def is_connected(self, session_id: str) -> bool:
        return session_id in self.sessions

    def select_layer(self, session_id: str, wish: Wish) -> None:
        self.wishes[session_id] = wish

    def layers_of(self, session_id: str) -> LayersShown:
        return self.layers if session_id in self.sessions else LayersShown()

    async def close(self, session_id: str, reason: CloseReason) -> None:
        session = self.sessions.pop(session_id, None)
        if session is None:
            return
        if self._active.get(session.room) is session:
            self.fall_silent(session.room)
        self._on_event(
            SessionClosed(session.room, session.id, session.role, session.source, reason)
        )

    def room_media(self, room: str) -> FakeRoomMedia:
        viewers = [s for s in self.sessions.values() if (s.room, s.role) == (room, "egress")]
        return FakeRoomMedia(len(viewers), FakeIngest() if room in self._active else None)

    def counters(self) -> dict[str, float]:
        return {"media_packets_forwarded_total": 7, "media_egresses": len(self.sessions)}

    def flow(self, room: str) -> None:
        """Let the room's packets flow: the latest host's, else the demo's."""
        ingests = [s for s in self.sessions.values() if (s.room, s.role) == (room, "ingest")]
        ingests.sort(key=lambda session: session.source == "host")
        self._active[room] = session = ingests[-1]
        assert session.source is not None
        self._on_event(MediaStarted(room, session.id, session.source))

    def fall_silent(self, room: str) -> None:
        """Let the packets stop."""
        session = self._active.pop(room)
        assert session.source is not None
        self._on_event(MediaStopped(room, session.id, session.source))

    async def _open(self, session: FakeSession, offer: str) -> FakeSession:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        if not offer.startswith("v=0"):
            raise InvalidOffer("an offer starts with v=0")
        self.sessions[session.id] = session
        return session
