"""Third-party HR services: list, add, change, delete. Couriers learn of every change at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any

from tm20tui.delivery.draft import SECRETS, validate_service
from tm20tui.errors import InvalidInput
from tm20tui.model import Service, utc_now
from tm20tui.operations.call import Call
from tm20tui.operations.fields import SERVICE_CHOICES, SERVICE_FIELDS
from tm20tui.operations.registry import operation
from tm20tui.store import services
from tm20tui.store.services import ServiceDraft

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.gateway import Gateway
    from tm20tui.store.vault import Vault

_REQUIRED = tuple(item.name for item in fields(ServiceDraft) if item.default is MISSING)
_DEFAULTS = {
    item.name: item.default
    for item in fields(ServiceDraft)
    if item.name not in _REQUIRED and item.name not in SECRETS
}


@dataclass(frozen=True, slots=True)
class DeletedService:
    """A service that is gone; `given_up` deliveries were still owed to it and are failed now."""

    service: Service
    given_up: int


@operation("services.list", "viewer", writes=False)
async def list_services(call: Call) -> list[Service]:
    """Every service, by id."""
    return await call.gateway.database.read(services.list_services)


@operation("services.get", "viewer", writes=False)
async def get_service(call: Call, service_id: int) -> Service:
    """One service; `NotFound` when there is none."""
    return await call.gateway.database.read(services.get_service, service_id)


@operation("services.add", "admin", hide=SECRETS, choices=SERVICE_CHOICES, fields=SERVICE_FIELDS)
async def add_service(call: Call, given: Mapping[str, Any]) -> Service:
    """Add a service: fields by their names, the others have their defaults.

    Raises:
        InvalidInput: a field is wrong, unknown or missing.
        Conflict: the name is taken.
    """
    draft = validate_service(given, allow_private_hosts=call.gateway.settings.delivery.allow_private_hosts)
    service = await call.gateway.database.write(services.add_service, call.gateway.vault, draft, utc_now())
    call.gateway.dispatcher.services_changed()
    return service


@operation("services.change", "admin", hide=SECRETS, choices=SERVICE_CHOICES, fields=SERVICE_FIELDS)
async def change_service(call: Call, service_id: int, given: Mapping[str, Any]) -> Service:
    """Change the fields that are given and leave the others.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    return await _apply(call.gateway, service_id, given)


@operation("services.replace", "admin", hide=SECRETS, choices=SERVICE_CHOICES, fields=SERVICE_FIELDS)
async def replace_service(call: Call, service_id: int, given: Mapping[str, Any]) -> Service:
    """Make a service what is given: fields that are not have their defaults, secrets are kept.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    await get_service(call, service_id)
    for name in _REQUIRED:
        if name not in given:
            raise InvalidInput(f"{name} is required", field=name)
    return await _apply(call.gateway, service_id, {**_DEFAULTS, **given})


@operation("services.delete", "admin")
async def delete_service(call: Call, service_id: int) -> DeletedService:
    """Delete a service; what it was still owed is failed, with the reason.

    Raises:
        NotFound
    """
    deleted = await call.gateway.database.write(_delete, service_id)
    call.gateway.dispatcher.services_changed()
    return deleted


async def _apply(gateway: Gateway, service_id: int, given: Mapping[str, Any]) -> Service:
    private = gateway.settings.delivery.allow_private_hosts
    service = await gateway.database.write(_change, gateway.vault, service_id, given, private)
    gateway.dispatcher.services_changed()
    return service


def _change(
    connection: Connection, vault: Vault, service_id: int, given: Mapping[str, Any], private: bool
) -> Service:
    existing = services.get_service(connection, service_id)
    draft = validate_service(given, existing=existing, allow_private_hosts=private)
    return services.update_service(connection, vault, service_id, draft, utc_now())


def _delete(connection: Connection, service_id: int) -> DeletedService:
    service = services.get_service(connection, service_id)
    return DeletedService(service, services.delete_service(connection, service_id, utc_now()))
