"""The aiohttp application: every surface, and what all answers have in common."""

from aiohttp import web

from liveserver.http.backend import Backend
from liveserver.http.cross_origin import OriginRule
from liveserver.http.health import HealthChecks
from liveserver.http.incoming import MAX_BODY_BYTES
from liveserver.http.metrics import Metrics
from liveserver.http.openapi import OpenApi
from liveserver.http.pages import Pages
from liveserver.http.problems import answer_problems
from liveserver.http.rooms_api import RoomsApi
from liveserver.http.routing import Route, add_routes
from liveserver.http.signalling import limit_signalling
from liveserver.http.tokens import Tokens
from liveserver.http.whep import Whep
from liveserver.http.whep_events import WhepEvents
from liveserver.http.whep_layers import WhepLayers
from liveserver.http.whip import Whip


def build_routes(backend: Backend, events: WhepEvents, version: str) -> list[Route]:
    """List every route of the server."""
    openapi = OpenApi(version)
    routes = [
        *Whip(backend).routes(),
        *Whep(backend).routes(),
        *events.routes(),
        *WhepLayers(backend).routes(),
        *RoomsApi(backend).routes(),
        *Tokens(backend).routes(),
        *Metrics(backend).routes(),
        *HealthChecks(backend).routes(),
        *openapi.routes(),
        # Last: it ends with an address of one free part.
        *Pages(backend).routes(),
    ]
    openapi.describe(routes)
    return routes


def build_application(backend: Backend, version: str) -> web.Application:
    """Put routes and middlewares together."""
    rule = OriginRule(backend.settings.http.allowed_origins)
    app = web.Application(
        middlewares=[
            backend.counters.middleware(),
            answer_problems,
            limit_signalling(backend),
            rule.middleware(),
        ],
        client_max_size=MAX_BODY_BYTES,
    )
    events = WhepEvents(backend)
    add_routes(app, build_routes(backend, events, version))
    app.on_shutdown.append(events.drain)

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        # For answers that are no pages; pages bring their own policy.
        response.headers.setdefault(
            "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"
        )
        response.headers.pop("Server", None)
        rule.add_headers(request, response)

    app.on_response_prepare.append(add_headers)
    return app
