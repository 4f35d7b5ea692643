"""ICE-lite for one session (RFC 8445 §2.5), sans-I/O, with two rules of our own.

Media goes only to an address that has made a round trip: the DTLS handshake, or a Binding
request of ours that it answered. Following USE-CANDIDATE blindly would let a spoofed source
address be flooded with 2.5 Mbit/s for a few STUN requests. And nothing is answered that does
not carry our password.

Contract: after each `handle_*` or `check` drain `datagrams_to_send()` and look at `selected`.
"""

from collections.abc import Callable
from typing import Literal

from . import stun
from .kernel import Address

_CHECK_PRIORITY = 1_862_270_975
"Of the peer-reflexive candidate our check would reveal (RFC 8445 §7.1.1): unused by the peer."
_MAX_ADDRESSES = 16
"5-tuples of one session that are remembered; a phone on three networks needs six."

Handled = Literal["refused", "answered", "confirmed"]


class IceLite:
    """The controlled, lite agent of one session. Times are seconds."""

    def __init__(
        self,
        ufrag: str,
        password: str,
        remote: tuple[str, str],
        random: Callable[[int], bytes],
        now: float,
    ) -> None:
        """Make an agent.

        Args:
            ufrag: Ours, as written in the answer.
            password: Ours.
            remote: The peer's username fragment and password, from its offer.
            random: Returns that many unpredictable bytes.
            now: Start of the consent period.
        """
        self.ufrag = ufrag
        self.selected: Address | None = None
        "Where media may go; None until an address made a round trip."
        self.addresses: list[Address] = []
        "From which authenticated requests came, oldest first."
        self.last_consent = now
        "When the peer last proved that it wants our packets (RFC 7675)."
        self.rtt_s: float | None = None
        "Smoothed round-trip time of our own checks."
        self._password = password.encode()
        self._remote_ufrag, remote_password = remote
        self._remote_password = remote_password.encode()
        self._random = random
        self._tie_breaker = int.from_bytes(random(8), "big")
        self._nominated: Address | None = None
        self._validated: set[Address] = set()
        self._checks: dict[bytes, tuple[Address, float]] = {}
        self._out: list[tuple[bytes, Address]] = []

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
        self._validated.add(address)
        if self.selected is None or self._nominated == address:
            self.selected = address
        if self._nominated is not None and self._nominated not in self._validated:
            self.check(self._nominated, now)

    def check(self, address: Address, now: float) -> None:
        """Send a Binding request of ours to an address, to validate it or to measure it."""
        transaction_id = self._random(12)
        if len(self._checks) >= _MAX_ADDRESSES:
            self._checks.pop(next(iter(self._checks)))
        self._checks[transaction_id] = (address, now)
        request = stun.write_binding_request(
            transaction_id,
            f"{self._remote_ufrag}:{self.ufrag}",
            self._remote_password,
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
        is_ours = request.username == f"{self.ufrag}:{self._remote_ufrag}"
        if not is_ours or not stun.verify(data, self._password):
            return "refused"
        if address not in self.addresses:
            if len(self.addresses) >= _MAX_ADDRESSES:
                return "refused"
            self.addresses.append(address)
        self.last_consent = now
        seen = (address[0], address[1])
        self._out.append(
            (stun.write_binding_success(request.transaction_id, seen, self._password), address)
        )
        if request.use_candidate:
            self._nominate(address, now)
        return "answered"

    def _nominate(self, address: Address, now: float) -> None:
        """Follow the peer's choice, at once if the address is validated, else after a check."""
        self._nominated = address
        if address in self._validated:
            self.selected = address
        elif self.selected is not None:
            self.check(address, now)

    def _handle_success(
        self, answer: stun.BindingSuccess, data: bytes, address: Address, now: float
    ) -> Handled:
        expected = self._checks.get(answer.transaction_id)
        if expected is None or expected[0] != address:
            return "refused"
        if not stun.verify(data, self._remote_password):
            return "refused"
        sample = now - self._checks.pop(answer.transaction_id)[1]
        self.rtt_s = sample if self.rtt_s is None else self.rtt_s + (sample - self.rtt_s) / 4
        self.validate(address, now)
        return "confirmed"
