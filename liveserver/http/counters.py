"""Counts of answered requests, by route and status; and the middleware that counts.

Labels are the route's pattern, never the address asked for: a session URL is a secret, and
strangers must not be able to make new time series.
"""

import logging
import time
from collections import Counter

from aiohttp import web
from aiohttp.typedefs import Middleware

from liveserver.http.routing import Handler
from liveserver.logs import fields

logger = logging.getLogger(__name__)

# Quick answers come from memory; joins do DTLS key work; beyond 2.5 s something is stuck.
BUCKETS_S = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5)


class HttpCounters:
    """Answered requests and how long they took."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str, int]] = Counter()
        "By method, route pattern and status."
        self.durations: Counter[float] = Counter()
        "Requests that took at most this many seconds, cumulative over `BUCKETS_S`."
        self.seconds = 0.0
        self.count = 0

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.answers[(method, route, status)] += 1
        self.seconds += seconds
        self.count += 1
        for bound in BUCKETS_S:
            if seconds <= bound:
                self.durations[bound] += 1

    def middleware(self) -> Middleware:
        """Return the middleware that counts and logs every answer; it goes outermost."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            started = time.perf_counter()
            response = await handler(request)
            seconds = time.perf_counter() - started
            route, room = _name_route(request), request.match_info.get("room", "")
            method = request.method if route != "unknown" else "any"
            self.add(method, route, response.status, seconds)
            logger.debug(
                "answered",
                extra=fields(
                    method=request.method,
                    route=route,
                    room=room[:64],
                    status=response.status,
                    ms=round(seconds * 1000, 1),
                ),
            )
            return response

        return count


def _name_route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"
