"""The browser pages, as the build left them in `liveserver/web/dist`.

Assets carry a hash in their names and never change; pages are asked for again each time.
"""

import asyncio
import gzip
import mimetypes
import re
from pathlib import Path

from aiohttp import web

from liveserver.errors import NotFound, PagesNotBuilt
from liveserver.http.backend import Backend
from liveserver.http.routing import Answer, Route

# No slash and no leading dot: the name cannot lead out of its folder.
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_ICONS = (".svg", ".png", ".ico", ".webmanifest", ".txt")
_TEXTS = (".js", ".css", ".svg", ".json", ".wasm")
_HTML = "text/html"
_NO_DEVICES = "camera=(), microphone=(), display-capture=(), geolocation=(), payment=()"
_STUDIO_DEVICES = (
    "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=()"
)


class Pages:
    """Serve the pages and their assets."""

    def __init__(self, backend: Backend) -> None:
        self._root = backend.pages.resolve()
        self._packed: dict[str, bytes] = {}
        ancestors = " ".join(backend.settings.http.frame_ancestors)
        self._page_policy = write_policy("'none'")
        self._watch_policy = write_policy(ancestors or "'none'")

    def routes(self) -> list[Route]:
        """Return the pages' addresses."""
        page = {200: Answer("The page.", _HTML)}
        asset = {200: Answer("The file.", "application/octet-stream")}
        missing = (PagesNotBuilt,)
        return [
            Route("GET", "/", self.show_index, "Rooms", "pages", page, problems=missing),
            Route(
                "GET", "/watch/{room}", self.show_watch, "Watch", "pages", page, problems=missing
            ),
            Route(
                "GET", "/studio/{room}", self.show_studio, "Host", "pages", page, problems=missing
            ),
            Route(
                "GET",
                "/assets/{file}",
                self.show_asset,
                "A page's part",
                "pages",
                asset,
                problems=(NotFound,),
            ),
            Route(
                "GET",
                "/{file}",
                self.show_icon,
                "An icon of the pages",
                "pages",
                asset,
                problems=(NotFound,),
            ),
        ]

    async def show_index(self, _request: web.Request) -> web.StreamResponse:
        """Serve the list of rooms."""
        return self._show_page("index.html", self._page_policy, _NO_DEVICES)

    async def show_watch(self, _request: web.Request) -> web.StreamResponse:
        """Serve the viewer's page; it finds out itself whether the room exists."""
        return self._show_page("watch.html", self._watch_policy, _NO_DEVICES)

    async def show_studio(self, _request: web.Request) -> web.StreamResponse:
        """Serve the host's page, which alone may ask for camera and microphone."""
        return self._show_page("studio.html", self._page_policy, _STUDIO_DEVICES)

    async def show_asset(self, request: web.Request) -> web.StreamResponse:
        """Serve a file whose name carries its hash."""
        name = request.match_info["file"]
        if name.endswith(_TEXTS) and "gzip" in request.headers.get("Accept-Encoding", ""):
            response: web.StreamResponse = await self._send_compressed(name)
        else:
            response = self._send_file(self._root / "assets", name)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["Vary"] = "Accept-Encoding"
        return response

    async def show_icon(self, request: web.Request) -> web.StreamResponse:
        """Serve an icon or manifest that lies beside the pages."""
        name = request.match_info["file"]
        if not name.endswith(_ICONS):
            raise NotFound
        response = self._send_file(self._root, name)
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response

    def _show_page(self, name: str, policy: str, devices: str) -> web.StreamResponse:
        file = self._root / name
        if not file.is_file():
            return _answer_not_built()
        response = web.FileResponse(file)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Content-Security-Policy"] = policy
        response.headers["Permissions-Policy"] = devices
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response

    def _send_file(self, folder: Path, name: str) -> web.FileResponse:
        return web.FileResponse(_find_file(folder, name))

    async def _send_compressed(self, name: str) -> web.Response:
        file = _find_file(self._root / "assets", name)
        # The name carries the content's hash, so one packing lasts.
        if name not in self._packed:
            self._packed[name] = await asyncio.to_thread(_pack, file)
        return web.Response(
            body=self._packed[name],
            content_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
            headers={"Content-Encoding": "gzip"},
        )


def _find_file(folder: Path, name: str) -> Path:
    file = folder / name
    if not _NAME.fullmatch(name) or not file.is_file():
        raise NotFound
    return file


def _pack(file: Path) -> bytes:
    return gzip.compress(file.read_bytes(), mtime=0)


def write_policy(frame_ancestors: str) -> str:
    """Write the content security policy: our own files alone, nothing inline."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            # Posters drawn by the page itself.
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "font-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            # Audio worklets and workers of the studio.
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {frame_ancestors}",
        ]
    )


def _answer_not_built() -> web.Response:
    """Say it in words: who sees this opened the page in a browser."""
    return web.Response(
        status=PagesNotBuilt.status_hint,
        text=f"{PagesNotBuilt()}\n网页尚未构建：请先运行一次 scripts/serve。\n",
        headers={"Retry-After": "5", "Cache-Control": "no-store"},
    )
