"""One UDP socket for all peers: drained until empty, told apart by first byte (RFC 7983).

STUN finds its session by username fragment, everything else by remote address. Whatever a
datagram holds, nothing raises out of here and no other peer is touched; what is refused is
counted.
"""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable
from typing import Protocol

from media import stun
from media.errors import MalformedPacket
from media.kernel import Address

logger = logging.getLogger(__name__)

_DRAIN_LIMIT = 256
"Datagrams per callback, so that HTTP and timers get their turn under a flood."
_RECEIVE_BYTES = 2048
_BUFFER_BYTES = 4 << 20
_MALFORMED_STUN = "media_malformed_stun_total"


class MuxPeer(Protocol):
    """A session as the mux sees it."""

    ufrag: str

    def handle_stun(self, message: stun.Message, data: bytes, address: Address) -> bool:
        """Take a STUN message; True if it was authentic, which binds the address to the peer."""

    def handle_dtls(self, data: bytes, address: Address) -> None:
        """Take a DTLS datagram from a bound address."""

    def handle_srtp(self, datagrams: list[bytes]) -> None:
        """Take SRTP and SRTCP datagrams from bound addresses, in order of arrival."""


class UdpMux:
    """Receives for all peers; `on_drained` is called after each batch."""

    def __init__(self, counters: dict[str, float], on_drained: Callable[[], None]) -> None:
        """Count into `counters`; nothing is open before `open`."""
        self._counters = counters
        self._on_drained = on_drained
        self._by_ufrag: dict[str, MuxPeer] = {}
        self._by_address: dict[Address, MuxPeer] = {}
        self._addresses: dict[str, set[Address]] = {}
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

    def add(self, peer: MuxPeer) -> None:
        """Route datagrams of this peer's username fragment to it."""
        self._by_ufrag[peer.ufrag] = peer
        self._addresses[peer.ufrag] = set()

    def remove(self, peer: MuxPeer) -> None:
        """Stop routing to a peer. Idempotent."""
        self._by_ufrag.pop(peer.ufrag, None)
        for address in self._addresses.pop(peer.ufrag, ()):
            if self._by_address.get(address) is peer:
                del self._by_address[address]

    def send(self, data: bytes, address: Address) -> None:
        """Send one datagram, or lose it: nothing is queued."""
        try:
            self.socket.sendto(data, address)
        except OSError:
            self._count("media_sends_refused_total")

    def _drain(self) -> None:
        assert self._socket is not None
        receive = self._socket.recvfrom
        media: dict[MuxPeer, list[bytes]] = {}
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
                peer = self._by_address.get(address)
                if peer is None:
                    self._count("media_unknown_address_total")
                else:
                    media.setdefault(peer, []).append(data)
            elif first < 4:
                self._guard(self._handle_stun, data, address)
            elif 20 <= first <= 63:
                self._guard(self._handle_dtls, data, address)
            else:
                self._count("media_unknown_datagram_total")
        for peer, datagrams in media.items():
            self._guard(peer.handle_srtp, datagrams)
        self._guard(self._on_drained)

    def _guard(self, handle: Callable[..., None], *arguments: object) -> None:
        """Keep a fault in handling one peer's datagrams from reaching the others."""
        try:
            handle(*arguments)
        except Exception:
            logger.exception("handling datagrams failed")
            self._count("media_handler_failures_total")

    def _handle_stun(self, data: bytes, address: Address) -> None:
        try:
            message = stun.parse(data)
            if isinstance(message, stun.BindingRequest):
                peer = self._by_ufrag.get(message.username.partition(":")[0])
            else:
                peer = self._by_address.get(address)
            if peer is None or not peer.handle_stun(message, data, address):
                self._count("media_refused_stun_total")
                return
        except MalformedPacket:
            self._count(_MALFORMED_STUN)
            return
        self._bind_address(peer, address)

    def _bind_address(self, peer: MuxPeer, address: Address) -> None:
        if self._by_address.get(address) is not peer and peer.ufrag in self._addresses:
            self._by_address[address] = peer
            self._addresses[peer.ufrag].add(address)

    def _handle_dtls(self, data: bytes, address: Address) -> None:
        peer = self._by_address.get(address)
        if peer is None:
            self._count("media_unknown_address_total")
        else:
            peer.handle_dtls(data, address)

    def _count(self, name: str) -> None:
        self._counters[name] = self._counters.get(name, 0) + 1


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
