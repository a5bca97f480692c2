"""Who is at the other end of the socket: the kernel says which process and which account."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import trio

from tm20tui.operations.call import ROLES, Role

CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """A process as the kernel knows it. `name` is its account, `uid 1234` for one without a name."""

    pid: int
    uid: int
    name: str
    groups: frozenset[str]


def credentials_of(stream: trio.SocketStream) -> bytes:
    """What the kernel knows of the process that connected."""
    raw = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    assert isinstance(raw, bytes)
    return raw


def identify(credentials: bytes) -> Peer:
    """Who that is. Asks the host's account databases, and so may take its time."""
    pid, uid, gid = CREDENTIALS.unpack(credentials)
    try:
        name = pwd.getpwuid(uid).pw_name
        groups = os.getgrouplist(name, gid)
    except (KeyError, OSError):
        name, groups = f"uid {uid}", [gid]
    return Peer(pid, uid, name, frozenset(_group_names(groups)))


def role_of(peer: Peer, users: Mapping[str, Role], groups: Mapping[str, Role]) -> Role | None:
    """The highest role that the account or one of its groups has; None when there is none.

    The server's own account and root may do everything: who owns the process owns its data.
    """
    if peer.uid in (0, os.geteuid()):
        return "admin"
    roles = [role for name, role in groups.items() if name in peer.groups]
    if peer.name in users:
        roles.append(users[peer.name])
    return max(roles, key=ROLES.index, default=None)


def _group_names(ids: list[int]) -> list[str]:
    names = []
    for ident in ids:
        try:
            names.append(grp.getgrgid(ident).gr_name)
        except KeyError:
            continue
    return names
