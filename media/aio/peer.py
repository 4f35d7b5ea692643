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

_FRESH_CONSENT_S = 10.0
"Browsers renew it every 2.5 s; an address silent for longer may have a new owner."
_MAX_EARLY = 64
"Datagrams, about a key frame of 720p; nothing of them is read before the keys are there."
_MAX_SSRCS = 16
"libsrtp keeps state per SSRC; a publisher needs a few, a hostile one would make millions."
_CHECK_INTERVAL_S = 0.1


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


def _ignore(*_: object) -> None:
    """Stand in for the callbacks of a closed peer: they would keep its session alive."""


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
        self._early: list[bytes] = []
        self._is_dtls_client = plan.dtls_role == "client"
        self._dtls_sources: set[Address] = set()
        "Where datagrams of the handshake came from."
        self._dtls = DtlsPeer(
            "client" if self._is_dtls_client else "server",
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

    def holds(self, address: Address) -> bool:
        """Tell whether media goes there and consent is fresh; see `RoutedPeer`."""
        if not self.is_connected or self._ice.selected != address:
            return False
        return self._owner.now() - self._ice.last_consent < _FRESH_CONSENT_S

    def handle_stun(self, message: stun.Message, data: bytes, address: Address) -> bool:
        """Take a STUN message; see `MuxPeer`."""
        handled = self._ice.handle_message(message, data, address, self._owner.now())
        if handled == "refused":
            return False
        self._send_stun()
        if not self._has_dtls:
            # Where our own first flight goes, if it is us who begin.
            self._dtls_address = self._ice.nominated or address
        # A peer that leaves the beginning to us (FFmpeg) listens once it has chosen its path.
        may_begin = not self._is_dtls_client or self._ice.nominated is not None
        if self._handshake is None and may_begin:
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
            self._dtls_sources.add(address)
        self._dtls.feed(data)

    def handle_srtp(self, datagrams: list[bytes]) -> None:
        """Unprotect what arrived and hand it on."""
        if not self.is_connected:
            self._keep_early(datagrams)
            return
        media: list[bytes] = []
        for data in datagrams:
            try:
                self._take_srtp(data, media)
            except (SrtpError, ValueError):
                # Forged, replayed, cut short or over 1500 bytes.
                self._owner.count("media_srtp_failures_total")
        if media:
            self.on_media(media)

    def _keep_early(self, datagrams: list[bytes]) -> None:
        """Keep what overtook the handshake's last step: it may be the first key frame."""
        room = _MAX_EARLY - len(self._early) if self._handshake is not None else 0
        self._early += datagrams[:room]
        self._owner.count("media_early_srtp_total", len(datagrams))

    async def close(self) -> None:
        """End DTLS with close_notify and stop the handshake. Idempotent."""
        if self.is_connected:
            self._dtls_address = self._ice.selected
        self.is_connected = False
        await self._dtls.close()
        if self._handshake is not None and self._handshake is not asyncio.current_task():
            self._handshake.cancel()
        self._handshake = None
        self._early = []
        self.on_connected = self.on_media = self.on_rtcp = self.on_moved = _ignore
        self.on_closed = _ignore

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
        await self._confirm_address()
        self.is_connected = True
        self._selected = self._ice.selected
        self.on_connected(keys)
        early, self._early = self._early, []
        if early:
            self.handle_srtp(early)

    async def _confirm_address(self) -> None:
        """Wait for an address that made a round trip.

        The handshake was one if it used a single address throughout. Otherwise a part of it may
        have come with a spoofed source, so each of its addresses has to answer a check.
        """
        if len(self._dtls_sources) == 1:
            (address,) = self._dtls_sources
            self._ice.validate(address, self._owner.now())
            self._send_stun()
        while self._ice.selected is None:
            for address in self._dtls_sources:
                self._ice.check(address, self._owner.now())
            self._send_stun()
            await asyncio.sleep(_CHECK_INTERVAL_S)

    def _follow(self) -> None:
        """Tell when ICE selected another address."""
        if self.is_connected and self._ice.selected != self._selected:
            self._selected = self._ice.selected
            assert self._selected is not None
            self.on_moved(self._selected)

    def _take_srtp(self, data: bytes, media: list[bytes]) -> None:
        """Unprotect one datagram; an SSRC takes a place only once it proved authentic."""
        is_control = is_rtcp(data)
        ssrc = data[4:8] if is_control else data[8:12]
        is_expected = ssrc in self._ssrcs or len(self._ssrcs) < _MAX_SSRCS
        if not is_expected or not (is_control or self._receives):
            self._owner.count("media_unexpected_rtp_total")
            return
        receiver = self._dtls.receiver
        plain = receiver.unprotect_rtcp(data) if is_control else receiver.unprotect(data)
        self._ssrcs.add(ssrc)
        if is_control:
            self.on_rtcp(plain)
        else:
            media.append(plain)

    def _send_stun(self) -> None:
        for data, address in self._ice.datagrams_to_send():
            self._owner.send(data, address)

    def _send_dtls(self, data: bytes) -> None:
        address = self._ice.selected or self._dtls_address
        if address is not None:
            self._owner.send(data, address)


def _make_credentials() -> Credentials:
    return Credentials(secrets.token_hex(4), secrets.token_hex(16))
