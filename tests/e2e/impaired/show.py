"""A show behind a bad network: server, proxy, a publishing page and watching ones."""

import asyncio
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import BrowserContext, Page

from scripts.bench.impairment_proxy import ImpairmentProxy
from tests.e2e.impaired.measures import Frame
from tests.support.browser import wait_for
from tests.support.pages import open_watch
from tests.support.running_server import RunningServer, free_port, running_server

SERVER_HOST, PROXY_HOST = "127.0.0.1", "127.0.0.2"
ROOM = "show"
FRAMES_PER_SECOND = 25
_SCRIPT = (Path(__file__).parent / "page.js").read_text("utf-8")


class Layer(msgspec.Struct, frozen=True, rename="camel"):
    """One simulcast encoding."""

    rid: str
    scale: float
    max_bitrate: int


class Picture(msgspec.Struct, frozen=True, rename="camel"):
    """What the host sends."""

    width: int = 640
    height: int = 360
    frames_per_second: int = FRAMES_PER_SECOND
    max_bitrate: int = 800_000
    layers: Sequence[Layer] = ()


class Viewer:
    """A watching page."""

    def __init__(self, page: Page, ufrag: str) -> None:
        self.page = page
        self.ufrag = ufrag

    def frames(self) -> list[Frame]:
        """Return all frames so far."""
        logged: list[list[Any]] = self.page.evaluate("frames")
        return [Frame(*entry) for entry in logged]

    def last(self) -> Frame | None:
        """Return the newest frame."""
        newest: list[Any] | None = self.page.evaluate("frames.at(-1) ?? null")
        return None if newest is None else Frame(*newest)

    def wait_for_width(self, width: int, within_s: float) -> None:
        """Wait until the picture has this width."""
        wait_for(self.last, lambda frame: frame is not None and frame.width == width, within_s)

    def numbers(self) -> dict[str, Any]:
        """Return what the browser counted."""
        counted: dict[str, Any] = self.page.evaluate("numbers()")
        return counted

    def wait_for_picture(self, within_s: float = 15.0) -> None:
        """Wait for a first frame."""
        wait_for(self.last, bool, within_s)

    def watch(self, seconds: float) -> tuple[float, float]:
        """Let the show go on for so long; return when that began and ended."""
        began = time.time()  # noqa: TID251 - pages tell wall time
        time.sleep(seconds)
        return began, time.time()  # noqa: TID251


def follow(page: Page) -> Viewer:
    """Log what the product's own watch page shows, over all its connections."""
    page.evaluate(_SCRIPT)
    page.evaluate("follow()")
    wait_for(lambda: page.evaluate("frames.length"), bool)
    ufrag = re.search(r"a=ice-ufrag:(\S+)", page.evaluate("connection.localDescription.sdp"))
    assert ufrag is not None
    return Viewer(page, ufrag[1])


@dataclass
class Show:
    """A live room that is reached through the proxy alone."""

    server: RunningServer
    proxy: ImpairmentProxy
    context: BrowserContext
    host: Page | None = None
    host_ufrag: str = ""
    pages: list[Page] = field(default_factory=list)

    def publish(self, picture: Picture) -> None:
        """Go live from a bare page."""
        self.host = self._open()
        wish = msgspec.to_builtins(picture)
        self.host_ufrag = self.host.evaluate("(wish) => publishOffer(wish)", wish)
        self._post(self.host, "whip", self.server.token("host", ROOM))

    def watch(self, profile: str = "") -> Viewer:
        """Join from a bare page; `profile` impairs it from before its first packet."""
        page = self._open()
        self.pages.append(page)
        viewer = Viewer(page, page.evaluate("watchOffer()"))
        if profile:
            self.proxy.impair(profile, ufrag=viewer.ufrag)
        self._post(page, "whep")
        return viewer

    def open_watch_page(self) -> Viewer:
        """Join from the product's own page."""
        viewer = follow(open_watch(self.context, self.server, ROOM))
        self.pages.append(viewer.page)
        return viewer

    def clear(self) -> None:
        """End what a test did to the network, and its viewers."""
        self.proxy.impair("")
        self.proxy.release(self.host_ufrag)
        while self.pages:
            self.pages.pop().close()

    def _open(self) -> Page:
        page = self.context.new_page()
        page.goto(f"{self.server.url}/healthz")
        page.evaluate(_SCRIPT)
        return page

    def _post(self, page: Page, protocol: str, token: str = "") -> None:
        wish = {"url": f"{self.server.url}/{protocol}/{ROOM}", "token": token}
        status = page.evaluate("(wish) => post(wish)", wish)
        assert status == 201, f"{protocol}: {status}"


@contextmanager
def impaired_server(folder: Path) -> Iterator[tuple[RunningServer, ImpairmentProxy]]:
    """Run a server whose media is reached through a proxy only, at the same port number."""
    port = free_port(socket.SOCK_DGRAM)
    config = folder / "behind_proxy.toml"
    config.write_text(f'[media]\nudp_port = {port}\nadvertised_addresses = ["{PROXY_HOST}"]\n')
    with (
        running_server(folder, "--config", str(config)) as server,
        running_proxy(port) as proxy,
    ):
        yield server, proxy


@contextmanager
def running_proxy(port: int) -> Iterator[ImpairmentProxy]:
    """Run the proxy in a thread of its own, for tests that block."""
    proxy = ImpairmentProxy((PROXY_HOST, port), (SERVER_HOST, port), seed=1, with_tcp=True)
    ready, stop, loops = threading.Event(), asyncio.Event(), []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        async with proxy:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="impairment proxy")
    thread.start()
    assert ready.wait(10), "the proxy did not start"
    try:
        yield proxy
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(10)
