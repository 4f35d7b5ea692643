"""WHEP's server-sent events: a player is told of its room while it watches.

POST a list of event types to the session's `events` address, GET the stream it answers with.
Knowing the session's unguessable URL is the right to it, as for leaving.
"""

import asyncio
import contextlib
import secrets

from aiohttp import web

from liveserver.errors import (
    BadRequest,
    BodyTooLarge,
    RateLimited,
    SessionNotFound,
    UnsupportedMediaType,
)
from liveserver.http.backend import Backend
from liveserver.http.cross_origin import answer_options
from liveserver.http.incoming import read_json
from liveserver.http.routing import EVENTS, JSON, Answer, Route
from liveserver.rooms.event_streams import (
    EVENT_TYPES,
    EventStream,
    EventStreams,
    TooManyStreams,
)
from liveserver.rooms.room import Presence
from media.events import MediaEvent, MediaStarted, MediaStopped, SessionClosed

RELATION = "urn:ietf:params:whep:ext:core:server-sent-events"
COUNT_S = 1.0
# Proxies and mobile networks forget connections that are silent for about a minute.
HEARTBEAT_S = 15.0
_BUSY_RETRY_S = 5.0


def write_events_link(room: str, session_id: str) -> str:
    """Write the `Link` that offers the extension in a 201."""
    address, events = f"/whep/{room}/{session_id}/events", ",".join(EVENT_TYPES)
    return f'<{address}>; rel="{RELATION}"; events="{events}"'


class WhepEvents:
    """The surface, and the streams' life."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._streams = EventStreams()
        self._timer: asyncio.TimerHandle | None = None
        backend.rooms.observe(self._handle_media)

    def routes(self) -> list[Route]:
        """Return the routes below a watching session."""
        events = "/whep/{room}/{session}/events"
        stream = events + "/{stream}"
        options = {200: Answer("Allowed methods.", headers=("Accept-Post",))}
        gone = (SessionNotFound,)
        return [
            Route(
                "POST",
                events,
                self.open,
                "Open an event stream",
                "whep",
                {201: Answer("The stream waits at Location.", headers=("Location",))},
                body=JSON,
                problems=(BadRequest, BodyTooLarge, UnsupportedMediaType, RateLimited, *gone),
            ),
            Route("OPTIONS", events, answer_options, "Allowed methods", "whep", options),
            Route(
                "GET",
                stream,
                self.read,
                "Read an event stream",
                "whep",
                {200: Answer("Events as they happen.", EVENTS)},
                problems=gone,
            ),
            Route(
                "DELETE",
                stream,
                self.close,
                "End an event stream",
                "whep",
                {200: Answer("The stream is over.")},
                problems=(RateLimited, *gone),
            ),
            Route("OPTIONS", stream, answer_options, "Allowed methods", "whep", options),
        ]

    async def open(self, request: web.Request) -> web.Response:
        """Open a stream of the listed types; without a body of all."""
        room, session_id = request.match_info["room"], request.match_info["session"]
        self._backend.rooms.attendance(room, session_id, "egress")
        types: tuple[str, ...] = EVENT_TYPES
        if request.body_exists:
            types = tuple(await read_json(request, self._backend, list[str]))
        unknown = set(types).difference(EVENT_TYPES)
        if unknown:
            raise BadRequest(f"Events of these types are not sent: {', '.join(sorted(unknown))}.")
        found = self._backend.rooms.find(room)
        is_active = found is not None and found.presence is Presence.ON
        try:
            stream = self._streams.open(
                secrets.token_urlsafe(12), room, session_id, types, is_active=is_active
            )
        except TooManyStreams as error:
            raise RateLimited(_BUSY_RETRY_S, "event streams") from error
        self._count()
        return web.Response(
            status=201, headers={"Location": f"/whep/{room}/{session_id}/events/{stream.id}"}
        )

    async def read(self, request: web.Request) -> web.StreamResponse:
        """Send events until the stream, the session or the connection ends."""
        stream = self._find(request)
        response = web.StreamResponse(headers={"Cache-Control": "no-store"})
        response.content_type = EVENTS
        # Nginx would keep events back until its buffer is full.
        response.headers["X-Accel-Buffering"] = "no"
        await response.prepare(request)
        has_news = asyncio.Event()
        has_news.set()
        # Whoever reads the same stream again takes it over (a reconnecting EventSource).
        stream.notify()
        stream.notify = has_news.set
        with contextlib.suppress(ConnectionError):
            await _pump(stream, has_news, response)
        return response

    async def close(self, request: web.Request) -> web.Response:
        """End a stream."""
        self._streams.close(self._find(request))
        return web.Response(status=200)

    async def drain(self, _app: web.Application) -> None:
        """Ask every player to reconnect; called when the server stops."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._streams.drain()

    def _find(self, request: web.Request) -> EventStream:
        ids = request.match_info
        stream = self._streams.find(ids["stream"], ids["room"], ids["session"])
        if stream is None:
            raise SessionNotFound
        return stream

    def _handle_media(self, event: MediaEvent) -> None:
        match event:
            case MediaStarted(room=room):
                self._streams.tell(room, "active")
            case MediaStopped(room=room):
                self._streams.tell(room, "inactive")
            case SessionClosed(room=room, session_id=session_id):
                self._streams.close_session(room, session_id)

    def _count(self) -> None:
        """Tell viewer counts and layers now, and every second while anybody listens."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._streams:
            media = self._backend.rooms.media
            self._streams.count_viewers(lambda room: media.room_media(room).viewers)
            self._streams.show_layers(self._show_layers)
            self._timer = asyncio.get_running_loop().call_later(COUNT_S, self._count)

    def _show_layers(self, stream: EventStream) -> None:
        media = self._backend.rooms.media
        session = media.find(stream.session_id)
        section = None if session is None else _video_section(session.answer)
        if section is not None:
            stream.offer_layers(section, media.layers_of(stream.session_id).layers)


def _video_section(answer: str) -> int | None:
    """Return which `m=` section of an answer is the video, counted from 0."""
    kinds = [line[2:7] for line in answer.splitlines() if line.startswith("m=")]
    return kinds.index("video") if "video" in kinds else None


async def _pump(stream: EventStream, has_news: asyncio.Event, response: web.StreamResponse) -> None:
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await has_news.wait()
        except TimeoutError:
            await response.write(b":\n\n")
            continue
        has_news.clear()
        is_over = stream.is_over or stream.notify != has_news.set
        if text := stream.take():
            await response.write(text)
        if is_over:
            return
