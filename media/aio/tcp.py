"""ICE over TCP for peers that no UDP reaches: passive candidates on one port (RFC 6544).

Every connection must prove within seconds and a few bytes that it belongs to a session: its
first message is a Binding request with our password (RFC 6544 §10 asks for no more, we do). After
that it carries what a 5-tuple of the UDP socket would, framed by RFC 4571. A connection cannot be
told apart from a UDP peer by those above but for the third part of its address.

What does not leave at once waits in a bounded buffer; beyond it packets are dropped, not queued:
what is late is of no use in live video, and NACK asks for what still is.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections import Counter
from itertools import count
from typing import cast

from media.errors import MalformedPacket
from media.framing import Deframer, frame
from media.kernel import Address, SendPackets

from .routes import PeerRoutes, RoutedPeer

AUTHENTICATE_WITHIN_S = 5.0
_UNAUTHENTICATED_BYTES = 2048
"A browser's Binding request has about 130; it may repeat it before our answer arrives."
_BUFFER_BYTES = 256 * 1024
"In our memory: the key frame and the second of video that a joiner is sent at once."
_KERNEL_BUFFER_BYTES = 64 * 1024
"In the kernel's (it doubles the figure): 100 ms of round trip at 10 Mbit/s."
_LOW_WATER_BYTES = 16 * 1024
"Not yet sent, above which the kernel takes no more: it would only age there."
_USER_TIMEOUT_MS = 20_000
"Sent data that nobody acknowledges for so long ends the connection (RFC 5482)."
_BACKLOG = 256


class TcpMux:
    """Accepts connections and routes what arrives on them."""

    def __init__(
        self, routes: PeerRoutes, *, max_connections: int, max_per_address: int, idle_s: float
    ) -> None:
        """Prepare; nothing is open before `open`.

        Args:
            routes: Where datagrams go.
            max_connections: In all.
            max_per_address: From one IPv4 address or IPv6 /64.
            idle_s: A connection on which nothing arrives for so long is closed.
        """
        self._routes = routes
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self._idle_s = idle_s
        self._connections: dict[Address, _Connection] = {}
        self._by_source: Counter[str] = Counter()
        self._serial = count(1)
        self._server: asyncio.Server | None = None

    async def open(self, host: str, family: int, port: int) -> None:
        """Listen at the address the UDP socket has.

        Raises:
            OSError: if the port is taken.
        """
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            # Accepted sockets inherit it; set later it would not shrink what is there.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER_BYTES)
            sock.bind((host, port))
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                lambda: _Connection(self, self._routes), sock=sock, backlog=_BACKLOG
            )
        except BaseException:
            sock.close()
            raise

    async def close(self) -> None:
        """Stop listening and close every connection. Idempotent."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in tuple(self._connections.values()):
            connection.close()
        # The transports tell their protocols in the loop's next turns.
        for _ in range(3):
            await asyncio.sleep(0)

    def __len__(self) -> int:
        return len(self._connections)

    def send(self, data: bytes, address: Address) -> None:
        """Send one datagram, or lose it."""
        connection = self._connections.get(address)
        if connection is None or not connection.send([data]):
            self._routes.count("media_sends_refused_total")

    def sender(self, address: Address) -> SendPackets:
        """Return the way out to a connection; it takes nothing once the connection is gone."""
        connection = self._connections.get(address)
        return _refuse if connection is None else connection.send

    def sweep(self, now: float) -> None:
        """Close what has not proved itself, is bound to nobody any more, or is silent."""
        for address, connection in tuple(self._connections.items()):
            if not connection.is_authentic:
                if now - connection.opened_at > AUTHENTICATE_WITHIN_S:
                    self._routes.count("media_tcp_unauthenticated_total")
                    connection.abort()
            elif address not in self._routes.by_address:
                connection.close()
            elif now - connection.heard_at > self._idle_s:
                connection.abort()

    def admit(self, connection: "_Connection", host: str, port: int) -> Address | None:
        """Enter a new connection and name it; None if a cap refuses it."""
        source = _source(host)
        if (
            len(self._connections) >= self._max_connections
            or self._by_source[source] >= self._max_per_address
        ):
            self._routes.count("media_tcp_refused_total")
            return None
        self._routes.count("media_tcp_accepted_total")
        address: Address = (host, port, next(self._serial))
        self._connections[address] = connection
        self._by_source[source] += 1
        return address

    def forget(self, address: Address) -> None:
        """Strike out a closed connection. Idempotent."""
        if self._connections.pop(address, None) is None:
            return
        source = _source(address[0])
        self._by_source[source] -= 1
        if not self._by_source[source]:
            del self._by_source[source]


