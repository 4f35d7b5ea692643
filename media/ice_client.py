"""The client's half of ICE towards an ICE-lite server: sans-I/O, one component, UDP.

Controlling side (RFC 8445 §2.5): checks the answer's candidates in their order, nominates the
first that answers, keeps consent (RFC 7675) and answers checks that carry its own password. It
gathers nothing: a server with a public address learns the client's from the check itself.

Contract: after each `handle_*` drain `datagrams_to_send()`, look at `state`, and call
`handle_timer` no later than `get_timer()`.
"""

import enum
from collections.abc import Callable

import msgspec

from . import stun
from .errors import MalformedPacket

Address = tuple[str, int]

CHECK_INTERVAL_S = 0.02
"Pacing Ta of new checks (RFC 8445 §14.2 allows no less than 5 ms, libwebrtc uses 50)."
CHECK_RETRY_S = 0.1
"First retransmission; doubles up to `CHECK_RETRY_MAX_S`."
CHECK_RETRY_MAX_S = 1.6
CONNECT_TIMEOUT_S = 10.0
CONSENT_INTERVAL_S = 2.5
"libwebrtc's pace for a writable connection; RFC 7675 §5.1 would allow 5 s."
CONSENT_TIMEOUT_S = 30.0
_HOST_PRIORITY = 2113929471
"Type preference 126, one local address, component 1 (RFC 8445 §5.1.2.1)."


class IceState(enum.Enum):
    """Where the one candidate pair that matters stands."""

    NEW = "new"
    CHECKING = "checking"
    CONNECTED = "connected"
    FAILED = "failed"
    "Nothing answered in time, or consent ran out."


class _Check(msgspec.Struct):
    address: Address
    next_at: float
    retry_s: float = CHECK_RETRY_S


class IceClient:
    """One controlling agent with one local socket.

    Args:
        ufrag: Our username fragment, as written in the offer.
        password: Our password, as written in the offer.
        random: Returns that many random bytes; for transaction ids and the tie breaker.
    """

    def __init__(self, ufrag: str, password: str, random: Callable[[int], bytes]) -> None:
        self._ufrag, self._password = ufrag, password.encode()
        self._random = random
        self._tie_breaker = int.from_bytes(random(8), "big")
        self._username = ""
        self._remote_password = b""
        self._checks: list[_Check] = []
        self._transactions: dict[bytes, Address] = {}
        self._outgoing: list[tuple[bytes, Address]] = []
        self._deadline = 0.0
        self._consent_at = 0.0
        self.state = IceState.NEW
        self.selected: Address | None = None
        "Where media goes; set once connected."

    def start(self, ufrag: str, password: str, candidates: list[Address], *, now: float) -> None:
        """Begin checks with the answer's credentials and addresses, best first."""
        self._username = f"{ufrag}:{self._ufrag}"
        self._remote_password = password.encode()
        self._checks = [
            _Check(address, now + index * CHECK_INTERVAL_S)
            for index, address in enumerate(candidates)
        ]
        self._deadline = now + CONNECT_TIMEOUT_S
        self.state = IceState.CHECKING if candidates else IceState.FAILED
        self.handle_timer(now)

    def refresh(self, now: float) -> None:
        """Check the path at once: our own address may have changed."""
        self._consent_at = now
        self.handle_timer(now)

    def handle_datagram(self, data: bytes, source: Address, now: float) -> None:
        """Take one STUN datagram; what does not parse or verify is ignored."""
        try:
            message = stun.parse(data)
        except MalformedPacket:
            return
        if isinstance(message, stun.BindingRequest):
            self._answer(message, data, source)
        elif isinstance(message, stun.BindingSuccess):
            self._succeeded(message, data, source, now)

    def handle_timer(self, now: float) -> None:
        """Send what is due and notice what is overdue."""
        if self.state not in {IceState.CHECKING, IceState.CONNECTED}:
            return
        if now >= self._deadline:
            self.state = IceState.FAILED
        elif self.state is IceState.CHECKING:
            self._send_due_checks(now)
        elif now >= self._consent_at and self.selected is not None:
            self._request(self.selected, nominate=True)
            jitter = 0.8 + 0.4 * self._random(1)[0] / 255
            self._consent_at = now + CONSENT_INTERVAL_S * jitter

    def get_timer(self) -> float | None:
        """Return when `handle_timer` is next due, or None when nothing is left to do."""
        if self.state is IceState.CHECKING:
            return min(self._deadline, *(check.next_at for check in self._checks))
        if self.state is IceState.CONNECTED:
            return min(self._deadline, self._consent_at)
        return None

    def datagrams_to_send(self) -> list[tuple[bytes, Address]]:
        """Return and forget what is to be sent."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def _send_due_checks(self, now: float) -> None:
        for check in self._checks:
            if check.next_at <= now:
                self._request(check.address, nominate=False)
                check.next_at = now + check.retry_s
                check.retry_s = min(2 * check.retry_s, CHECK_RETRY_MAX_S)

    def _request(self, address: Address, *, nominate: bool) -> None:
        transaction_id = self._random(12)
        while len(self._transactions) >= 64:
            del self._transactions[next(iter(self._transactions))]
        self._transactions[transaction_id] = address
        request = stun.write_binding_request(
            transaction_id,
            self._username,
            self._remote_password,
            role="controlling",
            tie_breaker=self._tie_breaker,
            priority=_HOST_PRIORITY,
            use_candidate=nominate,
        )
        self._outgoing.append((request, address))

    def _answer(self, request: stun.BindingRequest, data: bytes, source: Address) -> None:
        """Answer a check of the server's, such as the one before it trusts a new address."""
        ours = request.username.partition(":")[0] == self._ufrag
        if ours and stun.verify(data, self._password):
            reply = stun.write_binding_success(request.transaction_id, source, self._password)
            self._outgoing.append((reply, source))

    def _succeeded(
        self, message: stun.BindingSuccess, data: bytes, source: Address, now: float
    ) -> None:
        address = self._transactions.get(message.transaction_id)
        # A path must be symmetric (RFC 8445 §7.2.5.2.1).
        if address != source or not stun.verify(data, self._remote_password):
            return
        del self._transactions[message.transaction_id]
        self._deadline = now + CONSENT_TIMEOUT_S
        if self.state is IceState.CHECKING:
            self.state, self.selected = IceState.CONNECTED, address
            self._consent_at = now
            self.handle_timer(now)
