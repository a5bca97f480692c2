"""Who asks, from where, with which role: what every operation gets first."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway

Role = Literal["viewer", "operator", "admin"]
Origin = Literal["console", "socket", "api", "server"]

ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
"""From the least to the most that may be done; each may do what those before it may."""


@dataclass(frozen=True, slots=True)
class Operator:
    """A person or program that asks.

    `name` is a Unix user or a token's name; `origin` the front end it came through;
    `address` says where exactly: a peer address, a socket's process, a console number.
    """

    name: str
    role: Role
    origin: Origin
    address: str = ""

    def may_act_as(self, role: Role) -> bool:
        """Whether this operator's role includes `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)


SERVER = Operator("server", "admin", "server")
"""The server itself, when it acts on a schedule."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request of an operator. `correlation_id` ties log lines, commands and audit together."""

    gateway: Gateway
    operator: Operator
    correlation_id: str = field(default_factory=lambda: secrets.token_hex(8))
