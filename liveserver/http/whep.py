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
from liveserver.http.ice_links import write_ice_links
from liveserver.http.incoming import find_network, find_principal, read_text
from liveserver.http.routing import FRAGMENT, SDP, Answer, Route
from liveserver.http.signalling import (
    PATCH_ANSWERS,
    PATCH_PROBLEMS,
    answer_created,
    answer_ice_options,
    answer_patch,
)
from liveserver.http.whep_events import write_events_link
from liveserver.http.whep_layers import write_layer_link
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
        options = {200: Answer("Allowed methods.", headers=("Accept-Post", "Link"))}
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
            Route("OPTIONS", endpoint, self.show_options, "Allowed methods", "whep", options),
            Route(
                "DELETE",
                session,
                self.leave,
                "Stop watching",
                "whep",
                {200: Answer("The session is over.")},
                problems=(RateLimited, *gone),
            ),
            Route(
                "PATCH",
                session,
                self.patch,
                "Trickle candidates or restart ICE",
                "whep",
                PATCH_ANSWERS,
                body=FRAGMENT,
                problems=(*PATCH_PROBLEMS, *gone),
            ),
            Route(
                "GET", session, self.show_session, "Nothing (WHEP)", "whep", empty, problems=gone
            ),
            Route("OPTIONS", session, self.show_options, "Allowed methods", "whep", options),
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
        links = write_ice_links(self._backend, principal)
        links.append(write_events_link(session.room, session.id))
        links.append(write_layer_link(session.room, session.id))
        return answer_created(session, "whep", links)

    async def patch(self, request: web.Request) -> web.Response:
        """Take a trickle fragment; the session's URL is the right to it, as for leaving."""
        room, session_id = request.match_info["room"], request.match_info["session"]
        session = self._backend.rooms.attendance(room, session_id, "egress")
        return await answer_patch(request, self._backend, session)

    async def leave(self, request: web.Request) -> web.Response:
        """Close the session: knowing its unguessable URL is the right to it.

        A token is not asked for, so that a viewer whose token has expired can still leave.
        """
        room, session_id = request.match_info["room"], request.match_info["session"]
        session = self._backend.rooms.attendance(room, session_id, "egress")
        await self._backend.rooms.leave(session)
        return web.Response(status=200)

    async def show_options(self, request: web.Request) -> web.Response:
        """Answer OPTIONS."""
        return await answer_ice_options(request, self._backend)

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
