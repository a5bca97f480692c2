"""The users of a service, taken over by sites: asked for, compared, applied in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from tm20tui.errors import Conflict, InvalidInput, Unavailable
from tm20tui.hr.answer import Failure
from tm20tui.hr.client import HrClient
from tm20tui.model import Service, utc_now
from tm20tui.store import services
from tm20tui.store.engine import Database
from tm20tui.store.hr_users import (
    SiteUser,
    add_site_users,
    change_site_users,
    disable_users,
    list_site_users,
    list_sites_of,
    note_users_sync,
)
from tm20tui.store.receipts import want_standing
from tm20tui.store.terminals import get_terminal
from tm20tui.store.vault import Vault
from tm20tui.users.merge import Clash, MergePlan, plan_merge, row_of, source_of
from tm20tui.users.reading import BadUser, HrUsers, read_users

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class SiteReport:
    """What a list made of one site. `receipts` terminals are asked to disable, or enable again, somebody."""

    site_id: int
    added: int
    changed: int
    unchanged: int
    conflicts: tuple[Clash, ...]
    gone: tuple[str, ...]
    receipts: int


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What came of a fetch; `received` counts records, `skipped` are those that are not sound."""

    config_id: int
    name: str
    received: int
    skipped: tuple[BadUser, ...]
    sites: tuple[SiteReport, ...]


@dataclass(frozen=True, slots=True)
class SitePreview:
    """What a list would make of one site; `refusal` says why a human must confirm it, empty if none."""

    site_id: int
    added: int
    changed: int
    unchanged: int
    conflicts: tuple[Clash, ...]
    gone: tuple[str, ...]
    refusal: str


@dataclass(frozen=True, slots=True)
class FetchPreview:
    """What a fetch would do now; `received` counts records, `skipped` are those that are not sound."""

    config_id: int
    name: str
    received: int
    skipped: tuple[BadUser, ...]
    sites: tuple[SitePreview, ...]


class RefusedMerge(Exception):
    """A list that would do too much without a human; `site_id` is where. Never leaves `users/`."""

    def __init__(self, service: Service, site_id: int, reason: str) -> None:
        self.site_id = site_id
        super().__init__(f"users of {service.name} are not taken over: {reason}; confirm to do it anyway")


async def ask_service(database: Database, vault: Vault, service: Service, *, allow_private: bool) -> HrUsers:
    """The list of a service.

    Raises:
        Unavailable: it could not be had, or is no list of users.
    """
    if not service.users_endpoint:
        raise InvalidInput(
            f"the third-party config {service.name!r} has no users_endpoint", field="config_id"
        )
    secrets = await database.read(services.get_secrets, vault, service.id)
    async with HrClient(service, secrets, allow_private_hosts=allow_private) as client:
        found = await client.get_users()
    if isinstance(found, Failure):
        raise Unavailable(f"the users of {service.name} cannot be had: {found.reason}")
    try:
        # Of a large company this takes long: terminals are not to wait for it.
        return await trio.to_thread.run_sync(read_users, found.documents)
    except ValueError as error:
        raise Unavailable(f"the users of {service.name} cannot be read: {error}") from None


def find_sites(connection: Connection, service: Service, terminal_id: int | None, default: int) -> list[int]:
    """The sites that a service's users belong to: the terminal's, or those of every terminal it serves."""
    if terminal_id is None:
        return list_sites_of(connection, service.terminal_ids) or [default]
    terminal = get_terminal(connection, terminal_id)
    if service.terminal_ids is not None and terminal_id not in service.terminal_ids:
        raise Conflict(f"{service.name} is not mapped to the terminal {terminal.sn}", field="terminal_id")
    return [terminal.site_id]


def apply_list(
    connection: Connection,
    service: Service,
    site_ids: Sequence[int],
    listed: HrUsers,
    *,
    max_gone_percent: float,
    confirm: bool,
    remove: bool = False,
) -> FetchReport:
    """Take the list over at every site, or nowhere; with `remove` terminals delete who left.

    Raises:
        RefusedMerge: too many would be gone, and nobody confirmed.
    """
    now = utc_now()
    others = [other.id for other in services.list_services(connection) if other.id != service.id]
    reports = []
    for site_id in site_ids:
        present = list_site_users(connection, site_id)
        plan = plan_merge(present, listed, service.id, max_gone_percent=max_gone_percent, others=others)
        if plan.refusal and not confirm:
            raise RefusedMerge(service, site_id, plan.refusal)
        source = source_of(service.id)
        add_site_users(connection, site_id, [row_of(user, source) for user in plan.add], now)
        change_site_users(connection, {one.user.id: _whole(one.user, one.values) for one in plan.change}, now)
        disable_users(connection, [user.id for user in plan.gone], now)
        receipts = want_standing(connection, plan.standings, now, remove=remove)
        reports.append(_report(site_id, plan, receipts))
    note_users_sync(connection, service.id, site_ids, now)
    received = len(listed.users) + len(listed.bad) + _surplus(listed.duplicates)
    return FetchReport(service.id, service.name, received, listed.bad, tuple(reports))


def preview_list(
    connection: Connection,
    service: Service,
    site_ids: Sequence[int],
    listed: HrUsers,
    *,
    max_gone_percent: float,
) -> FetchPreview:
    """What `apply_list` would do; reads only."""
    others = [other.id for other in services.list_services(connection) if other.id != service.id]
    sites = []
    for site_id in site_ids:
        present = list_site_users(connection, site_id)
        plan = plan_merge(present, listed, service.id, max_gone_percent=max_gone_percent, others=others)
        gone = tuple(user.enrollid for user in plan.gone)
        counts = len(plan.add), len(plan.change), plan.unchanged
        sites.append(SitePreview(site_id, *counts, plan.conflicts, gone, plan.refusal))
    received = len(listed.users) + len(listed.bad) + _surplus(listed.duplicates)
    return FetchPreview(service.id, service.name, received, listed.bad, tuple(sites))


def _report(site_id: int, plan: MergePlan, receipts: int) -> SiteReport:
    gone = tuple(user.enrollid for user in plan.gone)
    return SiteReport(
        site_id, len(plan.add), len(plan.change), plan.unchanged, plan.conflicts, gone, receipts
    )


def _whole(user: SiteUser, values: Mapping[str, Any]) -> dict[str, Any]:
    names = ("name", "admin", "is_enabled", "weekzone", "user_group", "source")
    return {name: values.get(name, getattr(user, name)) for name in names}


def _surplus(duplicates: Collection[tuple[str, tuple[str, ...]]]) -> int:
    return sum(len(names) for _, names in duplicates)
