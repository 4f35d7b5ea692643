"""Viewers who come and go for a long time, or all at once: what does the server keep, who loses?

    scripts/soak_viewers --minutes 60 --viewers 50
    scripts/soak_viewers --storm 300 --storm-seconds 3 --viewers 20

The first has viewers join and leave at random (seeded) and fails when memory keeps growing, or when
files, tasks or sessions are left after all have gone. The second lets many join at once while
some watch; it fails when those who watch lose packets or the host is asked for key frames more
often than about once a second. Both start a server and a synthetic host of their own.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import sys
import time
from typing import Any

import aiohttp
import msgspec

from media.aio.dtls_peer import make_certificate
from media.errors import MediaError
from scripts.bench.figures import read_samples, spread, table
from scripts.bench.own_server import OwnServer, ServerFailed, own_server
from scripts.bench.process import run, usage
from scripts.bench.soak_plan import Limits, Sample, faults, grown_bytes_per_hour, visits
from scripts.bench.synthetic import Shape, SyntheticPublisher
from scripts.bench.viewer import LightViewer, total_received

_ROOM = "soak"
_SETTLE_S = 3.0
_ENDING_S = 3.0
"For the server to notice that all have left; its sweep runs every second."
_JOIN_SLOTS = 64
_PROBLEMS = (MediaError, aiohttp.ClientError, TimeoutError)
_MOST_KEY_REQUESTS_PER_S = 1.2
"Once a second, and one at either end of the time."


class Soak:
    """One run against one server."""

    def __init__(self, server: OwnServer, http: aiohttp.ClientSession, seed: int) -> None:
        self._server, self._http, self._seed = server, http, seed
        self._certificate = make_certificate()
        self._publisher: SyntheticPublisher | None = None
        self._began = time.monotonic()
        self.watching: set[LightViewer] = set()
        self.is_ending = False
        self.joins = self.failed_joins = 0
        self.last_problem = ""

    async def publish(self, shape: Shape) -> SyntheticPublisher:
        """Be the host."""
        token = await self._server.host_token(_ROOM)
        whip = f"{self._server.url}/whip/{_ROOM}"
        self._publisher = SyntheticPublisher(whip, token, shape, self._certificate)
        await self._publisher.start(self._http)
        return self._publisher

    async def join(self) -> LightViewer | None:
        """Let one viewer join; None if it could not."""
        viewer = LightViewer(f"{self._server.url}/whep/{_ROOM}", self._certificate)
        self.joins += 1
        self.watching.add(viewer)
        try:
            await viewer.join(self._http)
        except _PROBLEMS as error:
            self.failed_joins += 1
            self.last_problem = str(error) or type(error).__name__
            await self.leave(viewer)
            return None
        return viewer

    async def leave(self, viewer: LightViewer, *, politely: bool = True) -> None:
        """Let a viewer leave."""
        self.watching.discard(viewer)
        await viewer.leave(self._http, politely=politely)

    async def sample(self) -> Sample:
        """Read the server."""
        used = usage(self._server.pid)
        async with self._http.get(f"{self._server.url}/metrics") as response:
            metrics = read_samples(await response.text())
        tasks = metrics.get("liveserver_tasks")
        return Sample(
            at_s=round(time.monotonic() - self._began, 1),
            viewers=len(self.watching),
            rss_bytes=used.rss_bytes,
            open_files=used.open_files,
            sessions=int(metrics.get("media_egresses", 0)),
            tasks=None if tasks is None else int(tasks),
        )

    async def come_and_go(self, seat: int, mean_stay_s: float, mean_away_s: float) -> None:
        """Fill one seat until cancelled; in every second seat they leave without a DELETE."""
        for away_s, stay_s in visits(self._seed, seat, mean_stay_s, mean_away_s):
            if self.is_ending:
                return
            await asyncio.sleep(away_s)
            viewer = await self.join()
            if viewer is not None:
                await asyncio.sleep(stay_s)
                await self.leave(viewer, politely=seat % 2 == 0)

    async def empty(self, seats: list[asyncio.Task[None]]) -> None:
        """Let everyone leave and nobody come."""
        # A cancelled task may be in the middle of a handshake that takes the error for its own.
        self.is_ending = True
        while seats:
            for seat in seats:
                seat.cancel()
            _, left = await asyncio.wait(seats, timeout=_ENDING_S)
            seats = list(left)
        await asyncio.gather(*(self.leave(viewer) for viewer in list(self.watching)))

    async def stop(self) -> None:
        """End what is left."""
        await self.empty([])
        if self._publisher is not None:
            await self._publisher.stop(self._http)


async def soak(load: Soak, arguments: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Let viewers come and go; return the report and what was wrong."""
    publisher = await load.publish(_shape(arguments))
    await asyncio.sleep(_SETTLE_S)
    # One visit first: what a server loads for its first viewer stays for good.
    if (first_viewer := await load.join()) is not None:
        await load.leave(first_viewer)
    await asyncio.sleep(_ENDING_S)
    first = await load.sample()
    print(_HEADER, _line(first), sep="\n", flush=True)
    # Seats are twice the viewers wanted, and each is taken half of the time.
    stay_s = arguments.stay_s
    seats = [
        asyncio.create_task(load.come_and_go(seat, stay_s, stay_s))
        for seat in range(2 * arguments.viewers)
    ]
    samples = await _sample_for(load, arguments)
    await load.empty(seats)
    await asyncio.sleep(_ENDING_S)
    last = await load.sample()
    print(_line(last))
    limits = Limits(rss_bytes_per_hour=1e6 * arguments.max_growth_mb)
    report = {
        "joins": load.joins,
        "failed joins": load.failed_joins,
        "packets sent": publisher.packets,
        "key-frame requests": publisher.key_requests,
        "memory MB an hour": round(grown_bytes_per_hour(samples, limits) / 1e6, 2),
        "before": _fields(first),
        "after": _fields(last),
    }
    wrong = faults(first, samples, last, limits)
    if load.failed_joins:
        wrong.append(f"{load.failed_joins} joins failed, the last with: {load.last_problem}")
    return report, wrong


