"""PATCH on session URLs over real HTTP (RFC 9725 §4.3), with the media plane faked."""

import pytest

from tests.integration.conftest import OpenHouse
from tests.support.house import Answer, House

PWD = "p" * 24
CURRENT = f"a=ice-ufrag:cur1\r\na=ice-pwd:{PWD}\r\na=end-of-candidates\r\n"
NEW = f"a=ice-ufrag:new1\r\na=ice-pwd:{'n' * 24}\r\n"
SURFACES = pytest.mark.parametrize("surface", ["whip", "whep"])


class Session:
    """An open session of either kind."""

    def __init__(self, house: House, url: str, token: str | None) -> None:
        self.house, self.url, self.token = house, url, token

    async def patch(
        self, body: str, *, content_type: str = "application/trickle-ice-sdpfrag", **headers: str
    ) -> Answer:
        return await self.house.call(
            "PATCH",
            self.url,
            token=self.token,
            data=body,
            headers={"Content-Type": content_type}
            | {name.replace("_", "-"): value for name, value in headers.items()},
        )


async def open_session(house: House, surface: str) -> Session:
    token = await house.go_live()
    if surface == "whip":
        return Session(house, "/whip/demo/session-1", token)
    return Session(house, (await house.watch("demo")).headers["Location"], None)


@SURFACES
async def test_candidates_are_taken_without_content_or_tag(house: House, surface: str) -> None:
    session = await open_session(house, surface)
    for headers in ({"If_Match": '"fake"'}, {"ETag": '"fake"'}, {}):
        answer = await session.patch(CURRENT, **headers)
        assert (answer.status, answer.body) == (204, b"")
        assert "ETag" not in answer.headers


@SURFACES
async def test_a_restart_answers_our_half_and_a_new_tag(house: House, surface: str) -> None:
    session = await open_session(house, surface)
    answer = await session.patch(NEW, If_Match="*")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/trickle-ice-sdpfrag"
    assert answer.headers["ETag"] == '"restarted"'
    assert answer.body == b"a=ice-lite\r\n"
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]


@SURFACES
async def test_refused_fragments_leave_the_session_open(house: House, surface: str) -> None:
    session = await open_session(house, surface)
    refusals = [
        (await session.patch(NEW), 428, "precondition_required"),
        (await session.patch(NEW, If_Match='"old"'), 412, "precondition_failed"),
        (await session.patch("", If_Match="*"), 400, "invalid_fragment"),
        (await session.patch("a=ice-ufrag:x\r\n", If_Match="*"), 400, "invalid_fragment"),
        (await session.patch(NEW, content_type="application/sdp"), 415, "unsupported_media_type"),
        (await session.patch("a" * 70_000, If_Match="*"), 413, "body_too_large"),
    ]
    for answer, status, code in refusals:
        assert (answer.status, answer.code) == (status, code)
    assert (await house.call("GET", session.url)).status == 204


async def test_strict_servers_ask_every_fragment_for_a_tag(open_server: OpenHouse) -> None:
    house = await open_server(media={"strict_if_match": True})
    session = await open_session(house, "whep")
    assert (await session.patch(CURRENT)).status == 428
    assert (await session.patch(CURRENT, If_Match='"fake"')).status == 204


@SURFACES
async def test_an_unknown_session_cannot_be_patched(house: House, surface: str) -> None:
    session = await open_session(house, surface)
    session.url += "x"
    assert (await session.patch(CURRENT)).status == 404


async def test_only_the_host_patches_a_publishing_session(house: House) -> None:
    session = await open_session(house, "whip")
    for token, status in ((None, 401), (house.token("host", room="other"), 403)):
        session.token = token
        assert (await session.patch(NEW, If_Match="*")).status == status


@SURFACES
async def test_delete_ignores_the_entity_tag(house: House, surface: str) -> None:
    session = await open_session(house, surface)
    answer = await house.call(
        "DELETE", session.url, token=session.token, headers={"If-Match": '"old"'}
    )
    assert answer.status == 200


@SURFACES
async def test_preflights_of_a_session_allow_patch_to_scripts(house: House, surface: str) -> None:
    session = await open_session(house, surface)
    answer = await house.call(
        "OPTIONS",
        session.url,
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "content-type,etag,if-match",
        },
    )
    assert answer.status == 200
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert "ETag" in answer.headers["Access-Control-Allow-Headers"]
    # Eyevinn's client reads from it whether trickle is served.
    assert "Access-Control-Allow-Methods" in answer.headers["Access-Control-Expose-Headers"]
    assert answer.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"
    assert answer.headers["Accept-Post"] == "application/sdp"


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_one_network_is_held_to_a_rate(open_server: OpenHouse, method: str) -> None:
    house = await open_server(http={"trusted_proxies": ["127.0.0.1"], "signalling_per_minute": 2})

    async def call(address: str, method: str = method) -> Answer:
        headers = {"X-Forwarded-For": address, "Content-Type": "application/sdp"}
        return await house.call(method, "/whep/demo/session-9", headers=headers, data="v=0\r\n")

    assert [(await call("192.0.2.1")).status for _ in range(3)][2] == 429
    refused = await call("192.0.2.1")
    assert refused.code == "rate_limited"
    assert 1 <= int(refused.headers["Retry-After"]) <= 30
    assert (await call("192.0.2.2")).status != 429
    assert (await call("127.0.0.1")).status != 429
    # What only asks is not counted.
    assert (await call("192.0.2.1", "OPTIONS")).status == 200
