"""The door with real files and a real key server."""

import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ed25519

from liveserver.errors import (
    Forbidden,
    SettingsError,
    TokenExpired,
    TokenInvalid,
    TokenRevoked,
)
from liveserver.identity.aio.door import Door
from liveserver.identity.aio.jwks import AddressRefused, demand_public
from liveserver.identity.aio.secret_file import load_or_create_secret
from liveserver.identity.roles import Role
from liveserver.secret import Secret
from liveserver.settings import AuthSettings

NOW = 1_800_000_000.0
SECRET = Secret("s" * 43)
GUEST = frozenset({Role.GUEST})


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class KeyServer:
    """Another token maker, with its keys at an address."""

    def __init__(self) -> None:
        self.keys: dict[str, ed25519.Ed25519PrivateKey] = {}
        self.fetched = 0
        self.answer: web.Response | None = None
        self.url = ""

    def add_key(self, kid: str) -> None:
        self.keys[kid] = ed25519.Ed25519PrivateKey.generate()

    def token(self, kid: str) -> str:
        claims = {
            "iss": "https://shop.example",
            "aud": "liveserver",
            "sub": "42",
            "jti": "x",
            "iat": NOW,
            "exp": NOW + 1e6,
            "roles": ["viewer"],
        }
        return jwt.encode(claims, self.keys[kid], "EdDSA", headers={"kid": kid})

    async def handle(self, _request: web.Request) -> web.Response:
        self.fetched += 1
        if self.answer is not None:
            return self.answer
        algorithm: Any = jwt.get_algorithm_by_name("EdDSA")
        listed = [
            algorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid}
            for kid, key in self.keys.items()
        ]
        return web.Response(text=json.dumps({"keys": listed}))

    def settings(self, **changes: Any) -> AuthSettings:
        given: dict[str, Any] = {
            "jwks_url": self.url,
            "jwks_issuer": "https://shop.example",
            "jwks_allow_private_addresses": True,
        }
        return AuthSettings(**(given | changes))


@pytest.fixture
async def maker() -> AsyncIterator[KeyServer]:
    """A key server on loopback."""
    server = KeyServer()
    app = web.Application()
    app.router.add_get("/jwks.json", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/jwks.json"
    server.add_key("k1")
    yield server
    await runner.cleanup()


def test_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "secret"
    made = load_or_create_secret(file)
    assert len(made.reveal()) >= 43
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_or_create_secret(file) == made
    assert [each.name for each in file.parent.iterdir()] == ["secret"]


def test_short_or_unreadable_secret_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("abc")
    for file in (tmp_path / "short", tmp_path / "short" / "below", tmp_path):
        with pytest.raises(SettingsError, match=r"auth\.secret_file"):
            load_or_create_secret(file)


async def test_issued_tokens_are_for_different_people() -> None:
    door = Door(AuthSettings(), SECRET, Hand())
    first, second = [await door.check(door.issue(GUEST, 60)) for _ in range(2)]
    assert first.sub != second.sub
    assert first.jti != second.jti


async def test_revoking_a_token_revokes_those_renewed_from_it() -> None:
    revoked: set[str] = set()
    door = Door(AuthSettings(), SECRET, Hand(), revoked)
    token = door.issue(GUEST, 60)
    principal = await door.check(token)
    renewed = door.renew(principal)
    revoked.add(principal.jti)
    for each in (token, renewed):
        with pytest.raises(TokenRevoked):
            await door.check(each)


async def test_renewing_goes_on_until_the_longest_login_is_over() -> None:
    clock = Hand()
    door = Door(AuthSettings(max_login_s=100.0), SECRET, clock)
    principal = await door.check(door.issue(GUEST, 60))
    clock.now += 50
    principal = await door.check(door.renew(principal))
    assert principal.expires_at == NOW + 100
    clock.now += 50
    with pytest.raises(TokenExpired):
        door.renew(principal)


async def test_other_makers_token_is_believed_by_its_key(maker: KeyServer) -> None:
    door = Door(maker.settings(), SECRET, Hand())
    buyer = await door.check(maker.token("k1"))
    assert (buyer.sub, buyer.is_external) == ("external:42", True)
    with pytest.raises(Forbidden):
        door.renew(buyer)
    await door.check(maker.token("k1"))
    assert maker.fetched == 1


async def test_new_key_is_fetched_when_a_token_names_it(maker: KeyServer) -> None:
    clock = Hand()
    door = Door(maker.settings(), SECRET, clock)
    await door.check(maker.token("k1"))
    maker.add_key("k2")
    clock.now += 31
    await door.check(maker.token("k2"))
    assert maker.fetched == 2


async def test_unknown_keys_do_not_make_us_fetch_again_and_again(maker: KeyServer) -> None:
    clock = Hand()
    door = Door(maker.settings(), SECRET, clock)
    token = maker.token("k1")
    del maker.keys["k1"]
    for _ in range(5):
        with pytest.raises(TokenInvalid):
            await door.check(token)
    assert maker.fetched == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500},
        {"status": 302, "headers": {"Location": "/jwks.json?again"}},
        {"text": "no keys"},
        {"body": b" " * 300_000},
    ],
)
async def test_old_keys_stay_while_fetching_fails(maker: KeyServer, answer: dict[str, Any]) -> None:
    clock = Hand()
    door = Door(maker.settings(), SECRET, clock)
    await door.check(maker.token("k1"))
    maker.answer = web.Response(**answer)
    clock.now += 601
    await door.check(maker.token("k1"))
    assert maker.fetched == 2


async def test_private_addresses_are_not_asked_for_keys(maker: KeyServer) -> None:
    door = Door(maker.settings(jwks_allow_private_addresses=False), SECRET, Hand())
    with pytest.raises(TokenInvalid):
        await door.check(maker.token("k1"))
    by_name = maker.url.replace("127.0.0.1", "localhost")
    settings = maker.settings(jwks_allow_private_addresses=False, jwks_url=by_name)
    with pytest.raises(TokenInvalid):
        await Door(settings, SECRET, Hand()).check(maker.token("k1"))
    assert maker.fetched == 0


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
        *("::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1", "224.0.0.1", "ff02::1"),
    ],
)
def test_addresses_off_the_public_internet_are_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        demand_public(address)
    demand_public("8.8.8.8")
    demand_public("shop.example")
