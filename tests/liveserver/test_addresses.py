import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveserver.identity.addresses import client_address, network_key, parse_address

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7:4711", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ('"[2001:db8::1]"', "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", "None"),
        ("", "None"),
    ],
)
def test_addresses_are_read_as_proxies_write_them(text: str, address: str) -> None:
    assert str(parse_address(text)) == address


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
        ("::1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("nonsense", "198.51.100.1", "None"),
    ],
)
def test_client_is_the_first_stranger_from_the_right(
    peer: str, forwarded_for: str, client: str
) -> None:
    assert str(client_address(peer, forwarded_for, PROXIES)) == client


@given(st.text(), st.text())
def test_client_of_a_stranger_is_the_peer_whatever_it_writes(header: str, more: str) -> None:
    assert str(client_address("203.0.113.7", f"{header},{more}", PROXIES)) == "203.0.113.7"


@given(st.text())
def test_reading_an_address_never_fails(text: str) -> None:
    parse_address(text)


def test_network_is_the_ipv4_address_or_the_ipv6_64() -> None:
    assert network_key(parse_address("203.0.113.7")) == "203.0.113.7"
    assert network_key(parse_address("2001:db8:1:2:3::4")) == "2001:db8:1:2::/64"
    assert network_key(None) == "None"
