"""A server of this checkout for a benchmark: private, on free ports of loopback."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from scripts.bench.process import free_port

_START_S, _STOP_S = 20.0, 10.0
_ROOT = Path(__file__).parents[2]
_SETTINGS = """
[http]
port = {http_port}
[media]
udp_host = "127.0.0.1"
udp_port = {udp_port}
[storage]
url = "sqlite:///{folder}/liveserver.db"
[auth]
secret_file = "{folder}/secret"
"""


class ServerFailed(Exception):
    """The server does not start."""


class OwnServer:
    """A `liveserver serve` with its data in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._http_port = free_port(socket.SOCK_STREAM)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Address without a slash at its end."""
        return f"http://127.0.0.1:{self._http_port}"

    @property
    def pid(self) -> int:
        """Its process id; call `start` before."""
        assert self._process is not None
        return self._process.pid

    async def start(self, *prefix: str) -> None:
        """Start it, behind a command such as `taskset -c 0`, and wait until it is ready.

        Raises:
            ServerFailed: it does not come up.
        """
        ports = {"http_port": self._http_port, "udp_port": free_port(socket.SOCK_DGRAM)}
        settings = _SETTINGS.format(**ports, folder=self._folder)
        (self._folder / "server.toml").write_text(settings)
        with (self._folder / "server.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *prefix, *self._command("serve"), env=_environment(), stdout=log, stderr=log
            )
        await self._wait()

    async def stop(self) -> None:
        """End it. Idempotent."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def host_token(self, room: str) -> str:
        """Make a host's token with the command line."""
        command = self._command("token", "--role", "host", "--room", room)
        made = await asyncio.create_subprocess_exec(
            *command, env=_environment(), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await made.communicate()
        return output.decode().strip()

    def _command(self, name: str, *options: str) -> list[str]:
        config = str(self._folder / "server.toml")
        return [sys.executable, "-m", "liveserver", name, "--config", config, *options]

    async def _wait(self) -> None:
        assert self._process is not None
        deadline = asyncio.get_running_loop().time() + _START_S
        async with aiohttp.ClientSession() as http:
            while asyncio.get_running_loop().time() < deadline:
                if self._process.returncode is not None:
                    break
                if await _is_ready(http, f"{self.url}/readyz"):
                    return
                await asyncio.sleep(0.05)
        log = (self._folder / "server.log").read_text("utf-8", "replace")
        raise ServerFailed(f"the server does not start:\n{log[-2000:]}")


@contextlib.asynccontextmanager
async def own_server(*prefix: str) -> AsyncIterator[OwnServer]:
    """Run a server whose data are gone afterwards; see `OwnServer.start`."""
    with tempfile.TemporaryDirectory() as folder:
        server = OwnServer(Path(folder))
        try:
            await server.start(*prefix)
            yield server
        finally:
            await server.stop()


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


def _environment() -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("LIVESERVER__")}
    return {**inherited, "PYTHONPATH": str(_ROOT)}
