"""Signing and verifying tokens (JWT, RFC 7519). Pure: time, ids and keys are arguments.

Two kinds are believed, and the header alone never decides what a key is used for:

* `HS256` with our own secret, issuer `auth.issuer`; no `kid` is looked up.
* `RS256` or `EdDSA` with the public key that the JWKS lists under the token's `kid`, for exactly
  the algorithm that key is for; issuer `auth.jwks_issuer`, and only `auth.external_roles`.

So a public key can never serve as an HMAC secret, and `none` is no algorithm here (RFC 8725 §2.1).
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from liveserver.errors import TokenExpired, TokenInvalid
from liveserver.identity.roles import Principal, PublisherKind, Role
from liveserver.secret import Secret

OWN_ALGORITHM = "HS256"
ExternalAlgorithm = Literal["RS256", "EdDSA"]
# Browsers, proxies and we ourselves cap a header line at 8 kB.
MAX_TOKEN_CHARACTERS = 8000
_OPTIONS: Any = {
    "verify_signature": True,
    # Checked below against `now`, which PyJWT would take from the system clock.
    **{f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")},
}


class UnknownKey(TokenInvalid):
    """The token names a `kid` that the known JWKS lacks; a newer JWKS may have it."""

    def __init__(self, kid: str) -> None:
        super().__init__(kid)
        self.kid = kid

    def __str__(self) -> str:
        return "The token is signed with a key that is not known here."


class ExternalKey(msgspec.Struct, frozen=True):
    """One public key of the JWKS and the only algorithm it is used with."""

    algorithm: ExternalAlgorithm
    key: RSAPublicKey | Ed25519PublicKey


class TokenRules(msgspec.Struct, frozen=True):
    """What verification goes by; made once from `[auth]`."""

    secret: Secret
    issuer: str
    audience: str
    leeway_s: float
    external_issuer: str
    external_roles: frozenset[Role]


class Claims(msgspec.Struct, frozen=True):
    """What a verified payload must look like; other claims are ignored."""

    iss: str
    sub: str
    jti: str
    iat: float
    exp: float
    aud: str | list[str]
    name: str = ""
    roles: list[str] = []
    room: str | None = None
    tier: str | None = None
    nbf: float | None = None
    auth_time: float | None = None
    publishes_as: PublisherKind = "host"


def sign(principal: Principal, rules: TokenRules) -> str:
    """Write `principal` as one of our own tokens."""
    payload: dict[str, object] = {
        "iss": rules.issuer,
        "aud": rules.audience,
        "sub": principal.sub,
        "jti": principal.jti,
        "iat": int(principal.issued_at),
        "exp": math.ceil(principal.expires_at),
        "name": principal.name,
        "roles": sorted(principal.roles),
        "auth_time": int(principal.first_issued_at),
    }
    optional = {"room": principal.room, "tier": principal.tier}
    payload |= {claim: value for claim, value in optional.items() if value is not None}
    if principal.publishes_as != "host":
        payload["publishes_as"] = principal.publishes_as
    return jwt.encode(payload, rules.secret.reveal(), algorithm=OWN_ALGORITHM)


def verify(
    token: str, rules: TokenRules, external_keys: Mapping[str, ExternalKey], *, now: float
) -> Principal:
    """Check signature, issuer, audience and times of `token`.

    Raises:
        TokenInvalid: anything but a good token; `UnknownKey` when a newer JWKS may help.
        TokenExpired: a good token after its time.
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise TokenInvalid("The token is too long.")
    header = _read_header(token)
    is_external = header.get("alg") != OWN_ALGORITHM
    key, algorithm = _choose_key(header, rules, external_keys)
    claims = _read_claims(token, key, algorithm)
    issuer = rules.external_issuer if is_external else rules.issuer
    _check_addressee(claims, issuer, rules.audience)
    _check_times(claims, rules.leeway_s, now)
    return _to_principal(claims, rules, is_external=is_external)


