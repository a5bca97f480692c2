"""The kinds of value that a setting can have, with the sentence that refuses a wrong one."""

from __future__ import annotations

import re
from datetime import time
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

DATABASE_SCHEMES = ("sqlite", "sqlite+pysqlite", "postgres", "postgresql", "postgresql+psycopg")
Network = IPv4Network | IPv6Network


def refusal(key: str, value: object, allowed: str) -> PydanticCustomError:
    """To be raised by a validator that looks at several fields and blames the one named `key`."""
    return PydanticCustomError("refused", "{allowed}", {"key": key, "value": value, "allowed": allowed})


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address bound to `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def zone_exists(name: str) -> bool:
    """Whether the IANA time zone `name` is known here."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


def _split_commas(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.strip().strip("[]").replace('"', "").split(",") if part.strip()]


def _host(value: str) -> str:
    if not value or any(c.isspace() or c in "/@[]" for c in value):
        raise ValueError("must be an IP address or a host name of this machine, such as 0.0.0.0 or 127.0.0.1")
    return value


def _name(value: str) -> str:
    if not 1 <= len(value.strip()) <= 100 or not value.isprintable():
        raise ValueError("must be a name of 1 to 100 printable characters")
    return value.strip()


def _node_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", value):
        raise ValueError('must be 1 to 64 letters, digits, ".", "_" or "-"')
    return value


def _pause(value: Any) -> float:
    try:
        seconds = float(value)
        if isinstance(value, bool) or not 0 < seconds <= 86_400:
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError("must be a list of waits in seconds, each above 0 and up to 86400") from None
    return seconds


def _some(value: tuple[float, ...]) -> tuple[float, ...]:
    if not 1 <= len(value) <= 50:
        raise ValueError("must be a list of 1 to 50 waits in seconds")
    return value


def _zone(value: str) -> str:
    if not zone_exists(value):
        raise ValueError('must be an IANA time zone such as "Europe/Paris", or empty for the host\'s')
    return value


def _serial(value: str) -> str:
    value = value.strip()
    if not value or len(value) > 64 or not value.isprintable():
        raise ValueError("must be a list of serial numbers, each of 1 to 64 printable characters")
    return value


def _network(value: Any) -> Any:
    try:
        return ip_network(value, strict=False)
    except ValueError:
        raise ValueError('must be a list of networks in CIDR form, such as "192.168.1.0/24"') from None


def _database_url(value: str) -> str:
    scheme, _, rest = value.partition("://")
    if scheme not in DATABASE_SCHEMES or not rest.strip("/"):
        raise ValueError("must be sqlite:///PATH or postgresql://USER@HOST/NAME, or empty for a file of ours")
    if scheme.startswith("sqlite") and not (rest.startswith("/") and rest.strip("/") != ":memory:"):
        raise ValueError("must name a file, since punches must survive a restart: sqlite:///PATH")
    try:
        _ = urlsplit(value).port
    except ValueError:
        raise ValueError("must have a port number after the host: postgresql://USER@HOST:5432/NAME") from None
    return value


def _hour(value: Any) -> Any:
    if isinstance(value, time):
        return value
    try:
        if not (isinstance(value, str) and len(value) == 5):
            raise ValueError
        return time.fromisoformat(value)
    except ValueError:
        raise ValueError('must be a time of day "HH:MM" from "00:00" to "23:59"') from None


def _host_name(value: str) -> str:
    value = value.strip().strip("[]").rstrip(".").lower()
    if not re.fullmatch(r"[a-z0-9:._-]{1,253}", value) or re.fullmatch(r"[^:]*:\d+", value):
        raise ValueError("must be a list of host names or addresses without ports, such as tm20.example.com")
    return value


def _group_name(value: str) -> str:
    if value and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9._-]{0,63}", value):
        raise ValueError("must be the name of a group of this machine, or empty for none")
    return value


def _roles(value: Any) -> Any:
    if isinstance(value, str):
        value = dict(part.partition("=")[::2] for part in _split_commas(value))
        value = {name.strip(): role.strip() for name, role in value.items()}
    roles = ("viewer", "operator", "admin")
    if not isinstance(value, dict) or not all(name and value[name] in roles for name in value):
        raise ValueError('must give names one of the roles "viewer", "operator", "admin": ann = "admin"')
    return value


def _webhook_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not value.isascii() or any(character.isspace() for character in value):
        raise ValueError("must be an address such as https://host/path, or empty for none")
    return value


OptionalPath = Annotated[Path | None, BeforeValidator(_empty_is_none)]
Host = Annotated[str, AfterValidator(_host)]
Serials = Annotated[tuple[Annotated[str, AfterValidator(_serial)], ...], BeforeValidator(_split_commas)]
Networks = Annotated[
    tuple[Annotated[Network, BeforeValidator(_network)], ...], BeforeValidator(_split_commas)
]
Zone = Annotated[Annotated[str, AfterValidator(_zone)] | None, BeforeValidator(_empty_is_none)]
DatabaseUrl = Annotated[Annotated[str, AfterValidator(_database_url)] | None, BeforeValidator(_empty_is_none)]
WebhookUrl = Annotated[Annotated[str, AfterValidator(_webhook_url)] | None, BeforeValidator(_empty_is_none)]
Pauses = Annotated[
    tuple[Annotated[float, BeforeValidator(_pause)], ...],
    BeforeValidator(_split_commas),
    AfterValidator(_some),
]
Name = Annotated[str, AfterValidator(_name)]
NodeName = Annotated[str, AfterValidator(_node_name)]
Hour = Annotated[time, BeforeValidator(_hour)]
HostNames = Annotated[tuple[Annotated[str, AfterValidator(_host_name)], ...], BeforeValidator(_split_commas)]
GroupName = Annotated[str, AfterValidator(_group_name)]
Roles = Annotated[dict[str, Literal["viewer", "operator", "admin"]], BeforeValidator(_roles)]
