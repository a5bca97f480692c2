"""How often one caller may ask: token buckets, as many as there is memory set aside for."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network

REMEMBERED = 10_000
"""Callers that are remembered; beyond, the one that asked longest ago is forgotten."""
_IPV6_PREFIX = 64


class RateLimit:
    """`burst` requests at once, then `per_second`, for each key. `now` is any clock that only grows."""

    def __init__(self, per_second: float, burst: float, *, remembered: int = REMEMBERED) -> None:
        self._per_second = per_second
        self._burst = burst
        self._remembered = remembered
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Take one; 0 when there was one, else the seconds until there is."""
        left = self._count(key, now)
        if left < 1:
            self._note(key, left, now)
            return (1 - left) / self._per_second
        self._note(key, left - 1, now)
        return 0.0

    def __len__(self) -> int:
        return len(self._left)

    def _count(self, key: str, now: float) -> float:
        left, at = self._left.get(key, (self._burst, now))
        return min(self._burst, left + (now - at) * self._per_second)

    def _note(self, key: str, left: float, now: float) -> None:
        self._left[key] = left, now
        self._left.move_to_end(key)
        if len(self._left) > self._remembered:
            self._left.popitem(last=False)


def address_key(host: str) -> str:
    """What counts as one address: of IPv6 the network that one machine gets as a whole."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address, _IPV6_PREFIX), strict=False))
    return host
