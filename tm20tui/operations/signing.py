"""The secret by which a service sees that a request is ours: made, replaced, the old one dropped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tm20tui.delivery.draft import check_signing_secret
from tm20tui.errors import InvalidInput
from tm20tui.hr.signing import new_signing_secret
from tm20tui.model import Service, utc_now
from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation
from tm20tui.store import services
from tm20tui.store.signing import drop_old_signing, rotate_signing

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LONGEST_OVERLAP_HOURS = 8760


@dataclass(frozen=True, slots=True)
class SigningRotated:
    """A service that signs with another secret.

    `new_secret` is the one that was made here, shown this once; None when it was entered.
    """

    service: Service
    new_secret: str | None


@operation("services.rotate_signing", "admin", hide=("signing_secret",))
async def rotate_signing_secret(
    call: Call,
    service_id: int,
    *,
    signing_secret: str | None = None,
    overlap_hours: float | None = 24,
) -> SigningRotated:
    """Sign what a service is sent with another secret, or begin to sign at all.

    `signing_secret` is whsec_ and base64, or env:NAME; without it one is made and shown this
    once. The secret until now signs too for `overlap_hours` (0: not at all; null: until it
    is dropped), so that the receiver can change its own in between.

    Raises:
        NotFound, InvalidInput
    """
    if overlap_hours is not None and not 0 <= overlap_hours <= _LONGEST_OVERLAP_HOURS:
        raise InvalidInput(f"overlap_hours must be from 0 to {_LONGEST_OVERLAP_HOURS}", field="overlap_hours")
    made = None
    if signing_secret is None:
        signing_secret = made = new_signing_secret()
    secret = check_signing_secret("signing_secret", signing_secret)
    if not secret:
        raise InvalidInput("signing_secret must not be empty", field="signing_secret")
    now = utc_now()
    until = None if overlap_hours is None else now + timedelta(hours=overlap_hours)

    def work(connection: Connection) -> Service:
        services.get_service(connection, service_id)
        rotate_signing(connection, call.gateway.vault, service_id, secret, until, now)
        return services.get_service(connection, service_id)

    service = await call.gateway.database.write(work)
    call.gateway.dispatcher.services_changed()
    return SigningRotated(service, made)


@operation("services.drop_old_signing", "admin")
async def drop_old_signing_secret(call: Call, service_id: int) -> Service:
    """Sign with the new secret alone: the receiver has changed its own.

    Raises:
        NotFound
        Conflict: no old secret is in use.
    """

    def work(connection: Connection) -> Service:
        services.get_service(connection, service_id)
        drop_old_signing(connection, service_id, utc_now())
        return services.get_service(connection, service_id)

    service = await call.gateway.database.write(work)
    call.gateway.dispatcher.services_changed()
    return service
