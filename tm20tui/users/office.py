"""What the rest of the server sees of users: fetch them, send them, see that leavers are out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import trio

from tm20tui.alarms import Alarms
from tm20tui.errors import Conflict, StoreUnavailable, Tm20Error
from tm20tui.model import Service, utc_now
from tm20tui.settings import Settings
from tm20tui.store import services
from tm20tui.store.engine import Database
from tm20tui.store.loads import LoadStatus, UserLoad, finish_load, get_load, list_leftovers
from tm20tui.store.vault import Vault
from tm20tui.terminals.commands import CommandDesk
from tm20tui.users.asking import Asker
from tm20tui.users.fetching import (
    FetchPreview,
    FetchReport,
    RefusedMerge,
    apply_list,
    ask_service,
    find_sites,
    preview_list,
)
from tm20tui.users.leavers import Leavers
from tm20tui.users.reading import HrUsers
from tm20tui.users.sending import send_users
from tm20tui.users.stocktaking import Stocktaking
from tm20tui.users.timetable import FetchTimetable

if TYPE_CHECKING:
    from sqlalchemy import Connection

P = ParamSpec("P")
T = TypeVar("T")

_STORE_SECONDS: Final = 1.0
_END_SECONDS: Final = 5.0


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
        online: Callable[[], Collection[int]],
    ) -> None:
        self._database = database
        self._vault = vault
        self._desk = desk
        self._alarms = alarms
        self._settings = settings
        self._default_site_id = default_site_id
        self._fetching: dict[int, trio.Lock] = {}
        self._applying = trio.Lock()
        self._sending: set[int] = set()
        self._given_up: set[int] = set()
        self._leavers = Leavers(database, desk, alarms, lambda: self._sending)
        self.timetable = FetchTimetable(
            partial(database.read, services.list_services), self.fetch, settings.users.sync_minutes
        )
        self.stocktaking = Stocktaking(
            database,
            desk,
            alarms,
            settings.users,
            online=online,
            busy=lambda: self._sending,
            look_for_leavers=self._leavers.look,
        )
        self.run = self._leavers.run

    @property
    def removes_leavers(self) -> bool:
        """Whether terminals delete who left, rather than disable them."""
        return self._settings.users.leavers == "remove"

    def look(self) -> None:
        """Somebody left, or is back."""
        self._leavers.look()

    async def fetch(
        self, service_id: int, terminal_id: int | None = None, *, confirm: bool = False
    ) -> FetchReport:
        """Take over the users of a service at the site of a terminal, or at every site it serves.

        Raises:
            NotFound, InvalidInput: no such service or terminal; it has no address of users.
            Conflict: it is not active, not mapped to the terminal, or too many users would be gone.
            Unavailable: the service does not give its users.
        """
        async with self._fetching.setdefault(service_id, trio.Lock()):
            service, site_ids, listed = await self._ask(service_id, terminal_id)
            try:
                # Two services may list the same people of a site.
                async with self._applying:
                    report = await self._database.write(
                        apply_list,
                        service,
                        site_ids,
                        listed,
                        max_gone_percent=self._settings.users.max_gone_percent,
                        confirm=confirm,
                        remove=self.removes_leavers,
                    )
            except RefusedMerge as refused:
                self._alarms.set(_key(service_id, refused.site_id), str(refused))
                raise Conflict(str(refused), field="confirm") from None
            for site_id in site_ids:
                self._alarms.clear(_key(service_id, site_id))
        self._leavers.look()
        return report

    async def preview(self, service_id: int, terminal_id: int | None = None) -> FetchPreview:
        """What `fetch` would do now; it changes nothing. Raises as it does."""
        service, site_ids, listed = await self._ask(service_id, terminal_id)
        return await self._database.read(
            preview_list,
            service,
            site_ids,
            listed,
            max_gone_percent=self._settings.users.max_gone_percent,
        )

    async def _ask(self, service_id: int, terminal_id: int | None) -> tuple[Service, list[int], HrUsers]:
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
        return service, site_ids, listed

    async def carry_out(self, load: UserLoad, tell: Callable[[int], None]) -> dict[str, Any]:
        """Bring the users of a load to its terminal; for what it answers see `send_users`.

        When the server ends meanwhile the load stays to be gone on with.

        Raises:
            Unavailable: the terminal was away for a day.
        """
        self._sending.add(load.terminal_id)
        try:
            await self._forget_leftovers(load)
            result = await self._send(load, tell)
        except trio.Cancelled:
            if load.id in self._given_up:
                await self._finish(load, "cancelled", error="an operator cancelled it")
            raise
        except Exception as error:
            known = str(error) if isinstance(error, Tm20Error) else f"unexpected: {type(error).__name__}"
            await self._finish(load, "failed", error=known)
            raise
        else:
            await self._finish(load, "done", tally=result)
            return result
        finally:
            self._given_up.discard(load.id)
            if load.operator == "server":
                self.stocktaking.was_repaired(load.terminal_id)
            self._sending.discard(load.terminal_id)
            self._leavers.look()

    def give_up(self, load: UserLoad) -> None:
        """An operator wants it no more: when it is cancelled now, it is over."""
        self._given_up.add(load.id)

    async def _send(self, load: UserLoad, tell: Callable[[int], None]) -> dict[str, Any]:
        while True:
            asker = Asker(self._desk, load.terminal_id, load.operator, load.correlation_id)
            try:
                return await send_users(self._database, self._vault, asker, load, tell)
            except StoreUnavailable:
                await trio.sleep(_STORE_SECONDS)
                load = await self._insist(get_load, load.id)

    async def _finish(
        self, load: UserLoad, status: LoadStatus, *, tally: dict[str, Any] | None = None, error: str = ""
    ) -> None:
        with trio.CancelScope(shield=True), trio.move_on_after(_END_SECONDS):
            if status != "done":
                await self._forget_leftovers(load)
            await self._insist(finish_load, load.id, status, utc_now(), tally=tally, error=error)

    async def _forget_leftovers(self, load: UserLoad) -> None:
        """Take back what is queued of it and nobody waits for any more."""
        for command_id in await self._insist(list_leftovers, load):
            with suppress(Conflict):
                await self._desk.cancel(command_id)

    async def _insist(
        self, act: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """However long the store is away."""
        while True:
            try:
                return await self._database.write(act, *args, **kwargs)
            except StoreUnavailable:
                await trio.sleep(_STORE_SECONDS)


def _key(service_id: int, site_id: int) -> str:
    return f"users:{service_id}:{site_id}"
