"""ICE-lite: nothing for strangers, and no media to an address that made no round trip."""

from itertools import count

import pytest

from media import stun
from media.ice import IceLite
from media.kernel import Address

PHONE: Address = ("198.51.100.7", 4000)
OTHER: Address = ("203.0.113.9", 5000)
VICTIM: Address = ("192.0.2.66", 53)
PASSWORD, REMOTE_PASSWORD = b"server-password-of-22-c", b"client-password-of-22-c"


class Peer:
    """A client that signs its messages, and the agent it talks to."""

    def __init__(self) -> None:
        counter = count(1)
        self.agent = IceLite(
            "srv",
            PASSWORD.decode(),
            ("cli", REMOTE_PASSWORD.decode()),
            lambda size: next(counter).to_bytes(size, "big"),
            now=10.0,
        )
        self._transactions = count(1000)

    def request(
        self,
        address: Address,
        *,
        now: float = 10.0,
        nominate: bool = False,
        username: str = "srv:cli",
        password: bytes = PASSWORD,
    ) -> str:
        data = stun.write_binding_request(
            next(self._transactions).to_bytes(12, "big"),
            username,
            password,
            role="controlling",
            tie_breaker=1,
            priority=1,
            use_candidate=nominate,
        )
        return self.agent.handle_message(stun.parse(data), data, address, now)

    def answer(
        self,
        check: bytes,
        address: Address,
        *,
        now: float = 10.0,
        password: bytes = REMOTE_PASSWORD,
    ) -> str:
        request = stun.parse(check)
        data = stun.write_binding_success(request.transaction_id, ("10.0.0.1", 1), password)
        return self.agent.handle_message(stun.parse(data), data, address, now)

    def checks(self) -> list[tuple[bytes, Address]]:
        """Requests the agent sends, signed with the peer's own password."""
        found = []
        for data, address in self.agent.datagrams_to_send():
            message = stun.parse(data)
            if isinstance(message, stun.BindingRequest):
                assert stun.verify(data, REMOTE_PASSWORD)
                assert message.username == "cli:srv"
                found.append((data, address))
        return found


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
def connected(peer: Peer) -> Peer:
    """Its handshake finished from PHONE, which was nominated."""
    peer.request(PHONE, nominate=True)
    peer.agent.validate(PHONE, 10.0)
    peer.agent.datagrams_to_send()
    return peer


def test_a_signed_request_is_answered_with_the_address_it_came_from(peer: Peer) -> None:
    assert peer.request(PHONE) == "answered"
    ((data, address),) = peer.agent.datagrams_to_send()
    answer = stun.parse(data)
    assert isinstance(answer, stun.BindingSuccess)
    assert stun.verify(data, PASSWORD)
    assert (address, answer.mapped_address) == (PHONE, PHONE)
    assert peer.agent.datagrams_to_send() == []


@pytest.mark.parametrize("username", ["srv", "srv:", "srv:other", "other:cli", "srv:cli:x", ""])
def test_a_request_for_somebody_else_is_refused(peer: Peer, username: str) -> None:
    assert peer.request(PHONE, username=username) == "refused"
    assert peer.agent.datagrams_to_send() == []
    assert peer.agent.addresses == []


def test_a_request_with_a_wrong_password_is_refused(peer: Peer) -> None:
    assert peer.request(PHONE, password=REMOTE_PASSWORD, now=20.0, nominate=True) == "refused"
    assert peer.agent.datagrams_to_send() == []
    assert peer.agent.last_consent == 10.0


def test_indications_and_errors_are_refused(peer: Peer) -> None:
    error = stun.write_binding_error(bytes(12), 400, "no", PASSWORD)
    assert peer.agent.handle_message(stun.parse(error), error, PHONE, 10.0) == "refused"
    indication = bytes.fromhex("001100002112a442") + bytes(12)
    parsed = stun.parse(indication)
    assert peer.agent.handle_message(parsed, indication, PHONE, 10.0) == "refused"


def test_media_goes_nowhere_before_a_round_trip(peer: Peer) -> None:
    peer.request(PHONE, nominate=True)
    assert peer.agent.selected is None
    peer.agent.validate(PHONE, 10.1)
    assert peer.agent.selected == PHONE


