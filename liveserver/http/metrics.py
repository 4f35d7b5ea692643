"""Numbers for Prometheus (text exposition format 0.0.4)."""

import asyncio
import os
import resource
from collections.abc import Iterable, Iterator
from pathlib import Path

from aiohttp import web

from liveserver.http.backend import Backend
from liveserver.http.counters import BUCKETS_S, HttpCounters
from liveserver.http.routing import Answer, Route

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Serve the counters of HTTP, rooms, media and process."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """Return the one route."""
        answer = {200: Answer("The metrics.", "text/plain")}
        return [Route("GET", "/metrics", self.show, "Prometheus metrics", "operation", answer)]

    async def show(self, _request: web.Request) -> web.Response:
        """Write every metric."""
        rooms = self._backend.rooms
        lines = [
            *_write_http(self._backend.counters),
            "# HELP liveserver_rooms Rooms by state.",
            "# TYPE liveserver_rooms gauge",
            *(
                f'liveserver_rooms{{state="{state.value}"}} {count}'
                for state, count in rooms.count_by_state().items()
            ),
            *_write_plain(rooms.media.counters().items()),
            *_write_process(),
        ]
        body = ("\n".join(lines) + "\n").encode()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})


def _write_http(counters: HttpCounters) -> Iterator[str]:
    yield "# HELP liveserver_http_requests_total Answered requests."
    yield "# TYPE liveserver_http_requests_total counter"
    for (method, route, status), count in sorted(counters.answers.items()):
        labels = f'method="{method}",route="{_escape(route)}",status="{status}"'
        yield f"liveserver_http_requests_total{{{labels}}} {count}"
    name = "liveserver_http_request_seconds"
    yield f"# HELP {name} Time from a request's headers to its answer."
    yield f"# TYPE {name} histogram"
    for bound in BUCKETS_S:
        yield f'{name}_bucket{{le="{bound}"}} {counters.durations[bound]}'
    yield f'{name}_bucket{{le="+Inf"}} {counters.count}'
    yield f"{name}_sum {counters.seconds:.6f}"
    yield f"{name}_count {counters.count}"


def _write_plain(values: Iterable[tuple[str, float]]) -> Iterator[str]:
    for name, value in sorted(values):
        yield f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}"
        yield f"{name} {value!r}"


def _write_process() -> Iterator[str]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield from _write_plain(_read_proc())
    yield from _write_plain(
        [
            ("liveserver_tasks", len(asyncio.all_tasks())),
            ("process_cpu_seconds_total", usage.ru_utime + usage.ru_stime),
            # Linux counts kilobytes.
            ("process_max_resident_memory_bytes", usage.ru_maxrss * 1024.0),
        ]
    )


def _read_proc() -> Iterator[tuple[str, float]]:
    """Yield what only Linux tells: the names that Prometheus' own clients use."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        open_files = len(os.listdir("/proc/self/fd"))
    except OSError:
        return
    yield "process_open_fds", open_files
    yield "process_resident_memory_bytes", pages * os.sysconf("SC_PAGE_SIZE")


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
