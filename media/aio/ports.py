"""The server's way to its peers: one port number, UDP and TCP, and what leads to it."""

import asyncio

from media.candidates import LocalCandidates
from media.kernel import Address, SendMessage, SendPackets
from media.settings import MediaSettings

from .interfaces import AdvertisedAddresses
from .mux import UdpMux
from .routes import PeerRoutes
from .tcp import TcpMux

_PORT_ATTEMPTS = 10
"When the system chooses: a port that is free in UDP may be taken in TCP."


class MediaPorts:
    """Opens both and sends by address. Addresses of TCP connections have three parts."""

    def __init__(self, settings: MediaSettings, routes: PeerRoutes) -> None:
        """Prepare; nothing is open before `open`."""
        self._settings = settings
        self._advertised = AdvertisedAddresses(settings)
        self._udp = UdpMux(routes)
        self._tcp = TcpMux(
            routes,
            max_connections=settings.max_tcp_connections,
            max_per_address=settings.max_tcp_connections_per_address,
            idle_s=settings.consent_timeout_s,
        )

    async def open(self) -> None:
        """Bind UDP and, unless it is switched off, TCP at the same address and port.

        Raises:
            OSError: the port is taken.
        """
        attempts = 1 if self._settings.udp_port else _PORT_ATTEMPTS
        for left in reversed(range(attempts)):
            self._udp.open(self._settings.udp_host, self._settings.udp_port)
            try:
                await self._open_tcp()
            except OSError:
                self._udp.close()
                if not left:
                    raise
            else:
                return

    async def _open_tcp(self) -> None:
        if "tcp" in self._settings.transports:
            sock = self._udp.socket
            await self._tcp.open(sock.getsockname()[0], sock.family, self._udp.port)

    async def close(self) -> None:
        """Close both. Idempotent."""
        await self._tcp.close()
        self._udp.close()

    @property
    def port(self) -> int:
        """The bound port."""
        return self._udp.port

    @property
    def sendmsg(self) -> SendMessage:
        """The UDP socket's."""
        return self._udp.socket.sendmsg

    @property
    def connections(self) -> int:
        """Open TCP connections."""
        return len(self._tcp)

    def send(self, data: bytes, address: Address) -> None:
        """Send one datagram, or lose it: nothing is queued."""
        if len(address) == 3:
            self._tcp.send(data, address)
        else:
            self._udp.send(data, address)

    def sender(self, address: Address) -> SendPackets | None:
        """Return a TCP connection's way out; None for what the UDP socket reaches."""
        return self._tcp.sender(address) if len(address) == 3 else None

    def candidates(self, now: float) -> LocalCandidates:
        """Return what answers tell of us."""
        addresses = self._advertised.addresses(self._udp.socket, now)
        return LocalCandidates(addresses, self._settings.transports)

    def sweep(self) -> None:
        """Close connections that are of no use; call about every second."""
        self._tcp.sweep(asyncio.get_running_loop().time())
