"""Addresses of this machine that peers can reach."""

import ipaddress

import ifaddr


def host_addresses(*, with_ipv6: bool) -> list[str]:
    """List interface addresses: routable first, loopback last, link-local left out.

    Loopback stays because browsers on this machine may pair nothing else, and Firefox does not
    pair loopback with non-loopback candidates, so both kinds are needed.
    """
    found: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            address = ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
            is_usable = not address.is_link_local and (with_ipv6 or address.version == 4)
            if is_usable and address not in found:
                found.append(address)
    found.sort(key=lambda a: (a.is_loopback, a.version))
    return [str(address) for address in found]
