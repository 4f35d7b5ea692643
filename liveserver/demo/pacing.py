"""Ticks at a steady pace on the loop's clock."""

import asyncio
from collections.abc import AsyncIterator


async def ticks(start: float, interval_s: float, *, catch_up: int = 2) -> AsyncIterator[int]:
    """Yield 0, 1, 2, ... each at its time after `start` (seconds of the loop's clock).

    Up to `catch_up` late ticks follow at once; where the loop was held up for longer the numbers
    jump ahead, so that what is sent stays live.
    """
    loop = asyncio.get_running_loop()
    index = 0
    while True:
        delay = start + index * interval_s - loop.time()
        if delay > 0:
            await asyncio.sleep(delay)
        elif -delay > catch_up * interval_s:
            index += int(-delay / interval_s)
        yield index
        index += 1
