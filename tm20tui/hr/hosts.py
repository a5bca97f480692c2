"""Which addresses are private: a service's URL must not become a way into our own network."""

from __future__ import annotations

import ipaddress
import socket

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Older Pythons call some of these global; in the last an IPv4 address is written.
_NEVER_GLOBAL = (
    ipaddress.ip_network("192.0.0.0/24"),
    ipaddress.ip_network("64:ff9b:1::/48"),
    ipaddress.ip_network("::/96"),
)


def is_private_address(address: str) -> bool:
    """Whether an IP address is anything but public: private, loopback, link-local, reserved, multicast."""
    try:
        ip: IpAddress = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip.sixtofour is not None:
            ip = ip.sixtofour
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return not ip.is_global or ip.is_multicast or any(ip in network for network in _NEVER_GLOBAL)


def names_private_host(host: str) -> bool:
    """Whether a host, as written in a URL, is private without asking any resolver.

    Other names are resolved and checked when the connection is made.
    """
    host = host.rstrip(".").lower()
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    literal = _literal(host)
    return literal is not None and is_private_address(literal)


def _literal(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    # 127.1, 0x7f000001 and 2130706433 are addresses to every resolver.
    if host and all(character in "0123456789abcdefx." for character in host):
        try:
            return socket.inet_ntoa(socket.inet_aton(host))
        except OSError:
            return None
    return None
