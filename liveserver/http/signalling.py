"""What WHIP and WHEP have in common (RFC 9725, draft-ietf-wish-whep-03)."""

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from liveserver.errors import BodyTooLarge, RateLimited, UnsupportedMediaType
from liveserver.http.backend import Backend
from liveserver.http.cross_origin import answer_options, is_preflight
from liveserver.http.ice_links import write_ice_links
from liveserver.http.incoming import find_network, find_principal, read_text
from liveserver.http.routing import FRAGMENT, SDP, Answer, ErrorType, Handler
from liveserver.rooms.media_port import MediaSession
from liveserver.rooms.sessions import Attendance
from media.errors import (
    FragmentPreconditionFailed,
    FragmentPreconditionMissing,
    InvalidFragment,
)

PATCH_ANSWERS = {
    200: Answer("Our half of the ICE restart.", FRAGMENT, ("ETag",)),
    204: Answer("The candidates were taken."),
}
PATCH_PROBLEMS: tuple[ErrorType, ...] = (
    *(InvalidFragment, FragmentPreconditionFailed, FragmentPreconditionMissing),
    *(UnsupportedMediaType, BodyTooLarge, RateLimited),
)
_LIMITED_METHODS = frozenset({"POST", "PATCH", "DELETE"})


def answer_created(session: MediaSession, surface: str, links: Sequence[str]) -> web.Response:
    """Answer 201 with the SDP, the session URL, its entity-tag and links."""
    response = web.Response(
        status=201,
        text=session.answer,
        content_type=SDP,
        headers={
            "Location": f"/{surface}/{session.room}/{session.id}",
            "ETag": session.etag,
            "Cache-Control": "no-store",
        },
    )
    # The answer is ASCII; RFC 8866 gives application/sdp no charset parameter.
    response.headers["Content-Type"] = SDP
    _add_links(response, links)
    return response


async def answer_patch(request: web.Request, backend: Backend, session: Attendance) -> web.Response:
    """Take a trickle fragment (RFC 9725 §4.3).

    204 for candidates; for an ICE restart 200 with our new credentials and entity-tag.
    """
    fragment = await read_text(request, backend, FRAGMENT)
    # Eyevinn's client sends the tag in the header it got it by.
    if_match = request.headers.get("If-Match", request.headers.get("ETag"))
    restarted = backend.rooms.patch(session, fragment, if_match)
    if restarted is None:
        return web.Response(status=204)
    response = web.Response(
        text=restarted.fragment,
        content_type=FRAGMENT,
        headers={"ETag": restarted.etag, "Cache-Control": "no-store"},
    )
    response.headers["Content-Type"] = FRAGMENT
    return response


async def answer_ice_options(request: web.Request, backend: Backend) -> web.Response:
    """Answer OPTIONS; with a token it tells the ICE servers, which a first offer may need.

    A preflight never carries a token and gets none (RFC 9725 §4.6).
    """
    response = await answer_options(request)
    if not is_preflight(request):
        _add_links(response, write_ice_links(backend, await find_principal(request, backend)))
        response.headers["Cache-Control"] = "no-store"
    return response


def limit_signalling(backend: Backend) -> Middleware:
    """Return the middleware that bounds POST, PATCH and DELETE per network (RFC 9725 §5)."""

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_limited = request.method in _LIMITED_METHODS
        if is_limited and request.path.startswith(("/whip/", "/whep/")):
            network = find_network(request, backend)
            wait_s = network and backend.signalling_limiter.take(network, now=backend.clock())
            if wait_s:
                raise RateLimited(wait_s)
        return await handler(request)

    return limit


def _add_links(response: web.Response, links: Sequence[str]) -> None:
    for link in links:
        response.headers.add("Link", link)
