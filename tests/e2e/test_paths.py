"""Real Chromium on other paths than plain UDP: ICE restarts, TCP alone, a TURN server."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.impaired.measures import describe, longest_gap_s
from tests.e2e.impaired.show import Viewer
from tests.support.browser import wait_for
from tests.support.running_server import RunningServer, free_port, running_server

HERE = Path(__file__).parent
SCRIPTS = [(HERE / "impaired" / "page.js").read_text(), (HERE / "paths.js").read_text()]
ROOM = "paths"
TURN_SECRET = "a secret of two servers"


class Stage:
    """A server, and bare pages that publish to it and watch it."""

    def __init__(self, server: RunningServer, context: BrowserContext) -> None:
        self.server, self.context = server, context
        self.token = server.token("host", ROOM)

    def publish(self, configuration: dict[str, Any] | None = None) -> Page:
        """Go live; returns once frames leave."""
        page = self.open(configuration)
        page.evaluate(
            "(wish) => publishOffer(wish)",
            {"width": 640, "height": 360, "framesPerSecond": 25, "maxBitrate": 800_000}
            | {"layers": []},
        )
        self._offer(page, "whip", self.token)
        wait_for(lambda: path(page), lambda found: found["framesSent"] > 0)
        wait_for(lambda: self.server.room(ROOM)["state"], lambda state: state == "live")
        return page

    def watch(self, configuration: dict[str, Any] | None = None, token: str = "") -> Viewer:
        """Join; returns once there is a picture."""
        page = self.open(configuration)
        viewer = Viewer(page, page.evaluate("watchOffer()"))
        self._offer(page, "whep", token)
        viewer.wait_for_picture()
        return viewer

    def open(self, configuration: dict[str, Any] | None = None) -> Page:
        """Open a page whose connections get this configuration."""
        page = self.context.new_page()
        page.goto(f"{self.server.url}/healthz")
        for script in SCRIPTS:
            page.evaluate(script)
        page.evaluate("(given) => { window.configuration = given; }", configuration or {})
        return page

    def _offer(self, page: Page, surface: str, token: str) -> None:
        where = {"url": f"{self.server.url}/{surface}/{ROOM}", "token": token}
        page.evaluate("(where) => offer(where)", where)


def path(page: Page) -> dict[str, Any]:
    """Tell what the page's connection runs over."""
    found: dict[str, Any] = page.evaluate("path()")
    return found


def assert_plays_on(viewer: Viewer, seconds: float = 3.0, longest_s: float = 1.0) -> None:
    began, ended = viewer.watch(seconds)
    frames = viewer.frames()
    assert longest_gap_s(frames, began, ended) <= longest_s, describe(frames, began, ended)


@contextmanager
def stage_of(browser: Browser, folder: Path, media: str) -> Iterator[Stage]:
    """Run a server with these settings of `[media]`."""
    config = folder / "paths.toml"
    config.write_text(f"[media]\n{media}\n")
    with running_server(folder, "--config", str(config)) as server:
        context = browser.new_context(permissions=["microphone"], bypass_csp=True)
        yield Stage(server, context)
        context.close()


# ---- ICE restarts -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def show(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Page, Viewer]]:
    """Have a host and a viewer over UDP."""
    with stage_of(browser, tmp_path_factory.mktemp("restarts"), "") as stage:
        yield stage.publish(), stage.watch()


@pytest.mark.parametrize("wait_ms", [0, 1500], ids=["at once", "after Chromium's own checks"])
@pytest.mark.parametrize("who", ["viewer", "host"])
def test_picture_goes_on_through_an_ice_restart(
    show: tuple[Page, Viewer], who: str, wait_ms: int
) -> None:
    host, viewer = show
    page = host if who == "host" else viewer.page
    before = path(page)
    assert (before["state"], before["protocol"]) == ("connected", "udp")
    restarted = page.evaluate("(waitMs) => restart(waitMs)", wait_ms)
    began, ended = viewer.watch(4.0)
    after = path(page)
    frames = viewer.frames()
    assert longest_gap_s(frames, began - wait_ms / 1000, ended) <= 1.0, describe(
        frames, began - wait_ms / 1000, ended
    )
    assert after["state"] == "connected"
    assert after["ufrag"] == restarted["ufrag"] != before["ufrag"]


# ---- TCP --------------------------------------------------------------------------------------


def test_host_and_viewer_without_udp_come_by_tcp(browser: Browser, tmp_path: Path) -> None:
    with stage_of(browser, tmp_path, 'transports = ["tcp"]') as stage:
        host, viewer = stage.publish(), stage.watch()
        assert path(host)["protocol"] == path(viewer.page)["protocol"] == "tcp"
        assert_plays_on(viewer, 5.0, 0.5)
        assert stage.server.metric("media_tcp_connections") == 2
        for page in (viewer.page, host):
            page.evaluate("(waitMs) => restart(waitMs)", 0)
            assert_plays_on(viewer)
        viewer.page.close()
        host.close()
        wait_for(lambda: stage.server.metric("media_tcp_connections"), lambda left: left == 0, 40)


# ---- TURN -------------------------------------------------------------------------------------


@contextmanager
def turn_server(folder: Path) -> Iterator[int]:
    """Run coturn on loopback; gives its port."""
    program = shutil.which("turnserver")
    if program is None:
        pytest.skip("the TURN server coturn is not installed (Debian package: coturn)")
    port = free_port(socket.SOCK_DGRAM)
    command = [program, "-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", str(port)]
    command += ["--use-auth-secret", f"--static-auth-secret={TURN_SECRET}", "--realm=liveserver"]
    command += ["--allow-loopback-peers", "--no-tls", "--no-dtls", "--no-cli", "--log-file=stdout"]
    command += [f"--pidfile={folder}/turn.pid", f"--userdb={folder}/turn.db"]
    with (folder / "turn.log").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


def test_viewer_and_host_play_through_a_turn_server(browser: Browser, tmp_path: Path) -> None:
    secret = tmp_path / "turn_secret"
    secret.write_text(TURN_SECRET)
    with turn_server(tmp_path) as port:
        media = f'turn_urls = ["turn:127.0.0.1:{port}?transport=udp"]\n'
        media += f'turn_secret_file = "{secret}"'
        with stage_of(browser, tmp_path, media) as stage:
            asking = stage.open()
            where = {"url": f"{stage.server.url}/whip/{ROOM}", "token": stage.token}
            servers = asking.evaluate("(where) => iceServers(where)", where)
            assert len(servers) == 1
            relayed = {"iceServers": servers, "iceTransportPolicy": "relay"}
            host, viewer = stage.publish(relayed), stage.watch(relayed)
            for page in (host, viewer.page):
                found = path(page)
                assert (found["type"], found["relay"]) == ("relay", "udp")
            assert_plays_on(viewer, 4.0, 0.5)


def test_a_made_up_password_opens_no_relay(browser: Browser, tmp_path: Path) -> None:
    with turn_server(tmp_path) as port, stage_of(browser, tmp_path, "") as stage:
        stage.publish()
        page = stage.open(
            {
                "iceServers": [
                    {
                        "urls": f"turn:127.0.0.1:{port}?transport=udp",
                        "username": "4102444800:guest",
                        "credential": "bWFkZSB1cA==",
                    }
                ],
                "iceTransportPolicy": "relay",
            }
        )
        viewer = Viewer(page, page.evaluate("watchOffer()"))
        viewer.watch(3.0)
        assert page.evaluate("connection.localDescription.sdp").count("typ relay") == 0
