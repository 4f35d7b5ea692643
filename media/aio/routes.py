"""Which peer a datagram is for: by username fragment (STUN) or by remote address (the rest).

Shared by the UDP socket and the TCP connections, whose addresses have a third part and so never
meet. Whatever a datagram holds, nothing raises out of here and no other peer is touched; what is
refused is counted.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from media import stun
from media.errors import MalformedPacket
from media.kernel import Address

logger = logging.getLogger(__name__)

_MAX_ADDRESSES = 16
"Bound to one peer at a time, as many as its ICE agent remembers."


class RoutedPeer(Protocol):
    """A session as its datagrams see it."""

    ufrag: str

    def holds(self, address: Address) -> bool:
        """Tell whether the peer's media goes to this address and it wants it still."""

    def handle_stun(self, message: stun.Message, data: bytes, address: Address) -> bool:
        """Take a STUN message; True if it was authentic, which binds the address to the peer."""

    def handle_dtls(self, data: bytes, address: Address) -> None:
        """Take a DTLS datagram from a bound address."""

    def handle_srtp(self, datagrams: list[bytes]) -> None:
        """Take SRTP and SRTCP datagrams from bound addresses, in order of arrival."""


class PeerRoutes:
    """The tables, and what is done with single datagrams."""

    def __init__(self, counters: dict[str, float], on_drained: Callable[[], None]) -> None:
        """Count into `counters`; `on_drained` is called after each batch of datagrams."""
        self.by_address: dict[Address, RoutedPeer] = {}
        self._by_ufrag: dict[str, RoutedPeer] = {}
        self._ufrags: dict[RoutedPeer, set[str]] = {}
        self._addresses: dict[RoutedPeer, dict[Address, None]] = {}
        self._counters = counters
        self._on_drained = on_drained

    def add(self, peer: RoutedPeer) -> None:
        """Route datagrams of this peer's username fragment to it."""
        self._ufrags[peer] = set()
        self._addresses[peer] = {}
        self.add_ufrag(peer, peer.ufrag)

    def add_ufrag(self, peer: RoutedPeer, ufrag: str) -> None:
        """Route another username fragment, too (ICE restart)."""
        if peer in self._ufrags:
            self._by_ufrag[ufrag] = peer
            self._ufrags[peer].add(ufrag)

    def drop_ufrag(self, peer: RoutedPeer, ufrag: str) -> None:
        """Stop routing one username fragment."""
        if ufrag in self._ufrags.get(peer, ()):
            self._ufrags[peer].discard(ufrag)
            del self._by_ufrag[ufrag]

    def remove(self, peer: RoutedPeer) -> None:
        """Stop routing to a peer. Idempotent."""
        for ufrag in self._ufrags.pop(peer, ()):
            del self._by_ufrag[ufrag]
        for address in self._addresses.pop(peer, ()):
            if self.by_address.get(address) is peer:
                del self.by_address[address]

    def take_stun(self, data: bytes, address: Address) -> bool:
        """Hand a STUN datagram to its peer; tells whether it was authentic."""
        try:
            message = stun.parse(data)
            if isinstance(message, stun.BindingRequest):
                peer = self._by_ufrag.get(message.username.partition(":")[0])
            else:
                peer = self.by_address.get(address)
            if peer is None or not peer.handle_stun(message, data, address):
                self.count("media_refused_stun_total")
                return False
        except MalformedPacket:
            self.count("media_malformed_stun_total")
            return False
        holder = self.by_address.get(address)
        if holder is not None and holder is not peer and holder.holds(address):
            # A spoofed source must not divert what another peer sends from there.
            self.count("media_refused_stun_total")
            return False
        self._bind(peer, address)
        return True

    def take_dtls(self, data: bytes, address: Address) -> None:
        """Hand a DTLS datagram to its peer."""
        peer = self.by_address.get(address)
        if peer is None:
            self.count("media_unknown_address_total")
        else:
            peer.handle_dtls(data, address)

    def finish(self, media: dict[RoutedPeer, list[bytes]]) -> None:
        """End a batch: hand over what arrived for each peer."""
        for peer, datagrams in media.items():
            self.guard(peer.handle_srtp, datagrams)
        self.guard(self._on_drained)

    def guard(self, handle: Callable[..., object], *arguments: object) -> None:
        """Keep a fault in handling one peer's datagrams from reaching the others."""
        try:
            handle(*arguments)
        except Exception:
            logger.exception("handling datagrams failed")
            self.count("media_handler_failures_total")

    def count(self, name: str, amount: int = 1) -> None:
        """Count for the metrics."""
        self._counters[name] = self._counters.get(name, 0) + amount

    def _bind(self, peer: RoutedPeer, address: Address) -> None:
        """Bind an address, or move it to the end: of too many the longest silent one goes."""
        bound = self._addresses.get(peer)
        if bound is None:
            return
        bound.pop(address, None)
        bound[address] = None
        self.by_address[address] = peer
        if len(bound) > _MAX_ADDRESSES:
            oldest = next(iter(bound))
            del bound[oldest]
            if self.by_address.get(oldest) is peer:
                del self.by_address[oldest]
