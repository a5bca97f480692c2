"""The servers that share the database: this one."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import datetime

from tm20tui import __version__
from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation
from tm20tui.store.nodes import get_schema_version


@dataclass(frozen=True, slots=True)
class Node:
    """One server process. `database` is its URL without a password, `schema` the revision of its tables."""

    name: str
    version: str
    started_at: datetime
    pid: int
    host: str
    database: str
    schema: str
    is_this: bool


@operation("nodes.list", "viewer", writes=False)
async def list_nodes(call: Call) -> list[Node]:
    """The server processes of this database: name, version, since when, where."""
    gateway = call.gateway
    this = Node(
        name=gateway.settings.node,
        version=__version__,
        started_at=gateway.started_at,
        pid=os.getpid(),
        host=socket.gethostname(),
        database=gateway.database.label,
        schema=await gateway.database.read(get_schema_version),
        is_this=True,
    )
    return [this]
