"""A server, a browser and a publishing host page for the measurements with real browsers.

Uses what the tests use; nothing of it is needed to run the product.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import BrowserContext, Page

from tests.support.browser import chromium, wait_for
from tests.support.browser_page import install
from tests.support.running_server import RunningServer, running_server

ROOM = "bench"

# A 720p30 picture with a time code: 8 x 3 blocks, black or white, of 80 pixels; 20 bits of Unix
# milliseconds and their sum modulo 16, most significant bit first. Around it colours move, so that
# the encoder has work. One tone is the sound.
_HOST = """
async ({url, token, codec}) => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 1280, height: 720});
  const context = canvas.getContext('2d');
  const draw = () => {
    const now = Math.round(performance.timeOrigin + performance.now()) % 2 ** 20;
    const sum = [0, 4, 8, 12, 16].reduce((total, at) => total + (now >> at & 15), 0) % 16;
    const bits = (now * 16 + sum).toString(2).padStart(24, '0');
    const turn = now / 4000 * Math.PI;
    for (let band = 0; band < 12; band += 1) {
      context.fillStyle = `hsl(${band * 30 + now / 50} 60% ${50 + 20 * Math.sin(turn + band)}%)`;
      context.fillRect(0, band * 60, 1280, 60);
      context.fillStyle = '#0e0c0b';
      context.fillRect(640 + 500 * Math.sin(turn + band), band * 60 + 10, 90, 40);
    }
    [...bits].forEach((bit, at) => {
      context.fillStyle = bit === '1' ? '#fff' : '#000';
      context.fillRect(at % 8 * 80, Math.floor(at / 8) * 80, 80, 80);
    });
  };
  setInterval(draw, 1000 / 30);
  draw();
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const out = audio.createMediaStreamDestination();
  tone.connect(out);
  tone.start();
  const stream = canvas.captureStream(30);
  stream.addTrack(out.stream.getAudioTracks()[0]);
  return publish({url, token, kinds: [], codec, stream});
}
"""


class Stage(NamedTuple):
    """What a measurement plays on."""

    server: RunningServer
    context: BrowserContext
    host: Page

    def empty_page(self) -> Page:
        """Open another page with the bare WHEP functions."""
        return install(self.context.new_page(), self.server.url)


@contextmanager
def stage(codec: str) -> Iterator[Stage]:
    """Run it all; ready once the host's picture flows."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder)) as server,
        chromium("--autoplay-policy=no-user-gesture-required") as browser,
    ):
        # Drawing pages takes processor time here; a small window leaves it to the media.
        context = browser.new_context(viewport={"width": 640, "height": 360})
        host = install(context.new_page(), server.url)
        wish = {
            "url": f"{server.url}/whip/{ROOM}",
            "token": server.token("host", ROOM),
            "codec": codec,
        }
        told: dict[str, Any] = host.evaluate(_HOST, wish)
        if told["status"] != 201:
            raise RuntimeError(f"the host was refused: {told}")
        wait_for(lambda: server.room(ROOM)["state"], lambda state: state == "live")
        yield Stage(server, context, host)
