"""What a process has used, from /proc (Linux); running one of our own and its children."""

import asyncio
import os
import signal
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import uvloop

T = TypeVar("T")

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """A reading."""

    cpu_s: float
    "User and system time of all threads, resolution of a clock tick (10 ms) or better."
    rss_bytes: int
    open_files: int
    threads: int


def usage(pid: int) -> Usage:
    """Read a process' CPU time and resident memory.

    Raises:
        OSError: there is no such process.
    """
    folder = Path("/proc") / str(pid)
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    ticks_s = (int(fields[11]) + int(fields[12])) * _TICK_S
    rss = int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    open_files = len(os.listdir(folder / "fd"))
    threads = int(fields[17])
    # Of several threads some may have ended, and only the ticks still know of them.
    cpu_s = _scheduled_s(folder) if threads == 1 else 0.0
    return Usage(cpu_s or ticks_s, rss, open_files, threads)


def free_port(kind: socket.SocketKind) -> int:
    """Return a port of loopback that is free now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _scheduled_s(folder: Path) -> float:
    """Return the scheduler's nanoseconds, finer than ticks; 0 if not kept."""
    try:
        return int((folder / "schedstat").read_text().split()[0]) / 1e9
    except (OSError, IndexError):
        return 0.0


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a benchmark; SIGTERM ends it as Ctrl-C does, so that it ends its children.

    Raises:
        asyncio.CancelledError: it was ended.
    """

    async def cancellable() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await main

    return uvloop.run(cancellable())
