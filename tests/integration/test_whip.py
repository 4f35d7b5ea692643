"""WHIP over real HTTP (RFC 9725), with the media plane faked."""

from media.errors import Overloaded
from tests.integration.conftest import OpenHouse
from tests.support.fake_media import OFFER
from tests.support.house import SDP_TYPE, House


async def test_publish_answers_the_sdp_with_location_and_entity_tag(house: House) -> None:
    answer = await house.publish("demo", house.token("host", room="demo"))
    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/sdp"
    assert answer.headers["Location"] == "/whip/demo/session-1"
    assert answer.headers["ETag"] == '"fake"'
    assert answer.body.startswith(b"v=0")


async def test_publish_opens_the_hosts_own_room(house: House) -> None:
    await house.publish("demo", house.token("host", room="demo", name="Ada"))
    room = await house.show()
    assert (room["state"], room["host"], room["host_name"]) == ("scheduled", "off", "Ada")
    house.media.flow("demo")
    room = await house.show()
    assert (room["state"], room["host"], room["source"]) == ("live", "on", "host")


async def test_merchant_publishes_only_to_rooms_that_exist(house: House) -> None:
    merchant = house.token("merchant")
    assert (await house.publish("spring", merchant)).status == 404
    await house.call(
        "POST", "/api/v1/rooms", token=merchant, json={"room": "spring", "title": "Spring"}
    )
    assert (await house.publish("spring", merchant)).status == 201


async def test_publish_takes_a_content_type_with_parameters(house: House) -> None:
    answer = await house.call(
        "POST",
        "/whip/demo",
        token=house.token("host", room="demo"),
        data=OFFER,
        headers={"Content-Type": "Application/SDP; charset=utf-8"},
    )
    assert answer.status == 201


async def test_refused_offer_leaves_no_room_behind(house: House) -> None:
    house.media.failure = Overloaded("full")
    answer = await house.publish("demo", house.token("host", room="demo"))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert (await house.call("GET", "/api/v1/rooms/demo")).status == 404


async def test_same_host_resumes_without_asking(house: House) -> None:
    token = await house.go_live()
    assert (await house.publish("demo", token)).status == 201
    assert list(house.media.sessions) == ["session-2"]


async def test_another_host_must_ask_to_take_over(house: House) -> None:
    await house.go_live()
    other = house.token("host", room="demo", name="Bo")
    assert (await house.publish("demo", other)).status == 409
    assert (await house.publish("demo", other, "?takeover=1")).status == 201
    house.media.flow("demo")
    assert (await house.show())["host_name"] == "Bo"


async def test_demo_never_blocks_a_host_and_comes_back_after(house: House) -> None:
    demo = house.token("host", room="demo", name="Demo", publishes_as="demo")
    await house.publish("demo", demo)
    house.media.flow("demo")
    assert (await house.show())["source"] == "demo"
    host = house.token("host", room="demo")
    answer = await house.publish("demo", host)
    house.media.flow("demo")
    assert (await house.show())["source"] == "host"
    await house.call("DELETE", answer.headers["Location"], token=host)
    house.media.flow("demo")
    room = await house.show()
    assert (room["source"], room["host"], room["host_name"]) == ("demo", "on", "Demo")


async def test_delete_ends_the_session_and_the_host_is_away(house: House) -> None:
    token = await house.go_live()
    answer = await house.call("DELETE", "/whip/demo/session-1", token=token)
    assert answer.status == 200
    room = await house.show()
    assert (room["state"], room["host"]) == ("live", "away")
    assert (await house.call("DELETE", "/whip/demo/session-1", token=token)).status == 404


async def test_delete_is_refused_to_the_host_of_another_room(house: House) -> None:
    await house.go_live()
    stranger = house.token("host", room="other")
    assert (await house.call("DELETE", "/whip/demo/session-1", token=stranger)).status == 403
    assert (await house.call("DELETE", "/whip/demo/session-1")).status == 401
    assert "session-1" in house.media.sessions


async def test_get_has_no_content(house: House) -> None:
    await house.go_live()
    for path in ("/whip/demo", "/whip/demo/session-1"):
        answer = await house.call("GET", path)
        assert (answer.status, answer.body) == (204, b"")
    assert (await house.call("GET", "/whip/demo/session-9")).status == 404


async def test_options_needs_no_token_and_lists_the_methods(house: House) -> None:
    for path in ("/whip/demo", "/whip/demo/session-1"):
        answer = await house.call("OPTIONS", path, headers={"Origin": "https://shop.example"})
        assert answer.status == 200
        assert answer.headers["Accept-Post"] == "application/sdp"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]
        assert "If-Match" in answer.headers["Access-Control-Allow-Headers"]


async def test_pages_of_any_origin_may_read_answers_and_refusals(house: House) -> None:
    good = await house.publish("demo", house.token("host", room="demo"))
    bad = await house.call("POST", "/whip/demo", data=OFFER, headers=SDP_TYPE)
    for answer in (good, bad):
        exposed = answer.headers["Access-Control-Expose-Headers"]
        for header in ("Location", "ETag", "Link", "Retry-After", "Access-Control-Allow-Methods"):
            assert header in exposed


async def test_ice_servers_are_linked_one_by_one(open_server: OpenHouse) -> None:
    servers = [
        {"url": "stun:stun.example.com"},
        {"url": "turn:turn.example.com?transport=udp", "username": "u", "credential": 'c"'},
    ]
    house = await open_server(media={"ice_servers": servers})
    token = await house.go_live()
    answer = await house.publish("demo", token)
    assert answer.headers.getall("Link") == [
        '<stun:stun.example.com>; rel="ice-server"',
        '<turn:turn.example.com?transport=udp>; rel="ice-server"; username="u"; '
        'credential="c\\""; credential-type="password"',
    ]
    # Who has no token gets no password.
    links = (await house.watch("demo")).headers.getall("Link")
    assert sum("ice-server" in link for link in links) == 1


async def test_ended_show_closes_every_session(house: House) -> None:
    token = await house.go_live()
    await house.watch("demo")
    assert (await house.change("demo", token, state="ended")).status == 200
    assert house.media.sessions == {}
    assert (await house.publish("demo", token)).status == 409
    assert (await house.change("demo", token, state="scheduled")).status == 200
    assert (await house.publish("demo", token)).status == 201
