"""Roles and the principal: who is asking, as far as a token proved it."""

from enum import StrEnum
from typing import Literal

import msgspec


class Role(StrEnum):
    """What a person is to the shop. A token may carry several."""

    GUEST = "guest"
    VIEWER = "viewer"
    MODERATOR = "moderator"
    HOST = "host"
    MERCHANT = "merchant"
    ADMIN = "admin"


PublisherKind = Literal["host", "demo"]


class Principal(msgspec.Struct, frozen=True):
    """The holder of a verified token."""

    sub: str
    "Stable id of the person within the token maker's world."
    name: str
    roles: frozenset[Role]
    jti: str
    issued_at: float
    "Seconds since the epoch."
    expires_at: float
    "Seconds since the epoch."
    first_issued_at: float
    "When the first token of this chain of renewals was issued."
    room: str | None = None
    "The one room the roles are for; None for every room of the shop."
    tier: str | None = None
    is_external: bool = False
    "Signed by the other token maker, not by us."
    publishes_as: PublisherKind = "host"
    "`demo` only for the built-in picture; external tokens cannot claim it."
