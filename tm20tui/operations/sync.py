"""Synchronisation by hand: send what is pending now, whatever the interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from tm20tui.errors import Conflict, NotFound, Tm20Error, Unavailable
from tm20tui.model import Service
from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation
from tm20tui.store import services, terminals

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.gateway import Gateway
    from tm20tui.tasks import TaskRecord

_COURIER_SECONDS = 10.0
"""How long a service that was added just now may take to get its courier."""


@operation("attendance.manual_sync", "operator")
async def manual_sync(
    call: Call, *, config_id: int | None = None, terminal_id: int | None = None
) -> TaskRecord:
    """Start sending to one service, or to every active one; the task's result says what came of it.

    Raises:
        NotFound: no such service or terminal.
        Conflict: the service is not active, or no service is.
    """
    chosen = await call.gateway.database.read(_choose, config_id, terminal_id)
    return call.gateway.tasks.start("manual sync", partial(_sync, call.gateway, chosen, terminal_id))


def _choose(connection: Connection, config_id: int | None, terminal_id: int | None) -> list[Service]:
    if terminal_id is not None:
        terminals.get_terminal(connection, terminal_id, with_deleted=True)
    if config_id is None:
        active = [service for service in services.list_services(connection) if service.is_active]
        if not active:
            raise Conflict("there is no active third-party config", field="config_id")
        return active
    try:
        service = services.get_service(connection, config_id)
    except NotFound as error:
        error.field = "config_id"
        raise
    if not service.is_active:
        raise Conflict(f"the third-party config {service.name!r} is not active", field="config_id")
    return [service]


async def _sync(gateway: Gateway, chosen: Sequence[Service], terminal_id: int | None) -> dict[str, Any]:
    reports: dict[int, dict[str, Any]] = {}

    async def sync_one(service: Service) -> None:
        try:
            outcome = await _sync_one(gateway, service.id, terminal_id)
        except Tm20Error as error:
            if len(chosen) == 1:
                raise
            outcome = {"error": str(error)}
        reports[service.id] = {"config_id": service.id, "name": service.name, **outcome}

    if len(chosen) == 1:
        await sync_one(chosen[0])
    else:
        async with trio.open_nursery() as nursery:
            for service in chosen:
                nursery.start_soon(sync_one, service)
    return {"configs": [reports[ident] for ident in sorted(reports)]}


async def _sync_one(gateway: Gateway, service_id: int, terminal_id: int | None) -> dict[str, Any]:
    give_up_at = trio.current_time() + _COURIER_SECONDS
    while True:
        try:
            return asdict(await gateway.dispatcher.sync_now(service_id, terminal_id))
        except Unavailable:
            if trio.current_time() >= give_up_at:
                raise
        await trio.sleep(0.2)
