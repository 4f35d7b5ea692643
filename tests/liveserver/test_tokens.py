import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from liveserver.errors import TokenExpired, TokenInvalid
from liveserver.identity.roles import Principal, Role
from liveserver.identity.tokens import (
    ExternalKey,
    TokenRules,
    UnknownKey,
    read_jwks,
    sign,
    verify,
)
from liveserver.secret import Secret

NOW = 1_800_000_000.0
SECRET = "s" * 43
RULES = TokenRules(
    secret=Secret(SECRET),
    issuer="liveserver",
    audience="liveserver",
    leeway_s=30,
    external_issuer="https://shop.example",
    external_roles=frozenset({Role.VIEWER}),
)
ADA = Principal(
    sub="host:1",
    name="Ada",
    roles=frozenset({Role.HOST}),
    jti="j1",
    issued_at=NOW,
    expires_at=NOW + 3600,
    first_issued_at=NOW,
    room="demo",
)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
ED_KEY = ed25519.Ed25519PrivateKey.generate()
KEYS = {
    "r1": ExternalKey("RS256", RSA_KEY.public_key()),
    "e1": ExternalKey("EdDSA", ED_KEY.public_key()),
}


def external_claims(**changes: object) -> dict[str, Any]:
    claims = {
        "iss": "https://shop.example",
        "aud": ["other", "liveserver"],
        "sub": "42",
        "jti": "x1",
        "iat": NOW,
        "exp": NOW + 60,
        "name": "Buyer",
        "roles": ["viewer", "admin", "host"],
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def own_claims(**changes: object) -> dict[str, Any]:
    own: dict[str, object] = {"iss": "liveserver", "aud": "liveserver", "roles": ["host"]}
    return external_claims(**(own | changes))


def own(**changes: object) -> str:
    return jwt.encode(own_claims(**changes), SECRET, "HS256")


def external(kid: str | None = "r1", algorithm: str = "RS256", **changes: object) -> str:
    key: Any = RSA_KEY if algorithm.startswith(("RS", "PS")) else ED_KEY
    headers = None if kid is None else {"kid": kid}
    return jwt.encode(external_claims(**changes), key, algorithm, headers=headers)


def check(token: str, *, now: float = NOW) -> Principal:
    return verify(token, RULES, KEYS, now=now)


def refuse(token: str) -> str:
    with pytest.raises(TokenInvalid) as caught:
        check(token)
    return str(caught.value)


def handmade(header: object, claims: object, signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_own_token_comes_back_as_it_was_signed() -> None:
    assert check(sign(ADA, RULES)) == ADA


def test_own_token_carries_the_promised_claims() -> None:
    claims = jwt.decode(sign(ADA, RULES), options={"verify_signature": False})
    expected = {"iss", "aud", "sub", "jti", "iat", "exp", "name", "roles", "room", "auth_time"}
    assert set(claims) == expected


def test_token_is_good_until_its_leeway_is_over() -> None:
    token = sign(ADA, RULES)
    check(token, now=NOW + 3629)
    with pytest.raises(TokenExpired):
        check(token, now=NOW + 3630)


def test_token_of_the_future_is_refused() -> None:
    assert "not valid yet" in refuse(own(iat=NOW + 31))
    assert "not valid yet" in refuse(own(nbf=NOW + 31))
    check(own(iat=NOW + 29, nbf=NOW + 29))


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "jti", "iat", "exp"])
def test_token_without_a_needed_claim_is_refused(claim: str) -> None:
    refuse(own(**{claim: None}))


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "other"},
        {"aud": "other"},
        {"aud": ["other"]},
        {"roles": "host"},
        {"exp": "tomorrow"},
        {"sub": 5},
        {"publishes_as": "robot"},
    ],
)
def test_token_with_a_wrong_claim_is_refused(change: dict[str, object]) -> None:
    refuse(jwt.encode(own_claims() | change, SECRET, "HS256"))


def test_unknown_roles_are_dropped() -> None:
    assert check(own(roles=["host", "emperor"])).roles == {Role.HOST}


def test_other_secret_is_refused() -> None:
    refuse(jwt.encode(own_claims(), "t" * 43, "HS256"))


@pytest.mark.parametrize("algorithm", ["none", "None", "HS384", "HS512", "PS256", "ES256", "", 5])
def test_other_algorithms_are_refused(algorithm: object) -> None:
    refuse(handmade({"alg": algorithm, "kid": "r1"}, own_claims()))
    refuse(handmade({"alg": algorithm, "kid": "r1"}, external_claims()))


