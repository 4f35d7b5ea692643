"""How soon a joining browser shows a picture, and what its joining asks of the host.

    scripts/measure_join [--joins 20] [--codec VP8]

Starts a server, a real Chromium host page (720p30) and a viewer page that joins again and again.
Times run from the WHEP POST: to the first frame decoded and handed to the screen, to that frame on
the screen, and to the next frame.
"""

import argparse
import json
import random
import sys
import time
from typing import Any

from scripts.bench.figures import spread, table
from scripts.bench.stage import ROOM, Stage, stage
from tests.support.browser_page import watch

_REQUESTS = "media_keyframe_requests_total"
_SETTLE_S = 5.0


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/measure_join", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--joins", type=int, default=20)
    parser.add_argument("--codec", default="VP8")
    parser.add_argument("--pause", type=float, default=1.5, help="mean seconds between joins")
    parser.add_argument("--json", metavar="FILE", help="write the report there as well")
    arguments = parser.parse_args()
    with stage(arguments.codec) as running:
        time.sleep(_SETTLE_S)
        report = measure(running, arguments.joins, arguments.pause)
    print(table({"codec": arguments.codec, **report}))
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
    return 0


def measure(running: Stage, joins: int, pause_s: float) -> dict[str, Any]:
    """Join and leave `joins` times at irregular moments."""
    page = running.empty_page()
    before, began = running.server.metric(_REQUESTS), time.monotonic()
    times: dict[str, list[float]] = {"decoded": [], "shown": [], "next": []}
    for _ in range(joins):
        told = watch(page, f"{running.server.url}/whep/{ROOM}")
        if told["status"] != 201:
            raise RuntimeError(f"the viewer was refused: {told}")
        frames = page.evaluate("() => firstFrames")
        times["decoded"].append(frames["first"]["decoded"] - told["began"])
        times["shown"].append(frames["first"]["shown"] - told["began"])
        times["next"].append(frames["second"]["shown"] - told["began"])
        page.evaluate("() => leave()")
        time.sleep(random.uniform(0.5, 1.5) * pause_s)
    requests = running.server.metric(_REQUESTS) - before
    return {
        "first frame decoded ms": spread(times["decoded"]),
        "first frame shown ms": spread(times["shown"]),
        "next frame shown ms": spread(times["next"]),
        "key-frame requests to the host": int(requests),
        "per second": round(requests / (time.monotonic() - began), 2),
    }


if __name__ == "__main__":
    sys.exit(main())
