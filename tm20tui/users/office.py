"""What the rest of the server sees of users: fetch them, send them, see that leavers are out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from tm20tui.alarms import Alarms
from tm20tui.errors import Conflict, Tm20Error
from tm20tui.settings import Settings
from tm20tui.store import services
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault
from tm20tui.terminals.commands import CommandDesk
from tm20tui.users.asking import Asker
from tm20tui.users.fetching import FetchReport, RefusedMerge, apply_list, ask_service, find_sites
from tm20tui.users.leavers import Leavers
from tm20tui.users.sending import SendRequest, send_users


class UsersOffice:
    """One server's. `run` it once; everything else may be called while it runs."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        desk: CommandDesk,
        alarms: Alarms,
        settings: Settings,
        default_site_id: int,
    ) -> None:
        self._database = database
        self._vault = vault
        self._desk = desk
        self._alarms = alarms
        self._settings = settings
        self._default_site_id = default_site_id
        self._fetching = trio.Lock()
        self._sending: set[int] = set()
        self._leavers = Leavers(database, desk, lambda: self._sending)
        self.run = self._leavers.run

    async def fetch(
        self, service_id: int, terminal_id: int | None = None, *, confirm: bool = False
    ) -> FetchReport:
        """Take over the users of a service at the site of a terminal, or at every site it serves.

        Raises:
            NotFound, InvalidInput: no such service or terminal; it has no address of users.
            Conflict: it is not active, not mapped to the terminal, or too many users would be gone.
            Unavailable: the service does not give its users.
        """
        async with self._fetching:
            service = await self._database.read(services.get_service, service_id)
            if not service.is_active:
                raise Conflict(f"the third-party config {service.name!r} is not active", field="config_id")
            site_ids = await self._database.read(find_sites, service, terminal_id, self._default_site_id)
            listed = await ask_service(
                self._database,
                self._vault,
                service,
                allow_private=self._settings.delivery.allow_private_hosts,
            )
            try:
                report = await self._database.write(
                    apply_list,
                    service,
                    site_ids,
                    listed,
                    max_gone_percent=self._settings.users.max_gone_percent,
                    confirm=confirm,
                )
            except RefusedMerge as refused:
                self._alarms.set(_key(service_id, refused.site_id), str(refused))
                raise Conflict(str(refused), field="confirm") from None
            for site_id in site_ids:
                self._alarms.clear(_key(service_id, site_id))
        self._leavers.look()
        return report

    async def fetch_all(self) -> dict[str, Any]:
        """The users of every active service that has an address of them; one's failure is not another's."""
        outcomes: dict[str, Any] = {}
        for service in await self._database.read(services.list_services):
            if not service.is_active or not service.users_endpoint:
                continue
            try:
                report = await self.fetch(service.id)
            except Tm20Error as error:
                outcomes[service.name] = str(error)
            else:
                added, changed = (
                    sum(getattr(one, name) for one in report.sites) for name in ("added", "changed")
                )
                gone = sum(len(one.gone) for one in report.sites)
                outcomes[service.name] = f"{added} added, {changed} changed, {gone} gone"
        return outcomes

    async def send(self, request: SendRequest, advance: Callable[[int], None]) -> dict[str, Any]:
        """Bring a terminal to hold users; for what it answers see `send_users`.

        Raises:
            Conflict: users are being sent to that terminal already.
            Unavailable: the terminal was away for a day.
        """
        if request.terminal_id in self._sending:
            raise Conflict("users are being sent to that terminal already", field="terminal_id")
        self._sending.add(request.terminal_id)
        try:
            asker = Asker(self._desk, request.terminal_id, request.operator, request.correlation_id)
            return await send_users(self._database, self._vault, asker, request, advance)
        finally:
            self._sending.discard(request.terminal_id)
            self._leavers.look()

    def is_sending(self, terminal_id: int) -> bool:
        """Whether users are being sent to that terminal."""
        return terminal_id in self._sending


def _key(service_id: int, site_id: int) -> str:
    return f"users:{service_id}:{site_id}"
