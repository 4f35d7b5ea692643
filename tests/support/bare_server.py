"""The media plane behind the thinnest WHIP and WHEP there can be: no rooms, tokens or rules.

For tests of media alone. Publishing to `/whip/{room}?source=demo` comes from the demo.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler

from media.aio.server import MediaServer, Session
from media.errors import MediaError
from media.events import MediaEvent, Source
from media.settings import MediaSettings
from tests.support.waiting import PATIENCE_S

E = TypeVar("E", bound=MediaEvent)


@dataclass
class BareServer:
    """A running server; `url` has no slash at its end."""

    media: MediaServer
    url: str
    events: asyncio.Queue[MediaEvent] = field(default_factory=asyncio.Queue)

    async def event(self, kind: type[E]) -> E:
        """Wait for the next event of a kind; earlier ones of other kinds are lost."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self.events.get()
                if isinstance(event, kind):
                    return event


@asynccontextmanager
async def bare_server(
    settings: MediaSettings | None = None, pages: dict[str, str] | None = None
) -> AsyncIterator[BareServer]:
    """Run it on free ports of loopback; `pages` maps paths to HTML."""
    events: asyncio.Queue[MediaEvent] = asyncio.Queue()
    loopback = MediaSettings(udp_host="127.0.0.1", udp_port=0)
    media = MediaServer(settings or loopback, events.put_nowait)
    await media.start()
    runner = web.AppRunner(_application(media, pages or {}))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield BareServer(media, f"http://{host}:{port}", events)
    finally:
        await media.stop()
        await runner.cleanup()


def _application(media: MediaServer, pages: dict[str, str]) -> web.Application:
    def created(session: Session, request: web.Request) -> web.Response:
        headers = {"Location": f"{request.path}/{session.id}", "ETag": session.etag}
        return web.Response(
            status=201, text=session.answer, content_type="application/sdp", headers=headers
        )

    async def publish(request: web.Request) -> web.Response:
        source: Source = "demo" if request.query.get("source") == "demo" else "host"
        try:
            session = await media.publish(
                request.match_info["room"], await request.text(), source=source
            )
        except MediaError as error:
            return web.json_response({"code": error.code}, status=error.status_hint)
        return created(session, request)

    async def watch(request: web.Request) -> web.Response:
        try:
            session = await media.subscribe(request.match_info["room"], await request.text())
        except MediaError as error:
            return web.json_response({"code": error.code}, status=error.status_hint)
        return created(session, request)

    async def end(request: web.Request) -> web.Response:
        await media.close(request.match_info["session"], "client")
        return web.Response()

    async def metrics(_: web.Request) -> web.Response:
        lines = [f"{name} {value}" for name, value in media.counters().items()]
        return web.Response(text="\n".join(lines) + "\n")

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=pages[request.path], content_type="text/html")

    application = web.Application()
    application.add_routes(
        [
            web.post("/whip/{room}", publish),
            web.post("/whep/{room}", watch),
            web.patch("/whip/{room}/{session}", patch_session(media)),
            web.patch("/whep/{room}/{session}", patch_session(media)),
            web.delete("/whip/{room}/{session}", end),
            web.delete("/whep/{room}/{session}", end),
            web.get("/metrics", metrics),
            *(web.get(path, page) for path in pages),
        ]
    )
    return application


def patch_session(media: MediaServer) -> Handler:
    """Return the handler of PATCH, without any rule of HTTP but If-Match."""

    async def patch(request: web.Request) -> web.Response:
        if_match = request.headers.get("If-Match")
        try:
            restarted = media.patch(request.match_info["session"], await request.text(), if_match)
        except MediaError as error:
            return web.json_response({"code": error.code}, status=error.status_hint)
        if restarted is None:
            return web.Response(status=204)
        return web.Response(text=restarted.fragment, headers={"ETag": restarted.etag})

    return patch