def test_public_key_is_never_taken_as_the_hmac_secret() -> None:
    public = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = {"alg": "HS256", "typ": "JWT", "kid": "r1"}
    signed = handmade(header, external_claims()).rpartition(".")[0]
    mac = jwt.get_algorithm_by_name("HS256").sign(signed.encode(), public)
    refuse(f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")


def test_own_secret_signs_nothing_for_the_other_maker() -> None:
    refuse(jwt.encode(external_claims(), SECRET, "HS256"))


def test_other_maker_signs_nothing_for_us() -> None:
    refuse(external(iss="liveserver"))


@pytest.mark.parametrize(("kid", "algorithm"), [("r1", "RS256"), ("e1", "EdDSA")])
def test_external_token_is_narrowed_to_the_allowed_roles(kid: str, algorithm: str) -> None:
    buyer = check(external(kid, algorithm))
    assert buyer.roles == {Role.VIEWER}
    assert (buyer.sub, buyer.is_external) == ("external:42", True)


def test_external_token_cannot_claim_to_be_the_demo() -> None:
    assert check(external(publishes_as="demo")).publishes_as == "host"


def test_external_token_must_name_a_key_for_its_algorithm() -> None:
    assert "does not name its key" in refuse(external(kid=None))
    assert "another algorithm" in refuse(external(kid="e1"))
    with pytest.raises(UnknownKey) as caught:
        check(external(kid="r9"))
    assert caught.value.kid == "r9"


def test_external_tokens_are_refused_when_no_other_maker_is_set_up() -> None:
    alone = TokenRules(
        secret=RULES.secret,
        issuer="liveserver",
        audience="liveserver",
        leeway_s=30,
        external_issuer="",
        external_roles=frozenset(),
    )
    with pytest.raises(TokenInvalid):
        verify(external(iss=""), alone, KEYS, now=NOW)


def test_token_times_must_be_numbers() -> None:
    refuse(handmade({"alg": "HS256"}, own_claims(exp=1e400)))
    refuse(own(exp=float("inf")))


def test_long_token_is_refused_unread() -> None:
    assert "too long" in refuse("x" * 8001)


@given(st.text())
def test_any_text_is_refused_and_nothing_worse(text: str) -> None:
    refuse(text)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk"]), st.text()),
    st.dictionaries(st.text(), st.one_of(st.none(), st.integers(), st.text())),
    st.binary(max_size=40),
)
def test_any_handmade_token_is_refused_and_nothing_worse(
    header: dict[str, object], claims: dict[str, object], signature: bytes
) -> None:
    refuse(handmade(header, claims, signature))


def as_jwk(key: Any, **more: object) -> dict[str, Any]:
    kind = "RS256" if isinstance(key, rsa.RSAPublicKey) else "EdDSA"
    written: dict[str, Any] = jwt.get_algorithm_by_name(kind).to_jwk(key, as_dict=True)
    return written | more


def jwks(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def test_jwks_gives_rsa_and_ed25519_keys_by_kid() -> None:
    rsa_key = as_jwk(RSA_KEY.public_key(), kid="r1", use="sig")
    ed_key = as_jwk(ED_KEY.public_key(), kid="e1", alg="EdDSA")
    keys = read_jwks(jwks(rsa_key, ed_key))
    assert {kid: key.algorithm for kid, key in keys.items()} == {"r1": "RS256", "e1": "EdDSA"}
    assert verify(external(), RULES, keys, now=NOW).sub == "external:42"


def test_jwks_keys_that_do_not_fit_are_skipped() -> None:
    public = RSA_KEY.public_key()
    unfit = [
        as_jwk(public),
        as_jwk(public, kid="enc", use="enc"),
        as_jwk(public, kid="ps", alg="PS256"),
        as_jwk(WEAK_KEY.public_key(), kid="weak"),
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        {"kty": "OKP", "kid": "x", "crv": "X25519", "x": "A" * 43},
        {"kty": "EC", "kid": "ec"},
        {"kid": 5},
    ]
    assert read_jwks(jwks(*unfit)) == {}


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": 5}', b'{"keys": [5]}', b"\xff"])
def test_other_documents_are_no_jwks(document: bytes) -> None:
    with pytest.raises(ValueError, match="not a JWKS"):
        read_jwks(document)


@given(
    st.dictionaries(
        st.sampled_from(["kty", "kid", "n", "e", "crv", "x", "alg", "use", "d"]),
        st.one_of(st.sampled_from(["RSA", "OKP", "Ed25519", "RS256", "AQAB"]), st.text()),
    )
)
def test_any_listed_key_is_read_or_skipped(entry: dict[str, Any]) -> None:
    read_jwks(jwks(entry))
