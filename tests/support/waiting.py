"""Waiting for what happens in other tasks and processes."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

PATIENCE_S = 30.0
"Far more than it takes: a busy machine must not make a test fail."


async def eventually(is_so: Callable[[], bool | Awaitable[bool]]) -> None:
    """Return when the condition holds; `TimeoutError` if it never does."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = is_so()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.02)