async def _sample_for(load: Soak, arguments: argparse.Namespace) -> list[Sample]:
    seconds = 60 * arguments.minutes
    interval_s = min(arguments.every, seconds / 8)
    began = time.monotonic()
    samples = []
    for index in itertools.count(1):
        await asyncio.sleep(began + index * interval_s - time.monotonic())
        samples.append(await load.sample())
        print(_line(samples[-1]), flush=True)
        if time.monotonic() - began >= seconds - interval_s / 2:
            return samples
    return samples


async def storm(load: Soak, arguments: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Let many join at once while some watch; return the report and what was wrong."""
    publisher = await load.publish(_shape(arguments))
    await asyncio.sleep(_SETTLE_S)
    watchers = [viewer for _ in range(arguments.viewers) if (viewer := await load.join())]
    await asyncio.sleep(_SETTLE_S)
    lost, received = sum(viewer.lost for viewer in watchers), total_received(watchers)
    asked, began, cpu_s = publisher.key_requests, time.monotonic(), time.process_time()
    newcomers, joined_s = await _join_storm(load, arguments.storm, arguments.storm_seconds)
    await asyncio.sleep(_SETTLE_S)
    took_s = time.monotonic() - began
    received = total_received(watchers) - received
    await asyncio.sleep(0.2)
    lost = sum(viewer.lost for viewer in watchers) - lost
    asked = publisher.key_requests - asked
    own_share = (time.process_time() - cpu_s) / took_s
    pictures = [v.times.key_frame_ms for v in newcomers if v.times.key_frame_ms is not None]
    report = {
        "watchers": len(watchers),
        "packets to watchers": received,
        "lost by watchers": lost,
        "joined": len(newcomers),
        "failed joins": load.failed_joins,
        "joining took s": round(joined_s, 2),
        "join to connected ms": spread([v.times.connected_ms or 0.0 for v in newcomers]),
        "join to key frame ms": spread(pictures),
        "key-frame requests": asked,
        "key-frame requests/s": round(asked / took_s, 2),
        "load CPU %": round(100 * own_share, 1),
    }
    wrong = [f"watchers lost {lost} packets"] if lost else []
    if asked > _MOST_KEY_REQUESTS_PER_S * took_s:
        wrong.append(f"the host was asked for {asked} key frames in {took_s:.1f} s")
    if load.failed_joins:
        wrong.append(f"{load.failed_joins} joins failed, the last with: {load.last_problem}")
    return report, wrong


async def _join_storm(load: Soak, count: int, seconds: float) -> tuple[list[LightViewer], float]:
    slots, began = asyncio.Semaphore(_JOIN_SLOTS), time.monotonic()

    async def join(index: int) -> LightViewer | None:
        await asyncio.sleep(index * seconds / count)
        async with slots:
            return await load.join()

    joined = await asyncio.gather(*map(join, range(count)))
    return [viewer for viewer in joined if viewer is not None], time.monotonic() - began


_HEADER = "   time s  viewers   RSS MB  files  sessions  tasks"


def _line(sample: Sample) -> str:
    tasks = "-" if sample.tasks is None else sample.tasks
    return (
        f"{sample.at_s:9.1f}{sample.viewers:9}{sample.rss_bytes / 1e6:9.1f}"
        f"{sample.open_files:7}{sample.sessions:10}{tasks:>7}"
    )


def _fields(sample: Sample) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(sample)
    return fields


def _shape(arguments: argparse.Namespace) -> Shape:
    return Shape(video_bps=arguments.video_bps)


def main() -> int:
    """Run and print; 1 when something was left behind, lost or could not be run."""
    arguments = _parser().parse_args()
    if arguments.pin:
        os.sched_setaffinity(0, {1})
    try:
        report, wrong = run(_run(arguments))
    except (ServerFailed, OSError, asyncio.CancelledError, *_PROBLEMS) as error:
        print(f"error: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    print(table(report))
    for sentence in wrong:
        print(f"FAILED: {sentence}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({**report, "failed": wrong}, file, indent=2)
    return 1 if wrong else 0


async def _run(arguments: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    prefix = ("taskset", "-c", "0") if arguments.pin else ()
    timeout = aiohttp.ClientTimeout(total=30)
    # Every request comes on a connection of its own, as from so many people.
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    http = aiohttp.ClientSession(connector=connector, timeout=timeout)
    async with own_server(*prefix) as server, http:
        load = Soak(server, http, arguments.seed)
        try:
            return await (storm if arguments.storm else soak)(load, arguments)
        finally:
            with contextlib.suppress(*_PROBLEMS):
                await load.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/soak_viewers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--minutes", type=float, default=5.0)
    add("--viewers", type=int, default=50, help="at a time, on average; in a storm: who watch")
    add("--stay-s", type=float, default=20.0, help="mean length of a visit, and of its absence")
    add("--every", type=float, default=30.0, help="seconds between samples")
    add("--seed", type=int, default=0)
    add("--max-growth-mb", type=float, default=8.0, help="memory an hour that is still flat")
    add("--video-bps", type=int, default=500_000, help="of the synthetic host")
    add("--storm", type=int, default=0, metavar="N", help="let N join at once instead")
    add("--storm-seconds", type=float, default=3.0, help="time over which they come")
    add("--pin", action="store_true", help="server on core 0, load on core 1")
    add("--json", metavar="FILE", help="write the report there as well")
    return parser


if __name__ == "__main__":
    sys.exit(main())
