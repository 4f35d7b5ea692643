"""Listeners and the machine's own addresses."""

import ipaddress
import socket

import pytest

from liveserver.aio.sockets import list_addresses, open_listener


@pytest.mark.parametrize(
    ("host", "reached_by"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("localhost", ["localhost"]),
        ("0.0.0.0", ["127.0.0.1"]),
        ("::", ["127.0.0.1", "::1"]),
    ],
)
def test_listener_is_reached_where_it_was_bound(host: str, reached_by: list[str]) -> None:
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with open_listener(host, 0) as listener:
        for address in reached_by:
            socket.create_connection((address, listener.getsockname()[1]), timeout=5).close()


def test_taken_port_is_an_error() -> None:
    with open_listener("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        open_listener("127.0.0.1", listener.getsockname()[1])


def test_listed_addresses_are_those_that_others_can_reach() -> None:
    addresses = [ipaddress.ip_address(text) for text in list_addresses()]
    assert len(set(addresses)) == len(addresses)
    assert not any(each.is_loopback or each.is_link_local for each in addresses)
    assert [each.version for each in addresses] == sorted(each.version for each in addresses)
