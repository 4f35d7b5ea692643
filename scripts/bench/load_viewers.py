"""Light viewers against a WHEP endpoint: what a viewer, a join and a packet cost the server.

    scripts/load_viewers --url http://127.0.0.1:8080 --room demo --viewers 100 --server-pid PID
    scripts/load_viewers ... --publish --token "$(liveserver token --role host --room load)"

With --publish it is the room's host too (720p30, 2.5 Mbit/s) and measures in three steps:
joins while the host is silent, forwarding, and joins one by one while it sends. Put server and
load on a core each (`taskset -c 0`, `taskset -c 1`), or they measure each other.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import time
from typing import Any

import aiohttp
import uvloop

from media.aio.dtls_peer import make_certificate
from media.errors import MediaError
from scripts.bench.figures import read_samples, spread, table
from scripts.bench.process import Usage, usage
from scripts.bench.synthetic import Shape, SyntheticPublisher
from scripts.bench.viewer import LightViewer, total_received

_SETTLE_S = 2.0
_IDLE_S = 3.0
_PICTURE_PATIENCE_S = 5.0
_JOINS_AT_ONCE = 8


def main() -> int:
    """Measure and print; 1 when viewers were lost or nothing arrived, 2 for a wrong call."""
    arguments = _parser().parse_args()
    limit_s = arguments.seconds + arguments.viewers / arguments.joins_per_second + 60
    try:
        report = uvloop.run(_bounded(Load(arguments), limit_s))
    except (MediaError, aiohttp.ClientError, TimeoutError, OSError) as error:
        print(f"error: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    print(table(report))
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
    return 0 if report["packets"] and report["connected"] == arguments.viewers else 1


async def _bounded(load: "Load", limit_s: float) -> dict[str, Any]:
    async with asyncio.timeout(limit_s):
        return await load.run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/load_viewers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8080", help="server; WHEP is URL/whep/ROOM")
    add("--room", default="demo")
    add("--whep", help="full WHEP address, for other servers")
    add("--whip", help="full WHIP address")
    add("--viewers", type=int, default=20)
    add("--seconds", type=float, default=10.0, help="length of the forwarding measurement")
    add("--joins-per-second", type=float, default=20.0)
    add("--probes", type=int, default=20, help="joins one by one at the end; 0 for none")
    add("--server-pid", type=int, help="read CPU time and memory of this process")
    add("--publish", action="store_true", help="be the host too")
    add("--token", default=os.environ.get("LIVESERVER_TOKEN", ""), help="or $LIVESERVER_TOKEN")
    add("--video-bps", type=int, default=Shape().video_bps)
    add("--packet-bytes", type=int, default=Shape().packet_bytes)
    add("--spread-ms", type=float, default=0.0, help="send each frame over so long, not at once")
    add("--json", metavar="FILE", help="write the report there as well")
    return parser


class Load:
    """One run."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._whep = arguments.whep or f"{arguments.url}/whep/{arguments.room}"
        self._whip = arguments.whip or f"{arguments.url}/whip/{arguments.room}"
        self._certificate = make_certificate()
        self._viewers: list[LightViewer] = []
        self._publisher: SyntheticPublisher | None = None
        self._report: dict[str, Any] = {"viewers": arguments.viewers}

    async def run(self) -> dict[str, Any]:
        """Do all steps and return the report."""
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            try:
                await self._measure(http)
            finally:
                await asyncio.gather(*(viewer.leave(http) for viewer in self._viewers))
                if self._publisher is not None:
                    await self._publisher.stop(http)
        return self._report

    async def _measure(self, http: aiohttp.ClientSession) -> None:
        if self._arguments.publish:
            await self._publish(http)
        await self._join_all(http)
        await self._forward(http)
        await self._probe(http)

    async def _publish(self, http: aiohttp.ClientSession) -> None:
        arguments = self._arguments
        shape = Shape(
            video_bps=arguments.video_bps,
            packet_bytes=arguments.packet_bytes,
            spread_ms=arguments.spread_ms,
        )
        publisher = SyntheticPublisher(self._whip, arguments.token, shape, self._certificate)
        self._publisher = publisher
        await publisher.start(http)
        await asyncio.sleep(_SETTLE_S)

    async def _join_all(self, http: aiohttp.ClientSession) -> None:
        """Join at the asked pace; while a publisher of ours is silent the joins alone cost."""
        if self._publisher is not None:
            self._publisher.sending.clear()
            await asyncio.sleep(_SETTLE_S / 2)
        before, began = self._usage(), time.monotonic()
        slots = asyncio.Semaphore(_JOINS_AT_ONCE)
        joins = []
        for _ in range(self._arguments.viewers):
            viewer = LightViewer(self._whep, self._certificate)
            self._viewers.append(viewer)
            joins.append(asyncio.create_task(_join(viewer, http, slots)))
            await asyncio.sleep(1 / self._arguments.joins_per_second)
        failures = [error for error in await asyncio.gather(*joins) if error]
        if failures:
            self._report["failed joins"] = {"n": len(failures), "first": failures[0]}
        if before is not None and self._publisher is not None:
            await self._note_joins(before, time.monotonic() - began)
            self._publisher.sending.set()
        await asyncio.sleep(_SETTLE_S)

    async def _note_joins(self, before: Usage, seconds: float) -> None:
        """Leave out what those who had joined cost meanwhile by their reports and checks."""
        joined = max(1, sum(viewer.is_connected for viewer in self._viewers))
        after = self._usage()
        await asyncio.sleep(_IDLE_S)
        idle = self._usage()
        assert after is not None
        assert idle is not None
        idle_share = (idle.cpu_s - after.cpu_s) / _IDLE_S
        cpu_s = after.cpu_s - before.cpu_s - idle_share * seconds / 2
        self._report["server CPU ms per join"] = round(1000 * cpu_s / joined, 2)
        kilobytes = (after.rss_bytes - before.rss_bytes) / 1024 / joined
        self._report["server kB per viewer"] = round(kilobytes)
        self._report["server CPU % for silent viewers"] = round(100 * idle_share, 1)

    async def _forward(self, http: aiohttp.ClientSession) -> None:
        counters = await self._counters(http)
        before, packets = self._usage(), total_received(self._viewers)
        own_s, began = time.process_time(), time.monotonic()
        await asyncio.sleep(self._arguments.seconds)
        after, packets = self._usage(), total_received(self._viewers) - packets
        own_s, seconds = time.process_time() - own_s, time.monotonic() - began
        later = await self._counters(http)
        connected = sum(viewer.is_connected for viewer in self._viewers)
        self._report |= {
            "connected": connected,
            "packets": packets,
            "packets/s per viewer": round(packets / seconds / max(1, connected), 1),
            "lost": sum(viewer.lost for viewer in self._viewers),
            "load CPU %": round(100 * own_s / seconds, 1),
        }
        if before is not None and after is not None and packets:
            cpu_s = after.cpu_s - before.cpu_s
            self._report["server CPU %"] = round(100 * cpu_s / seconds, 1)
            self._report["server CPU us per packet and viewer"] = round(1e6 * cpu_s / packets, 2)
            self._report["server MB"] = round(after.rss_bytes / 1e6, 1)
        grown = {name: value - counters.get(name, 0.0) for name, value in later.items()}
        if sends := grown.get("media_sends_total"):
            trains = grown.get("media_packets_forwarded_total", 0.0) / sends
            self._report["mean train length"] = round(trains, 2)

    async def _probe(self, http: aiohttp.ClientSession) -> None:
        """Join and leave one by one, beside the viewers that are there."""
        probes = []
        for _ in range(self._arguments.probes):
            viewer = LightViewer(self._whep, self._certificate)
            await viewer.join(http)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PICTURE_PATIENCE_S):
                    await viewer.has_picture.wait()
            await viewer.leave(http)
            probes.append(viewer.times)
        for name in ("answered_ms", "connected_ms", "first_packet_ms", "key_frame_ms"):
            values = [value for probe in probes if (value := getattr(probe, name)) is not None]
            if values:
                self._report[f"join {name.replace('_ms', ' ms').replace('_', ' ')}"] = spread(
                    values
                )
        if self._publisher is not None:
            self._report["key-frame requests"] = self._publisher.key_requests

    def _usage(self) -> Usage | None:
        pid = self._arguments.server_pid
        return None if pid is None else usage(pid)

    async def _counters(self, http: aiohttp.ClientSession) -> dict[str, float]:
        try:
            async with http.get(f"{self._arguments.url}/metrics") as response:
                return read_samples(await response.text()) if response.status == 200 else {}
        except aiohttp.ClientError:
            return {}


async def _join(viewer: LightViewer, http: aiohttp.ClientSession, slots: asyncio.Semaphore) -> str:
    """Join; return what went wrong, or an empty string."""
    async with slots:
        try:
            await viewer.join(http)
        except (MediaError, aiohttp.ClientError, TimeoutError) as error:
            return str(error) or type(error).__name__
    return ""


if __name__ == "__main__":
    sys.exit(main())
