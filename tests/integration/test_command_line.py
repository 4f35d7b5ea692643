"""The commands, with their files in a folder of their own."""

import asyncio
import io
import logging
import os
import re
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import jwt
import pytest

from liveserver.__main__ import main
from liveserver.errors import TokenRevoked
from tests.support.house import open_house
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in an empty folder, and leave the log handlers as they were."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def claims_of(token: str) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_token_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["token", "--role", "host", "--room", "demo", "--name", "Ada", "--hours", "2"])
    printed = capsys.readouterr().out
    claims = claims_of(printed.strip())
    assert (status, printed.count("\n")) == (0, 1)
    assert (claims["roles"], claims["room"], claims["name"]) == (["host"], "demo", "Ada")
    # Whole seconds: the start is rounded down, the end up.
    assert int(str(claims["exp"])) - int(str(claims["iat"])) in (7200, 7201)


def test_host_token_must_name_its_room(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "--role", "host"]) == 2
    assert "--room" in capsys.readouterr().err
    assert main(["token", "--role", "merchant"]) == 0


def test_wrong_arguments_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["dance"], ["token", "--role", "king"], ["token", "--hours", "0"], []):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
    assert main(["token", "--role", "host", "--room", "A B"]) == 1
    capsys.readouterr()


def test_check_config_prints_settings_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVESERVER__STORAGE__URL", "postgresql://me:hunter2@db/shop")
    monkeypatch.setenv(
        "LIVESERVER__MEDIA__ICE_SERVERS",
        '[{url = "turn:t.example", username = "u", credential = "hunter3"}]',
    )
    assert main(["check-config"]) == 0
    printed = capsys.readouterr().out
    assert "http.port = 8080\n" in printed
    assert "turn:t.example" in printed
    assert "hunter" not in printed


def test_wrong_setting_ends_with_2_and_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.toml").write_text("[media]\nudp_port = 'x'\n")
    for command in ("serve", "check-config"):
        assert main([command, "--config", "my.toml"]) == 2
        assert "media.udp_port: Expected `int`" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_port_in_use_ends_with_1_and_names_the_setting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("LIVESERVER__HTTP__PORT", str(taken.getsockname()[1]))
        monkeypatch.setenv("LIVESERVER__MEDIA__UDP_PORT", "0")
        assert main(["serve"]) == 1
    assert "http.port: cannot be bound" in capsys.readouterr().err


async def test_revoked_token_opens_nothing_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVESERVER__AUTH__SECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("LIVESERVER__STORAGE__URL", f"sqlite:///{tmp_path / 'liveserver.db'}")
    house = await open_house(tmp_path)
    token = house.token("host", room="demo")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{token}\n"))
    assert await asyncio.to_thread(main, ["revoke"]) == 0
    await house.server.revoked.refresh()
    with pytest.raises(TokenRevoked):
        await house.server.door.check(token)
    await house.close()


async def read_links(process: asyncio.subprocess.Process) -> dict[str, str]:
    """Read what `serve` prints until watch and studio links are known."""
    links: dict[str, str] = {}
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while len(links) < 2:
            line = (await process.stdout.readline()).decode()
            assert line, "the server ended"
            if found := re.match(r"  (watch|studio)\s+(http\S+)", line):
                links.setdefault(found[1], found[2])
    return links


async def serve(*options: str) -> asyncio.subprocess.Process:
    environment = os.environ | {
        "LIVESERVER__HTTP__PORT": "0",
        "LIVESERVER__MEDIA__UDP_PORT": "0",
        "PYTHONPATH": str(ROOT),
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "liveserver", "serve", *options),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def stop(process: asyncio.subprocess.Process) -> str:
    """End the server as a supervisor does; return what it wrote."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return (out + err).decode()


async def demo_is_seen(base: str, trust: ssl.SSLContext | None = None) -> bool:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{base}/api/v1/rooms/demo", ssl=trust or True) as answer,
    ):
        room = await answer.json()
        return bool((room["state"], room["host"], room["source"]) == ("live", "on", "demo"))


async def test_serve_runs_until_it_is_told_to_stop() -> None:
    process = await serve()
    links = await read_links(process)
    base = links["watch"].removesuffix("/watch/demo")
    async with aiohttp.ClientSession() as http, http.get(f"{base}/readyz") as answer:
        assert answer.status == 200
    # Its output may go into a log: no token.
    assert "token=" not in links["studio"]
    written = await stop(process)
    assert "eyJ" not in written
    assert "event=stopped" in written


async def test_demo_publishes_by_itself_and_ends_with_the_server() -> None:
    process = await serve("--demo")
    links = await read_links(process)
    base, _, fragment = links["studio"].partition("/studio/demo#token=")
    assert claims_of(fragment)["room"] == "demo"
    await eventually(lambda: demo_is_seen(base))
    written = await stop(process)
    assert "Traceback" not in written


async def test_lan_serves_tls_with_a_certificate_that_fits(tmp_path: Path) -> None:
    process = await serve("--lan", "--demo")
    links = await read_links(process)
    assert links["watch"].startswith("https://127.0.0.1:")
    trust = ssl.create_default_context(cafile=tmp_path / "data" / "lan_certificate.pem")
    base = links["watch"].removesuffix("/watch/demo")
    await eventually(lambda: demo_is_seen(base, trust))
    written = await stop(process)
    assert "▄" in written or "█" in written
