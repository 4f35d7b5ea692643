"""WHEP's server-sent events over real HTTP, with the media plane faked."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from media.layers import Layer, LayersShown
from tests.support.house import House

RELATION = "urn:ietf:params:whep:ext:core:server-sent-events"


class Stream:
    """A stream being read."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def event(self) -> tuple[str, Any]:
        """Wait for the next event, 5 s at most."""
        async with asyncio.timeout(5):
            kind = (await self._reader.readline()).decode().removeprefix("event: ").strip()
            data = (await self._reader.readline()).decode().removeprefix("data: ")
            assert await self._reader.readline() == b"\n"
            return kind, json.loads(data)

    async def end(self) -> None:
        """Wait for the end."""
        async with asyncio.timeout(5):
            assert await self._reader.read() == b""


async def open_stream(house: House, session: str, types: list[str] | None) -> str:
    request: dict[str, Any] = {} if types is None else {"json": types}
    answer = await house.call("POST", f"{session}/events", **request)
    assert answer.status == 201
    return answer.headers["Location"]


@asynccontextmanager
async def reading(house: House, url: str) -> AsyncIterator[Stream]:
    async with house.http.get(url) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        yield Stream(response.content)  # type: ignore[arg-type]


@pytest.fixture
async def session(house: House) -> str:
    await house.go_live()
    return (await house.watch("demo")).headers["Location"]


async def test_the_extension_is_offered_with_the_session(house: House) -> None:
    await house.go_live()
    answer = await house.watch("demo")
    link = answer.headers.getall("Link")[0]
    assert link == (
        f'<{answer.headers["Location"]}/events>; rel="{RELATION}"; '
        'events="active,inactive,layers,reconnect,viewercount"'
    )


async def test_a_player_hears_of_the_hosts_coming_and_going(house: House, session: str) -> None:
    url = await open_stream(house, session, ["active", "inactive"])
    async with reading(house, url) as stream:
        assert await stream.event() == ("active", {})
        house.media.fall_silent("demo")
        assert await stream.event() == ("inactive", {})
        house.media.flow("demo")
        assert await stream.event() == ("active", {})


async def test_a_player_hears_how_many_watch(house: House, session: str) -> None:
    url = await open_stream(house, session, ["viewercount"])
    async with reading(house, url) as stream:
        assert await stream.event() == ("viewercount", {"viewercount": 1})
        await house.watch("demo")
        assert await stream.event() == ("viewercount", {"viewercount": 2})


async def test_a_player_hears_which_layers_there_are(house: House, session: str) -> None:
    url = await open_stream(house, session, ["layers"])
    async with reading(house, url) as stream:
        house.media.layers = LayersShown((Layer("l", 1000.4), Layer("h", 9000.0, 720)), "l")
        low, high = {"rid": "l", "bitrate": 1000}, {"rid": "h", "bitrate": 9000, "height": 720}
        assert await stream.event() == ("layers", {"1": [low, high]})
        house.media.layers = LayersShown((Layer("l", 2000.0),), "l")
        assert await stream.event() == ("layers", {"1": [low | {"bitrate": 2000}]})


async def test_a_stream_without_a_list_has_every_type(house: House, session: str) -> None:
    async with reading(house, await open_stream(house, session, None)) as stream:
        kinds = {(await stream.event())[0], (await stream.event())[0]}
    assert kinds == {"active", "viewercount"}


@pytest.mark.parametrize("body", [["nonsense"], ["active", "scte35"], [1], {"active": True}, "x"])
async def test_types_that_are_not_sent_are_refused(
    house: House, session: str, body: object
) -> None:
    answer = await house.call("POST", f"{session}/events", json=body)
    assert (answer.status, answer.code) == (400, "invalid_request")


async def test_a_stream_ends_with_its_delete_its_session_or_the_server(
    house: House, session: str
) -> None:
    deleted, left, drained = [await open_stream(house, session, ["inactive"]) for _ in range(3)]
    async with reading(house, deleted) as stream:
        assert (await house.call("DELETE", deleted)).status == 200
        await stream.end()
    assert (await house.call("GET", deleted)).status == 404
    other = (await house.watch("demo")).headers["Location"]
    asked = await open_stream(house, other, ["reconnect"])
    async with reading(house, left) as stream, reading(house, asked) as last:
        assert (await house.call("DELETE", session)).status == 200
        await stream.end()
        assert (await house.call("GET", drained)).status == 404
        stopping = asyncio.create_task(house.server.stop())
        assert await last.event() == ("reconnect", {})
        await last.end()
        await stopping


async def test_streams_of_other_sessions_are_not_found(house: House, session: str) -> None:
    url = await open_stream(house, session, None)
    other = (await house.watch("demo")).headers["Location"]
    stream = url.rpartition("/")[2]
    for method in ("GET", "DELETE"):
        assert (await house.call(method, f"{other}/events/{stream}")).status == 404
    assert (await house.call("POST", "/whep/demo/session-9/events", json=[])).status == 404


async def test_a_second_reader_takes_the_stream_over(house: House, session: str) -> None:
    url = await open_stream(house, session, ["active", "inactive"])
    async with reading(house, url) as first:
        assert await first.event() == ("active", {})
        async with reading(house, url) as second:
            await first.end()
            house.media.fall_silent("demo")
            assert await second.event() == ("inactive", {})