def test_a_nomination_before_the_handshake_is_checked_after_it(peer: Peer) -> None:
    peer.request(OTHER, nominate=True)
    peer.agent.validate(PHONE, 10.1)
    assert peer.agent.selected == PHONE
    ((check, address),) = peer.checks()
    assert address == OTHER
    assert peer.answer(check, OTHER, now=10.2) == "confirmed"
    assert peer.agent.selected == OTHER


def test_a_nominated_address_gets_media_only_after_its_round_trip(connected: Peer) -> None:
    connected.request(OTHER, nominate=True)
    assert connected.agent.selected == PHONE
    ((check, address),) = connected.checks()
    assert address == OTHER
    assert connected.agent.selected == PHONE
    assert connected.answer(check, OTHER) == "confirmed"
    assert connected.agent.selected == OTHER


def test_a_spoofed_nomination_never_moves_media(connected: Peer) -> None:
    for second in range(10, 40):
        connected.request(VICTIM, now=float(second), nominate=True)
        for check, address in connected.checks():
            assert address == VICTIM
            # The attacker sees nothing sent to the victim; it answers from where it is.
            assert connected.answer(check, PHONE) == "refused"
    assert connected.agent.selected == PHONE


def test_a_validated_address_is_returned_to_at_once(connected: Peer) -> None:
    connected.request(OTHER, nominate=True)
    ((check, _),) = connected.checks()
    connected.answer(check, OTHER)
    connected.request(PHONE, nominate=True)
    assert connected.agent.selected == PHONE
    assert connected.checks() == []


def test_a_request_without_nomination_moves_nothing(connected: Peer) -> None:
    connected.request(OTHER)
    assert connected.checks() == []
    assert connected.agent.selected == PHONE


def test_an_answer_to_an_overtaken_nomination_moves_nothing(connected: Peer) -> None:
    connected.request(OTHER, nominate=True)
    ((check, _),) = connected.checks()
    connected.request(PHONE, nominate=True)
    assert connected.answer(check, OTHER) == "confirmed"
    assert connected.agent.selected == PHONE


def test_forged_answers_are_refused(connected: Peer) -> None:
    connected.request(OTHER, nominate=True)
    ((check, _),) = connected.checks()
    assert connected.answer(check, OTHER, password=PASSWORD) == "refused"
    unknown = stun.write_binding_success(b"u" * 12, ("10.0.0.1", 1), REMOTE_PASSWORD)
    parsed = stun.parse(unknown)
    assert connected.agent.handle_message(parsed, unknown, OTHER, 10.0) == "refused"
    assert connected.agent.selected == PHONE
    assert connected.answer(check, OTHER) == "confirmed"


def test_an_answer_counts_once(connected: Peer) -> None:
    connected.agent.check(PHONE, 11.0)
    ((check, _),) = connected.checks()
    assert connected.answer(check, PHONE, now=11.1) == "confirmed"
    assert connected.answer(check, PHONE, now=15.0) == "refused"
    assert connected.agent.rtt_s == pytest.approx(0.1)


def test_round_trips_are_smoothed(connected: Peer) -> None:
    for at, round_trip in [(11.0, 0.1), (12.0, 0.2)]:
        connected.agent.check(PHONE, at)
        ((check, _),) = connected.checks()
        connected.answer(check, PHONE, now=at + round_trip)
    assert connected.agent.rtt_s == pytest.approx(0.125)


def test_consent_is_renewed_by_signed_requests_only(connected: Peer) -> None:
    assert connected.agent.last_consent == 10.0
    connected.request(PHONE, now=12.0)
    assert connected.agent.last_consent == 12.0
    connected.request(PHONE, now=14.0, password=b"wrong")
    connected.agent.check(PHONE, 15.0)
    assert connected.agent.last_consent == 12.0


def test_addresses_of_a_peer_are_bounded(peer: Peer) -> None:
    handled = [peer.request((f"198.51.100.{at}", 4000)) for at in range(200)]
    assert handled.count("answered") == len(peer.agent.addresses) <= 16
    assert peer.request(("198.51.100.0", 4000)) == "answered"


def test_checks_under_way_are_bounded(connected: Peer) -> None:
    for _ in range(100):
        connected.agent.check(PHONE, 11.0)
    sent = [check for check, _ in connected.checks()]
    answered = [connected.answer(check, PHONE, now=11.1) for check in sent]
    assert answered.count("confirmed") == 16
    assert answered[-1] == "confirmed"