class _Connection(asyncio.Protocol):
    """One accepted connection."""

    def __init__(self, mux: TcpMux, routes: PeerRoutes) -> None:
        self._mux = mux
        self._routes = routes
        self._loop = asyncio.get_running_loop()
        self._deframer = Deframer()
        self._transport: asyncio.Transport | None = None
        self._address: Address | None = None
        self._unauthenticated = 0
        self.is_authentic = False
        self.opened_at = self.heard_at = self._loop.time()

    # ---- for asyncio --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        # None when the other side is gone already.
        self._address = self._mux.admit(self, peer[0], peer[1]) if peer else None
        if self._address is None:
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=_BUFFER_BYTES)
        sock = transport.get_extra_info("socket")
        for option, value in _SOCKET_OPTIONS:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, option, value)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._address is not None:
            self._mux.forget(self._address)

    def data_received(self, data: bytes) -> None:
        if self._address is None:
            return
        self.heard_at = self._loop.time()
        try:
            datagrams = self._deframer.feed(data)
        except MalformedPacket:
            self._routes.count("media_tcp_malformed_total")
            self.abort()
            return
        media: dict[RoutedPeer, list[bytes]] = {}
        for datagram in datagrams:
            self._take(datagram, self._address, media)
        self._routes.finish(media)
        if not self.is_authentic:
            self._unauthenticated += len(data)
            if self._unauthenticated > _UNAUTHENTICATED_BYTES:
                self._routes.count("media_tcp_unauthenticated_total")
                self.abort()

    # ---- for the mux --------------------------------------------------------------------------

    def send(self, packets: list[bytes]) -> int:
        """Send packets in order until the buffer is full; returns how many went."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return 0
        room = _BUFFER_BYTES - transport.get_write_buffer_size()
        framed: list[bytes] = []
        for packet in packets:
            room -= len(packet) + 2
            if room < 0:
                self._routes.count("media_tcp_dropped_total", len(packets) - len(framed))
                break
            framed.append(frame(packet))
        if framed:
            transport.write(b"".join(framed))
        return len(framed)

    def close(self) -> None:
        """Close after what is buffered has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _take(
        self, datagram: bytes, address: Address, media: dict[RoutedPeer, list[bytes]]
    ) -> None:
        first = datagram[0]
        if first < 4:
            self._routes.guard(self._take_stun, datagram, address)
        elif not self.is_authentic:
            self._routes.count("media_unknown_address_total")
        elif 128 <= first <= 191:
            peer = self._routes.by_address.get(address)
            if peer is not None:
                media.setdefault(peer, []).append(datagram)
        elif 20 <= first <= 63:
            self._routes.guard(self._routes.take_dtls, datagram, address)
        else:
            self._routes.count("media_unknown_datagram_total")

    def _take_stun(self, datagram: bytes, address: Address) -> None:
        if self._routes.take_stun(datagram, address):
            self.is_authentic = True


_SOCKET_OPTIONS = tuple(
    (getattr(socket, name), value)
    for name, value in (
        ("TCP_NODELAY", 1),
        ("TCP_NOTSENT_LOWAT", _LOW_WATER_BYTES),
        ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS),
    )
    if hasattr(socket, name)
)


def _refuse(_packets: list[bytes]) -> int:
    return 0


def _source(host: str) -> str:
    """Name whom a connection counts for: one household or phone."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(int(address) >> 64)
    return host
