"""How a light client's datagrams travel: over a UDP socket, or framed over one TCP connection."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, Protocol, cast

from media.client_offer import Address, Answer
from media.errors import MalformedPacket
from media.framing import Deframer, frame

ClientTransport = Literal["udp", "tcp"]
Receive = Callable[[bytes, Address], None]

_DATAGRAM_BYTES = 2048
_DATAGRAMS_PER_WAKE = 64
"A busy client must not starve the hundreds beside it in the same loop."
_RECEIVE_BUFFER_BYTES = 1 << 20


class ClientPath(Protocol):
    """An open way to the server."""

    candidates: Sequence[Address]
    "The server's addresses it reaches."

    def send(self, data: bytes, address: Address) -> None:
        """Send one datagram, or lose it."""

    def close(self) -> None:
        """Close it. Idempotent."""


async def open_path(transport: ClientTransport, answer: Answer, receive: Receive) -> ClientPath:
    """Open a path to the candidates of an answer; `receive` gets what arrives.

    Raises:
        OSError: the answer has no candidate of the kind, or none can be reached.
    """
    if transport == "tcp":
        return await _open_tcp(answer.tcp_candidates, receive)
    for family, mark in ((socket.AF_INET, "."), (socket.AF_INET6, ":")):
        usable = [address for address in answer.candidates if mark in address[0]]
        if usable:
            return UdpPath(family, usable, receive)
    raise OSError("the answer has no UDP candidate")


class UdpPath:
    """One UDP socket."""

    def __init__(
        self, family: socket.AddressFamily, candidates: Sequence[Address], receive: Receive
    ) -> None:
        self.candidates = candidates
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        self._socket.bind(("", 0))
        self._loop.add_reader(self._socket, self._readable)

    def send(self, data: bytes, address: Address) -> None:
        """Send one datagram, or lose it."""
        with contextlib.suppress(OSError):
            self._socket.sendto(data, address)

    def close(self) -> None:
        """Close the socket. Idempotent."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _readable(self) -> None:
        for _ in range(_DATAGRAMS_PER_WAKE):
            if self._socket.fileno() < 0:  # closed by what it received
                return
            try:
                data, source = self._socket.recvfrom(_DATAGRAM_BYTES)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error reported on the socket
                continue
            if len(data) > 1:
                self._receive(data, (source[0], source[1]))


async def _open_tcp(candidates: Sequence[Address], receive: Receive) -> "TcpPath":
    error = OSError("the answer has no TCP candidate")
    for address in candidates:
        try:
            _, path = await asyncio.get_running_loop().create_connection(
                partial(TcpPath, address, receive), *address
            )
        except OSError as refused:
            error = refused
        else:
            return path
    raise error


class TcpPath(asyncio.Protocol):
    """One connection, framed as RFC 4571 says."""

    def __init__(self, address: Address, receive: Receive) -> None:
        self.candidates: Sequence[Address] = [address]
        self._receive = receive
        self._deframer = Deframer()
        self._transport: asyncio.Transport | None = None

    def send(self, data: bytes, address: Address) -> None:
        """Send one datagram; after the connection's end it is lost."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame(data))

    def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """For asyncio."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """For asyncio."""
        try:
            datagrams = self._deframer.feed(data)
        except MalformedPacket:
            self.close()
            return
        for datagram in datagrams:
            self._receive(datagram, self.candidates[0])
