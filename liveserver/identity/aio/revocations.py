"""The revoked tokens in memory, read again from storage every few seconds.

So a check costs no query, and a revocation written by the command line or another process is
known here within `REFRESH_S`.
"""

import asyncio
import logging
from typing import Protocol

from liveserver.errors import StorageUnavailable

logger = logging.getLogger(__name__)

REFRESH_S = 5.0


class RevocationStore(Protocol):
    """Where revocations are kept."""

    async def load_revoked(self) -> frozenset[str]:
        """Return the ids of all revoked tokens; raises `StorageUnavailable`."""


class RevokedTokens:
    """A set of token ids that follows the table."""

    def __init__(self, store: RevocationStore) -> None:
        self._store = store
        self._ids: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None

    def __contains__(self, jti: object) -> bool:
        return jti in self._ids

    async def open(self) -> None:
        """Read the table and go on following it."""
        await self.refresh()
        self._task = asyncio.create_task(self._follow())

    async def refresh(self) -> None:
        """Read the table now; raises `StorageUnavailable`."""
        self._ids = await self._store.load_revoked()

    async def close(self) -> None:
        """Stop following."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh()
            except StorageUnavailable:
                # What is known stays in force; /readyz tells about the database.
                logger.warning("revoked tokens not read again")
