r"""A seeded bad network in front of a media server's UDP port.

    scripts/impair --listen 127.0.0.2:50000 --server 127.0.0.1:50000 \
        --profile "0s loss=5; 20s outage=3s; 30s down.rate=400k; 45s clear"

The server must advertise the address that the proxy listens on, with its own port number:
media.udp_host = "127.0.0.1", media.advertised_addresses = ["127.0.0.2"]. On Linux all of
127.0.0.0/8 is this machine.
"""

import argparse
import asyncio
import signal
import sys
import time

from scripts.bench import impairment_profile
from scripts.bench.impairment import LinkCounts
from scripts.bench.impairment_proxy import Address, ImpairmentProxy

_LONGEST_S = 86400.0


def main() -> int:
    """Run until the time is over or Ctrl-C; 2 for a wrong call, 1 if a port is taken."""
    arguments = _parser().parse_args()
    try:
        asyncio.run(_run(arguments))
    except impairment_profile.InvalidProfile as error:
        print(f"error: --profile: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    text = f"{__doc__}\n{impairment_profile.__doc__}".replace("%", "%%")
    parser = argparse.ArgumentParser(prog="scripts/impair", description=text)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--listen", type=read_address, required=True, metavar="HOST:PORT")
    add("--server", type=read_address, required=True, metavar="HOST:PORT")
    add("--profile", default="", help="schedule, or @FILE to read it from one")
    add("--seed", type=int, default=0)
    add("--seconds", type=_read_seconds, default=3600.0, help="end after so long (default 1 h)")
    add("--every", type=float, default=5.0, help="seconds between lines of statistics; 0: none")
    add("--with-tcp", action="store_true", help="pass TCP of the same port on, unimpaired")
    return parser


def read_address(text: str) -> Address:
    """Read HOST:PORT, [HOST]:PORT for IPv6."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _read_seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError("must be more than 0 and at most a day")
    return seconds


async def _run(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    profile = arguments.profile
    if profile.startswith("@"):
        with open(profile[1:], encoding="utf-8") as file:  # noqa: ASYNC230 - nothing runs yet
            profile = file.read()
    proxy = ImpairmentProxy(
        arguments.listen,
        arguments.server,
        profile=profile,
        seed=arguments.seed,
        with_tcp=arguments.with_tcp,
    )
    async with proxy:
        host, port = proxy.address
        print(f"listening on {host} port {port}", flush=True)
        await _watch(proxy, stop, arguments.seconds, arguments.every)
        for path in proxy.stats:
            client = f"{path.client[0]}:{path.client[1]} {path.ufrag or '-'}"
            print(f"{client}  up {_show(path.up)}  down {_show(path.down)}")
        print(f"CPU {time.process_time():.2f} s")


async def _watch(proxy: ImpairmentProxy, stop: asyncio.Event, seconds: float, every: float) -> None:
    began = time.monotonic()
    while not stop.is_set() and (left := seconds - (time.monotonic() - began)) > 0:
        try:
            async with asyncio.timeout(min(every or left, left)):
                await stop.wait()
        except TimeoutError:
            if every:
                print(_summary(proxy, time.monotonic() - began), flush=True)


def _summary(proxy: ImpairmentProxy, elapsed_s: float) -> str:
    up = sum((path.up for path in proxy.stats), LinkCounts())
    down = sum((path.down for path in proxy.stats), LinkCounts())
    clients = len(proxy.stats)
    refused = f"  refused {proxy.refused}" if proxy.refused else ""
    return f"{elapsed_s:6.1f} s  clients {clients}  up {_show(up)}  down {_show(down)}{refused}"


def _show(counts: LinkCounts) -> str:
    dropped = [
        f"{name} {value}"
        for name in ("lost", "overflowed", "blocked")
        if (value := getattr(counts, name))
    ]
    return " ".join([f"{counts.delivered}/{counts.offered}", *dropped])


if __name__ == "__main__":
    sys.exit(main())
