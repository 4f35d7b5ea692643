"""Addresses of this machine that peers can reach."""

import ipaddress
import socket

import ifaddr

from media.settings import MediaSettings

_KEPT_S = 10.0
"A laptop changes networks; asking the system each time would cost as much as the SDP."
_MAX_ADDRESSES = 12
"Each is a candidate the browser checks; hosts of many containers have dozens."


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


class AdvertisedAddresses:
    """The candidates written into answers: configured, or what the machine has now."""

    def __init__(self, settings: MediaSettings) -> None:
        """Use `advertised_addresses`, else a bound address, else every interface's."""
        bound = settings.udp_host
        is_any = bound in ("::", "0.0.0.0")
        self._fixed = settings.advertised_addresses or ([] if is_any else [bound])
        self._found: list[str] = []
        self._found_at = float("-inf")

    def addresses(self, sock: socket.socket, now: float) -> tuple[tuple[str, int], ...]:
        """List (address, port) of the bound socket, the preferred first."""
        if not self._fixed and now - self._found_at > _KEPT_S:
            with_ipv6 = sock.family == socket.AF_INET6
            found = host_addresses(with_ipv6=with_ipv6)
            # Of too many, loopback stays.
            self._found = found[: _MAX_ADDRESSES - 2] + found[_MAX_ADDRESSES - 2 :][-2:]
            self._found_at = now
        port = sock.getsockname()[1]
        return tuple((address, port) for address in self._fixed or self._found)
