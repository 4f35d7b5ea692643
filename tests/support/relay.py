"""A firewall that lets TCP alone pass: relays connections from 127.0.0.2 to a port of 127.0.0.1.

Nothing listens on that address in UDP, so datagrams to it are lost. Let the server bind
127.0.0.1 and advertise `OUTSIDE`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

INSIDE, OUTSIDE = "127.0.0.1", "127.0.0.2"
_CHUNK = 16 * 1024


class Relay:
    """The open firewall."""

    def __init__(self) -> None:
        self.connections = 0
        "Relayed so far."
        self.may_flow = asyncio.Event()
        "Cleared, nothing of what the server sends is read."
        self.may_flow.set()

    async def pass_through(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
    ) -> None:
        """Relay one connection to its end."""
        self.connections += 1
        inner_reader, inner_writer = await asyncio.open_connection(INSIDE, port, limit=_CHUNK)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, inner_writer))
                group.create_task(_pump(inner_reader, writer, self.may_flow))
        finally:
            writer.close()
            inner_writer.close()


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    gate: asyncio.Event | None = None,
) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            if gate is not None:
                await gate.wait()
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def tcp_only(port: int) -> AsyncIterator[Relay]:
    """Relay connections to `OUTSIDE` at this port until the end."""
    relay = Relay()
    running: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(relay.pass_through(reader, writer, port))
        running.add(task)
        task.add_done_callback(running.discard)

    server = await asyncio.start_server(accept, OUTSIDE, port, limit=_CHUNK)
    try:
        yield relay
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
