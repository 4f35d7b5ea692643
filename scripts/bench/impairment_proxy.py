"""A UDP proxy that is a bad network: one port in front of a media server's, seeded.

Every client address gets a socket of its own towards the server, so the server sees as many
peers as there are. Clients are told apart by the ICE username fragment of their checks, which
a page finds in its own offer: `impair(profile, ufrag=...)` is for one of them.

With `with_tcp` the same address and port number takes TCP too and passes it on as it is.
"""

import asyncio
import contextlib
import heapq
import socket
import time
from types import TracebackType
from typing import Self

import msgspec

from media import stun
from media.errors import MalformedPacket
from scripts.bench.impairment import Link, LinkCounts
from scripts.bench.impairment_profile import Direction, Profile, read_profile

Address = tuple[str, int]

_DATAGRAM_BYTES = 2048
_DATAGRAMS_PER_WAKE = 128
_BUFFER_BYTES = 4 << 20
_MAX_PATHS = 4096
_MAX_WAITING = 200_000
"Packets on the way; at 1200 bytes about 300 MB, far beyond any queue a profile asks for."
_TCP_CHUNK = 65536


class PathStats(msgspec.Struct, frozen=True):
    """What one client's address went through."""

    client: Address
    ufrag: str
    "Empty until its first check."
    up: LinkCounts
    down: LinkCounts


class _Schedule(msgspec.Struct, frozen=True):
    profile: Profile
    began: float


class _Path:
    """One client address: its socket towards the server and a link each way."""

    def __init__(self, client: Address, upstream: socket.socket, seed: str) -> None:
        self.client = client
        self.upstream = upstream
        self.ufrag = ""
        self.links: dict[Direction, Link] = {
            "up": Link(f"{seed} up"),
            "down": Link(f"{seed} down"),
        }


