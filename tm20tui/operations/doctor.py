"""The connection doctor: whether a service can be reached as it is set up, or would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from tm20tui.delivery.draft import SECRETS, validate_service
from tm20tui.errors import Forbidden
from tm20tui.hr.client import HrClient
from tm20tui.hr.client import PreparedRequest as PreparedRequest
from tm20tui.hr.doctor import Found, examine
from tm20tui.hr.doctor import Step as Step
from tm20tui.hr.generic import PunchRow, render
from tm20tui.model import Service, ServiceSecrets, utc_now
from tm20tui.operations.call import Call
from tm20tui.operations.fields import SERVICE_CHOICES
from tm20tui.operations.registry import operation
from tm20tui.store import services
from tm20tui.store.batches import peek_rows
from tm20tui.store.services import ServiceDraft
from tm20tui.users.reading import read_users

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.store.vault import Vault

_SHOWN_PUNCHES = 3
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ServiceTest:
    """What the doctor found. `status` is `works` when no step failed.

    `request` is what the next delivery would look like, an example where nothing waits.
    """

    name: str
    base_url: str
    status: Literal["works", "failed"]
    steps: tuple[Step, ...]
    request: PreparedRequest


@operation("services.test", "operator", hide=SECRETS, choices=SERVICE_CHOICES)
async def examine_service(
    call: Call, service_id: int, *, given: Mapping[str, Any] | None = None
) -> ServiceTest:
    """Try the way to a service step by step: name, TCP, TLS, credentials, users. No punch is sent.

    With `given`, as if these fields were changed, which only an admin may try.

    Raises:
        NotFound, InvalidInput, Forbidden
    """
    if given and not call.operator.may_act_as("admin"):
        raise Forbidden("trying fields that are not saved needs the role admin")
    private = call.gateway.settings.delivery.allow_private_hosts

    def read(connection: Connection) -> tuple[Service, ServiceSecrets, tuple[PunchRow, ...]]:
        service, secrets = _read(connection, call.gateway.vault, service_id, given or {}, private)
        return service, secrets, peek_rows(connection, service_id, _SHOWN_PUNCHES)

    return await _examine(call, *await call.gateway.database.read(read))


@operation("services.test_fields", "admin", hide=SECRETS, choices=SERVICE_CHOICES)
async def examine_fields(call: Call, given: Mapping[str, Any]) -> ServiceTest:
    """Try the way to a service that is not saved, as `services.test` does.

    Raises:
        InvalidInput
    """
    draft = validate_service(given, allow_private_hosts=call.gateway.settings.delivery.allow_private_hosts)
    return await _examine(call, _as_service(draft, None), _secrets(draft, None), ())


async def _examine(
    call: Call, service: Service, secrets: ServiceSecrets, rows: Sequence[PunchRow]
) -> ServiceTest:
    private = call.gateway.settings.delivery.allow_private_hosts
    async with HrClient(service, secrets, allow_private_hosts=private) as client:
        steps, request = await examine(
            service,
            client,
            allow_private_hosts=private,
            body=render(rows or (_EXAMPLE,)),
            now=utc_now(),
            count_users=_count_users,
        )
    failed = any(step.state == "failed" for step in steps)
    return ServiceTest(service.name, service.base_url, "failed" if failed else "works", steps, request)


def _count_users(document: object) -> Found:
    found = read_users([document])
    skipped = len(found.bad) + len(found.duplicates)
    count = len(found.users)
    said = f"{count} user on the first page" if count == 1 else f"{count} users on the first page"
    if not found.users:
        return "warning", f"{said}, {skipped} not sound", "an empty list is never taken over without asking"
    if skipped:
        first = found.bad[0] if found.bad else None
        hint = f"record {first.position}: {first.reason}" if first else "an enrollid comes more than once"
        return "warning", f"{said}, {skipped} not sound", hint
    return "ok", said, ""


def _read(
    connection: Connection, vault: Vault, service_id: int, given: Mapping[str, Any], private: bool
) -> tuple[Service, ServiceSecrets]:
    existing = services.get_service(connection, service_id)
    draft = validate_service(given, existing=existing, allow_private_hosts=private)
    return _as_service(draft, existing), _secrets(draft, services.get_secrets(connection, vault, service_id))


def _as_service(draft: ServiceDraft, existing: Service | None) -> Service:
    values: dict[str, Any] = dict.fromkeys(item.name for item in fields(Service))
    values |= {"id": 0, "extra_header_names": (), "health": "healthy", "health_reason": "", "failures": 0}
    values |= {"created_at": _NEVER, "updated_at": _NEVER, "has_auth_token": False}
    if existing is not None:
        values |= {item.name: getattr(existing, item.name) for item in fields(Service)}
    open_names = (item.name for item in fields(ServiceDraft) if item.name not in SECRETS)
    values |= {name: getattr(draft, name) for name in open_names}
    return Service(**values)


def _secrets(draft: ServiceDraft, stored: ServiceSecrets | None) -> ServiceSecrets:
    known = stored or ServiceSecrets("", {})
    signing = draft.signing_secret
    return ServiceSecrets(
        auth_token=known.auth_token if draft.auth_token is None else draft.auth_token,
        extra_headers=known.extra_headers if draft.extra_headers is None else draft.extra_headers,
        signing_secret=known.signing_secret if signing is None else signing,
        old_signing_secret=known.old_signing_secret,
        old_signing_until=known.old_signing_until,
    )


@dataclass(frozen=True, slots=True)
class _ExampleRow:
    punch_id: int = 456
    terminal_sn: str = "TM20-001"
    enrollid: str = "123"
    user_name: str = "John Doe"
    time_utc: datetime | None = datetime(2025, 12, 30, 10, 30, tzinfo=UTC)
    time_raw: str = "2025-12-30 11:30:00"
    mode: int = 0
    inout: int = 0
    event: int = 0
    temperature: float | None = 36.5
    access_granted: bool = True


_EXAMPLE = _ExampleRow()
