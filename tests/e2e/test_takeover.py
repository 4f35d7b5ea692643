"""The demo gives way to a real host and comes back; a viewer stays all the while."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser import Playback, mean_colour, playback, wait_for
from tests.support.pages import go_live, open_studio, open_watch
from tests.support.running_server import RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Run a server with its demo."""
    with running_server(tmp_path_factory.mktemp("server"), "--demo") as running:
        yield running


@pytest.fixture(scope="module")
def token(server: RunningServer) -> str:
    """Make one host's token: another one would have to wait for the room while this one is away."""
    return server.token("host", "demo")


def is_demo(colour: tuple[int, int, int]) -> bool:
    """The demo's ink and gold: dark and warm."""
    red, green, blue = colour
    return red > green > blue and red < 120


def is_fake_camera(colour: tuple[int, int, int]) -> bool:
    """Chromium's fake camera: green."""
    red, green, _ = colour
    return green > 2 * red


def assert_advances(viewer: Page) -> Playback:
    """New pictures are shown and new sound is heard."""
    before = playback(viewer)
    return wait_for(
        lambda: playback(viewer),
        lambda now: (
            now.frames_decoded > before.frames_decoded + 20
            and now.audio_samples > before.audio_samples + 24_000
        ),
    )


def test_a_viewer_who_stays_sees_demo_then_host_then_demo(
    server: RunningServer, context: BrowserContext, token: str
) -> None:
    viewer = open_watch(context, server, "demo")
    viewer.evaluate("() => { window.stayed = true; }")
    session = viewer.evaluate("() => window.__liveserver.stats.sessionId")
    wait_for(lambda: mean_colour(viewer), is_demo)
    assert server.room("demo")["source"] == "demo"
    assert_advances(viewer)

    studio = open_studio(context, server, "demo", token)
    go_live(studio)
    wait_for(lambda: mean_colour(viewer), is_fake_camera)
    assert server.room("demo")["source"] == "host"
    assert_advances(viewer)

    studio.locator("#leave").click()
    wait_for(lambda: mean_colour(viewer), is_demo)
    wait_for(lambda: server.room("demo")["source"], lambda source: source == "demo")
    seen = assert_advances(viewer)

    assert viewer.evaluate("() => window.stayed") is True
    assert viewer.evaluate("() => window.__liveserver.stats.sessionId") == session
    assert seen.video_lost == 0
    expect(viewer.locator("#room[data-state=live]")).to_be_visible()


def test_a_host_who_vanishes_gives_the_room_back(
    server: RunningServer, context: BrowserContext, token: str
) -> None:
    viewer = open_watch(context, server, "demo")
    studio = open_studio(context, server, "demo", token, "?codec=H264")
    go_live(studio)
    wait_for(lambda: mean_colour(viewer), is_fake_camera)
    assert playback(viewer).codec == "video/H264"
    studio.close()
    wait_for(lambda: mean_colour(viewer), is_demo)
    assert assert_advances(viewer).codec == "video/VP8"
