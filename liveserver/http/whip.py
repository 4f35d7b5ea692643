"""WHIP: publish to a room (RFC 9725)."""

from aiohttp import web

from liveserver.errors import (
    BodyTooLarge,
    Forbidden,
    RateLimited,
    RoomEnded,
    RoomNotFound,
    RoomTaken,
    SessionNotFound,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    TokenRevoked,
    UnsupportedMediaType,
)
from liveserver.http.backend import Backend
from liveserver.http.ice_links import write_ice_links
from liveserver.http.incoming import (
    demand_permission,
    demand_principal,
    find_network,
    read_text,
)
from liveserver.http.routing import FRAGMENT, SDP, Answer, Parameter, Route
from liveserver.http.signalling import (
    PATCH_ANSWERS,
    PATCH_PROBLEMS,
    answer_created,
    answer_ice_options,
    answer_patch,
)
from liveserver.identity.permissions import Action, demand
from liveserver.rooms.aio.keeper import Attempt
from liveserver.rooms.sessions import Attendance
from media.errors import InvalidOffer, Overloaded, UnsupportedCodec, UnsupportedOffer

_EMPTY = {204: Answer("Nothing to see; the address is served.")}
_OPTIONS = {200: Answer("Allowed methods.", headers=("Accept-Post", "Link"))}
_AUTH_PROBLEMS = (TokenMissing, TokenInvalid, TokenExpired, TokenRevoked, Forbidden)


class Whip:
    """The publishing surface."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """Return the endpoint's and the session's routes."""
        return [*self._endpoint_routes("/whip/{room}"), *self._session_routes()]

    def _endpoint_routes(self, endpoint: str) -> list[Route]:
        return [
            Route(
                "POST",
                endpoint,
                self.publish,
                "Publish to a room with an SDP offer",
                "whip",
                {201: Answer("The SDP answer.", SDP, ("Location", "ETag", "Link"))},
                bearer="required",
                body=SDP,
                parameters=(
                    Parameter(
                        "takeover",
                        "1 takes the room from another host.",
                        {"type": "integer", "enum": [0, 1], "default": 0},
                    ),
                ),
                problems=(
                    *_AUTH_PROBLEMS,
                    *(InvalidOffer, RoomNotFound, RoomTaken, RoomEnded, BodyTooLarge),
                    *(UnsupportedMediaType, UnsupportedCodec, UnsupportedOffer, Overloaded),
                    RateLimited,
                ),
            ),
            Route("GET", endpoint, self.show_nothing, "Nothing (RFC 9725)", "whip", _EMPTY),
            Route("OPTIONS", endpoint, self.show_options, "Allowed methods", "whip", _OPTIONS),
        ]

    def _session_routes(self) -> list[Route]:
        session = "/whip/{room}/{session}"
        return [
            Route(
                "DELETE",
                session,
                self.stop,
                "Stop publishing",
                "whip",
                {200: Answer("The session is over.")},
                bearer="required",
                problems=(*_AUTH_PROBLEMS, RateLimited, SessionNotFound),
            ),
            Route(
                "PATCH",
                session,
                self.patch,
                "Trickle candidates or restart ICE",
                "whip",
                PATCH_ANSWERS,
                bearer="required",
                body=FRAGMENT,
                problems=(*_AUTH_PROBLEMS, *PATCH_PROBLEMS, SessionNotFound),
            ),
            Route(
                "GET",
                session,
                self.show_session,
                "Nothing (RFC 9725)",
                "whip",
                _EMPTY,
                problems=(SessionNotFound,),
            ),
            Route("OPTIONS", session, self.show_options, "Allowed methods", "whip", _OPTIONS),
        ]

    async def publish(self, request: web.Request) -> web.Response:
        """Open an ingest session; a host's own room is made by the first offer."""
        room = request.match_info["room"]
        principal = await demand_permission(request, self._backend, Action.PUBLISH, room)
        offer = await read_text(request, self._backend, SDP)
        session = await self._backend.rooms.publish(
            Attempt(
                room=room,
                offer=offer,
                sub=principal.sub,
                name=principal.name,
                network=find_network(request, self._backend),
                source=principal.publishes_as,
                is_takeover=request.query.get("takeover") == "1",
                may_open_room=principal.room == room,
            )
        )
        return answer_created(session, "whip", write_ice_links(self._backend, principal))

    async def patch(self, request: web.Request) -> web.Response:
        """Take a trickle fragment."""
        session = await self._demand_session(request)
        return await answer_patch(request, self._backend, session)

    async def stop(self, request: web.Request) -> web.Response:
        """Close the session, whatever entity-tag comes along (RFC 9725 §4.2)."""
        await self._backend.rooms.leave(await self._demand_session(request))
        return web.Response(status=200)

    async def _demand_session(self, request: web.Request) -> Attendance:
        """Return the session for the one who opened it, or who may change the room."""
        principal = await demand_principal(request, self._backend)
        room, session_id = request.match_info["room"], request.match_info["session"]
        session = self._backend.rooms.attendance(room, session_id, "ingest")
        if session.sub != principal.sub:
            demand(principal, Action.EDIT_ROOM, room)
        return session

    async def show_options(self, request: web.Request) -> web.Response:
        """Answer OPTIONS."""
        return await answer_ice_options(request, self._backend)

    async def show_nothing(self, _request: web.Request) -> web.Response:
        """Answer 204: publishing addresses have no representation."""
        return web.Response(status=204)

    async def show_session(self, request: web.Request) -> web.Response:
        """Answer 204 while the session is open."""
        room, session_id = request.match_info["room"], request.match_info["session"]
        self._backend.rooms.attendance(room, session_id, "ingest")
        return web.Response(status=204)
