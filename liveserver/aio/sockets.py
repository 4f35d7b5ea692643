"""Listening sockets and this machine's addresses."""

import contextlib
import ipaddress
import resource
import socket

import ifaddr

BACKLOG = 1024


def raise_file_limit() -> None:
    """Allow as many open files as the system lets us: each TCP connection is one.

    The usual soft limit of 1024 is for programs that use select().
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def open_listener(host: str, port: int) -> socket.socket:
    """Bind a TCP listener; `::` takes IPv4 too. Raises `OSError`."""
    if host == "::" and not socket.has_dualstack_ipv6():
        host = "0.0.0.0"
    if host == "::":
        return socket.create_server(
            (host, port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True
        )
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return socket.create_server((str(address[0]), port), family=family, backlog=BACKLOG)


def list_addresses() -> list[str]:
    """List this machine's addresses that others can reach: private IPv4 first, then the rest."""
    found = []
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            text = entry.ip if isinstance(entry.ip, str) else entry.ip[0]
            address = ipaddress.ip_address(text)
            if not (address.is_loopback or address.is_link_local):
                found.append(address)
    found.sort(key=lambda address: (address.version, not address.is_private, int(address)))
    return [str(address) for address in dict.fromkeys(found)]