class ImpairmentProxy:
    """Run it as `async with ImpairmentProxy(listen, server) as proxy`.

    Args:
        listen: Where clients send; port 0 lets the system choose (see `address`).
        server: Where the server listens.
        profile: For everyone without one of their own; see `impairment_profile`.
        seed: The fate of the n-th path's packets depends on this and n alone.
        with_tcp: Pass TCP of the same address on, unimpaired.
    """

    def __init__(
        self,
        listen: Address,
        server: Address,
        *,
        profile: str = "",
        seed: int = 0,
        with_tcp: bool = False,
    ) -> None:
        self.address = listen
        self._server, self._seed, self._with_tcp = server, seed, with_tcp
        self._everyone = _Schedule(read_profile(profile), time.monotonic())
        self._by_ufrag: dict[str, _Schedule] = {}
        self._paths: dict[Address, _Path] = {}
        self._opened = 0
        self._waiting: list[tuple[float, int, socket.socket, bytes, Address]] = []
        self._sent = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._tcp: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self._socket: socket.socket | None = None
        self.refused = 0
        "Datagrams that a socket did not take, or beyond a limit of the proxy itself."

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._socket = _bind(self.address)
        self.address = self._socket.getsockname()[:2]
        self._everyone = _Schedule(self._everyone.profile, time.monotonic())
        self._loop.add_reader(self._socket, self._read_clients)
        if self._with_tcp:
            self._tcp = await asyncio.start_server(self._accept, *self.address)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for sock in [path.upstream for path in self._paths.values()] + [self._listening]:
            self._loop.remove_reader(sock)
            sock.close()
        if self._tcp is not None:
            self._tcp.close()
            for relay in self._relays:
                relay.cancel()
            await asyncio.gather(*self._relays, return_exceptions=True)

    def impair(self, profile: str, *, ufrag: str | None = None) -> None:
        """Begin a schedule now: for everyone without one of their own, or for one client.

        May be called from another thread.

        Raises:
            InvalidProfile: it cannot be read.
        """
        schedule = _Schedule(read_profile(profile), time.monotonic())
        if ufrag is None:
            self._everyone = schedule
        else:
            self._by_ufrag[ufrag] = schedule

    def release(self, ufrag: str) -> None:
        """Forget a client's own schedule."""
        self._by_ufrag.pop(ufrag, None)

    @property
    def stats(self) -> list[PathStats]:
        """Return what every path went through, oldest first."""
        return [
            PathStats(path.client, path.ufrag, path.links["up"].counts, path.links["down"].counts)
            for path in list(self._paths.values())
        ]

    # ---- datagrams ------------------------------------------------------------------------

    @property
    def _listening(self) -> socket.socket:
        assert self._socket is not None, "enter the proxy first"
        return self._socket

    def _read_clients(self) -> None:
        for data, source in _received(self._listening):
            path = self._paths.get(source) or self._open(source)
            if path is None:
                self.refused += 1
                continue
            if data[:1] < b"\x04":
                path.ufrag = _client_ufrag(data) or path.ufrag
            self._pass("up", path, data, path.upstream, self._server)

    def _read_server(self, path: _Path) -> None:
        for data, _ in _received(path.upstream):
            self._pass("down", path, data, self._listening, path.client)

    def _open(self, client: Address) -> _Path | None:
        if len(self._paths) >= _MAX_PATHS:
            return None
        self._opened += 1
        path = _Path(client, _bind((self._server_side_host, 0)), f"{self._seed} {self._opened}")
        self._paths[client] = path
        self._loop.add_reader(path.upstream, self._read_server, path)
        return path

    @property
    def _server_side_host(self) -> str:
        return "::" if ":" in self._server[0] else "0.0.0.0"

    def _pass(
        self, direction: Direction, path: _Path, data: bytes, out: socket.socket, to: Address
    ) -> None:
        now = time.monotonic()
        schedule = self._by_ufrag.get(path.ufrag, self._everyone)
        conditions = schedule.profile.conditions(direction, now - schedule.began)
        arrival = path.links[direction].send(len(data), conditions, now)
        if arrival is None:
            return
        if arrival <= now:
            self._flush(now)  # what was due before goes before
            self._emit(out, data, to)
        elif len(self._waiting) < _MAX_WAITING:
            self._sent += 1
            heapq.heappush(self._waiting, (arrival, self._sent, out, data, to))
            self._wake_at(arrival)
        else:
            self.refused += 1

    def _flush(self, now: float) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            _, _, out, data, to = heapq.heappop(self._waiting)
            self._emit(out, data, to)

    def _emit(self, out: socket.socket, data: bytes, to: Address) -> None:
        try:
            out.sendto(data, to)
        except OSError:
            self.refused += 1

    def _wake_at(self, due: float) -> None:
        if self._timer is not None and self._timer_at <= due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_later(max(0.0, due - time.monotonic()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._flush(time.monotonic())
        if self._waiting:
            self._wake_at(self._waiting[0][0])

    # ---- TCP ------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = self._loop.create_task(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(*self._server)
        except OSError:
            writer.close()
            return
        pumps = [
            self._loop.create_task(_pump(reader, there_writer)),
            self._loop.create_task(_pump(there_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            writer.close()
            there_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_TCP_CHUNK):
            writer.write(data)
            await writer.drain()


def _bind(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _received(sock: socket.socket) -> list[tuple[bytes, Address]]:
    """Return what waits in a socket, so many at most."""
    found: list[tuple[bytes, Address]] = []
    for _ in range(_DATAGRAMS_PER_WAKE):
        try:
            data, source = sock.recvfrom(_DATAGRAM_BYTES)
        except BlockingIOError:
            break
        except OSError:  # an ICMP error of an earlier send
            continue
        found.append((data, source[:2]))
    return found


def _client_ufrag(data: bytes) -> str:
    """Return the fragment of who sends this check, or an empty string (RFC 8445 §7.2.2)."""
    try:
        message = stun.parse(data)
    except MalformedPacket:
        return ""
    return message.username.partition(":")[2] if isinstance(message, stun.BindingRequest) else ""
