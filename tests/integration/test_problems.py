"""Every code that a client can meet, once; and that no answer tells internals."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from liveserver import errors
from media import errors as media_errors
from tests.integration.conftest import OpenHouse
from tests.support.fake_media import OFFER
from tests.support.house import SDP_TYPE, Answer, House

NEVER_SENT = {
    "settings_error",  # ends the process before HTTP is there
    "media_invalid_state",  # is a fault of this server: internal_error
    "malformed_packet",  # is counted; datagrams get no problem document
    "pages_not_built",  # is told in words, to the person in front of the browser
}
NEW_CREDENTIALS = f"a=ice-ufrag:new1\r\na=ice-pwd:{'n' * 24}\r\n"
WITH_SUBCLASSES = {"invalid_request", "forbidden", "not_found"}
"Codes that are sent themselves although other codes refine them."


def every_subclass(kind: type[Exception]) -> Iterator[type[Exception]]:
    for each in kind.__subclasses__():
        yield each
        yield from every_subclass(each)


def codes_that_can_be_sent() -> set[str]:
    found = set()
    for base in (errors.LiveServerError, media_errors.MediaError):
        for kind in every_subclass(base):
            code = vars(kind).get("code")
            is_refined = any("code" in vars(each) for each in every_subclass(kind))
            if code is not None and (not is_refined or code in WITH_SUBCLASSES):
                found.add(code)
    return found - NEVER_SENT


async def get(house: House, path: str) -> Answer:
    return await house.call("GET", path)


async def post_guest(house: House, **request: Any) -> Answer:
    return await house.call("POST", "/api/v1/tokens/guest", **request)


async def too_many_guests(house: House) -> Answer:
    await post_guest(house, json={})
    return await post_guest(house, json={})


async def revoked(house: House) -> Answer:
    token = house.token("host", room="demo")
    principal = await house.server.door.check(token)
    await house.server.backend.store.revoke(principal.jti, now=0, expires_at=9e9)
    await house.server.revoked.refresh()
    return await house.publish("demo", token)


async def slow_body(house: House) -> Answer:
    async def trickle() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    return await post_guest(house, data=trickle(), headers={"Content-Type": "application/json"})


async def live_then(house: House, act: Callable[[str], Awaitable[Answer]]) -> Answer:
    return await act(await house.go_live())


async def ended(house: House) -> Answer:
    token = await house.go_live()
    await house.change("demo", token, state="ended")
    return await house.watch("demo")


async def make_room(house: House) -> Answer:
    return await house.call(
        "POST", "/api/v1/rooms", token=house.token("admin"), json={"room": "a", "title": "A"}
    )


async def twice(house: House) -> Answer:
    await make_room(house)
    return await make_room(house)


async def taken(house: House) -> Answer:
    await house.go_live()
    return await house.publish("demo", house.token("host", room="demo"))


async def scheduled(house: House) -> Answer:
    await house.publish("demo", house.token("host", room="demo"))
    return await house.watch("demo")


async def full_house(house: House) -> Answer:
    await house.go_live()
    await house.watch("demo")
    return await house.watch("demo")


async def one_room_too_many(house: House) -> Answer:
    await house.publish("first", house.token("host", room="first"))
    return await house.publish("second", house.token("host", room="second"))


async def patched(house: House, body: str, **headers: str) -> Answer:
    token = await house.go_live()
    return await house.call(
        "PATCH",
        "/whip/demo/session-1",
        token=token,
        data=body,
        headers={"Content-Type": "application/trickle-ice-sdpfrag", **headers},
    )


async def without_storage(house: House) -> Answer:
    await house.server.backend.store.close()
    return await make_room(house)


async def not_ready(house: House) -> Answer:
    await house.media.stop()
    return await get(house, "/readyz")


async def failing_media(house: House, failure: Exception) -> Answer:
    house.media.failure = failure  # type: ignore[assignment]
    return await house.publish("demo", house.token("host", room="demo"))


CASES: dict[str, tuple[int, Callable[[House], Awaitable[Answer]]]] = {
    "invalid_request": (400, lambda house: post_guest(house, json={"nam": "Ada"})),
    "request_timeout": (408, slow_body),
    "body_too_large": (
        413,
        lambda house: post_guest(
            house, data=b"x" * 70_000, headers={"Content-Type": "application/json"}
        ),
    ),
    "unsupported_media_type": (415, lambda house: post_guest(house, data=b"{}")),
    "token_missing": (
        401,
        lambda house: house.call("POST", "/whip/demo", data=OFFER, headers=SDP_TYPE),
    ),
    "token_invalid": (401, lambda house: house.publish("demo", "made.up.token")),
    "token_expired": (
        401,
        lambda house: house.publish("demo", house.token("host", room="demo", lifetime_s=-60)),
    ),
    "token_revoked": (401, revoked),
    "forbidden": (403, lambda house: house.publish("demo", house.token("guest"))),
    "origin_refused": (
        403,
        lambda house: post_guest(house, json={}, headers={"Origin": "https://evil.example"}),
    ),
    "not_found": (404, lambda house: get(house, "/api/v2/rooms")),
    "room_not_found": (404, lambda house: get(house, "/api/v1/rooms/nowhere")),
    "session_not_found": (404, lambda house: get(house, "/whep/demo/none")),
    "method_not_allowed": (405, lambda house: house.call("PUT", "/api/v1/rooms")),
    "room_exists": (409, twice),
    "room_taken": (409, taken),
    "room_not_live": (409, scheduled),
    "room_ended": (409, ended),
    "invalid_state": (
        409,
        lambda house: live_then(house, lambda t: house.change("demo", t, state="scheduled")),
    ),
    "room_limit": (503, one_room_too_many),
    "room_full": (503, full_house),
    "storage_unavailable": (503, without_storage),
    "not_ready": (503, not_ready),
    "rate_limited": (429, too_many_guests),
    "internal_error": (
        500,
        lambda house: failing_media(house, RuntimeError("secret detail")),
    ),
    "invalid_offer": (
        400,
        lambda house: house.call(
            "POST",
            "/whip/demo",
            token=house.token("host", room="demo"),
            data="hello",
            headers=SDP_TYPE,
        ),
    ),
    "invalid_fragment": (400, lambda house: patched(house, "hello")),
    "precondition_required": (428, lambda house: patched(house, NEW_CREDENTIALS)),
    "precondition_failed": (
        412,
        lambda house: patched(house, NEW_CREDENTIALS, **{"If-Match": '"older"'}),
    ),
    "unsupported_offer": (
        422,
        lambda house: failing_media(house, media_errors.UnsupportedOffer("two videos")),
    ),
    "unsupported_codec": (
        422,
        lambda house: failing_media(house, media_errors.UnsupportedCodec("no codec")),
    ),
    "overloaded": (503, lambda house: failing_media(house, media_errors.Overloaded("full"))),
}
SETTINGS: dict[str, dict[str, dict[str, object]]] = {
    "request_timeout": {"http": {"body_timeout_s": 0.05}},
    "room_limit": {"rooms": {"max_rooms": 1}},
    "rate_limited": {"auth": {"guest_tokens_per_minute": 1}},
    "room_full": {"rooms": {"max_viewers": 1}},
}


@pytest.mark.parametrize("code", CASES)
async def test_refusal_is_a_problem_with_its_code(code: str, open_server: OpenHouse) -> None:
    status, act = CASES[code]
    answer = await act(await open_server(**SETTINGS.get(code, {})))
    assert (answer.code, answer.status) == (code, status)
    problem = answer.json
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["retryable"] is ("Retry-After" in answer.headers or status == 408)
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in answer.headers) is (status == 401)
    assert "secret detail" not in problem["detail"]


def test_every_code_has_its_case() -> None:
    assert codes_that_can_be_sent() - set(CASES) == set()


async def test_challenge_names_the_error_only_when_a_token_was_sent(house: House) -> None:
    missing = await CASES["token_missing"][1](house)
    invalid = await CASES["token_invalid"][1](house)
    assert missing.headers["WWW-Authenticate"] == 'Bearer realm="liveserver"'
    assert 'error="invalid_token"' in invalid.headers["WWW-Authenticate"]


async def test_body_is_refused_while_it_is_still_arriving(house: House) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 10_000_000:
            sent += 16_384
            yield b"v" * 16_384
            await asyncio.sleep(0)

    answer = await house.call(
        "POST",
        "/whip/demo",
        token=house.token("host", room="demo"),
        data=endless(),
        headers=SDP_TYPE,
    )
    assert (answer.status, answer.code) == (413, "body_too_large")
    assert sent < 10_000_000


async def test_unauthorised_schemes_are_invalid_tokens(house: House) -> None:
    for header in ("Basic YTpi", "Bearer", "Bearer ", "eyJhbGciOiJub25lIn0.e30."):
        answer = await house.call(
            "POST", "/whip/demo", data=OFFER, headers={**SDP_TYPE, "Authorization": header}
        )
        assert (answer.status, answer.code) == (401, "token_invalid"), header
