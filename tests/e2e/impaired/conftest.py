"""A show behind a bad network, shared by the tests of one file; each test gets it unimpaired."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.impaired.show import Picture, Show, impaired_server


@pytest.fixture(scope="module")
def picture() -> Picture:
    """Say what the host sends; a file may say otherwise."""
    return Picture()


@pytest.fixture(scope="module")
def live_show(
    browser: Browser, picture: Picture, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Show]:
    """Go live once per file."""
    with impaired_server(tmp_path_factory.mktemp("impaired")) as (server, proxy):
        context = browser.new_context(permissions=["microphone"], bypass_csp=True)
        show = Show(server, proxy, context)
        show.publish(picture)
        yield show
        context.close()


@pytest.fixture
def show(live_show: Show) -> Iterator[Show]:
    """Hand out the show and put the network right afterwards."""
    yield live_show
    live_show.clear()
