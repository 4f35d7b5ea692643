"""The product's pages as people use them."""

from playwright.sync_api import BrowserContext, Page, expect

from tests.support.running_server import RunningServer

_PATIENCE_MS = 30_000


def open_studio(
    context: BrowserContext, server: RunningServer, room: str, token: str, query: str = ""
) -> Page:
    """Open a room's studio with a host's link."""
    page = context.new_page()
    page.goto(f"{server.url}/studio/{room}{query}#token={token}")
    return page


def go_live(studio: Page) -> None:
    """Wait for the checks, go live and skip the countdown."""
    start = studio.locator("#go-live")
    expect(start).to_be_enabled(timeout=_PATIENCE_MS)
    start.click()
    studio.locator("#skip-count").click()
    expect(studio.locator("#studio[data-state=live]")).to_be_visible(timeout=_PATIENCE_MS)


def open_watch(context: BrowserContext, server: RunningServer, room: str) -> Page:
    """Open a room as a viewer and wait for moving pictures."""
    page = context.new_page()
    page.goto(f"{server.url}/watch/{room}")
    expect(page.locator("#room[data-state=live]")).to_be_visible(timeout=_PATIENCE_MS)
    expect(page.locator("[data-playing]")).to_be_visible(timeout=_PATIENCE_MS)
    return page
