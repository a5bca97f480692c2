"""Private addresses, however they are written."""

from __future__ import annotations

import pytest

from tm20tui.hr.hosts import is_private_address, names_private_host

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "240.0.0.1",
    "192.0.0.192",
    "::7f00:1",
    "64:ff9b:1::7f00:1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
    "nonsense",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address: str) -> None:
    assert is_private_address(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert not is_private_address(address)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST.", "db.localhost", "127.1", "2130706433", "0x7f000001", "::1", "10.0.0.1"],
)
def test_hosts_that_are_private_as_written(host: str) -> None:
    assert names_private_host(host)


@pytest.mark.parametrize("host", ["hr.example.com", "8.8.8.8", "134744072", "abc", "face.de", "1.2.3.4.5"])
def test_hosts_that_are_not_or_must_be_resolved(host: str) -> None:
    assert not names_private_host(host)
