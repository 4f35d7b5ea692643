"""A host goes and comes back: viewers keep their page and play on."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from scripts.bench.impairment_proxy import ImpairmentProxy
from tests.e2e.impaired.measures import describe, first_after
from tests.e2e.impaired.show import Viewer, follow, impaired_server
from tests.support.browser import wait_for
from tests.support.pages import go_live, open_studio, open_watch
from tests.support.running_server import RunningServer

VIEWERS = 2
Stage = tuple[RunningServer, ImpairmentProxy]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with impaired_server(tmp_path_factory.mktemp("return")) as running:
        yield running


@pytest.fixture
def people(browser: Browser) -> Iterator[tuple[BrowserContext, BrowserContext]]:
    """Open a host's and the viewers' browser profile."""
    allowed = ["camera", "microphone"]
    host = browser.new_context(locale="en", permissions=allowed, bypass_csp=True)
    viewers = browser.new_context(locale="en", bypass_csp=True)
    yield host, viewers
    host.close()
    viewers.close()


@pytest.fixture
def gone_s(request: pytest.FixtureRequest) -> float:
    """Return how long the host stays away: the show's 20 s only in a full run."""
    return 20.0 if request.config.getoption("--full") else 5.0


def open_viewers(context: BrowserContext, server: RunningServer, room: str) -> list[Viewer]:
    return [follow(open_watch(context, server, room)) for _ in range(VIEWERS)]


def assert_viewers_play_on(viewers: list[Viewer], since_s: float) -> None:
    """Within 5 s, in the session that they had."""
    for viewer in viewers:
        wait_for(viewer.last, lambda frame: frame is not None and frame.at_s > since_s, 15)
        frames = viewer.frames()
        first = first_after(frames, since_s)
        assert first is not None
        assert first.at_s - since_s < 5, describe(frames, since_s - 5, since_s + 15)
        assert viewer.page.evaluate("connections") == 1, "the viewer had to begin again"


def posted_at(studio: Page) -> list[float]:
    """Return a list that gets the wall time of every POST to WHIP."""
    times: list[float] = []

    def note(request: Request) -> None:
        if request.method == "POST" and "/whip/" in request.url:
            times.append(time.time())  # noqa: TID251 - pages tell wall time

    studio.on("request", note)
    return times


def test_viewers_play_on_when_the_host_opens_the_studio_again(
    stage: Stage, people: tuple[BrowserContext, BrowserContext], gone_s: float
) -> None:
    server, _ = stage
    host, audience = people
    token = server.token("host", "reload")
    studio = open_studio(host, server, "reload", token)
    go_live(studio)
    viewers = open_viewers(audience, server, "reload")
    studio.close()
    for viewer in viewers:
        expect(viewer.page.locator("#room[data-state=away]")).to_be_visible(timeout=6000)
    time.sleep(gone_s)
    again = open_studio(host, server, "reload", token)
    posts = posted_at(again)
    go_live(again)
    assert posts
    assert_viewers_play_on(viewers, posts[-1])


def test_viewers_play_on_when_the_hosts_network_is_back(
    stage: Stage, people: tuple[BrowserContext, BrowserContext], gone_s: float
) -> None:
    server, proxy = stage
    host, audience = people
    studio = open_studio(host, server, "network", server.token("host", "network"))
    go_live(studio)
    viewers = open_viewers(audience, server, "network")
    for viewer in viewers:
        proxy.impair("", ufrag=viewer.ufrag)
    # Everyone else is the host, whatever its next connection calls itself.
    proxy.impair("loss=100")
    host.set_offline(True)
    for viewer in viewers:
        expect(viewer.page.locator("#room[data-state=away]")).to_be_visible(timeout=6000)
    time.sleep(gone_s)
    host.set_offline(False)
    proxy.impair("")
    back_s = time.time()  # noqa: TID251 - pages tell wall time
    assert_viewers_play_on(viewers, back_s)
