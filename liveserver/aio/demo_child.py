"""The demo publisher as a child process: started, restarted, stopped with the server.

It is a WHIP client like any other, in its own process, so that its encoder takes no time from the
forwarding loop. The token goes in on standard input; the pipe stays open, and its end tells the
child that the server is gone.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from liveserver.logs import fields

logger = logging.getLogger(__name__)

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 15.0
# A child that ran this long was well: the next failure starts from the shortest wait again.
STEADY_S = 30.0
STOP_S = 3.0


class DemoChild:
    """Keep one `python -m liveserver.demo` running."""

    def __init__(self, whip_url: str, certificate: str, make_token: Callable[[], str]) -> None:
        self._arguments = ["-m", "liveserver.demo", "--whip", whip_url]
        if certificate:
            self._arguments += ["--cafile", certificate]
        self._make_token = make_token
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the child in the background."""
        self._task = asyncio.create_task(self._keep_running())

    async def stop(self) -> None:
        """End the child, gently first."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_running(self) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            started = time.monotonic()
            status = await self._run_once()
            if time.monotonic() - started >= STEADY_S:
                wait_s = FIRST_WAIT_S
            logger.warning("demo ended", extra=fields(status=status, again_in_s=wait_s))
            await asyncio.sleep(wait_s)
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)

    async def _run_once(self) -> int:
        child = await asyncio.create_subprocess_exec(
            sys.executable, *self._arguments, stdin=asyncio.subprocess.PIPE
        )
        try:
            assert child.stdin is not None
            with suppress(ConnectionError):
                child.stdin.write(f"{self._make_token()}\n".encode())
                await child.stdin.drain()
            return await child.wait()
        finally:
            await _end(child)


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    with suppress(ProcessLookupError):
        child.terminate()
    # Not `asyncio.timeout`: before Python 3.11.4 it is blind in a task that was cancelled before.
    gone = asyncio.create_task(child.wait())
    await asyncio.wait({gone}, timeout=STOP_S)
    if not gone.done():
        child.kill()
    await gone
