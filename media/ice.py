"""ICE-lite for one session (RFC 8445 §2.5), sans-I/O, with two rules of our own.

Media goes only to an address that has made a round trip: the DTLS handshake, or a Binding
request of ours that it answered. Following USE-CANDIDATE blindly would let a spoofed source
address be flooded with 2.5 Mbit/s for a few STUN requests. And nothing is answered that does
not carry our password.

An ICE restart adds credentials. The old ones stay good for a while: Chromium pairs its new ports
with our old username fragment if its restart reaches us only after its first checks.

Contract: after each `handle_*`, `restart` or `check` drain `datagrams_to_send()` and look at
`selected`.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from . import stun
from .kernel import Address

OLD_CREDENTIALS_S = 30.0
"As long as a peer may take to notice a dead path (RFC 7675 §5.1)."
_MAX_OLD = 3
"Former credentials kept; who restarts faster than that loses the oldest."
_MAX_PAST = 16
"Username fragments remembered only to recognise fragments that were overtaken."
_CHECK_PRIORITY = 1_862_270_975
"Of the peer-reflexive candidate our check would reveal (RFC 8445 §7.1.1): unused by the peer."
_MAX_ADDRESSES = 16
"5-tuples of one session that are remembered; a phone on three networks needs six."
_FORGET_AFTER_S = 5.0
"""Silence after which one of them gives its place to a new one. So whoever spoofs sources gets an
answer and a check sent to at most sixteen of them in that time."""

Handled = Literal["refused", "answered", "confirmed"]


class Credentials(msgspec.Struct, frozen=True):
    """One side's username fragment and password."""

    ufrag: str
    pwd: str


class _Own(msgspec.Struct):
    """Credentials of ours that are still good."""

    ufrag: str
    password: bytes
    until: float


class _Path(msgspec.Struct):
    """A 5-tuple the peer has used, and the username fragments it last used there."""

    ours: str
    theirs: str
    heard_at: float
    is_validated: bool = False