def read_jwks(document: bytes) -> dict[str, ExternalKey]:
    """Read the usable keys of a JWKS (RFC 7517): RSA of 2048 bits or more, and Ed25519.

    Keys without `kid`, of another kind, or marked for encryption are skipped.

    Raises:
        ValueError: the document is not a JWKS.
    """
    try:
        listed = msgspec.json.decode(document, type=dict[str, Any])["keys"]
        return dict(_usable_keys(msgspec.convert(listed, list[dict[str, Any]])))
    except (msgspec.DecodeError, KeyError) as error:
        raise ValueError("not a JWKS") from error


def _usable_keys(listed: Iterable[dict[str, Any]]) -> Iterable[tuple[str, ExternalKey]]:
    for entry in listed:
        kid = entry.get("kid")
        if not isinstance(kid, str) or entry.get("use", "sig") != "sig":
            continue
        algorithm: ExternalAlgorithm = "RS256" if entry.get("kty") == "RSA" else "EdDSA"
        if entry.get("kty") not in ("RSA", "OKP") or entry.get("alg", algorithm) != algorithm:
            continue
        try:
            key = jwt.PyJWK(entry, algorithm=algorithm).key
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, Ed25519PublicKey) or _is_strong_rsa(key):
            yield kid, ExternalKey(algorithm, key)


def _is_strong_rsa(key: object) -> bool:
    return isinstance(key, RSAPublicKey) and key.key_size >= 2048


def _read_header(token: str) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise TokenInvalid("The token is malformed.") from error


def _choose_key(
    header: Mapping[str, Any], rules: TokenRules, external_keys: Mapping[str, ExternalKey]
) -> tuple[Any, str]:
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm == OWN_ALGORITHM:
        return rules.secret.reveal(), OWN_ALGORITHM
    if algorithm not in get_args(ExternalAlgorithm) or not rules.external_issuer:
        raise TokenInvalid("The token is signed with an algorithm that is not accepted here.")
    if not isinstance(kid, str) or not kid:
        raise TokenInvalid("The token does not name its key.")
    entry = external_keys.get(kid)
    if entry is None:
        raise UnknownKey(kid)
    if entry.algorithm != algorithm:
        raise TokenInvalid("The token's key is for another algorithm.")
    return entry.key, entry.algorithm


def _read_claims(token: str, key: Any, algorithm: str) -> Claims:
    try:
        payload = jwt.decode(token, key, algorithms=[algorithm], options=_OPTIONS)
        return msgspec.convert(payload, Claims)
    except jwt.PyJWTError as error:
        raise TokenInvalid("The token's signature does not fit.") from error
    except msgspec.ValidationError as error:
        raise TokenInvalid("The token lacks a claim or has a wrong one.") from error


def _check_addressee(claims: Claims, issuer: str, audience: str) -> None:
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != issuer or audience not in audiences:
        raise TokenInvalid("The token was made by or for another server.")


def _check_times(claims: Claims, leeway_s: float, now: float) -> None:
    if not all(map(math.isfinite, (claims.iat, claims.exp, claims.nbf or 0.0))):
        raise TokenInvalid("The token's times are not numbers.")
    if max(claims.iat, claims.nbf or 0.0) > now + leeway_s:
        raise TokenInvalid("The token is not valid yet; is a clock wrong?")
    if claims.exp <= now - leeway_s:
        raise TokenExpired


def _to_principal(claims: Claims, rules: TokenRules, *, is_external: bool) -> Principal:
    known = {role.value: role for role in Role}
    roles = frozenset(known[name] for name in claims.roles if name in known)
    return Principal(
        # Two makers may use the same ids for different people.
        sub=f"external:{claims.sub}" if is_external else claims.sub,
        name=claims.name[:60],
        roles=roles & rules.external_roles if is_external else roles,
        jti=claims.jti,
        issued_at=claims.iat,
        expires_at=claims.exp,
        first_issued_at=claims.iat if claims.auth_time is None else claims.auth_time,
        room=claims.room,
        tier=claims.tier,
        is_external=is_external,
        publishes_as="host" if is_external else claims.publishes_as,
    )
