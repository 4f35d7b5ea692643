"""Fetch and keep the public keys of the other token maker (RFC 7517).

Only https, no redirect, no private address (a name is resolved once and the connection goes to
what was checked, so a second answer of the DNS cannot redirect it), a bounded body, a deadline.
Old keys stay in use while a fetch fails: an outage of the token maker locks nobody out.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from liveserver.identity.addresses import parse_address
from liveserver.identity.tokens import ExternalKey, read_jwks
from liveserver.logs import fields
from liveserver.settings import AuthSettings

logger = logging.getLogger(__name__)

MAX_BYTES = 256 * 1024
TIMEOUT_S = 5.0


class AddressRefused(OSError):
    """The URL leads into a private network."""


class KeySource(Protocol):
    """Where the door gets external keys from."""

    async def current(self) -> Mapping[str, ExternalKey]:
        """Return the known keys by `kid`."""

    async def refreshed(self) -> Mapping[str, ExternalKey]:
        """Return the keys after an unknown `kid` was seen."""

    async def close(self) -> None:
        """Free what is held."""


class NoKeys:
    """No other token maker is set up."""

    async def current(self) -> Mapping[str, ExternalKey]:
        """Return no keys."""
        return {}

    refreshed = current

    async def close(self) -> None:
        """Hold nothing."""


class PublicResolver(AbstractResolver):
    """Resolve names, and refuse those of which any address is not public."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of `host`; `AddressRefused` if one of them is private."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        for *_, address in found:
            demand_public(str(address[0]))
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """Hold nothing."""


def demand_public(host: str) -> None:
    """Raise `AddressRefused` if `host` is an address that is not of the public internet."""
    address = parse_address(host)
    if address is not None and (not address.is_global or address.is_multicast):
        raise AddressRefused("private address (auth.jwks_allow_private_addresses)")


class JwksKeys:
    """The cached keys of one JWKS URL; `clock` gives seconds that never run back."""

    def __init__(self, settings: AuthSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._keys: Mapping[str, ExternalKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching = asyncio.Lock()

    async def current(self) -> Mapping[str, ExternalKey]:
        """Return the keys, fetched again when older than `auth.jwks_max_age_s`."""
        if self._is_older(self._fetched_at, self._settings.jwks_max_age_s):
            await self._fetch_if_due()
        return self._keys

    async def refreshed(self) -> Mapping[str, ExternalKey]:
        """Fetch again, at most once per `auth.jwks_refresh_s`, and return the keys."""
        await self._fetch_if_due()
        return self._keys

    async def close(self) -> None:
        """Hold nothing between fetches."""

    def _is_older(self, at: float | None, limit_s: float) -> bool:
        return at is None or self._clock() - at > limit_s

    async def _fetch_if_due(self) -> None:
        async with self._fetching:
            if not self._is_older(self._tried_at, self._settings.jwks_refresh_s):
                return
            self._tried_at = self._clock()
            try:
                self._keys = read_jwks(await self._download())
            except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
                logger.warning("jwks not fetched", extra=fields(reason=repr(error)))
                return
            self._fetched_at = self._clock()
            logger.info("jwks fetched", extra=fields(keys=len(self._keys)))

    async def _download(self) -> bytes:
        url = URL(self._settings.jwks_url)
        is_private_allowed = self._settings.jwks_allow_private_addresses
        if not is_private_allowed:
            # aiohttp asks no resolver about a literal address.
            demand_public(url.host or "")
        resolver = None if is_private_allowed else PublicResolver()
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=resolver),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            ) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            body = await response.content.read(MAX_BYTES + 1)
            while len(body) <= MAX_BYTES and (more := await response.content.read(MAX_BYTES)):
                body += more
            if len(body) > MAX_BYTES:
                raise ValueError("too long")
            return body
