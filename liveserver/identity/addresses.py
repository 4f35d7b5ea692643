"""Which network a request comes from. Pure.

One household or phone has one IPv4 address or one IPv6 /64 (RFC 6177, RFC 8981: the low 64 bits
are the device's own and change at will), so limits count these.
"""

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_address(text: str) -> Address | None:
    """Read an address as a peer or a proxy writes it; IPv4 mapped into IPv6 becomes IPv4."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # `203.0.113.7:4711`, as some proxies write it
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> Address | None:
    """Find the client behind our own proxies.

    Args:
        peer: address of the TCP connection.
        forwarded_for: the X-Forwarded-For header; each proxy appends whom it saw, so only the
            part to the right of the first stranger, read from the right, can be believed.
        trusted: `http.trusted_proxies`.

    Returns:
        The client's address, or None when even the peer's cannot be read.
    """
    address = parse_address(peer)
    for hop in reversed(forwarded_for.split(",") if forwarded_for else []):
        if address is None or not _is_in(address, trusted):
            return address
        previous = parse_address(hop)
        if previous is None:
            return address
        address = previous
    return address


def network_key(address: Address | None) -> str:
    """Name the network that limits count: the IPv4 address or the IPv6 /64."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
    return str(address)


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
