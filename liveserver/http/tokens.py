"""Tokens over JSON: for guests, renewed, and for developers on their own machine."""

import unicodedata
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from liveserver.errors import (
    BadRequest,
    Forbidden,
    OriginRefused,
    RateLimited,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    TokenRevoked,
)
from liveserver.http.backend import Backend
from liveserver.http.incoming import demand_principal, find_network, read_json
from liveserver.http.rooms_api import answer_json
from liveserver.http.routing import Answer, Route
from liveserver.identity.roles import Role
from liveserver.rooms.directory import read_slug
from liveserver.settings import is_loopback

DEVELOPMENT_TOKEN_S = 12 * 3600.0
MAX_NAME_CHARACTERS = 40


class Token(msgspec.Struct, frozen=True):
    """A signed token; keep it out of addresses, but for the fragment."""

    token: str


class GuestRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants to be a guest."""

    name: str = ""


class DevelopmentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who a developer wants to be."""

    role: Role
    room: str | None = None
    name: str = ""


class Nothing(msgspec.Struct, frozen=True):
    """An empty object."""


class Tokens:
    """The JSON surface of the tokens."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """Return the routes that give tokens."""
        given = {201: Answer("The token.", Token)}
        return [
            Route(
                "POST",
                "/api/v1/tokens/guest",
                self.give_guest,
                "Get a guest's token",
                "tokens",
                given,
                body=GuestRequest,
                problems=(BadRequest, OriginRefused, RateLimited),
            ),
            Route(
                "POST",
                "/api/v1/tokens/renew",
                self.renew,
                "Get a fresh token for the one sent along",
                "tokens",
                given,
                bearer="required",
                body=Nothing,
                problems=(
                    *(BadRequest, TokenMissing, TokenInvalid, TokenExpired, TokenRevoked),
                    *(Forbidden, OriginRefused),
                ),
            ),
            Route(
                "POST",
                "/api/v1/tokens",
                self.give_any,
                "Get any token (auth.development_login, this machine only)",
                "tokens",
                given,
                body=DevelopmentRequest,
                problems=(BadRequest, Forbidden, OriginRefused),
            ),
        ]

    async def give_guest(self, request: web.Request) -> web.Response:
        """Give a guest's token, so many a minute for each network."""
        wanted = await read_json(request, self._backend, GuestRequest)
        name = read_name(wanted.name)
        network = find_network(request, self._backend) or "loopback"
        wait_s = self._backend.guest_limiter.take(network, now=self._backend.clock())
        if wait_s:
            raise RateLimited(wait_s)
        lifetime_s = self._backend.settings.auth.guest_token_s
        token = self._backend.door.issue(frozenset({Role.GUEST}), lifetime_s, name=name)
        return answer_json(Token(token), status=201)

    async def renew(self, request: web.Request) -> web.Response:
        """Give a fresh token of the same person and rights."""
        principal = await demand_principal(request, self._backend)
        await read_json(request, self._backend, Nothing)
        return answer_json(Token(self._backend.door.renew(principal)), status=201)

    async def give_any(self, request: web.Request) -> web.Response:
        """Give any token to a program or page of this machine, when switched on."""
        self._demand_own_machine(request)
        wanted = await read_json(request, self._backend, DevelopmentRequest)
        room = None if wanted.room is None else read_slug(wanted.room)
        token = self._backend.door.issue(
            frozenset({wanted.role}), DEVELOPMENT_TOKEN_S, name=read_name(wanted.name), room=room
        )
        return answer_json(Token(token), status=201)

    def _demand_own_machine(self, request: web.Request) -> None:
        if not self._backend.settings.auth.development_login:
            raise Forbidden("auth.development_login is off.")
        # The name asked for is checked too: a foreign page whose name was made to resolve to
        # 127.0.0.1 (DNS rebinding) would otherwise look like our own.
        host = urlsplit(f"//{request.host}").hostname or ""
        if find_network(request, self._backend) is not None or not is_loopback(host):
            raise Forbidden("This works only on the server's own machine.")


def read_name(text: str) -> str:
    """Return a person's name fit for showing; raises `BadRequest`."""
    name = unicodedata.normalize("NFC", text).strip()
    # Cf would let a name turn the writing direction of what follows it.
    unfit = any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in name)
    if len(name) > MAX_NAME_CHARACTERS or unfit:
        raise BadRequest(f"name: use at most {MAX_NAME_CHARACTERS} plain characters")
    return name
