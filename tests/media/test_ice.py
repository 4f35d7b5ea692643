"""ICE-lite: nothing for strangers, and no media to an address that made no round trip."""

from itertools import count

import pytest

from media import stun
from media.ice import Credentials, IceLite
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
            Credentials("srv", PASSWORD.decode()),
            Credentials("cli", REMOTE_PASSWORD.decode()),
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


@pytest.mark.parametrize("username", ["srv", "srv:", "other:cli", "srv:cli:x", "cli:srv", ""])
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


def test_of_too_many_addresses_the_longest_silent_one_is_forgotten(connected: Peer) -> None:
    phones: list[Address] = [(f"198.51.100.{at}", 4001) for at in range(200)]
    for at, phone in enumerate(phones):
        assert connected.request(phone, now=20.0 + at) == "answered"
        connected.agent.datagrams_to_send()
    assert len(connected.agent.addresses) == 16
    assert connected.agent.addresses[-1] == phones[-1]
    # The one in use stays, however silent.
    assert PHONE in connected.agent.addresses
    assert connected.agent.selected == PHONE


def test_many_addresses_at_once_are_refused(connected: Peer) -> None:
    handled = [connected.request((f"198.51.100.{at}", 4001)) for at in range(200)]
    assert handled.count("answered") == 15
    assert len(connected.agent.addresses) == 16
    assert connected.request(("198.51.100.0", 4001)) == "answered"


def test_a_peer_moves_from_network_to_network_without_end(connected: Peer) -> None:
    for at in range(100):
        phone: Address = ("198.51.100.9", 4100 + at)
        now = 20.0 + 10 * at
        connected.request(phone, now=now, nominate=True)
        ((check, address),) = connected.checks()
        assert (address, connected.answer(check, phone, now=now)) == (phone, "confirmed")
        assert connected.agent.selected == phone
        assert connected.agent.last_consent == now


def test_checks_under_way_are_bounded(connected: Peer) -> None:
    for _ in range(100):
        connected.agent.check(PHONE, 11.0)
    sent = [check for check, _ in connected.checks()]
    answered = [connected.answer(check, PHONE, now=11.1) for check in sent]
    assert answered.count("confirmed") == 16
    assert answered[-1] == "confirmed"


# ---- restart --------------------------------------------------------------------------------

NEW = Credentials("new-server", "new-server-password-of-22")
NEW_REMOTE = Credentials("new-client", "new-client-password-of-22")


def test_a_restart_takes_new_credentials_and_keeps_the_path(connected: Peer) -> None:
    connected.agent.restart(NEW, NEW_REMOTE, 20.0)
    assert connected.agent.own == NEW
    assert connected.agent.past == ("cli",)
    assert connected.agent.selected == PHONE
    handled = connected.request(
        OTHER,
        now=20.1,
        nominate=True,
        username="new-server:new-client",
        password=NEW.pwd.encode(),
    )
    assert handled == "answered"
    answer, (check, address) = connected.agent.datagrams_to_send()
    assert stun.verify(answer[0], NEW.pwd.encode())
    request = stun.parse(check)
    assert isinstance(request, stun.BindingRequest)
    assert (address, request.username) == (OTHER, "new-client:new-server")
    assert stun.verify(check, NEW_REMOTE.pwd.encode())
    answered = connected.answer(check, OTHER, password=NEW_REMOTE.pwd.encode())
    assert (answered, connected.agent.selected) == ("confirmed", OTHER)


def test_old_credentials_stay_good_for_half_a_minute(connected: Peer) -> None:
    connected.agent.restart(NEW, NEW_REMOTE, 20.0)
    assert connected.request(PHONE, now=49.9) == "answered"
    assert connected.agent.expire(49.9) == []
    assert connected.request(PHONE, now=50.0) == "refused"
    assert connected.agent.expire(50.0) == ["srv"]
    assert connected.agent.expire(90.0) == []


def test_new_ports_that_check_before_the_restart_arrives_are_followed_after_it(
    connected: Peer,
) -> None:
    # Chromium pairs its new ports with our old username fragment.
    assert connected.request(OTHER, nominate=True, username="srv:new-client") == "answered"
    assert len(connected.agent.datagrams_to_send()) == 1  # no check: its password is not known
    assert connected.agent.selected == PHONE
    connected.agent.restart(NEW, NEW_REMOTE, 10.2)
    ((check, address),) = connected.agent.datagrams_to_send()
    request = stun.parse(check)
    assert isinstance(request, stun.BindingRequest)
    assert (address, request.username) == (OTHER, "new-client:srv")
    connected.answer(check, OTHER, password=NEW_REMOTE.pwd.encode())
    assert connected.agent.selected == OTHER


def test_restarts_one_after_the_other_keep_few_credentials(connected: Peer) -> None:
    for at in range(50):
        own = Credentials(f"server-{at}", "p" * 22)
        connected.agent.restart(own, Credentials(f"client-{at}", "q" * 22), 20.0 + at / 100)
    good = [
        at
        for at in range(50)
        if connected.request(PHONE, username=f"server-{at}:x", password=b"p" * 22, now=21.0)
        == "answered"
    ]
    assert good == [46, 47, 48, 49]
    assert len(connected.agent.past) == 16
    assert connected.agent.past[-1] == "client-48"
