"""The delay from the host's picture to the viewer's screen, glass to glass without the glass.

    scripts/measure_delay [--seconds 20] [--codec VP8]

A real Chromium host page draws the time into its picture; the product's watch page, in the same
browser and so by the same clock, shows it; the time is read back from each frame shown.
"""

import argparse
import json
import sys
import time
from typing import Any

from playwright.sync_api import Page

from scripts.bench.figures import spread, table
from scripts.bench.stage import ROOM, Stage, stage
from tests.support.browser import playback
from tests.support.pages import open_watch

_SETTLE_S = 8.0

# See the host's drawing in `stage`. A frame whose sum is wrong was spoilt by the encoder.
_READ = """
(seconds) => new Promise((resolve) => {
  const video = document.querySelector('video');
  const canvas = new OffscreenCanvas(8, 3);
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const delays = [];
  let spoilt = 0;
  const end = performance.now() + seconds * 1000;
  const read = (_, {expectedDisplayTime, width, height}) => {
    context.drawImage(video, 0, 0, width / 2, height / 3, 0, 0, 8, 3);
    const {data} = context.getImageData(0, 0, 8, 3);
    const bits = Array.from({length: 24}, (_, at) => (data[at * 4 + 1] > 128 ? 1 : 0));
    const number = (from, to) => bits.slice(from, to).reduce((sum, bit) => sum * 2 + bit, 0);
    const drawn = number(0, 20);
    const sum = [0, 4, 8, 12, 16].reduce((total, at) => total + (drawn >> at & 15), 0) % 16;
    const shown = Math.round(performance.timeOrigin + expectedDisplayTime) % 2 ** 20;
    if (sum === number(20, 24)) delays.push((shown - drawn + 2 ** 20) % 2 ** 20);
    else spoilt += 1;
    if (performance.now() < end) video.requestVideoFrameCallback(read);
    else resolve({delays, spoilt});
  };
  video.requestVideoFrameCallback(read);
})
"""

# Where the time goes: sums of seconds since the start, to be divided by what they were summed over.
_SENDER = """
async () => {
  const all = [...(await connection.getStats()).values()];
  const video = all.find(({type, kind}) => type === 'outbound-rtp' && kind === 'video');
  return {
    'encode': [video.totalEncodeTime, video.framesEncoded],
    'wait for the pacer': [video.totalPacketSendDelay, video.packetsSent],
  };
}
"""
_RECEIVER = """
async () => {
  const all = [...(await __liveserver.pc.getStats()).values()];
  const video = all.find(({type, kind}) => type === 'inbound-rtp' && kind === 'video');
  return {
    'assembly': [video.totalAssemblyTime, video.framesAssembledFromMultiplePackets],
    'jitter buffer': [video.jitterBufferDelay, video.jitterBufferEmittedCount],
    'decode': [video.totalDecodeTime, video.framesDecoded],
  };
}
"""
Sums = dict[str, tuple[float, float]]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/measure_delay", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--codec", default="VP8")
    parser.add_argument("--json", metavar="FILE", help="write the report there as well")
    arguments = parser.parse_args()
    with stage(arguments.codec) as running:
        report = measure(running, arguments.seconds)
    print(table({"codec": arguments.codec, **report}))
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
    return 0 if report["delay ms"]["n"] else 1


def measure(running: Stage, seconds: float) -> dict[str, Any]:
    """Watch for a while and read the time off every frame shown."""
    viewer = open_watch(running.context, running.server, ROOM)
    time.sleep(_SETTLE_S)
    before, sums = playback(viewer), _read_sums(running.host, viewer)
    told = viewer.evaluate(_READ, seconds)
    after, later = playback(viewer), _read_sums(running.host, viewer)
    return {
        "delay ms": spread(told["delays"]),
        "of it ms (mean)": {name: _mean_ms(sums[name], later[name]) for name in sums},
        "frames not readable": told["spoilt"],
        "frames decoded per second": round(
            (after.frames_decoded - before.frames_decoded) / seconds, 1
        ),
        "freezes": after.freeze_count - before.freeze_count,
        "picture": f"{after.width}x{after.height}",
        "the page says ms": viewer.evaluate("() => window.__liveserver.stats.delayMs"),
    }


def _read_sums(host: Page, viewer: Page) -> Sums:
    return {**host.evaluate(_SENDER), **viewer.evaluate(_RECEIVER)}


def _mean_ms(before: tuple[float, float], after: tuple[float, float]) -> float:
    return round(1000 * (after[0] - before[0]) / max(1, after[1] - before[1]), 1)


if __name__ == "__main__":
    sys.exit(main())
