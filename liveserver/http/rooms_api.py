"""The rooms over JSON."""

import base64
import binascii
from datetime import datetime

import msgspec
from aiohttp import web

from liveserver.errors import (
    BadRequest,
    Forbidden,
    InvalidState,
    OriginRefused,
    RoomExists,
    RoomLimit,
    RoomNotFound,
    StorageUnavailable,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    TokenRevoked,
)
from liveserver.http.backend import Backend
from liveserver.http.incoming import demand_permission, read_json
from liveserver.http.routing import Answer, Parameter, Route
from liveserver.identity.permissions import Action
from liveserver.rooms.delays import MAX_DELAY_MS
from liveserver.rooms.room import State
from liveserver.rooms.view import RoomView

MAX_LIMIT = 100
DEFAULT_LIMIT = 50
_WRITE_PROBLEMS = (
    *(BadRequest, TokenMissing, TokenInvalid, TokenExpired, TokenRevoked, Forbidden),
    *(OriginRefused, StorageUnavailable),
)

_PAGE_PARAMETERS = (
    Parameter("cursor", "`next_cursor` of the page before.", {"type": "string"}),
    Parameter(
        "limit",
        "Rooms per page.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
)
_REPORT_PARAMETERS = (
    Parameter("session", "The caller's WHEP session, to report `delay_ms`.", {"type": "string"}),
    Parameter(
        "delay_ms",
        "How far behind the host the caller's picture is.",
        {"type": "integer", "minimum": 0, "maximum": MAX_DELAY_MS},
    ),
)


class RoomList(msgspec.Struct, frozen=True):
    """One page of rooms, in the order of their addresses."""

    items: list[RoomView]
    next_cursor: str | None
    "Pass it as `cursor` for the next page; null on the last."


class NewRoom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A room to be."""

    room: str
    "1 to 64 of a-z, 0-9 and -."
    title: str
    scheduled_at: datetime | None = None
    "With its zone."


class RoomChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What changes; everything else stays."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    state: State | msgspec.UnsetType = msgspec.UNSET
    scheduled_at: datetime | msgspec.UnsetType | None = msgspec.UNSET


class RoomsApi:
    """The JSON surface of the rooms."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """Return the routes of the list and of one room."""
        return [
            Route(
                "GET",
                "/api/v1/rooms",
                self.list,
                "List the rooms",
                "rooms",
                {200: Answer("One page of rooms.", RoomList)},
                parameters=_PAGE_PARAMETERS,
                problems=(BadRequest,),
            ),
            Route(
                "POST",
                "/api/v1/rooms",
                self.create,
                "Make a room (merchant, admin)",
                "rooms",
                {201: Answer("The room.", RoomView, ("Location",))},
                bearer="required",
                body=NewRoom,
                problems=(*_WRITE_PROBLEMS, RoomExists, RoomLimit),
            ),
            Route(
                "GET",
                "/api/v1/rooms/{room}",
                self.show,
                "Show a room",
                "rooms",
                {200: Answer("The room.", RoomView)},
                parameters=_REPORT_PARAMETERS,
                problems=(RoomNotFound,),
            ),
            Route(
                "PATCH",
                "/api/v1/rooms/{room}",
                self.change,
                "Change a room or move its show (merchant, admin, its host)",
                "rooms",
                {200: Answer("The room.", RoomView)},
                bearer="required",
                body=RoomChange,
                problems=(*_WRITE_PROBLEMS, RoomNotFound, InvalidState),
            ),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """Answer one page of rooms."""
        limit = _read_limit(request.query.get("limit", str(DEFAULT_LIMIT)))
        after = _read_cursor(request.query.get("cursor"))
        items, last = self._backend.rooms.list(after=after, limit=limit)
        return answer_json(RoomList(items, None if last is None else _write_cursor(last)))

    async def create(self, request: web.Request) -> web.Response:
        """Make a scheduled room."""
        await demand_permission(request, self._backend, Action.CREATE_ROOM, None)
        new = await read_json(request, self._backend, NewRoom)
        view = await self._backend.rooms.create(new.room, new.title, _seconds(new.scheduled_at))
        return answer_json(view, status=201, headers={"Location": f"/api/v1/rooms/{view.room}"})

    async def show(self, request: web.Request) -> web.Response:
        """Answer the room; a viewer's poll may carry a delay report."""
        room = request.match_info["room"]
        session, delay_ms = request.query.get("session"), request.query.get("delay_ms", "")
        # A report that makes no sense is no reason to withhold the room.
        if session and delay_ms.isascii() and delay_ms.isdecimal() and len(delay_ms) <= 6:
            self._backend.rooms.report_delay(room, session, int(delay_ms))
        return answer_json(self._backend.rooms.view(room))

    async def change(self, request: web.Request) -> web.Response:
        """Change what is given, all or nothing."""
        room = request.match_info["room"]
        await demand_permission(request, self._backend, Action.EDIT_ROOM, room)
        change = await read_json(request, self._backend, RoomChange)
        at = change.scheduled_at
        view = await self._backend.rooms.change(
            room,
            title=change.title,
            state=change.state,
            scheduled_at=at if isinstance(at, msgspec.UnsetType) else _seconds(at),
        )
        return answer_json(view)


def answer_json(
    body: msgspec.Struct, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Answer a struct as JSON that no cache keeps."""
    response = web.Response(
        status=status,
        body=msgspec.json.encode(body),
        content_type="application/json",
        headers=headers,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _read_limit(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= 3
    if not is_number or not 1 <= int(text) <= MAX_LIMIT:
        raise BadRequest(f"limit: use 1 to {MAX_LIMIT}")
    return int(text)


def _read_cursor(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text, altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error) as error:
        raise BadRequest("cursor: use the next_cursor of the page before") from error


def _write_cursor(slug: str) -> str:
    return base64.urlsafe_b64encode(slug.encode()).decode()


def _seconds(at: datetime | None) -> float | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise BadRequest("scheduled_at: must name its zone, as in 2026-01-31T20:00:00Z")
    return at.timestamp()
