"""DTLS-SRTP handshakes through aiortc's `RTCDtlsTransport`: the only file that imports aiortc.

aiortc's transport is driven over a duck-typed ICE transport: a queue for what arrives and a
callback for what leaves. It sees DTLS datagrams only; RTP and RTCP never pass through it.
After the handshake its two libsrtp sessions and the exported master keys are handed out.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import msgspec
from aiortc import rtcdtlstransport as dtls
from OpenSSL import SSL
from pylibsrtp import Session as SrtpSession

from media.sdp import Fingerprint

DtlsRole = Literal["server", "client"]
SrtpProfile = Literal["gcm", "sha1"]

_PROFILES = {"gcm": dtls.SRTP_AEAD_AES_128_GCM, "sha1": dtls.SRTP_AES128_CM_SHA1_80}
_NAMES: dict[bytes, SrtpProfile] = {
    dtls.SRTP_AEAD_AES_128_GCM.openssl_profile: "gcm",
    dtls.SRTP_AES128_CM_SHA1_80.openssl_profile: "sha1",
}
_MAX_DATAGRAM = 1500
# aiortc offers ECDSA suites only; a peer with an RSA certificate in the server role
# (GStreamer) then has nothing to choose, so the RSA twins are added.
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
)
# Handshake datagrams waiting for the transport's task; more than a few flights is abuse.
_QUEUE_LIMIT = 64


class DtlsFailed(Exception):
    """The handshake ended without keys: a wrong fingerprint, no common profile, or closed."""


class SrtpKeys(msgspec.Struct, frozen=True):
    """What the handshake agreed on (RFC 5764 §4.2)."""

    profile: SrtpProfile
    local_master: bytes
    "Our sending master key and salt, 16 + 12 bytes (GCM) or 16 + 14 bytes (SHA-1)."
    remote_master: bytes


class Certificate(dtls.RTCCertificate):
    """One self-signed ECDSA certificate shared by all sessions of a process.

    The OpenSSL context is made once per profile order (296 us each otherwise).
    """

    def _create_ssl_context(self, srtp_profiles: list[dtls.SRTPProtectionProfile]) -> SSL.Context:
        cache: dict[bytes, SSL.Context] = self.__dict__.setdefault("_contexts", {})
        order = b":".join(p.openssl_profile for p in srtp_profiles)
        if order not in cache:
            context = super()._create_ssl_context(srtp_profiles)
            context.set_cipher_list(_CIPHERS)
            cache[order] = context
        return cache[order]

    @property
    def fingerprint(self) -> Fingerprint:
        """The SHA-256 fingerprint for the answer's `a=fingerprint`."""
        value = next(f.value for f in self.getFingerprints() if f.algorithm == "sha-256")
        return Fingerprint(algorithm="sha-256", value=value)


def make_certificate() -> Certificate:
    """Make a fresh P-256 certificate, valid for 30 days (browsers compare fingerprints only)."""
    certificate = Certificate.generateCertificate()
    assert isinstance(certificate, Certificate)
    return certificate


def _drop(_: bytes) -> None:
    pass


class _DatagramPort:
    """The part of an ICE transport that aiortc's DTLS touches."""

    def __init__(self, role: str, send: Callable[[bytes], None]) -> None:
        self.role = role
        self.state = "completed"
        self._send_now = send
        self._waiting: asyncio.Future[None] | None = None
        self._arrived: deque[bytes] = deque()
        self._closed = False

    def feed(self, datagram: bytes) -> None:
        if len(self._arrived) < _QUEUE_LIMIT:
            self._arrived.append(datagram)
        self._wake()

    def close(self) -> None:
        self._closed = True
        self._send_now = _drop
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def _recv(self) -> bytes:
        while not self._arrived:
            if self._closed:
                raise ConnectionError
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._arrived.popleft()

    async def _send(self, data: bytes) -> None:
        if not self._closed:
            self._send_now(data)


class DtlsPeer:
    """One DTLS association. Feed it datagrams; await `handshake`; close it once.

    `send` is called synchronously with each datagram to put on the wire.
    `on_closed` is called once when the peer sends close_notify after the handshake.
    """

    def __init__(
        self,
        role: DtlsRole,
        certificate: Certificate,
        fingerprints: Sequence[Fingerprint],
        send: Callable[[bytes], None],
        *,
        on_closed: Callable[[], None] | None = None,
        prefer: SrtpProfile = "gcm",
    ) -> None:
        self._role = role
        self._port = _DatagramPort("controlled" if role == "server" else "controlling", send)
        self._transport = dtls.RTCDtlsTransport(cast(Any, self._port), [certificate])
        self._transport._srtp_profiles = sorted(  # noqa: SLF001
            _PROFILES.values(), key=lambda p: p is not _PROFILES[prefer]
        )
        self._transport._set_role(role)  # noqa: SLF001
        self._remote = dtls.RTCDtlsParameters(
            fingerprints=[dtls.RTCDtlsFingerprint(f.algorithm, f.value) for f in fingerprints]
        )
        self._on_closed = on_closed
        self._is_closed = False
        self._transport.on("statechange", self._state_changed)

    def feed(self, datagram: bytes) -> None:
        """Hand in one DTLS datagram; empty and oversized ones are dropped.

        Either would end aiortc's receive loop (it indexes the first byte and reads 1500 bytes).
        """
        if 0 < len(datagram) <= _MAX_DATAGRAM:
            self._port.feed(datagram)

    async def handshake(self) -> SrtpKeys:
        """Run the handshake to its end.

        Returns:
            The negotiated profile and both master keys.

        Raises:
            DtlsFailed: if the association fails or is closed meanwhile.
        """
        await self._transport.start(self._remote)
        if self._is_closed:
            # `asyncio.wait_for` may swallow a cancellation when a datagram came with it.
            await self._transport.stop()
            raise DtlsFailed("closed")
        if self._transport.state != "connected":
            raise DtlsFailed(self._transport.state)
        ssl = self._transport._ssl  # noqa: SLF001
        assert ssl is not None
        profile = _NAMES[ssl.get_selected_srtp_profile()]
        known = _PROFILES[profile]
        material = ssl.export_keying_material(
            b"EXTRACTOR-dtls_srtp", 2 * (known.key_length + known.salt_length)
        )
        client, server = (known.get_key_and_salt(material, i) for i in (0, 1))
        local, remote = (server, client) if self._role == "server" else (client, server)
        return SrtpKeys(profile, local, remote)

    @property
    def receiver(self) -> SrtpSession:
        """Libsrtp session that unprotects what the peer sends; valid after the handshake."""
        return self._transport._rx_srtp  # noqa: SLF001

    @property
    def sender(self) -> SrtpSession:
        """Libsrtp session that protects what we send; valid after the handshake."""
        return self._transport._tx_srtp  # noqa: SLF001

    async def close(self) -> None:
        """Send close_notify and free the association. Idempotent."""
        self._on_closed = None
        self._is_closed = True
        await self._transport.stop()
        # Without cycles OpenSSL's and libsrtp's memory goes now, not at some full collection.
        self._transport.remove_all_listeners()
        self._port.close()

    def _state_changed(self) -> None:
        if self._transport.state == "closed" and self._on_closed is not None:
            on_closed, self._on_closed = self._on_closed, None
            on_closed()