class IceLite:
    """The controlled, lite agent of one session. Times are seconds."""

    def __init__(
        self,
        own: Credentials,
        remote: Credentials,
        random: Callable[[int], bytes],
        now: float,
    ) -> None:
        """Make an agent.

        Args:
            own: As written in the answer.
            remote: The peer's, from its offer.
            random: Returns that many unpredictable bytes.
            now: Start of the consent period.
        """
        self.own = own
        "As the newest answer tells them."
        self.remote = remote
        "The peer's newest."
        self.past: tuple[str, ...] = ()
        "The peer's username fragments before this one, newest last."
        self.selected: Address | None = None
        "Where media may go; None until an address made a round trip."
        self.last_consent = now
        "When the peer last proved that it wants our packets (RFC 7675)."
        self.rtt_s: float | None = None
        "Smoothed round-trip time of our own checks."
        self._own = [_Own(own.ufrag, own.pwd.encode(), float("inf"))]
        self._remote = {remote.ufrag: remote.pwd.encode()}
        self._random = random
        self._tie_breaker = int.from_bytes(random(8), "big")
        self._nominated: Address | None = None
        self._paths: dict[Address, _Path] = {}
        self._checks: dict[bytes, tuple[Address, bytes, float]] = {}
        self._out: list[tuple[bytes, Address]] = []

    @property
    def addresses(self) -> list[Address]:
        """From which authenticated requests came, the longest silent first."""
        return list(self._paths)

    @property
    def nominated(self) -> Address | None:
        """Where the peer wants media, whether it may go there or not."""
        return self._nominated

    def restart(self, own: Credentials, remote: Credentials, now: float) -> None:
        """Take new credentials of both sides; the paths in use stay until new ones stand."""
        self.past = (*self.past, self.remote.ufrag)[-_MAX_PAST:]
        self.own, self.remote = own, remote
        self._own[-1].until = now + OLD_CREDENTIALS_S
        self._own.append(_Own(own.ufrag, own.pwd.encode(), float("inf")))
        del self._own[: -1 - _MAX_OLD]
        self._remote[remote.ufrag] = remote.pwd.encode()
        while len(self._remote) > 1 + _MAX_OLD:
            del self._remote[next(iter(self._remote))]
        # Checks from the peer's new ports may have come before its restart did.
        if self._nominated is not None and not self._is_validated(self._nominated):
            self.check(self._nominated, now)

    def expire(self, now: float) -> list[str]:
        """Drop credentials whose time is over; returns their username fragments."""
        gone = [own.ufrag for own in self._own if own.until <= now]
        self._own = [own for own in self._own if own.until > now]
        return gone

    def handle_message(
        self, message: stun.Message, data: bytes, address: Address, now: float
    ) -> Handled:
        """Take a parsed STUN message and the bytes it was parsed from.

        Returns:
            What it was: not ours, an authenticated request, or the answer to a check.

        Raises:
            MalformedPacket: if its integrity attributes are broken.
        """
        if isinstance(message, stun.BindingRequest):
            return self._handle_request(message, data, address, now)
        if isinstance(message, stun.BindingSuccess):
            return self._handle_success(message, data, address, now)
        return "refused"

    def validate(self, address: Address, now: float) -> None:
        """Note that `address` made a round trip (its DTLS handshake finished)."""
        newest = _Path(self.own.ufrag, self.remote.ufrag, now)
        self._paths.setdefault(address, newest).is_validated = True
        if self.selected is None or self._nominated == address:
            self.selected = address
        if self._nominated is not None and not self._is_validated(self._nominated):
            self.check(self._nominated, now)

    def check(self, address: Address, now: float) -> None:
        """Send a Binding request of ours to an address, to validate it or to measure it.

        It is put off while the password of the peer's port there is not known: that one comes
        with the restart.
        """
        path = self._paths.get(address)
        password = self._remote.get(path.theirs) if path is not None else None
        if path is None or password is None:
            return
        transaction_id = self._random(12)
        if len(self._checks) >= _MAX_ADDRESSES:
            self._checks.pop(next(iter(self._checks)))
        self._checks[transaction_id] = (address, password, now)
        request = stun.write_binding_request(
            transaction_id,
            f"{path.theirs}:{path.ours}",
            password,
            role="controlled",
            tie_breaker=self._tie_breaker,
            priority=_CHECK_PRIORITY,
        )
        self._out.append((request, address))

    def datagrams_to_send(self) -> list[tuple[bytes, Address]]:
        """Return what is to be sent, with destinations."""
        out, self._out = self._out, []
        return out

    def _handle_request(
        self, request: stun.BindingRequest, data: bytes, address: Address, now: float
    ) -> Handled:
        ours, _, theirs = request.username.partition(":")
        own = next((own for own in self._own if own.ufrag == ours and own.until > now), None)
        # RFC 8445 §7.3: only our half of the username counts, and the password proves it. The
        # peer's half may be ahead of its restart.
        if own is None or not _is_plausible(theirs) or not stun.verify(data, own.password):
            return "refused"
        if not self._remember(address, ours, theirs, now):
            return "refused"
        self.last_consent = now
        seen = (address[0], address[1])
        self._out.append(
            (stun.write_binding_success(request.transaction_id, seen, own.password), address)
        )
        if request.use_candidate:
            self._nominate(address, now)
        return "answered"

    def _remember(self, address: Address, ours: str, theirs: str, now: float) -> bool:
        """Put the path last; False if it is new and no other has been silent for long."""
        path = self._paths.pop(address, None)
        if path is None and len(self._paths) >= _MAX_ADDRESSES:
            used = (self.selected, self._nominated)
            oldest = next(each for each in self._paths if each not in used)
            if now - self._paths[oldest].heard_at < _FORGET_AFTER_S:
                return False
            del self._paths[oldest]
        is_validated = path is not None and path.is_validated
        self._paths[address] = _Path(ours, theirs, now, is_validated)
        return True

    def _nominate(self, address: Address, now: float) -> None:
        """Follow the peer's choice, at once if the address is validated, else after a check."""
        self._nominated = address
        if self._is_validated(address):
            self.selected = address
        elif self.selected is not None:
            self.check(address, now)

    def _handle_success(
        self, answer: stun.BindingSuccess, data: bytes, address: Address, now: float
    ) -> Handled:
        expected = self._checks.get(answer.transaction_id)
        if expected is None or expected[0] != address:
            return "refused"
        if not stun.verify(data, expected[1]):
            return "refused"
        sample = now - self._checks.pop(answer.transaction_id)[2]
        self.rtt_s = sample if self.rtt_s is None else self.rtt_s + (sample - self.rtt_s) / 4
        self.validate(address, now)
        return "confirmed"

    def _is_validated(self, address: Address) -> bool:
        path = self._paths.get(address)
        return path is not None and path.is_validated


def _is_plausible(ufrag: str) -> bool:
    return 0 < len(ufrag) <= 256 and ":" not in ufrag
