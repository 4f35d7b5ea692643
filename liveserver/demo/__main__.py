"""Command line of the demo host.

    python -m liveserver.demo --whip URL [--cafile FILE]

The token is the first line of stdin; later lines replace it (for the next session). The end of
stdin (a pipe) ends the demo: whoever started it is gone.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import ssl
import sys

from liveserver.demo.publisher import DemoPublisher

log = logging.getLogger("liveserver.demo")


def main() -> int:
    """Run until SIGTERM, SIGINT or the end of stdin; 2 for a missing token."""
    parser = argparse.ArgumentParser(prog="python -m liveserver.demo")
    parser.add_argument("--whip", required=True, metavar="URL", help="WHIP address of the room")
    parser.add_argument("--cafile", help="PEM file of certificates to trust, for https")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    tls = ssl.create_default_context(cafile=arguments.cafile) if arguments.cafile else None
    try:
        return asyncio.run(_run(arguments.whip, tls))
    except KeyboardInterrupt:
        return 0


async def _run(whip_url: str, tls: ssl.SSLContext | None) -> int:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    token = await _next_token(reader)
    if not token:
        log.error("the first line of stdin must be a token")
        return 2
    tokens = [token]
    publishing = asyncio.ensure_future(DemoPublisher(whip_url, lambda: tokens[-1], tls).run())
    watching = asyncio.ensure_future(_watch_stdin(reader, tokens))
    watching.add_done_callback(lambda _: publishing.cancel())
    loop.add_signal_handler(signal.SIGTERM, publishing.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await publishing
    watching.cancel()
    return 0


async def _watch_stdin(reader: asyncio.StreamReader, tokens: list[str]) -> None:
    """Take newer tokens until the pipe closes."""
    while token := await _next_token(reader):
        tokens.append(token)
        del tokens[:-1]


async def _next_token(reader: asyncio.StreamReader) -> str:
    """Return the next line without its end; empty at the end of stdin."""
    return (await reader.readline()).decode("ascii", "replace").strip()


if __name__ == "__main__":
    sys.exit(main())
