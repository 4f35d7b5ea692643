"""The command line."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from liveserver.aio.certificate import ensure_certificate
from liveserver.aio.clock import BootClock
from liveserver.aio.invitation import Invitation, write_invitation
from liveserver.aio.sockets import list_addresses, raise_file_limit
from liveserver.app import DEMO_ROOM, Server, create_app
from liveserver.errors import LiveServerError, SettingsError
from liveserver.http.tokens import read_name
from liveserver.identity.aio.door import Door, revocation_id
from liveserver.identity.aio.secret_file import load_or_create_secret
from liveserver.identity.roles import Role
from liveserver.logs import configure_logs
from liveserver.rooms.directory import read_slug
from liveserver.settings import Settings, flatten, load_settings
from liveserver.storage.aio.store import Store

LINK_HOURS = 12.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 is good, 2 a wrong setting or argument, 1 any other failure."""
    options = _make_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except SettingsError as error:
        sys.stderr.write(f"liveserver: {error}\n")
        return 2
    except (LiveServerError, OSError) as error:
        sys.stderr.write(f"liveserver: {error}\n")
        return 1


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="liveserver", description="Live shopping shows.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "--config", action="append", default=[], type=Path, metavar="FILE", help="settings"
        )
        command.set_defaults(run=run)
        return command

    serve = add("serve", _serve, "Run the server.")
    serve.add_argument("--demo", action="store_true", help="with a demo room and a test picture")
    serve.add_argument("--lan", action="store_true", help="for this network, over TLS")
    token = add("token", _print_token, "Print a token.")
    token.add_argument("--role", required=True, choices=[role.value for role in Role])
    token.add_argument("--room", help="the one room it is for; a host needs it")
    token.add_argument("--name", default="", help="the name to show")
    token.add_argument("--hours", type=_read_hours, default=LINK_HOURS)
    add("revoke", _revoke, "Take back the token read from standard input.")
    add("check-config", _check_config, "Check the settings and print them.")
    return parser


def _read_hours(text: str) -> float:
    hours = float(text)
    if not 0 < hours <= 24 * 366:
        raise argparse.ArgumentTypeError("must be more than 0 and at most a year")
    return hours


def _load(
    options: argparse.Namespace, flags: Mapping[str, Mapping[str, object]] | None = None
) -> Settings:
    settings = load_settings(options.config, os.environ, flags)
    configure_logs(settings.logs.level)
    return settings


def _check_config(options: argparse.Namespace) -> int:
    for path, value in flatten(_load(options)):
        sys.stdout.write(f"{path} = {_show(value)}\n")
    return 0


def _show(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_show(item) for item in value) + "]"
    if isinstance(value, msgspec.Struct):
        # An ICE server: its password is nobody's business here.
        return f"<{getattr(value, 'url', type(value).__name__)}>"
    return repr(value)


def _print_token(options: argparse.Namespace) -> int:
    settings = _load(options)
    role = Role(options.role)
    if role is Role.HOST and not options.room:
        raise SettingsError("--room: a host's token must name its room")
    room = read_slug(options.room) if options.room else None
    door = Door(settings.auth, load_or_create_secret(Path(settings.auth.secret_file)), BootClock())
    token = door.issue(
        frozenset({role}), options.hours * 3600, name=read_name(options.name), room=room
    )
    sys.stdout.write(token + "\n")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    settings = _load(options)
    secret = load_or_create_secret(Path(settings.auth.secret_file))
    clock = BootClock()

    async def revoke() -> None:
        door, store = Door(settings.auth, secret, clock), Store(settings.storage.url)
        principal = await door.check(sys.stdin.readline().strip())
        await store.open()
        # Renewed tokens carry the same id and live longer.
        last = max(principal.expires_at, principal.first_issued_at + settings.auth.max_login_s)
        lifetime_s = principal.expires_at - principal.issued_at
        await store.revoke(revocation_id(principal), now=clock(), expires_at=last + lifetime_s)
        await store.close()

    asyncio.run(revoke())
    return 0


def _serve(options: argparse.Namespace) -> int:
    settings = _load(options, {"http": {"host": "::"}} if options.lan else None)
    if options.lan and not settings.http.tls_cert:
        settings = _with_certificate(settings)
    raise_file_limit()
    with asyncio.Runner(loop_factory=_find_loop_factory()) as runner:
        runner.run(_run_server(create_app(settings), settings, options))
    return 0


def _with_certificate(settings: Settings) -> Settings:
    folder = Path(settings.auth.secret_file).parent
    certificate, key = ensure_certificate(folder, list_addresses(), datetime.now(UTC))
    http = msgspec.structs.replace(settings.http, tls_cert=str(certificate), tls_key=str(key))
    return msgspec.structs.replace(settings, http=http)


def _find_loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _run_server(server: Server, settings: Settings, options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    try:
        if options.demo:
            await server.start_demo()
        _invite(server, settings, options)
        await stop.wait()
    finally:
        await server.stop()


def _invite(server: Server, settings: Settings, options: argparse.Namespace) -> None:
    """Print the links, with a token only where a person and no log file reads them."""
    is_for_people = options.demo or options.lan or sys.stdout.isatty()
    token = server.make_host_token(DEMO_ROOM, LINK_HOURS) if is_for_people else None
    hosts = [server.own_host()]
    if settings.http.host in ("::", "0.0.0.0"):
        hosts += [f"[{it}]" if ":" in it else it for it in list_addresses()]
    scheme = "https" if settings.http.tls_cert else "http"
    bases = [f"{scheme}://{host}:{server.port}" for host in hosts]
    write_invitation(Invitation(bases, DEMO_ROOM, token, with_codes=options.lan), sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
