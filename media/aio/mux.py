"""One UDP socket for all peers: drained until empty, told apart by first byte (RFC 7983)."""

import asyncio
import contextlib
import errno
import socket

from media.kernel import Address

from .routes import PeerRoutes, RoutedPeer

_DRAIN_LIMIT = 256
"Datagrams per callback, so that HTTP and timers get their turn under a flood."
_RECEIVE_BYTES = 2048
_BUFFER_BYTES = 4 << 20


class UdpMux:
    """Receives for all peers."""

    def __init__(self, routes: PeerRoutes) -> None:
        """Hand over by `routes`; nothing is open before `open`."""
        self._routes = routes
        self._socket: socket.socket | None = None

    def open(self, host: str, port: int) -> None:
        """Bind the socket; `::` takes IPv4 too, and plain IPv4 where there is no IPv6.

        Raises:
            OSError: if the address cannot be bound.
        """
        self._socket = _bind(host, port)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._drain)

    @property
    def socket(self) -> socket.socket:
        """The open socket."""
        assert self._socket is not None, "open() comes first"
        return self._socket

    @property
    def port(self) -> int:
        """The bound port."""
        return int(self.socket.getsockname()[1])

    def close(self) -> None:
        """Stop receiving and close the socket. Idempotent."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def send(self, data: bytes, address: Address) -> None:
        """Send one datagram, or lose it: nothing is queued."""
        try:
            self.socket.sendto(data, address)
        except OSError:
            self._routes.count("media_sends_refused_total")

    def _drain(self) -> None:
        assert self._socket is not None
        receive = self._socket.recvfrom
        routes = self._routes
        by_address = routes.by_address
        media: dict[RoutedPeer, list[bytes]] = {}
        for _ in range(_DRAIN_LIMIT):
            try:
                data, address = receive(_RECEIVE_BYTES)
            except BlockingIOError:
                break
            except OSError:
                # An ICMP error of an earlier send; the socket itself is fine.
                continue
            first = data[0] if len(data) > 1 else 255
            if 128 <= first <= 191:
                peer = by_address.get(address)
                if peer is None:
                    routes.count("media_unknown_address_total")
                else:
                    media.setdefault(peer, []).append(data)
            elif first < 4:
                routes.guard(routes.take_stun, data, address)
            elif 20 <= first <= 63:
                routes.guard(routes.take_dtls, data, address)
            else:
                routes.count("media_unknown_datagram_total")
        routes.finish(media)


def _bind(host: str, port: int) -> socket.socket:
    try:
        return _bind_family(socket.AF_INET6 if ":" in host else socket.AF_INET, host, port)
    except OSError as error:
        if host == "::" and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            return _bind_family(socket.AF_INET, "0.0.0.0", port)
        raise


def _bind_family(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
        for forced in ("SO_RCVBUFFORCE", "SO_SNDBUFFORCE"):
            # Above net.core.[rw]mem_max only root may go; 200 kB otherwise.
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, _FORCE[forced], _BUFFER_BYTES)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


_FORCE = {"SO_SNDBUFFORCE": 32, "SO_RCVBUFFORCE": 33}
"Linux option numbers; Python's socket module does not name them."
