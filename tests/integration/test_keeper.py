"""The keeper when the database fails, and when events come late."""

import asyncio
from collections.abc import Sequence

import pytest

from liveserver.errors import RoomTaken, StorageUnavailable
from liveserver.rooms.aio.keeper import Attempt, RoomKeeper
from liveserver.rooms.room import RoomRecord, State
from liveserver.settings import RoomSettings
from media.settings import MediaSettings
from tests.integration.conftest import OpenHouse
from tests.support.fake_media import OFFER, FakeMedia
from tests.support.house import House
from tests.support.waiting import eventually


class FlakyStore:
    """Keeps rooms in memory, unless it is told to fail."""

    def __init__(self) -> None:
        self.is_failing = False
        self.rooms: dict[str, RoomRecord] = {}
        self.saved = asyncio.Event()

    async def load_rooms(self) -> list[RoomRecord]:
        return list(self.rooms.values())

    async def save_rooms(self, records: Sequence[RoomRecord]) -> None:
        if self.is_failing:
            raise StorageUnavailable
        self.rooms |= {record.room: record for record in records}
        self.saved.set()


def make_keeper(store: FlakyStore) -> tuple[RoomKeeper, FakeMedia]:
    keeper = RoomKeeper(
        RoomSettings(),
        lambda on_event: FakeMedia(MediaSettings(), on_event),
        store,
        clock=lambda: 1_800_000_000.0,
    )
    assert isinstance(keeper.media, FakeMedia)
    return keeper, keeper.media


def attempt(sub: str, *, is_takeover: bool = False) -> Attempt:
    return Attempt(
        room="demo", offer=OFFER, sub=sub, name=sub, is_takeover=is_takeover, may_open_room=True
    )


async def test_change_that_could_not_be_saved_is_saved_later() -> None:
    store = FlakyStore()
    keeper, _ = make_keeper(store)
    await keeper.open()
    store.is_failing = True
    with pytest.raises(StorageUnavailable):
        await keeper.create("demo", "Demo", None)
    assert keeper.view("demo").title == "Demo"
    store.is_failing = False
    await asyncio.wait_for(store.saved.wait(), 5)
    assert store.rooms["demo"].title == "Demo"
    await keeper.close()


async def test_going_live_is_saved_without_anyone_asking() -> None:
    store = FlakyStore()
    keeper, media = make_keeper(store)
    await keeper.open()
    await keeper.publish(attempt("ada"))
    await eventually(lambda: "demo" in store.rooms)
    media.flow("demo")
    await eventually(lambda: store.rooms["demo"].state is State.LIVE)
    await keeper.close()


async def test_last_changes_are_saved_at_the_end() -> None:
    store = FlakyStore()
    keeper, _ = make_keeper(store)
    await keeper.open()
    await keeper.publish(attempt("ada"))
    await keeper.close()
    assert store.rooms["demo"].host_name == "ada"


async def test_two_hosts_at_once_do_not_both_get_the_room() -> None:
    keeper, media = make_keeper(FlakyStore())
    await keeper.open()
    results = await asyncio.gather(
        keeper.publish(attempt("ada")), keeper.publish(attempt("bo")), return_exceptions=True
    )
    assert [isinstance(result, RoomTaken) for result in results] == [False, True]
    assert len(media.sessions) == 1
    await keeper.close()


async def test_show_that_ends_during_an_offer_gets_no_publisher(house: House) -> None:
    token = await house.go_live()
    house.media.meanwhile = lambda: house.change("demo", token, state="ended")
    answer = await house.publish("demo", token)
    assert (answer.status, answer.code) == (409, "room_ended")
    assert house.media.sessions == {}


async def test_room_made_during_its_first_offer_is_kept(house: House) -> None:
    made = {"room": "demo", "title": "Made by the shop"}
    merchant = house.token("merchant")
    house.media.meanwhile = lambda: house.call("POST", "/api/v1/rooms", token=merchant, json=made)
    await house.go_live()
    room = await house.show()
    assert (room["title"], room["state"]) == ("Made by the shop", "live")


async def host_is(house: House, presence: str) -> bool:
    return bool((await house.show())["host"] == presence)


async def test_host_who_stays_away_is_off(open_server: OpenHouse) -> None:
    house = await open_server(rooms={"away_grace_s": 0.05})
    await house.go_live()
    house.media.fall_silent("demo")
    assert (await house.show())["host"] == "away"
    await eventually(lambda: host_is(house, "off"))
    assert (await house.show())["state"] == "live"
