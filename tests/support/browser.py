"""Real Chromium pages, and what their media statistics say."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--mute-audio"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
    *("--disable-background-timer-throttling", "--disable-renderer-backgrounding"),
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]
_POLL_S = 0.1

_PLAYBACK = """
async () => {
  // Before the page has connected there is nothing to report yet.
  const connection = window.connection ?? window.__liveserver.pc;
  const report = connection ? await connection.getStats() : new Map();
  const all = [...report.values()];
  const inbound = (kind) =>
    all.find((entry) => entry.type === 'inbound-rtp' && entry.kind === kind) ?? {};
  const [video, audio] = [inbound('video'), inbound('audio')];
  const codec = video.codecId ? report.get(video.codecId).mimeType : '';
  return {
    framesDecoded: video.framesDecoded ?? 0,
    framesDropped: video.framesDropped ?? 0,
    keyFramesDecoded: video.keyFramesDecoded ?? 0,
    freezeCount: video.freezeCount ?? 0,
    freezeSeconds: video.totalFreezesDuration ?? 0,
    width: video.frameWidth ?? 0,
    height: video.frameHeight ?? 0,
    videoLost: video.packetsLost ?? 0,
    audioLost: audio.packetsLost ?? 0,
    audioSamples: audio.totalSamplesReceived ?? 0,
    audioConcealed: audio.concealedSamples ?? 0,
    audioEnergy: audio.totalAudioEnergy ?? 0,
    codec,
  };
}
"""

_COLOUR = """
() => {
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.imageSmoothingQuality = 'high';
  context.drawImage(document.querySelector('video'), 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}
"""
_FRAMES_ENCODED = """
async () => {
  const report = await (window.connection ?? window.__liveserver.pc).getStats();
  const video = [...report.values()].filter(
    (entry) => entry.type === 'outbound-rtp' && entry.kind === 'video');
  // Layers of one picture are counted once.
  return Math.max(0, ...video.map((entry) => entry.framesEncoded ?? 0));
}
"""


class Playback(msgspec.Struct, frozen=True, rename="camel"):
    """What a viewer's browser has received and shown since it joined."""

    frames_decoded: int
    frames_dropped: int
    key_frames_decoded: int
    freeze_count: int
    freeze_seconds: float
    width: int
    height: int
    video_lost: int
    audio_lost: int
    audio_samples: int
    audio_concealed: int
    audio_energy: float
    codec: str


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """Run a headless browser with a fake camera and microphone, both allowed."""
    path = os.environ.get("LIVESERVER_TEST_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *arguments])
        try:
            yield browser
        finally:
            browser.close()


def playback(page: Page) -> Playback:
    """Read a watching page's statistics."""
    return msgspec.convert(page.evaluate(_PLAYBACK), type=Playback)


def mean_colour(page: Page) -> tuple[int, int, int]:
    """Read the mean red, green and blue of the picture that the page shows now."""
    red, green, blue = page.evaluate(_COLOUR)
    return red, green, blue


def frames_encoded(page: Page) -> int:
    """Read how many frames a publishing page has encoded."""
    return int(page.evaluate(_FRAMES_ENCODED))


T = TypeVar("T")


def wait_for(read: Callable[[], T], accept: Callable[[T], Any], within_s: float = 15.0) -> T:
    """Read until `accept` is true of what was read; AssertionError after `within_s`."""
    deadline = time.monotonic() + within_s
    while not accept(value := read()):
        assert time.monotonic() < deadline, f"not within {within_s:g} s; last seen: {value}"
        time.sleep(_POLL_S)
    return value
