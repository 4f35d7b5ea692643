"""What a process has used, from /proc (Linux)."""

import os
from pathlib import Path
from typing import NamedTuple

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """A reading."""

    cpu_s: float
    "User and system time of all threads, resolution of a clock tick (10 ms) or better."
    rss_bytes: int


def usage(pid: int) -> Usage:
    """Read a process' CPU time and resident memory.

    Raises:
        OSError: there is no such process.
    """
    folder = Path("/proc") / str(pid)
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    ticks_s = (int(fields[11]) + int(fields[12])) * _TICK_S
    rss = int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Usage(_scheduled_s(folder) or ticks_s, rss)


def _scheduled_s(folder: Path) -> float:
    """Sum the scheduler's nanoseconds over the threads: finer than ticks; 0 if not kept."""
    total = 0
    for task in (folder / "task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (OSError, IndexError):
            return 0.0
    return total / 1e9
