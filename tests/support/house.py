"""A whole server on a free loopback port: real HTTP, real SQLite, faked media."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from liveserver.app import LINGER_S, Server
from liveserver.identity.roles import PublisherKind, Role
from liveserver.settings import load_settings
from tests.support.fake_media import OFFER, FakeMedia

SDP_TYPE = {"Content-Type": "application/sdp"}


class Answer:
    """A whole answer, read to its end."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem."""
        assert self.headers["Content-Type"].startswith("application/problem+json")
        return str(self.json["code"])


class House:
    """The server, its fake media, and a browser-less client."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.http = http

    @property
    def media(self) -> FakeMedia:
        media = self.server.backend.rooms.media
        assert isinstance(media, FakeMedia)
        return media

    def token(
        self,
        *roles: str,
        room: str | None = None,
        name: str = "Ada",
        lifetime_s: float = 3600,
        publishes_as: PublisherKind = "host",
    ) -> str:
        return self.server.door.issue(
            frozenset(Role(role) for role in roles),
            lifetime_s,
            name=name,
            room=room,
            publishes_as=publishes_as,
        )

    async def call(
        self, method: str, path: str, *, token: str | None = None, **request: Any
    ) -> Answer:
        """Send one request and read its answer."""
        headers = dict(request.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        async with self.http.request(method, path, headers=headers, **request) as response:
            return Answer(response, await response.read())

    async def publish(self, room: str, token: str, query: str = "") -> Answer:
        """POST an offer to the room's WHIP address."""
        return await self.call(
            "POST", f"/whip/{room}{query}", token=token, data=OFFER, headers=SDP_TYPE
        )

    async def watch(self, room: str, token: str | None = None) -> Answer:
        """POST an offer to the room's WHEP address."""
        return await self.call("POST", f"/whep/{room}", token=token, data=OFFER, headers=SDP_TYPE)

    async def go_live(self, room: str = "demo", name: str = "Ada") -> str:
        """Publish as the room's host and let packets flow; return the host's token."""
        token = self.token("host", room=room, name=name)
        assert (await self.publish(room, token)).status == 201
        self.media.flow(room)
        return token

    async def show(self, room: str = "demo") -> Any:
        """Return the room's JSON."""
        return (await self.call("GET", f"/api/v1/rooms/{room}")).json

    async def change(self, room: str, token: str, **change: object) -> Answer:
        """PATCH the room."""
        return await self.call("PATCH", f"/api/v1/rooms/{room}", token=token, json=change)

    async def close(self) -> None:
        """Stop client and server."""
        await self.http.close()
        await self.server.stop()
        # aiohttp goes on waiting for a refused body after its connection is gone.
        lingering = [t for t in asyncio.all_tasks() if "RequestHandler" in repr(t.get_coro())]
        if lingering:
            await asyncio.wait(lingering, timeout=2 * LINGER_S)


async def open_house(folder: Path, **tables: dict[str, object]) -> House:
    """Start a server that keeps its files in `folder`; `tables` are settings."""
    overrides: dict[str, dict[str, object]] = {
        "http": {"port": 0},
        "auth": {"secret_file": str(folder / "secret")},
        "storage": {"url": f"sqlite:///{folder / 'liveserver.db'}"},
    }
    for name, table in tables.items():
        overrides.setdefault(name, {}).update(table)
    settings = load_settings([], {}, overrides)
    server = Server(settings, make_media=FakeMedia, pages=folder / "dist")
    await server.start()
    http = aiohttp.ClientSession(f"http://127.0.0.1:{server.port}")
    return House(server, http)
