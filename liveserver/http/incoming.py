"""Reading a request: its body within limits, its token, its network."""

import asyncio
from typing import TypeVar

import msgspec
from aiohttp import web

from liveserver.errors import (
    BadRequest,
    BodyTooLarge,
    RequestTimeout,
    TokenInvalid,
    TokenMissing,
    UnsupportedMediaType,
)
from liveserver.http.backend import Backend
from liveserver.http.routing import JSON
from liveserver.identity.addresses import client_address, network_key
from liveserver.identity.permissions import Action, demand
from liveserver.identity.roles import Principal

T = TypeVar("T")

# Chromium's largest offers (simulcast, every codec) are about 12 kB.
MAX_BODY_BYTES = 64 * 1024


async def read_text(request: web.Request, backend: Backend, content_type: str) -> str:
    """Read a body of `content_type` (parameters are allowed) as UTF-8.

    Raises:
        BadRequest: `UnsupportedMediaType`, `BodyTooLarge` (also while it is still arriving),
            `RequestTimeout`, or not UTF-8.
    """
    # aiohttp gives the type without parameters, in lower case.
    if request.content_type != content_type:
        raise UnsupportedMediaType(content_type)
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise BodyTooLarge(MAX_BODY_BYTES)
    try:
        async with asyncio.timeout(backend.settings.http.body_timeout_s):
            return (await _read_body(request)).decode()
    except TimeoutError as error:
        raise RequestTimeout from error
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not UTF-8.") from error


async def _read_body(request: web.Request) -> bytearray:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(MAX_BODY_BYTES)
    return body


async def read_json(request: web.Request, backend: Backend, shape: type[T]) -> T:
    """Read a JSON body of the given shape; raises like `read_text`."""
    text = await read_text(request, backend, JSON)
    try:
        return msgspec.json.decode(text, type=shape)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error)) from error
    except msgspec.DecodeError as error:
        raise BadRequest("The body is not JSON.") from error


async def find_principal(request: web.Request, backend: Backend) -> Principal | None:
    """Return whose Bearer token came along; None without one. Raises `NotAuthorized`."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenInvalid("The Authorization header must be `Bearer <token>`.")
    return await backend.door.check(token.strip())


async def demand_principal(request: web.Request, backend: Backend) -> Principal:
    """Return whose Bearer token came along; raises `TokenMissing` without one."""
    principal = await find_principal(request, backend)
    if principal is None:
        raise TokenMissing
    return principal


async def demand_permission(
    request: web.Request, backend: Backend, action: Action, room: str | None
) -> Principal:
    """Return who asks, if that one may do `action`; raises `NotAuthorized` or `Forbidden`."""
    principal = await demand_principal(request, backend)
    demand(principal, action, room)
    return principal


def find_network(request: web.Request, backend: Backend) -> str | None:
    """Name the network the request comes from; None for this machine itself."""
    forwarded_for = ",".join(request.headers.getall("X-Forwarded-For", []))
    address = client_address(request.remote or "", forwarded_for, backend.trusted_proxies)
    if address is not None and address.is_loopback:
        return None
    return network_key(address)
