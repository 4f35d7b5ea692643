"""A whole server on loopback, with its media plane faked."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.house import House, open_house

OpenHouse = Callable[..., Awaitable[House]]


@pytest.fixture
async def open_server(tmp_path: Path) -> AsyncIterator[OpenHouse]:
    """Open servers with settings of the test's choice; all are stopped at the end."""
    houses: list[House] = []

    async def open_one(**tables: dict[str, object]) -> House:
        houses.append(await open_house(tmp_path, **tables))
        return houses[-1]

    yield open_one
    for house in houses:
        await house.close()


@pytest.fixture
async def house(open_server: OpenHouse) -> House:
    """A server with default settings."""
    return await open_server()
