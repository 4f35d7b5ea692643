"""Signs of life for whoever supervises the server."""

import msgspec
from aiohttp import web

from liveserver.errors import NotReady, StorageUnavailable
from liveserver.http.backend import Backend
from liveserver.http.rooms_api import answer_json
from liveserver.http.routing import Answer, Route


class Health(msgspec.Struct, frozen=True):
    """A good answer; bad ones are problems."""

    status: str


class HealthChecks:
    """Liveness and readiness."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """Return both checks' routes."""
        good = {200: Answer("All is well.", Health)}
        return [
            Route("GET", "/healthz", self.live, "Whether the process runs", "operation", good),
            Route(
                "GET",
                "/readyz",
                self.ready,
                "Whether storage and media work",
                "operation",
                good,
                problems=(NotReady,),
            ),
        ]

    async def live(self, _request: web.Request) -> web.Response:
        """Answer as long as the loop turns."""
        return answer_json(Health("ok"))

    async def ready(self, _request: web.Request) -> web.Response:
        """Answer 200 when requests can be served; the problem names what fails."""
        failing = []
        try:
            await self._backend.store.ping()
        except StorageUnavailable:
            failing.append("storage")
        if not self._backend.rooms.media.port:
            failing.append("media")
        if failing:
            raise NotReady(tuple(failing))
        return answer_json(Health("ok"))
