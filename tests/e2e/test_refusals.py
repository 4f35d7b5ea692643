"""Who may not go live is told why, and hosts with half a stream are served."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser import playback, wait_for
from tests.support.browser_page import install, publish, watch
from tests.support.pages import go_live, open_studio, open_watch
from tests.support.running_server import RunningServer


def bare_page(context: BrowserContext, server: RunningServer) -> Page:
    """Open a page of the server's origin with our own WHIP and WHEP."""
    return install(context.new_page(), server.url)


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ("", 401, "token_missing"),
        ("nonsense", 401, "token_invalid"),
        ("guest", 403, "forbidden"),
        ("other room", 403, "forbidden"),
    ],
)
def test_publishing_needs_a_host_token_for_this_room(
    server: RunningServer, context: BrowserContext, token: str, status: int, code: str
) -> None:
    tokens = {
        "guest": lambda: server.token("guest", "guarded"),
        "other room": lambda: server.token("host", "elsewhere"),
    }
    made = tokens[token]() if token in tokens else token
    told = publish(bare_page(context, server), f"{server.url}/whip/guarded", made)
    assert (told["status"], told["code"]) == (status, code)


def test_the_studio_says_so_when_its_link_is_for_another_room(
    server: RunningServer, context: BrowserContext
) -> None:
    studio = open_studio(context, server, "guarded", server.token("host", "elsewhere"))
    expect(studio.locator("#studio[data-state=problem]")).to_be_visible(timeout=15_000)
    expect(studio.get_by_text("forbidden")).to_be_visible()


def test_a_taken_room_is_refused_until_the_host_takes_it_over(
    server: RunningServer, context: BrowserContext
) -> None:
    url = f"{server.url}/whip/taken"
    first, second = bare_page(context, server), bare_page(context, server)
    assert publish(first, url, server.token("host", "taken", "--name", "Ann"))["status"] == 201
    wait_for(lambda: server.metric("media_packets_received_total"), lambda count: count > 0)
    token = server.token("host", "taken", "--name", "Bea")
    told = publish(second, url, token)
    assert (told["status"], told["code"]) == (409, "room_taken")
    assert publish(second, f"{url}?takeover=1", token)["status"] == 201
    wait_for(lambda: server.room("taken")["host_name"], lambda name: name == "Bea")


def test_the_studio_offers_to_take_over_a_taken_room(
    server: RunningServer, context: BrowserContext
) -> None:
    room = "busy"
    first = bare_page(context, server)
    told = publish(first, f"{server.url}/whip/{room}", server.token("host", room, "--name", "Ann"))
    assert told["status"] == 201
    viewer = open_watch(context, server, room)
    studio = open_studio(context, server, room, server.token("host", room, "--name", "Bea"))
    start = studio.locator("#go-live")
    expect(start).to_be_enabled(timeout=30_000)
    start.click()
    studio.locator("#skip-count").click()
    studio.locator("#take-over").click()
    expect(studio.locator("#studio[data-state=live]")).to_be_visible(timeout=15_000)
    wait_for(lambda: server.room(room)["host_name"], lambda name: name == "Bea")
    before = playback(viewer).frames_decoded
    wait_for(lambda: playback(viewer).frames_decoded, lambda count: count > before + 20)


def test_a_room_that_was_never_live_asks_viewers_to_come_back(
    server: RunningServer, context: BrowserContext
) -> None:
    publisher = bare_page(context, server)
    told = watch(publisher, f"{server.url}/whep/nobody-here")
    assert told["status"] in {404, 409}


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_a_host_with_one_kind_of_media_is_watched(
    server: RunningServer, context: BrowserContext, kind: str
) -> None:
    room = f"only-{kind}"
    host = bare_page(context, server)
    token = server.token("host", room)
    assert publish(host, f"{server.url}/whip/{room}", token, kinds=(kind,))["status"] == 201
    wait_for(lambda: server.room(room)["state"], lambda state: state == "live")
    viewer = bare_page(context, server)
    assert watch(viewer, f"{server.url}/whep/{room}")["status"] == 201
    if kind == "audio":
        before = playback(viewer).audio_samples
        seen = wait_for(lambda: playback(viewer), lambda now: now.audio_samples > before + 48_000)
        assert seen.frames_decoded == 0
        assert seen.audio_concealed < seen.audio_samples / 2
    else:
        wait_for(lambda: playback(viewer), lambda now: now.frames_decoded > 30)


def test_the_product_page_plays_a_host_without_picture(
    server: RunningServer, context: BrowserContext
) -> None:
    room = "radio"
    host = bare_page(context, server)
    token = server.token("host", room)
    assert publish(host, f"{server.url}/whip/{room}", token, kinds=("audio",))["status"] == 201
    viewer = context.new_page()
    viewer.goto(f"{server.url}/watch/{room}")
    expect(viewer.locator("#room[data-state=live]")).to_be_visible(timeout=15_000)
    wait_for(lambda: playback(viewer).audio_samples, lambda count: count > 48_000)


def test_a_room_goes_live_again_after_its_host_left(
    server: RunningServer, context: BrowserContext
) -> None:
    room = "again"
    token = server.token("host", room)
    studio = open_studio(context, server, room, token)
    go_live(studio)
    viewer = open_watch(context, server, room)
    studio.locator("#leave").click()
    expect(viewer.locator("#room[data-state=away]")).to_be_visible(timeout=15_000)
    studio.locator("#return").click()
    go_live(studio)
    expect(viewer.locator("#room[data-state=live]")).to_be_visible(timeout=15_000)
    before = playback(viewer).frames_decoded
    wait_for(lambda: playback(viewer).frames_decoded, lambda count: count > before + 20)
