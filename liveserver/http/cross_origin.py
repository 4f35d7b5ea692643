"""Which pages may call: CORS (WHATWG Fetch §3.2) and the origin rule for writes.

WHIP and WHEP are open to pages of any origin: they are authorised by Bearer tokens, which no
browser sends by itself. The API answers pages of our own origin and of `http.allowed_origins`.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from liveserver.errors import OriginRefused
from liveserver.http.routing import FRAGMENT, SDP, Handler

SESSION_METHODS = "POST, PATCH, DELETE, OPTIONS, GET, HEAD"
API_METHODS = "GET, POST, PATCH, DELETE, OPTIONS"
# Eyevinn's client reads Access-Control-Allow-Methods itself to learn whether trickle is served.
EXPOSED = "Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After, WWW-Authenticate"
WHIP_EXPOSED = f"{EXPOSED}, Allow, Access-Control-Allow-Methods"
WHIP_ALLOWED = "Authorization, Content-Type, If-Match, ETag"
API_ALLOWED = "Authorization, Content-Type, Idempotency-Key"
# Chromium keeps a preflight for at most two hours.
MAX_AGE_S = "7200"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_open_surface(request: web.BaseRequest) -> bool:
    """Whether pages of any origin may call."""
    return request.path.startswith(("/whip/", "/whep/"))


def is_preflight(request: web.BaseRequest) -> bool:
    """Whether a browser asks on its own behalf before it sends a page's request."""
    return "Access-Control-Request-Method" in request.headers


async def answer_options(_request: web.Request) -> web.Response:
    """Answer OPTIONS on a WHIP or WHEP address; no token is asked (RFC 9725 §4.5)."""
    return web.Response(
        status=200,
        headers={
            "Accept-Post": SDP,
            "Accept-Patch": FRAGMENT,
            "Allow": SESSION_METHODS,
            "Access-Control-Allow-Methods": SESSION_METHODS,
            "Access-Control-Allow-Headers": WHIP_ALLOWED,
            "Access-Control-Max-Age": MAX_AGE_S,
        },
    )


class OriginRule:
    """Decides about the `Origin` header of API requests."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(origin.lower() for origin in allowed)

    def admits(self, request: web.BaseRequest) -> bool:
        """Whether the page that sent this request may write."""
        origin = request.headers.get("Origin")
        if origin is None:
            return True
        return origin.lower() in self._allowed or is_same_host(origin, request.host)

    def middleware(self) -> Middleware:
        """Return the middleware that answers preflights and refuses foreign writes."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not request.path.startswith("/api/"):
                return await handler(request)
            if request.method == "OPTIONS" and is_preflight(request):
                return self._answer_preflight(request)
            if request.method not in _SAFE_METHODS and not self.admits(request):
                raise OriginRefused
            return await handler(request)

        return guard

    def add_headers(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Add what lets the calling page read the answer, errors too."""
        headers = response.headers
        if is_open_surface(request):
            headers["Access-Control-Allow-Origin"] = "*"
            headers["Access-Control-Expose-Headers"] = WHIP_EXPOSED
            return
        if not request.path.startswith("/api/"):
            return
        headers.add("Vary", "Origin")
        if "Origin" in request.headers and self.admits(request):
            headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            headers["Access-Control-Expose-Headers"] = EXPOSED

    def _answer_preflight(self, request: web.Request) -> web.Response:
        if not self.admits(request):
            raise OriginRefused
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": API_METHODS,
                "Access-Control-Allow-Headers": API_ALLOWED,
                "Access-Control-Max-Age": MAX_AGE_S,
            },
        )


def is_same_host(origin: str, host: str) -> bool:
    """Whether `Origin` names the host that was asked.

    The scheme is not compared: behind a proxy that ends TLS the page is https and we are http.
    """
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    default_port = {"http": ":80", "https": ":443"}.get(parts.scheme)
    if default_port is None:
        return False
    return parts.netloc.lower() == host.lower().removesuffix(default_port)
