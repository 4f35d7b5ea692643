"""What all tests share: hypothesis' profile, marks by folder, and no task left behind."""

import asyncio
import inspect
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

E2E_TIMEOUT_S = 180
TESTS = Path(__file__).parent

# The same examples on every run, so that a red run is red again; explore looks for new ones:
#   HYPOTHESIS_PROFILE=explore pytest …
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice between a quick run and one at full length."""
    parser.addoption("--full", action="store_true", help="waits as long as a real show would")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder; a browser may take longer than the default timeout."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in {"e2e", "integration"}:
            item.add_marker(folder)
        if folder == "e2e" and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(E2E_TIMEOUT_S))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Repeat what failed before pytest, which has the last word in scripts/test."""
    if steps := os.environ.get("LIVESERVER_FAILED_STEPS"):
        terminalreporter.section("failed before the tests", red=True)
        terminalreporter.write_line(steps)


@pytest.fixture
async def running_tasks() -> AsyncIterator[None]:
    """Fail when the test and its fixtures leave a task running."""
    before = asyncio.all_tasks()
    yield
    for _ in range(5):  # a cancelled task needs a turn or two to end
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, f"tasks still running: {left}"


@pytest.fixture(autouse=True)
def no_task_is_left_behind(request: pytest.FixtureRequest) -> None:
    """Watch every asynchronous test; first in, so its check runs after the other fixtures ended."""
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("running_tasks")
