"""The supervisor of the demo child, with stand-ins for the child."""

import sys
from pathlib import Path
from shlex import quote

import pytest

from liveserver.aio import demo_child
from liveserver.aio.demo_child import DemoChild
from tests.support.waiting import eventually


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Run `script` in the place of `python -m liveserver.demo`; it finds the folder in argv[1]."""
    source = folder / "child.py"
    source.write_text(
        f"import sys, time, pathlib\nfolder = pathlib.Path({str(folder)!r})\n{script}"
    )
    # By way of a shell: a `#!` line cannot name a Python whose path has a space.
    program = folder / "child"
    program.write_text(f'#!/bin/sh\nexec {quote(sys.executable)} {quote(str(source))} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def read_lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


async def lines_of(file: Path, count: int) -> list[str]:
    await eventually(lambda: len(read_lines(file)) >= count)
    return read_lines(file)


def is_running(process_id: int) -> bool:
    return Path(f"/proc/{process_id}").exists()


async def test_child_gets_its_arguments_and_a_fresh_token_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_child, "FIRST_WAIT_S", 0.01)
    stand_in(
        tmp_path,
        monkeypatch,
        "line = ' '.join(sys.argv[1:] + [sys.stdin.readline()])\n"
        "with open(folder / 'log', 'a') as log: log.write(line)\n"
        "sys.exit(3)\n",
    )
    tokens = (f"token-{number}" for number in range(100))
    child = DemoChild("http://127.0.0.1:1/whip/demo", "ca.pem", lambda: next(tokens))
    child.start()
    lines = await lines_of(tmp_path / "log", 2)
    await child.stop()
    arguments = "-m liveserver.demo --whip http://127.0.0.1:1/whip/demo --cafile ca.pem"
    assert lines[:2] == [f"{arguments} token-0", f"{arguments} token-1"]


@pytest.mark.parametrize("is_stubborn", [False, True])
async def test_child_is_gone_after_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_stubborn: bool
) -> None:
    monkeypatch.setattr(demo_child, "STOP_S", 0.2)
    ignore = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    stand_in(
        tmp_path,
        monkeypatch,
        (ignore if is_stubborn else "")
        + "import os\n(folder / 'log').write_text(f'{os.getpid()}\\n')\ntime.sleep(60)\n",
    )
    child = DemoChild("http://127.0.0.1:1/whip/demo", "", lambda: "token")
    child.start()
    process_id = int((await lines_of(tmp_path / "log", 1))[0])
    await child.stop()
    assert not is_running(process_id)


async def test_stopping_what_never_started_is_fine() -> None:
    await DemoChild("http://127.0.0.1:1/whip/demo", "", lambda: "token").stop()
