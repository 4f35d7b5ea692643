"""The whole server as a child process, as a user starts it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
_START_S, _STOP_S = 20.0, 10.0


@dataclass
class RunningServer:
    """A started server; `url` has no slash at its end."""

    url: str
    config: Path
    process: "subprocess.Popen[bytes]"
    log: Path

    def token(self, role: str, room: str, *options: str) -> str:
        """Make a token with the command line."""
        command = [sys.executable, "-m", "liveserver", "token", "--config", str(self.config)]
        command += ["--role", role, "--room", room, *options]
        made = subprocess.run(
            command, cwd=self.config.parent, env=_environment(), capture_output=True, check=True
        )
        return made.stdout.decode().strip()

    def room(self, name: str) -> dict[str, object]:
        """Read a room's state as any page does."""
        with urllib.request.urlopen(f"{self.url}/api/v1/rooms/{name}", timeout=5) as response:
            return msgspec.json.decode(response.read(), type=dict[str, object])

    def metric(self, name: str) -> float:
        """Read one metric; 0.0 if it is not there."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as response:
            lines = response.read().decode().splitlines()
        values = [line.split()[-1] for line in lines if line.partition(" ")[0] == name]
        return float(values[0]) if values else 0.0


@contextmanager
def running_server(folder: Path, *options: str) -> Iterator[RunningServer]:
    """Run `liveserver serve` on free ports of loopback, with its data in `folder`."""
    config, log = folder / "server.toml", folder / "server.log"
    http_port, udp_port = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
    config.write_text(
        f'[http]\nport = {http_port}\n[media]\nudp_host = "127.0.0.1"\nudp_port = {udp_port}\n'
        f'[storage]\nurl = "sqlite:///{folder}/liveserver.db"\n'
        f'[auth]\nsecret_file = "{folder}/secret"\n'
    )
    command = [sys.executable, "-m", "liveserver", "serve", "--config", str(config), *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=_environment(), stdout=output, stderr=output
        )
    server = RunningServer(f"http://127.0.0.1:{http_port}", config, process, log)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port(kind: socket.SocketKind) -> int:
    """Return a port of loopback that is free now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("LIVESERVER__")}
    return {**inherited, "PYTHONPATH": str(ROOT)}


def _wait_until_ready(server: RunningServer) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{server.url}/readyz", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{server.log.read_text()[-3000:]}")
