"""WHEP: watch a room (draft-ietf-wish-whep-03)."""

from aiohttp import web

from liveserver.errors import (
    BodyTooLarge,
    RateLimited,
    RoomEnded,
    RoomFull,
    RoomNotFound,
    RoomNotLive,
    SessionNotFound,
    TokenExpired,
    TokenInvalid,
    TokenRevoked,
    UnsupportedMediaType,
)
from liveserver.http.backend import Backend
from liveserver.http.cross_origin import answer_options
from liveserver.http.incoming import find_network, find_principal, read_text
from liveserver.http.routing import SDP, Answer, Route
from liveserver.http.signalling import answer_created, write_ice_links
from liveserver.rooms.aio.keeper import Attempt
from media.errors import InvalidOffer, Overloaded, UnsupportedCodec, UnsupportedOffer


class Whep:
    """The watching surface. Every room is open: a token is checked only if one comes along."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """Return the endpoint's and the session's routes."""
        endpoint, session = "/whep/{room}", "/whep/{room}/{session}"
        empty = {204: Answer("Nothing to see; the address is served.")}
        options = {200: Answer("Allowed methods.", headers=("Accept-Post",))}
        head = {200: Answer("Offers are taken here.", headers=("Content-Type",))}
        gone = (SessionNotFound,)
        return [
            Route(
                "POST",
                endpoint,
                self.watch,
                "Watch a room with an SDP offer",
                "whep",
                {201: Answer("The SDP answer.", SDP, ("Location", "ETag", "Link"))},
                bearer="optional",
                body=SDP,
                problems=(
                    *(InvalidOffer, TokenInvalid, TokenExpired, TokenRevoked, RoomNotFound),
                    *(RoomNotLive, RoomEnded, RoomFull, BodyTooLarge, UnsupportedMediaType),
                    *(UnsupportedCodec, UnsupportedOffer, RateLimited, Overloaded),
                ),
            ),
            Route("GET", endpoint, self.show_nothing, "Nothing (WHEP)", "whep", empty),
            Route("HEAD", endpoint, self.show_type, "Whether offers are taken", "whep", head),
            Route("OPTIONS", endpoint, answer_options, "Allowed methods", "whep", options),
            Route(
                "DELETE",
                session,
                self.leave,
                "Stop watching",
                "whep",
                {200: Answer("The session is over.")},
                problems=gone,
            ),
            Route(
                "GET", session, self.show_session, "Nothing (WHEP)", "whep", empty, problems=gone
            ),
            Route("OPTIONS", session, answer_options, "Allowed methods", "whep", options),
        ]

    async def watch(self, request: web.Request) -> web.Response:
        """Open an egress session."""
        principal = await find_principal(request, self._backend)
        offer = await read_text(request, self._backend, SDP)
        session = await self._backend.rooms.subscribe(
            Attempt(
                room=request.match_info["room"],
                offer=offer,
                sub=principal.sub if principal else None,
                network=find_network(request, self._backend),
            )
        )
        servers = self._backend.settings.media.ice_servers
        links = write_ice_links(servers, with_credentials=principal is not None)
        return answer_created(session, "whep", links)

    async def leave(self, request: web.Request) -> web.Response:
        """Close the session: knowing its unguessable URL is the right to it.

        A token is not asked for, so that a viewer whose token has expired can still leave.
        """
        room, session_id = request.match_info["room"], request.match_info["session"]
        session = self._backend.rooms.attendance(room, session_id, "egress")
        await self._backend.rooms.leave(session)
        return web.Response(status=200)

    async def show_nothing(self, _request: web.Request) -> web.Response:
        """Answer 204: watching addresses have no representation."""
        return web.Response(status=204)

    async def show_type(self, _request: web.Request) -> web.Response:
        """Answer HEAD with the type that POST takes."""
        return web.Response(status=200, headers={"Content-Type": SDP, "Accept-Post": SDP})

    async def show_session(self, request: web.Request) -> web.Response:
        """Answer 204 while the session is open."""
        room, session_id = request.match_info["room"], request.match_info["session"]
        self._backend.rooms.attendance(room, session_id, "egress")
        return web.Response(status=204)
