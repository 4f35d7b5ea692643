"""Tokens over JSON."""

from liveserver.identity.roles import Role
from tests.integration.conftest import OpenHouse
from tests.support.house import House


async def test_guest_gets_a_token_with_its_name(house: House) -> None:
    answer = await house.call("POST", "/api/v1/tokens/guest", json={"name": " 小明 "})
    assert answer.status == 201
    guest = await house.server.door.check(answer.json["token"])
    assert (guest.name, guest.room) == ("小明", None)
    assert guest.roles == {Role.GUEST}


async def test_guest_tokens_are_limited_per_network(open_server: OpenHouse) -> None:
    house = await open_server(
        auth={"guest_tokens_per_minute": 2}, http={"trusted_proxies": ["127.0.0.0/8"]}
    )

    async def ask(address: str) -> int:
        answer = await house.call(
            "POST", "/api/v1/tokens/guest", json={}, headers={"X-Forwarded-For": address}
        )
        if answer.status == 429:
            assert answer.code == "rate_limited"
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
        return answer.status

    assert [await ask("203.0.113.7") for _ in range(3)] == [201, 201, 429]
    assert [await ask(f"2001:db8::{n}") for n in range(3)] == [201, 201, 429]
    # A client cannot choose its address: only what our own proxy appended is believed.
    assert await ask("198.51.100.1, 203.0.113.7") == 429


async def test_forwarded_addresses_of_strangers_are_not_believed(open_server: OpenHouse) -> None:
    house = await open_server(auth={"guest_tokens_per_minute": 1})
    statuses = [
        (
            await house.call(
                "POST",
                "/api/v1/tokens/guest",
                json={},
                headers={"X-Forwarded-For": f"203.0.113.{n}"},
            )
        ).status
        for n in range(2)
    ]
    assert statuses == [201, 429]


async def test_renewed_token_has_the_same_rights(house: House) -> None:
    old = house.token("host", room="demo")
    answer = await house.call("POST", "/api/v1/tokens/renew", token=old, json={})
    before, after = [await house.server.door.check(t) for t in (old, answer.json["token"])]
    assert (after.sub, after.room) == (before.sub, "demo")
    assert after.roles == {Role.HOST}
    assert after.expires_at >= before.expires_at


async def test_renewing_ends_with_the_longest_login(open_server: OpenHouse) -> None:
    house = await open_server(auth={"max_login_s": 0.001})
    answer = await house.call("POST", "/api/v1/tokens/renew", token=house.token("guest"), json={})
    assert (answer.status, answer.code) == (401, "token_expired")


async def test_development_login_gives_any_role_on_this_machine(open_server: OpenHouse) -> None:
    house = await open_server(auth={"development_login": True})
    wish = {"role": "merchant", "name": "Dev"}
    answer = await house.call("POST", "/api/v1/tokens", json=wish)
    assert (await house.server.door.check(answer.json["token"])).roles == {Role.MERCHANT}
    # A foreign page whose name resolves to 127.0.0.1.
    rebound = await house.call(
        "POST", "/api/v1/tokens", json=wish, headers={"Host": f"evil.example:{house.server.port}"}
    )
    assert (rebound.status, rebound.code) == (403, "forbidden")


async def test_development_login_is_off_by_default(house: House) -> None:
    answer = await house.call("POST", "/api/v1/tokens", json={"role": "admin"})
    assert (answer.status, answer.code) == (403, "forbidden")


async def test_names_that_could_mislead_are_refused(house: House) -> None:
    for name in ("x" * 41, "a\nb", "\u202eadmin"):
        answer = await house.call("POST", "/api/v1/tokens/guest", json={"name": name})
        assert (answer.status, answer.code) == (400, "invalid_request")
