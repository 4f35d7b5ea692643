"""One session's transport: ICE-lite, the DTLS handshake, and SRTP that arrives.

Decides nothing about rooms; tells its owner when it is connected, what arrived, where media
may go, and when it is over.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Protocol

from pylibsrtp import Error as SrtpError

from media import stun
from media.ice import Credentials, IceLite
from media.kernel import Address
from media.negotiation import TransportPlan
from media.rtp import is_rtcp
from media.sdpfrag import RemoteIce

from .dtls_peer import Certificate, DtlsFailed, DtlsPeer, SrtpKeys, SrtpProfile

logger = logging.getLogger(__name__)

_MAX_SSRCS = 16
"libsrtp keeps state per SSRC; a publisher needs a few, a hostile one would make millions."


class PeerOwner(Protocol):
    """What a peer needs of the server."""

    certificate: Certificate

    def now(self) -> float:
        """Monotonic seconds."""

    def send(self, data: bytes, address: Address) -> None:
        """Put a datagram on the wire."""

    def count(self, name: str, amount: int = 1) -> None:
        """Count for the metrics."""

    def unroute(self, peer: "Peer", ufrag: str) -> None:
        """Forget a username fragment whose time is over."""


class Peer:
    """Transport of one session. Created with the answer, ended by `close`."""

    on_connected: Callable[[SrtpKeys], None]
    on_media: Callable[[list[bytes]], None]
    on_rtcp: Callable[[bytes], None]
    on_moved: Callable[[Address], None]
    "Media may go to another address from now on."
    on_closed: Callable[[], None]
    "The peer ended DTLS, or the handshake failed."

    def __init__(
        self, owner: PeerOwner, plan: TransportPlan, *, prefer: SrtpProfile, receives: bool
    ) -> None:
        """Make our end of the transport; `receives` is False for viewers, who send RTCP only."""
        own = _make_credentials()
        self.ufrag = own.ufrag
        "Ours in the first answer; restarts do not change it here."
        self.is_connected = False
        self._owner = owner
        self._receives = receives
        remote = Credentials(plan.remote_ufrag, plan.remote_pwd)
        self._ice = IceLite(own, remote, secrets.token_bytes, owner.now())
        self._dtls_address: Address | None = None
        self._has_dtls = False
        self._dtls = DtlsPeer(
            "client" if plan.dtls_role == "client" else "server",
            owner.certificate,
            plan.fingerprints,
            self._send_dtls,
            on_closed=lambda: self.on_closed(),
            prefer=prefer,
        )
        self._handshake: asyncio.Task[None] | None = None
        self._ssrcs: set[bytes] = set()
        self._selected: Address | None = None

    @property
    def dtls(self) -> DtlsPeer:
        """The DTLS association, whose SRTP sessions protect our RTCP."""
        return self._dtls

    @property
    def credentials(self) -> Credentials:
        """Ours, as the newest answer tells them."""
        return self._ice.own

    @property
    def etag(self) -> str:
        """Strong entity-tag of the ICE session, with its quotes (RFC 9725 §4.3.1)."""
        return f'"{self._ice.own.ufrag}"'

    @property
    def remote_ice(self) -> RemoteIce:
        """What the peer's fragments are judged against."""
        ice = self._ice
        return RemoteIce(self.etag, ice.remote.ufrag, ice.remote.pwd, ice.past)

    @property
    def selected(self) -> Address | None:
        """Where media may go."""
        return self._ice.selected

    @property
    def last_consent(self) -> float:
        """When the peer last proved that it wants our packets."""
        return self._ice.last_consent

    @property
    def rtt_s(self) -> float | None:
        """Smoothed round-trip time of our checks, if any were made."""
        return self._ice.rtt_s

    def measure(self) -> None:
        """Send a check that measures the round trip."""
        if self._ice.selected is not None:
            self._ice.check(self._ice.selected, self._owner.now())
            self._send_stun()

    def restart(self, remote: Credentials) -> Credentials:
        """Restart ICE with the peer's new credentials; returns ours."""
        own = _make_credentials()
        self._ice.restart(own, remote, self._owner.now())
        self._send_stun()
        return own

    def tidy(self) -> None:
        """Forget credentials whose time is over; call about every second."""
        for ufrag in self._ice.expire(self._owner.now()):
            self._owner.unroute(self, ufrag)

    def handle_stun(self, message: stun.Message, data: bytes, address: Address) -> bool:
        """Take a STUN message; see `MuxPeer`."""
        handled = self._ice.handle_message(message, data, address, self._owner.now())
        if handled == "refused":
            return False
        self._send_stun()
        if not self._has_dtls:
            # Where our own first flight goes, if it is us who begin.
            self._dtls_address = self._ice.nominated or address
        if self._handshake is None:
            self._handshake = asyncio.create_task(self._shake_hands())
        self._follow()
        return True

    def handle_dtls(self, data: bytes, address: Address) -> None:
        """Take a DTLS datagram; answers go where the last one came from."""
        if len(data) > 1500:
            self._owner.count("media_malformed_dtls_total")
            return
        if not self.is_connected:
            self._has_dtls = True
            self._dtls_address = address
        self._dtls.feed(data)

    def handle_srtp(self, datagrams: list[bytes]) -> None:
        """Unprotect what arrived and hand it on."""
        if not self.is_connected:
            self._owner.count("media_early_srtp_total", len(datagrams))
            return
        media: list[bytes] = []
        receiver = self._dtls.receiver
        for data in datagrams:
            try:
                if is_rtcp(data):
                    self.on_rtcp(receiver.unprotect_rtcp(data))
                elif self._receives and self._knows(data):
                    media.append(receiver.unprotect(data))
                else:
                    self._owner.count("media_unexpected_rtp_total")
            except (SrtpError, ValueError):
                # Forged, replayed, cut short or over 1500 bytes.
                self._owner.count("media_srtp_failures_total")
        if media:
            self.on_media(media)

    async def close(self) -> None:
        """End DTLS with close_notify and stop the handshake. Idempotent."""
        if self.is_connected:
            self._dtls_address = self._ice.selected
        self.is_connected = False
        await self._dtls.close()
        if self._handshake is not None and self._handshake is not asyncio.current_task():
            self._handshake.cancel()
        self._handshake = None

    def send_rtcp(self, data: bytes) -> None:
        """Protect and send a compound RTCP packet; dropped while not connected."""
        if self.is_connected and self._ice.selected is not None:
            self._owner.send(self._dtls.sender.protect_rtcp(data), self._ice.selected)

    async def _shake_hands(self) -> None:
        try:
            keys = await self._dtls.handshake()
        except DtlsFailed:
            self._owner.count("media_dtls_failures_total")
            self.on_closed()
            return
        except Exception:
            # Whatever a hostile handshake provokes in OpenSSL's bindings ends this peer alone.
            logger.exception("DTLS handshake broke")
            self._owner.count("media_dtls_failures_total")
            self.on_closed()
            return
        assert self._dtls_address is not None
        self._ice.validate(self._dtls_address, self._owner.now())
        self._send_stun()
        self.is_connected = True
        self._selected = self._ice.selected
        self.on_connected(keys)

    def _follow(self) -> None:
        """Tell when ICE selected another address."""
        if self.is_connected and self._ice.selected != self._selected:
            self._selected = self._ice.selected
            assert self._selected is not None
            self.on_moved(self._selected)

    def _knows(self, data: bytes) -> bool:
        ssrc = data[8:12]
        if ssrc not in self._ssrcs:
            if len(self._ssrcs) >= _MAX_SSRCS:
                return False
            self._ssrcs.add(ssrc)
        return True

    def _send_stun(self) -> None:
        for data, address in self._ice.datagrams_to_send():
            self._owner.send(data, address)

    def _send_dtls(self, data: bytes) -> None:
        address = self._ice.selected if self.is_connected else self._dtls_address
        if address is not None:
            self._owner.send(data, address)


def _make_credentials() -> Credentials:
    return Credentials(secrets.token_hex(4), secrets.token_hex(16))
