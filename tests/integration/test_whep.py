"""WHEP over real HTTP (draft-ietf-wish-whep-03), with the media plane faked."""

from tests.integration.conftest import OpenHouse
from tests.support.house import House


async def test_watch_needs_no_token(house: House) -> None:
    await house.go_live()
    answer = await house.watch("demo")
    assert answer.status == 201
    assert answer.headers["Location"] == "/whep/demo/session-2"
    assert answer.headers["Content-Type"] == "application/sdp"
    assert (await house.show())["viewers"] == 1


async def test_watch_checks_a_token_that_comes_along(house: House) -> None:
    await house.go_live()
    assert (await house.watch("demo", "made.up.token")).status == 401
    assert (await house.watch("demo", house.token("guest"))).status == 201


async def test_watch_is_told_to_come_back_before_the_show(house: House) -> None:
    await house.publish("demo", house.token("host", room="demo"))
    answer = await house.watch("demo")
    assert (answer.status, answer.headers["Retry-After"]) == (409, "3")


async def test_watch_waits_while_the_host_is_away_or_paused(house: House) -> None:
    token = await house.go_live()
    house.media.fall_silent("demo")
    assert (await house.show())["host"] == "away"
    assert (await house.watch("demo")).status == 201
    await house.change("demo", token, state="paused")
    assert (await house.watch("demo")).status == 201


async def test_leaving_needs_only_the_session_url(house: House) -> None:
    await house.go_live()
    location = (await house.watch("demo")).headers["Location"]
    assert (await house.call("GET", location)).status == 204
    assert (await house.call("DELETE", location)).status == 200
    assert (await house.show())["viewers"] == 0
    assert (await house.call("DELETE", location)).status == 404


async def test_session_urls_are_not_mixed_up(house: House) -> None:
    token = await house.go_live()
    location = (await house.watch("demo")).headers["Location"]
    session = location.rpartition("/")[2]
    assert (await house.call("DELETE", f"/whip/demo/{session}", token=token)).status == 404
    assert (await house.call("DELETE", f"/whep/other/{session}")).status == 404
    assert (await house.call("DELETE", "/whep/demo/session-1")).status == 404


async def test_head_tells_that_offers_are_taken(house: House) -> None:
    answer = await house.call("HEAD", "/whep/demo")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/sdp")
    assert (await house.call("GET", "/whep/demo")).status == 204
    assert (await house.call("OPTIONS", "/whep/demo")).headers["Accept-Post"] == "application/sdp"


async def test_room_admits_no_more_viewers_than_set(open_server: OpenHouse) -> None:
    house = await open_server(rooms={"max_viewers": 1})
    await house.go_live()
    location = (await house.watch("demo")).headers["Location"]
    assert (await house.watch("demo")).status == 503
    await house.call("DELETE", location)
    assert (await house.watch("demo")).status == 201


async def test_one_network_opens_no_more_sessions_than_set(open_server: OpenHouse) -> None:
    house = await open_server(
        rooms={"max_viewers_per_address": 1}, http={"trusted_proxies": ["127.0.0.1"]}
    )
    await house.go_live()

    async def watch_from(address: str) -> int:
        answer = await house.call(
            "POST",
            "/whep/demo",
            data="v=0\r\n",
            headers={"Content-Type": "application/sdp", "X-Forwarded-For": address},
        )
        return answer.status

    assert await watch_from("2001:db8::1") == 201
    assert await watch_from("2001:db8::2") == 429
    assert await watch_from("2001:db8:0:1::1") == 201
    assert await watch_from("127.0.0.1") == 201
    assert await watch_from("127.0.0.1") == 201


async def test_delay_reports_count_only_from_viewers_of_the_room(house: House) -> None:
    await house.go_live()
    session = (await house.watch("demo")).headers["Location"].rpartition("/")[2]
    await house.call("GET", "/api/v1/rooms/demo?session=made-up&delay_ms=9000")
    await house.call("GET", f"/api/v1/rooms/demo?session={session}&delay_ms=-1")
    await house.call("GET", f"/api/v1/rooms/demo?session={session}&delay_ms=99999")
    assert (await house.show())["delay_ms"] is None
    answer = await house.call("GET", f"/api/v1/rooms/demo?session={session}&delay_ms=140")
    assert answer.json["delay_ms"] == {"p50": 140, "p95": 140}
