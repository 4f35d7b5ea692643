"""The door: turns a token into a principal, and principals into tokens."""

import secrets
from collections.abc import Callable
from typing import Protocol

from liveserver.errors import Forbidden, TokenExpired, TokenRevoked
from liveserver.identity.aio.jwks import JwksKeys, KeySource, NoKeys
from liveserver.identity.roles import Principal, PublisherKind, Role
from liveserver.identity.tokens import TokenRules, UnknownKey, sign, verify
from liveserver.secret import Secret
from liveserver.settings import AuthSettings


class Revocations(Protocol):
    """Which tokens have been taken back."""

    def __contains__(self, jti: object) -> bool:
        """Whether the token with this `jti` is revoked."""


class Door:
    """Check and issue tokens; the one place that knows keys, clock and revocations together."""

    def __init__(
        self,
        settings: AuthSettings,
        secret: Secret,
        clock: Callable[[], float],
        revocations: Revocations = frozenset(),
        make_id: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._revocations = revocations
        self._make_id = make_id
        self._keys: KeySource = JwksKeys(settings, clock) if settings.jwks_url else NoKeys()
        self._rules = TokenRules(
            secret=secret,
            issuer=settings.issuer,
            audience=settings.audience,
            leeway_s=settings.leeway_s,
            external_issuer=settings.jwks_issuer if settings.jwks_url else "",
            external_roles=frozenset(Role(role) for role in settings.external_roles),
        )

    async def check(self, token: str) -> Principal:
        """Return whose token it is.

        Raises:
            NotAuthorized: `TokenInvalid`, `TokenExpired` or `TokenRevoked`.
        """
        try:
            principal = verify(token, self._rules, await self._keys.current(), now=self._clock())
        except UnknownKey:
            keys = await self._keys.refreshed()
            principal = verify(token, self._rules, keys, now=self._clock())
        # Keyed by maker: another one may use the same ids.
        if revocation_id(principal) in self._revocations:
            raise TokenRevoked
        return principal

    def issue(
        self,
        roles: frozenset[Role],
        lifetime_s: float,
        *,
        name: str = "",
        room: str | None = None,
        publishes_as: PublisherKind = "host",
    ) -> str:
        """Sign a token for a new person with `roles`, good for `lifetime_s` seconds."""
        now = self._clock()
        kind = "-".join(sorted(roles))
        principal = Principal(
            sub=f"{kind}:{self._make_id()}",
            name=name,
            roles=roles,
            jti=self._make_id(),
            issued_at=now,
            expires_at=now + lifetime_s,
            first_issued_at=now,
            room=room,
            publishes_as=publishes_as,
        )
        return sign(principal, self._rules)

    def renew(self, old: Principal) -> str:
        """Sign a successor of `old` with the same person, rights and lifetime.

        Raises:
            Forbidden: `old` was not made here.
            TokenExpired: the first token of the chain is older than `auth.max_login_s`.
        """
        if old.is_external:
            raise Forbidden("This token was made elsewhere; renew it there.")
        now = self._clock()
        last = old.first_issued_at + self._settings.max_login_s
        if now >= last:
            raise TokenExpired
        lifetime_s = old.expires_at - old.issued_at
        return sign(
            Principal(
                sub=old.sub,
                name=old.name,
                roles=old.roles,
                # Kept, so that revoking one token of a chain of renewals revokes them all.
                jti=old.jti,
                issued_at=now,
                expires_at=min(now + lifetime_s, max(last, old.expires_at)),
                first_issued_at=old.first_issued_at,
                room=old.room,
                tier=old.tier,
                publishes_as=old.publishes_as,
            ),
            self._rules,
        )

    async def close(self) -> None:
        """Free what the key source holds."""
        await self._keys.close()


def revocation_id(principal: Principal) -> str:
    """Name the token in the table of revoked ones."""
    return f"external:{principal.jti}" if principal.is_external else principal.jti
