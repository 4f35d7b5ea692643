"""A light WebRTC client towards an ICE-lite server: one socket, raw RTP in and out.

For the demo host, the load tool, tests and nodes that pull from each other. It decodes nothing,
orders nothing and answers no NACK: packets are handed over as they arrive.

Order of calls: make it, POST `offer()`, `connect()` with the answer, `send_*` and callbacks until
`closed` is set or `close()` is called.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence

import pylibsrtp

from media.aio.client_paths import ClientPath, ClientTransport, open_path
from media.aio.dtls_peer import Certificate, DtlsFailed, DtlsPeer
from media.client_offer import (
    Address,
    Answer,
    Direction,
    LocalDescription,
    OfferedTrack,
    Setup,
    read_answer,
    write_offer,
)
from media.errors import MediaError
from media.ice_client import IceClient, IceState
from media.rtp import is_rtcp
from media.sdpfrag import parse_fragment

_EARLY_LIMIT = 256
"The server's first media follow its last handshake flight at once, before our task has read that."


class ConnectFailed(MediaError):
    """No path to the server, or no DTLS association with it."""


def _ignore(_: bytes) -> None:
    pass


class WebRtcClient:
    """One peer connection of one audio and one video track at most.

    Args:
        direction: `sendonly` for WHIP, `recvonly` for WHEP.
        tracks: What to offer.
        certificate: May be shared by all clients of a process.
        transport: `tcp` where a firewall lets no UDP pass.
        setup: Our offer's DTLS role; with `passive` the server begins, as with FFmpeg.

    Callbacks, to be set before `connect`, are called from the loop and must not block:
    `on_rtp` and `on_rtcp` with plain packets; `on_srtp`, if set, takes incoming RTP as it is on
    the wire instead (header in clear; `unprotect` opens it): a third of the cost.
    """

    def __init__(
        self,
        direction: Direction,
        tracks: Sequence[OfferedTrack],
        *,
        certificate: Certificate,
        transport: ClientTransport = "udp",
        setup: Setup = "actpass",
    ) -> None:
        self._direction, self._tracks, self._certificate = direction, tuple(tracks), certificate
        self._transport, self._setup = transport, setup
        self._ufrag, self._password = _make_credentials()
        self._ice = IceClient(self._ufrag, self._password, os.urandom)
        self._next_ice: IceClient | None = None
        self._selected: Address | None = None
        self._loop = asyncio.get_running_loop()
        self._ice_done: asyncio.Future[None] = self._loop.create_future()
        self._path: ClientPath | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._dtls: DtlsPeer | None = None
        self._srtp: tuple[pylibsrtp.Session, pylibsrtp.Session] | None = None
        self._early: list[bytes] = []
        self.on_rtp: Callable[[bytes], None] = _ignore
        self.on_rtcp: Callable[[bytes], None] = _ignore
        self.on_srtp: Callable[[bytes], None] | None = None
        self.answer: Answer | None = None
        "Known before the first packet arrives."
        self.closed = asyncio.Event()
        "Set when the server hangs up, consent runs out, or `close` is called."

    def offer(self) -> str:
        """Return the SDP offer to POST."""
        local = LocalDescription(
            ice_ufrag=self._ufrag,
            ice_pwd=self._password,
            fingerprint=self._certificate.fingerprint,
            session_id=int.from_bytes(os.urandom(4), "big"),
            setup=self._setup,
        )
        return write_offer(self._direction, self._tracks, local)

    async def connect(self, answer: str, *, timeout_s: float = 10.0) -> Answer:
        """Run ICE and DTLS against the server's answer.

        Raises:
            InvalidOffer: the answer is malformed or accepts nothing.
            ConnectFailed: nothing answered, or DTLS failed, within `timeout_s`.
        """
        parsed = self.answer = read_answer(answer)
        try:
            async with asyncio.timeout(timeout_s):
                self._path = await open_path(self._transport, parsed, self._receive)
                self._start_ice(parsed.ice_ufrag, parsed.ice_pwd)
                await self._ice_done
                await self._start_dtls(parsed)
        except (OSError, TimeoutError, DtlsFailed, ConnectFailed) as error:
            await self.close()
            raise ConnectFailed(str(error) or "timed out") from error
        return parsed

    def begin_restart(self) -> str:
        """Make new ICE credentials; PATCH the session with the fragment returned.

        Media go on as before until `finish_restart` was given the answer.
        """
        ufrag, password = _make_credentials()
        self._next_ice = IceClient(ufrag, password, os.urandom)
        return f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\n"

    def finish_restart(self, fragment: str) -> None:
        """Go on with the server's new credentials.

        Raises:
            InvalidFragment: the answer is none.
        """
        answer = parse_fragment(fragment)
        assert self._next_ice is not None, "begin_restart() comes first"
        self._ice, self._next_ice = self._next_ice, None
        self._start_ice(answer.ice_ufrag, answer.ice_pwd)

    async def move(self) -> None:
        """Leave the socket for another one, as a phone that changes its network does."""
        assert self.answer is not None, "connect() comes first"
        if self._path is not None:
            self._path.close()
        self._path = await open_path(self._transport, self.answer, self._receive)
        self._ice.refresh(self._loop.time())
        self._after_ice()

    def send_rtp(self, packet: bytes) -> None:
        """Protect and send one RTP packet; dropped when not connected or the socket is full."""
        if self._srtp is not None:
            self._send(self._srtp[0].protect(packet))

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send one (compound) RTCP packet."""
        if self._srtp is not None:
            self._send(self._srtp[0].protect_rtcp(packet))

    def unprotect(self, datagram: bytes) -> bytes | None:
        """Open an SRTP packet as given to `on_srtp`; None if it does not verify."""
        if self._srtp is None:
            return None
        try:
            return self._srtp[1].unprotect(datagram)
        except pylibsrtp.Error:
            return None

    async def close(self) -> None:
        """Say goodbye by DTLS and free everything. Idempotent."""
        self.closed.set()
        self._srtp = None
        if not self._ice_done.done():
            self._ice_done.cancel()
        if self._timer is not None:
            self._timer.cancel()
        if self._dtls is not None:
            dtls, self._dtls = self._dtls, None
            await dtls.close()
        if self._path is not None:
            self._path.close()
            self._path = None

    async def _start_dtls(self, answer: Answer) -> None:
        dtls = self._dtls = DtlsPeer(
            answer.dtls_role,
            self._certificate,
            answer.fingerprints,
            self._send,
            on_closed=self.closed.set,
        )
        await dtls.handshake()
        if self.closed.is_set():
            raise ConnectFailed("closed meanwhile")
        self._srtp = dtls.sender, dtls.receiver
        early, self._early = self._early, []
        for datagram in early:
            self._receive_media(datagram)

    def _start_ice(self, ufrag: str, password: str) -> None:
        assert self._path is not None
        addresses = list(self._path.candidates)
        self._ice.start(ufrag, password, addresses, now=self._loop.time())
        self._after_ice()

    def _receive(self, data: bytes, source: Address) -> None:
        """Tell protocols apart by the first byte (RFC 7983)."""
        first = data[0]
        if 128 <= first < 192:
            self._receive_media(data)
        elif first < 4:
            self._ice.handle_datagram(data, source, self._loop.time())
            self._after_ice()
        elif 20 <= first < 64 and self._dtls is not None:
            self._dtls.feed(data)

    def _receive_media(self, data: bytes) -> None:
        if self._srtp is None:
            if len(self._early) < _EARLY_LIMIT:
                self._early.append(data)
            return
        if is_rtcp(data):
            with contextlib.suppress(pylibsrtp.Error):
                self.on_rtcp(self._srtp[1].unprotect_rtcp(data))
        elif self.on_srtp is not None:
            self.on_srtp(data)
        else:
            packet = self.unprotect(data)
            if packet is not None:
                self.on_rtp(packet)

    def _after_ice(self) -> None:
        """Do what the agent asks for: send, notice a change, wake up again."""
        if self._path is None:
            return
        for data, address in self._ice.datagrams_to_send():
            self._path.send(data, address)
        self._notice_state()
        if self._timer is not None:
            self._timer.cancel()
        due = self._ice.get_timer()
        self._timer = None if due is None else self._loop.call_at(due, self._on_timer)

    def _notice_state(self) -> None:
        if self._ice.state is IceState.CONNECTED:
            self._selected = self._ice.selected
            if not self._ice_done.done():
                self._ice_done.set_result(None)
        elif self._ice.state is IceState.FAILED:
            self.closed.set()
            if not self._ice_done.done():
                self._ice_done.set_exception(ConnectFailed("no candidate answered"))

    def _on_timer(self) -> None:
        self._ice.handle_timer(self._loop.time())
        self._after_ice()

    def _send(self, data: bytes) -> None:
        if self._path is not None and self._selected is not None:
            self._path.send(data, self._selected)


def _make_credentials() -> tuple[str, str]:
    return os.urandom(4).hex(), os.urandom(16).hex()
