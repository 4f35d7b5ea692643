"""The client's ICE agent against a scripted ICE-lite server, in virtual time."""

from itertools import count

import pytest

from media import stun
from media.ice_client import CONNECT_TIMEOUT_S, CONSENT_TIMEOUT_S, Address, IceClient, IceState

SERVER: Address = ("192.0.2.1", 50000)
OTHER: Address = ("198.51.100.7", 50000)
PASSWORD = b"server-password-of-22-chars"


def make_client() -> IceClient:
    counter = count(1)
    return IceClient("mine", "client-password-22-chars", lambda n: next(counter).to_bytes(n, "big"))


class Network:
    """Delivers the client's datagrams to a server that knows only some addresses."""

    def __init__(self, client: IceClient, reachable: set[Address]) -> None:
        self.client, self.reachable = client, reachable
        self.seen: list[tuple[stun.BindingRequest, Address]] = []

    def deliver(self, now: float) -> None:
        while datagrams := self.client.datagrams_to_send():
            for data, address in datagrams:
                self.hand_over(data, address, now)

    def hand_over(self, data: bytes, address: Address, now: float) -> None:
        message = stun.parse(data)
        assert isinstance(message, stun.BindingRequest)
        assert stun.verify(data, PASSWORD)
        self.seen.append((message, address))
        if address in self.reachable:
            reply = stun.write_binding_success(message.transaction_id, ("10.0.0.9", 4), PASSWORD)
            self.client.handle_datagram(reply, address, now)

    def run(self, start: float, end: float) -> float:
        """Follow the agent's timer; return the time of the last step."""
        now = start
        self.deliver(now)
        while (due := self.client.get_timer()) is not None and due <= end:
            now = max(now, due)
            self.client.handle_timer(now)
            self.deliver(now)
        return now


@pytest.fixture
def connected() -> Network:
    client = make_client()
    network = Network(client, {SERVER})
    client.start("srv", PASSWORD.decode(), [SERVER], now=0.0)
    network.deliver(0.0)
    assert client.state is IceState.CONNECTED
    return network


def test_the_first_check_connects_and_is_followed_by_a_nomination(connected: Network) -> None:
    requests = [request for request, _ in connected.seen]
    assert [request.use_candidate for request in requests] == [False, True]
    assert {request.username for request in requests} == {"srv:mine"}
    assert all(request.controlling for request in requests)
    assert connected.client.selected == SERVER


def test_a_candidate_that_does_not_answer_is_passed_over() -> None:
    client = make_client()
    network = Network(client, {SERVER})
    client.start("srv", PASSWORD.decode(), [OTHER, SERVER], now=0.0)
    network.run(0.0, 1.0)
    assert client.state is IceState.CONNECTED
    assert client.selected == SERVER


def test_checks_are_repeated_ever_more_slowly_and_then_given_up() -> None:
    client = make_client()
    network = Network(client, set())
    client.start("srv", PASSWORD.decode(), [SERVER], now=0.0)
    end = network.run(0.0, 60.0)
    assert client.state is IceState.FAILED
    assert end == pytest.approx(CONNECT_TIMEOUT_S)
    assert 6 <= len(network.seen) <= 12
    assert client.get_timer() is None


def test_an_answer_without_candidates_fails_at_once() -> None:
    client = make_client()
    client.start("srv", PASSWORD.decode(), [], now=0.0)
    assert client.state is IceState.FAILED


def test_consent_is_asked_for_about_every_two_and_a_half_seconds(connected: Network) -> None:
    before = len(connected.seen)
    connected.run(0.0, 60.0)
    assert 20 <= len(connected.seen) - before <= 30
    assert connected.client.state is IceState.CONNECTED


def test_a_server_that_goes_silent_is_given_up_after_thirty_seconds(connected: Network) -> None:
    connected.reachable.clear()
    end = connected.run(0.0, 120.0)
    assert connected.client.state is IceState.FAILED
    assert end == pytest.approx(CONSENT_TIMEOUT_S)


def test_a_success_with_a_wrong_password_is_ignored() -> None:
    client = make_client()
    client.start("srv", PASSWORD.decode(), [SERVER], now=0.0)
    for data, address in client.datagrams_to_send():
        request = stun.parse(data)
        assert isinstance(request, stun.BindingRequest)
        forged = stun.write_binding_success(request.transaction_id, ("10.0.0.9", 4), b"guess")
        client.handle_datagram(forged, address, 0.0)
    assert client.state is IceState.CHECKING


def test_a_success_from_another_address_is_ignored() -> None:
    client = make_client()
    client.start("srv", PASSWORD.decode(), [SERVER], now=0.0)
    for data, _ in client.datagrams_to_send():
        request = stun.parse(data)
        assert isinstance(request, stun.BindingRequest)
        reply = stun.write_binding_success(request.transaction_id, ("10.0.0.9", 4), PASSWORD)
        client.handle_datagram(reply, OTHER, 0.0)
    assert client.state is IceState.CHECKING


@pytest.mark.parametrize(
    ("username", "password", "replies"),
    [
        ("mine:srv", b"client-password-22-chars", 1),
        ("mine:srv", b"guessed", 0),
        ("else:srv", b"client-password-22-chars", 0),
    ],
)
def test_only_a_check_with_our_own_password_is_answered(
    connected: Network, username: str, password: bytes, replies: int
) -> None:
    check = stun.write_binding_request(
        bytes(12), username, password, role="controlled", tie_breaker=1, priority=1
    )
    connected.client.handle_datagram(check, OTHER, 1.0)
    sent = connected.client.datagrams_to_send()
    assert len(sent) == replies
    for data, address in sent:
        assert address == OTHER
        assert isinstance(stun.parse(data), stun.BindingSuccess)
        assert stun.verify(data, b"client-password-22-chars")


@pytest.mark.parametrize("data", [b"", b"\x00", bytes(20), b"\x01\x01" + bytes(30)])
def test_nonsense_is_ignored(connected: Network, data: bytes) -> None:
    connected.client.handle_datagram(data, SERVER, 1.0)
    assert connected.client.state is IceState.CONNECTED
    assert connected.client.datagrams_to_send() == []
