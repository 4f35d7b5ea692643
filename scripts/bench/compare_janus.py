"""This server beside Janus: the same stream, the same viewers, one after the other in one run.

    scripts/compare_janus --viewers 20 100 200

Needs Debian's package janus; installs nothing. Server and load get a core each. Both forward the
same synthetic 720p30 stream with SRTP to light viewers that count what arrives; Janus takes it as
plain RTP at a streaming mountpoint with two event loops, ours over WHIP. CPU is user and system
time of the whole server process.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import aiohttp
import msgspec

from media.aio.dtls_peer import Certificate, make_certificate
from media.errors import MediaError
from scripts.bench.figures import read_samples
from scripts.bench.janus import Janus, JanusFailed, JanusViewer, PlainPublisher
from scripts.bench.own_server import OwnServer, ServerFailed, own_server
from scripts.bench.process import run, usage
from scripts.bench.synthetic import Shape, SyntheticPublisher
from scripts.bench.viewer import LightViewer, total_received

_ROOM = "compare"
_SETTLE_S, _IDLE_S = 2.0, 3.0
_JOINS_AT_ONCE = 8
_FULL_PACE = 0.95
"Of the stream's packets; a publisher without CPU skips frames, which then come in longer trains."
_PROBLEMS = (MediaError, aiohttp.ClientError, TimeoutError, OSError)


class Row(msgspec.Struct, frozen=True):
    """What one server did for so many viewers."""

    server: str
    viewers: int
    connected: int
    packets_per_s: float
    "To one viewer."
    cpu_us_per_packet: float
    "Server CPU, for one packet to one viewer."
    cpu_percent: float
    "Of one core."
    lost_percent: float
    kb_per_viewer: float
    "Resident memory that joining added, before any media."
    cpu_ms_per_join: float
    train: float | None
    "Mean packets in one send call, where the server tells."
    load_percent: float
    "CPU of viewers and publisher together, of one core: near 100 the losses are theirs."


class Target(Protocol):
    """A server to measure."""

    name: str

    @property
    def pid(self) -> int:
        """Of the server."""

    @property
    def sending(self) -> asyncio.Event:
        """Clear it to let the stream fall silent."""

    def viewer(self) -> LightViewer:
        """Make a viewer that has not joined."""

    async def trains(self) -> tuple[float, float]:
        """Return packets and send calls so far; zeros if not known."""


class Ours:
    """This server."""

    name = "liveserver"

    def __init__(self, server: OwnServer, publisher: SyntheticPublisher, shared: "Shared") -> None:
        self._server, self._publisher, self._shared = server, publisher, shared
        self.pid = server.pid
        self.sending = publisher.sending

    def viewer(self) -> LightViewer:
        """Make a viewer that has not joined."""
        return LightViewer(f"{self._server.url}/whep/{_ROOM}", self._shared.certificate)

    async def trains(self) -> tuple[float, float]:
        """Return packets and send calls so far."""
        async with self._shared.http.get(f"{self._server.url}/metrics") as response:
            samples = read_samples(await response.text())
        return samples["media_packets_forwarded_total"], samples["media_sends_total"]


class Theirs:
    """Janus."""

    name = "Janus"

    def __init__(self, janus: Janus, publisher: PlainPublisher, shared: "Shared") -> None:
        self._janus, self._shared = janus, shared
        self.pid = janus.pid
        self.sending = publisher.sending

    def viewer(self) -> LightViewer:
        """Make a viewer that has not joined."""
        return JanusViewer(self._janus.url, self._shared.certificate)

    async def trains(self) -> tuple[float, float]:
        """Return zeros: Janus does not tell."""
        return 0.0, 0.0


class Shared(msgspec.Struct, frozen=True):
    """What all of a run use."""

    http: aiohttp.ClientSession
    certificate: Certificate
    shape: Shape
    prefix: tuple[str, ...]


@contextlib.asynccontextmanager
async def ours(shared: Shared) -> AsyncIterator[Target]:
    """Run this server with a publisher in its room."""
    async with own_server(*shared.prefix) as server:
        token = await server.host_token(_ROOM)
        whip = f"{server.url}/whip/{_ROOM}"
        publisher = SyntheticPublisher(whip, token, shared.shape, shared.certificate)
        await publisher.start(shared.http)
        yield Ours(server, publisher, shared)
        await publisher.stop(shared.http)


@contextlib.asynccontextmanager
async def theirs(shared: Shared) -> AsyncIterator[Target]:
    """Run Janus with plain RTP at its mountpoint."""
    with tempfile.TemporaryDirectory() as folder:
        janus = Janus(Path(folder))
        try:
            await janus.start(*shared.prefix)
            publisher = PlainPublisher(janus, shared.shape)
            await publisher.start()
            yield Theirs(janus, publisher, shared)
            await publisher.stop()
        finally:
            await janus.stop()


async def measure(target: Target, count: int, seconds: float, shared: Shared) -> Row:
    """Join so many viewers while the stream is silent, forward for so long, leave."""
    await asyncio.sleep(_SETTLE_S)
    target.sending.clear()
    await asyncio.sleep(_SETTLE_S)
    viewers = [target.viewer() for _ in range(count)]
    try:
        before, began = usage(target.pid), time.monotonic()
        if problem := await _join_all(viewers, shared.http):
            print(f"{target.name}: a join failed: {problem}", file=sys.stderr)
        joined, joining_s = usage(target.pid), time.monotonic() - began
        await asyncio.sleep(_IDLE_S)
        idle_share = (usage(target.pid).cpu_s - joined.cpu_s) / _IDLE_S
        # Those who had joined cost something meanwhile by their reports and checks.
        joins_s = joined.cpu_s - before.cpu_s - idle_share * joining_s / 2
        target.sending.set()
        await asyncio.sleep(_SETTLE_S)
        row = await _forward(target, viewers, seconds)
    finally:
        target.sending.set()
        await asyncio.gather(*(viewer.leave(shared.http) for viewer in viewers))
    return msgspec.structs.replace(
        row,
        kb_per_viewer=round((joined.rss_bytes - before.rss_bytes) / 1024 / count),
        cpu_ms_per_join=round(1000 * joins_s / count, 2),
    )


async def _join_all(viewers: list[LightViewer], http: aiohttp.ClientSession) -> str:
    """Join all; return what went wrong last. Who did not get in is missing in `connected`."""
    slots, problems = asyncio.Semaphore(_JOINS_AT_ONCE), [""]

    async def join(viewer: LightViewer) -> None:
        async with slots:
            try:
                await viewer.join(http)
            except (JanusFailed, *_PROBLEMS) as error:
                problems.append(str(error) or type(error).__name__)

    await asyncio.gather(*map(join, viewers))
    return problems[-1]


async def _forward(target: Target, viewers: list[LightViewer], seconds: float) -> Row:
    packets, sends = await target.trains()
    lost = sum(viewer.lost for viewer in viewers)
    before, received = usage(target.pid), total_received(viewers)
    own_s, began = time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    after, received = usage(target.pid), total_received(viewers) - received
    own_s, took_s = time.process_time() - own_s, time.monotonic() - began
    later_packets, later_sends = await target.trains()
    # Those on the way between two readings are not lost.
    await asyncio.sleep(0.2)
    lost = sum(viewer.lost for viewer in viewers) - lost
    connected = sum(viewer.is_connected for viewer in viewers)
    sent = later_sends - sends
    return Row(
        server=target.name,
        viewers=len(viewers),
        connected=connected,
        packets_per_s=round(received / took_s / max(1, connected), 1),
        cpu_us_per_packet=round(1e6 * (after.cpu_s - before.cpu_s) / max(1, received), 2),
        cpu_percent=round(100 * (after.cpu_s - before.cpu_s) / took_s, 1),
        lost_percent=round(100 * lost / max(1, received + lost), 3),
        kb_per_viewer=0,
        cpu_ms_per_join=0,
        train=round((later_packets - packets) / sent, 1) if sent else None,
        load_percent=round(100 * own_s / took_s, 1),
    )


_COLUMNS = (
    ("server", "server"),
    ("viewers", "viewers"),
    ("connected", "connected"),
    ("packets/s per viewer", "packets_per_s"),
    ("CPU us per packet", "cpu_us_per_packet"),
    ("CPU %", "cpu_percent"),
    ("lost %", "lost_percent"),
    ("kB per viewer", "kb_per_viewer"),
    ("CPU ms per join", "cpu_ms_per_join"),
    ("packets per send", "train"),
    ("load's CPU %", "load_percent"),
)


_HEAD = f"| {' | '.join(title for title, _ in _COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"


def _write_row(row: Row) -> str:
    """Write a row of a Markdown table."""
    values = (getattr(row, name) for _, name in _COLUMNS)
    return f"| {' | '.join('-' if value is None else f'{value}' for value in values)} |"


async def _compare(arguments: argparse.Namespace) -> list[Row]:
    prefix = ("taskset", "-c", str(arguments.server_core)) if arguments.pin else ()
    shape = Shape(spread_ms=arguments.spread_ms)
    rows = []
    print(_HEAD, flush=True)
    # Janus keeps a WebSocket for every viewer.
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        shared = Shared(http, make_certificate(), shape, prefix)
        # A fresh server each: memory that was given back and taken again tells nothing.
        for count, running in itertools.product(arguments.viewers, (ours, theirs)):
            async with running(shared) as target:
                row = await measure(target, count, arguments.seconds, shared)
            rows.append(row)
            print(_write_row(row), flush=True)
            if row.packets_per_s < _FULL_PACE * shape.packets_per_s:
                print("the load was short of CPU: no fair row", file=sys.stderr)
    return rows


def main() -> int:
    """Measure and print; 1 when a server could not be run."""
    arguments = _parser().parse_args()
    if arguments.pin:
        os.sched_setaffinity(0, {arguments.load_core})
    try:
        rows = run(_compare(arguments))
    except (JanusFailed, ServerFailed, *_PROBLEMS, asyncio.CancelledError) as error:
        print(f"error: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump([msgspec.to_builtins(row) for row in rows], file, indent=2)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/compare_janus", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--viewers", type=int, nargs="+", default=[20, 100, 200])
    add("--seconds", type=float, default=10.0, help="length of each measurement")
    add("--spread-ms", type=float, default=0.0, help="send each frame over so long, not at once")
    add("--server-core", type=int, default=0)
    add("--load-core", type=int, default=1)
    add("--no-pin", dest="pin", action="store_false", help="leave the cores to the system")
    add("--json", metavar="FILE", help="write the rows there as well")
    return parser


if __name__ == "__main__":
    sys.exit(main())
