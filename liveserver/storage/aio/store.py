"""The database without blocking the loop: each call runs in a thread."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from liveserver.errors import StorageUnavailable
from liveserver.rooms.room import RoomRecord
from liveserver.secret import Secret
from liveserver.storage.database import Database

T = TypeVar("T")


class Store:
    """The server's storage. Every method raises `StorageUnavailable` when the database fails."""

    def __init__(self, url: Secret) -> None:
        self._url = url
        self._database: Database | None = None
        # One thread: SQLite has one writer anyway, and the calls stay in order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="storage")

    async def open(self) -> None:
        """Connect and migrate; call before anything else."""
        self._database = await self._run(self._connect)

    async def close(self) -> None:
        """Close the connections; later calls fail. Idempotent."""
        database, self._database = self._database, None
        if database:
            await self._run(database.close)
        self._thread.shutdown(wait=False)

    async def ping(self) -> None:
        """Ask for a sign of life."""
        await self._run(self._open_database().ping)

    async def load_rooms(self) -> list[RoomRecord]:
        """Return every room."""
        return await self._run(self._open_database().load_rooms)

    async def save_rooms(self, records: Sequence[RoomRecord]) -> None:
        """Insert or overwrite the rooms."""
        database = self._open_database()
        await self._run(lambda: database.save_rooms(records))

    async def revoke(self, jti: str, *, now: float, expires_at: float) -> None:
        """Enter a token into the table of revoked ones."""
        database = self._open_database()
        await self._run(lambda: database.revoke(jti, now=now, expires_at=expires_at))

    async def load_revoked(self) -> frozenset[str]:
        """Return the ids of all revoked tokens."""
        return await self._run(self._open_database().load_revoked)

    def _connect(self) -> Database:
        database = Database(self._url)
        database.migrate()
        return database

    def _open_database(self) -> Database:
        if self._database is None:
            raise StorageUnavailable
        return self._database

    async def _run(self, call: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, call)
        except (SQLAlchemyError, OSError) as error:
            raise StorageUnavailable from error
