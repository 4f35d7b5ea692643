"""One route: its handler, and beside it what a stranger must know to call it.

The application is built from a list of these, and so is the OpenAPI document: what is served is
described. Handlers are plain coroutines of aiohttp.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
from aiohttp import web

from liveserver.errors import LiveServerError
from media.errors import MediaError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ErrorType = type[LiveServerError] | type[MediaError]
SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
JSON = "application/json"
EVENTS = "text/event-stream"


class Parameter(msgspec.Struct, frozen=True):
    """A query parameter."""

    name: str
    description: str
    schema: dict[str, Any]


class Answer(msgspec.Struct, frozen=True):
    """What a status means and carries."""

    description: str
    body: type | str | None = None
    "A struct sent as JSON, another media type, or nothing."
    headers: tuple[str, ...] = ()


class Route(msgspec.Struct, frozen=True):
    """One method on one address."""

    method: str
    path: str
    handler: Handler
    summary: str
    tag: Literal["whip", "whep", "rooms", "tokens", "operation", "pages"]
    answers: dict[int, Answer]
    bearer: Literal["none", "optional", "required"] = "none"
    body: type | str | None = None
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[ErrorType, ...] = ()


def add_routes(app: web.Application, routes: list[Route]) -> None:
    """Put the routes into the application's router; what answers GET answers HEAD too."""
    served = {(route.method, route.path) for route in routes}
    for route in routes:
        app.router.add_route(route.method, route.path, route.handler)
        if route.method == "GET" and ("HEAD", route.path) not in served:
            app.router.add_route("HEAD", route.path, route.handler)
