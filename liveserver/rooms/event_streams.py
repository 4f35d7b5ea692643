"""What viewers are told of their room while they watch: WHEP's server-sent events. Pure.

A stream keeps only the newest event of a kind: whoever reads slowly, or not yet, gets the present
state and no backlog. **After each call, the streams named as changed have something to take.**
"""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from media.layers import Layer

EVENT_TYPES = ("active", "inactive", "layers", "reconnect", "viewercount")
"What this server sends: all of the extension but `scte35`."
MAX_STREAMS = 4
"Of one session; a player opens one."

_NOTHING = b"{}"


class TooManyStreams(Exception):
    """The session has as many streams as one may have."""


class EventStream:
    """One stream: what it is to be told, and what it has not been told yet."""

    def __init__(self, stream_id: str, room: str, session_id: str, types: frozenset[str]) -> None:
        self.id = stream_id
        self.room = room
        self.session_id = session_id
        self.is_over = False
        self.layers_told: tuple[tuple[str, int | None], ...] = ()
        "Names and heights of the layers last told."
        self.notify: Callable[[], None] = lambda: None
        "Called when there is something to take or the stream is over."
        self.types = types
        "What it is told of."
        self._pending: dict[str, bytes] = {}

    def offer(self, kind: str, data: bytes = _NOTHING) -> None:
        """Tell an event unless it was not asked for; it replaces its like, and its opposite."""
        if kind not in self.types or self.is_over:
            return
        self._pending.pop(kind, None)
        if kind in ("active", "inactive"):
            self._pending.pop("inactive" if kind == "active" else "active", None)
        self._pending[kind] = data
        self.notify()

    def offer_layers(self, section: int, layers: Iterable[Layer]) -> None:
        """Tell the simulcast layers of the answer's `section` when one came, went or grew."""
        named = [layer for layer in layers if layer.rid]
        shape = tuple((layer.rid, layer.height) for layer in named)
        if shape != self.layers_told:
            self.layers_told = shape
            self.offer("layers", _write_layers(section, named))

    def take(self) -> bytes:
        """Return what is pending as text of an event stream (WHATWG HTML §9.2.6)."""
        pending, self._pending = self._pending, {}
        return b"".join(
            b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
            for kind, data in pending.items()
        )

    def end(self) -> None:
        """Let whoever reads stop after what is pending."""
        self.is_over = True
        self.notify()


class EventStreams:
    """All open streams."""

    def __init__(self) -> None:
        self._streams: dict[str, EventStream] = {}
        self._by_room: dict[str, dict[str, EventStream]] = {}
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._streams)

    def open(
        self, stream_id: str, room: str, session_id: str, types: Iterable[str], *, is_active: bool
    ) -> EventStream:
        """Open a stream; an active room is told at once, an inactive one is not.

        Raises:
            TooManyStreams: the session has its share.
        """
        siblings = self._by_room.setdefault(room, {}).values()
        if sum(one.session_id == session_id for one in siblings) >= MAX_STREAMS:
            raise TooManyStreams
        stream = EventStream(stream_id, room, session_id, frozenset(types))
        self._streams[stream_id] = self._by_room[room][stream_id] = stream
        if is_active:
            stream.offer("active")
        if room in self._counts:
            stream.offer("viewercount", _write_count(self._counts[room]))
        return stream

    def find(self, stream_id: str, room: str, session_id: str) -> EventStream | None:
        """Return the stream if it is of this session."""
        stream = self._streams.get(stream_id)
        fits = stream is not None and (stream.room, stream.session_id) == (room, session_id)
        return stream if fits else None

    def close(self, stream: EventStream) -> None:
        """End one stream. Idempotent."""
        self._streams.pop(stream.id, None)
        in_room = self._by_room.get(stream.room, {})
        in_room.pop(stream.id, None)
        if not in_room:
            self._by_room.pop(stream.room, None)
            self._counts.pop(stream.room, None)
        stream.end()

    def close_session(self, room: str, session_id: str) -> None:
        """End all streams of a session that is over."""
        for stream in self._of(room):
            if stream.session_id == session_id:
                self.close(stream)

    def tell(self, room: str, kind: str) -> None:
        """Tell a room's streams an event without data."""
        for stream in self._of(room):
            stream.offer(kind)

    def count_viewers(self, count: Callable[[str], int]) -> None:
        """Tell the rooms' viewers where they changed; call about every second."""
        for room in self._by_room:
            viewers = count(room)
            if self._counts.get(room) != viewers:
                self._counts[room] = viewers
                for stream in self._of(room):
                    stream.offer("viewercount", _write_count(viewers))

    def show_layers(self, show: Callable[[EventStream], None]) -> None:
        """Let `show` offer each stream that wants it its session's layers."""
        for stream in tuple(self._streams.values()):
            if "layers" in stream.types:
                show(stream)

    def drain(self) -> None:
        """Ask every player to start anew, and end all streams: the server is going."""
        for stream in tuple(self._streams.values()):
            stream.offer("reconnect")
            self.close(stream)

    def _of(self, room: str) -> Iterator[EventStream]:
        return iter(tuple(self._by_room.get(room, {}).values()))


def _write_layers(section: int, layers: Iterable[Layer]) -> bytes:
    told: list[dict[str, object]] = []
    for layer in layers:
        height = {} if layer.height is None else {"height": layer.height}
        told.append({"rid": layer.rid, "bitrate": round(layer.bitrate_bps), **height})
    return msgspec.json.encode({str(section): told})


def _write_count(viewers: int) -> bytes:
    return msgspec.json.encode({"viewercount": viewers})
