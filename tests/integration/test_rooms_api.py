"""Rooms over JSON: who may read and write, what pages get, what outlives a restart."""

from pathlib import Path

from tests.integration.conftest import OpenHouse
from tests.support.house import House, open_house


async def make_rooms(house: House, *slugs: str) -> None:
    for slug in slugs:
        await house.call(
            "POST",
            "/api/v1/rooms",
            token=house.token("merchant"),
            json={"room": slug, "title": slug},
        )


async def test_merchant_makes_a_scheduled_room(house: House) -> None:
    answer = await house.call(
        "POST",
        "/api/v1/rooms",
        token=house.token("merchant"),
        json={"room": "spring", "title": " 春季上新 ", "scheduled_at": "2026-12-01T20:00:00+08:00"},
    )
    assert (answer.status, answer.headers["Location"]) == (201, "/api/v1/rooms/spring")
    assert answer.json | {"server_time": ""} == {
        "room": "spring",
        "title": "春季上新",
        "state": "scheduled",
        "host": "off",
        "host_name": None,
        "source": None,
        "scheduled_at": "2026-12-01T12:00:00.000Z",
        "started_at": None,
        "ended_at": None,
        "viewers": 0,
        "delay_ms": None,
        "ingest": None,
        "uplink_ms": None,
        "pinned": None,
        "sale": None,
        "server_time": "",
    }


async def test_live_room_shows_what_arrives_from_the_host(house: House) -> None:
    await house.go_live()
    room = await house.show()
    assert room["ingest"] == {
        "video_codec": "VP8",
        "audio_codec": "opus",
        "bitrate_bps": 2_500_000,
        "loss": 0.0123,
        "rtt_ms": 31,
        "frames_per_second": 30.0,
    }
    assert room["uplink_ms"] == 16
    assert room["started_at"] <= room["server_time"]


async def test_rooms_are_listed_page_by_page(house: House) -> None:
    await make_rooms(house, "c", "a", "b")
    first = (await house.call("GET", "/api/v1/rooms?limit=2")).json
    assert [room["room"] for room in first["items"]] == ["a", "b"]
    cursor = first["next_cursor"]
    second = (await house.call("GET", f"/api/v1/rooms?limit=2&cursor={cursor}")).json
    assert [room["room"] for room in second["items"]] == ["c"]
    assert second["next_cursor"] is None


async def test_list_refuses_a_made_up_page(house: House) -> None:
    for query in (
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=9e9",
        "limit=0000000501111",
        "cursor=%FF",
        "cursor=a",
    ):
        answer = await house.call("GET", f"/api/v1/rooms?{query}")
        assert (answer.status, answer.code) == (400, "invalid_request"), query


async def test_only_merchants_make_rooms(house: House) -> None:
    for token, status in (
        (None, 401),
        (house.token("guest"), 403),
        (house.token("host", room="spring"), 403),
        (house.token("merchant", room="other"), 403),
        (house.token("admin"), 201),
    ):
        answer = await house.call(
            "POST", "/api/v1/rooms", token=token, json={"room": "spring", "title": "Spring"}
        )
        assert answer.status == status


async def test_host_changes_its_own_room_alone(house: House) -> None:
    token = await house.go_live()
    assert (await house.change("demo", token, title="New")).json["title"] == "New"
    stranger = house.token("host", room="other")
    assert (await house.change("demo", stranger, title="Mine")).status == 403
    assert (await house.change("demo", house.token("host"), title="Mine")).status == 403
    assert (await house.show())["title"] == "New"


async def test_change_is_all_or_nothing(house: House) -> None:
    token = await house.go_live()
    for change in (
        {"title": "New", "state": "scheduled"},
        {"title": "", "state": "paused"},
        {"state": "paused", "scheduled_at": "2026-12-01T20:00:00"},
        {"state": "paused", "colour": "red"},
    ):
        assert (await house.change("demo", token, **change)).status in (400, 409)
        room = await house.show()
        assert (room["title"], room["state"]) == ("demo", "live")


async def test_show_moves_as_its_host_asks(house: House) -> None:
    token = await house.go_live()
    for state in ("paused", "paused", "live", "ended", "scheduled"):
        assert (await house.change("demo", token, state=state)).json["state"] == state
    answer = await house.change("demo", token, state="live")
    assert (answer.status, answer.code) == (409, "invalid_state")


async def test_schedule_can_be_set_and_taken_back(house: House) -> None:
    await make_rooms(house, "spring")
    token = house.token("host", room="spring")
    changed = await house.change("spring", token, scheduled_at="2026-12-01T20:00:00.5Z")
    assert changed.json["scheduled_at"] == "2026-12-01T20:00:00.500Z"
    assert (await house.change("spring", token, title="X")).json["scheduled_at"] is not None
    assert (await house.change("spring", token, scheduled_at=None)).json["scheduled_at"] is None


async def test_rooms_outlive_a_restart_and_wait_for_the_host(tmp_path: Path) -> None:
    house = await open_house(tmp_path)
    token = await house.go_live(name="Ada")
    await house.change("demo", token, title="春季上新")
    before = await house.show()
    await house.close()
    again = await open_house(tmp_path)
    room = await again.show()
    assert (room["state"], room["host"], room["title"]) == ("live", "away", "春季上新")
    assert (room["host_name"], room["started_at"]) == ("Ada", before["started_at"])
    # The old token still opens the room: the secret is kept too.
    assert (await again.publish("demo", token)).status == 201
    await again.close()


async def test_pages_of_other_origins_read_and_write_only_when_allowed(
    open_server: OpenHouse,
) -> None:
    house = await open_server(http={"allowed_origins": ["https://shop.example"]})
    token = await house.go_live()
    for origin, may in (
        ("https://shop.example", True),
        (f"http://127.0.0.1:{house.server.port}", True),
        ("https://evil.example", False),
        ("null", False),
    ):
        read = await house.call("GET", "/api/v1/rooms/demo", headers={"Origin": origin})
        assert (read.headers.get("Access-Control-Allow-Origin") == origin) is may
        preflight = await house.call(
            "OPTIONS",
            "/api/v1/rooms/demo",
            headers={"Origin": origin, "Access-Control-Request-Method": "PATCH"},
        )
        assert (preflight.status == 204) is may
        write = await house.call(
            "PATCH",
            "/api/v1/rooms/demo",
            token=token,
            json={"title": origin},
            headers={"Origin": origin},
        )
        assert (write.status == 200) is may
