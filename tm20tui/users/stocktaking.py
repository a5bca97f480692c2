"""Inventories of terminals, a few at a time: what is not as it shall be is repaired or reported.

A terminal that suddenly holds far fewer users raises an alarm until it holds them again, or
somebody says that it is right so.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

import trio

from tm20tui.alarms import Alarms
from tm20tui.errors import Conflict, NotFound, StoreUnavailable, Tm20Error, Unavailable
from tm20tui.model import utc_now
from tm20tui.protocol import GetUserInfo, GetUserName, UserNameInfo
from tm20tui.settings.users_section import UsersSettings
from tm20tui.store.engine import Database
from tm20tui.store.enrollments import want_users
from tm20tui.store.inventories import (
    Known,
    Observed,
    TerminalInventory,
    add_seen,
    list_inventories,
    list_known,
    note_observed,
    save_inventory,
    want_out_again,
)
from tm20tui.store.loads import UserLoad, add_load, set_total
from tm20tui.terminals.commands import CommandDesk
from tm20tui.users.asking import Asker
from tm20tui.users.drift import Comparison, compare, has_dropped, is_due, judge_name
from tm20tui.users.inventory import take_inventory

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOOK_SECONDS: Final = 60.0
_LONGEST_SECONDS: Final = 900.0
_ANSWER_SECONDS: Final = 120.0
_SAMPLE: Final = 50
_SHOWN_OTHERS: Final = 100


class Stocktaking:
    """Inventories of one server's terminals.

    `online` and `busy` tell which terminals are connected, and which users are being sent to;
    `start_load` begins a repair, with a new task's id as `new_task_id` makes them.
    """

    def __init__(
        self,
        database: Database,
        desk: CommandDesk,
        alarms: Alarms,
        settings: UsersSettings,
        *,
        online: Callable[[], Collection[int]],
        busy: Callable[[], Collection[int]],
        look_for_leavers: Callable[[], None],
    ) -> None:
        self._database = database
        self._desk = desk
        self._alarms = alarms
        self._settings = settings
        self._online = online
        self._busy = busy
        self._look_for_leavers = look_for_leavers
        self._under_way: set[int] = set()
        self._repaired: set[int] = set()
        self.start_load: Callable[[UserLoad], object] = lambda load: None

    def was_repaired(self, terminal_id: int) -> None:
        """A repair is over: look whether it helped, without repairing again at once."""
        self._repaired.add(terminal_id)

    async def look(self) -> str:
        """Take the inventories that are due, of terminals that are connected, a few at a time."""
        now, ready = utc_now(), frozenset(self._online()) - frozenset(self._busy())
        found = await self._database.read(list_inventories)
        for one in found:
            self._alarm(one)
        due = [one.terminal_id for one in found if one.terminal_id in ready and self._is_due(one, now)]
        outcomes: list[bool] = []
        limiter = trio.CapacityLimiter(self._settings.inventory_at_once)

        async def one_of_them(terminal_id: int) -> None:
            async with limiter:
                outcomes.append(await self._try(terminal_id))

        async with trio.open_nursery() as nursery:
            for terminal_id in due:
                nursery.start_soon(one_of_them, terminal_id)
        return f"{sum(outcomes)} of {len(due)} terminals"

    async def take(
        self, terminal_id: int, *, repair: bool | None = None, accept: bool = False
    ) -> TerminalInventory:
        """Take one now; what it found. `repair` None as the settings say; `accept` takes a drop as right.

        Raises:
            NotFound: no such approved terminal.
            Conflict: one is being taken, or users are being sent to it.
            Unavailable: the terminal went away, or gives no listing.
        """
        if terminal_id in self._under_way:
            raise Conflict("an inventory of that terminal is being taken", field="terminal_id")
        if terminal_id in self._busy():
            raise Conflict("users are being sent to that terminal", field="terminal_id")
        self._under_way.add(terminal_id)
        try:
            with trio.fail_after(_LONGEST_SECONDS):
                return await self._take(terminal_id, repair, accept)
        except trio.TooSlowError:
            raise Unavailable("the inventory took too long: the terminal answers slowly") from None
        finally:
            self._under_way.discard(terminal_id)

    def _is_due(self, one: TerminalInventory, now: object) -> bool:
        if one.terminal_id in self._repaired:
            return True
        own = one.interval_minutes
        minutes = self._settings.inventory_minutes if own is None else own
        return is_due(one.terminal_id, minutes, one.taken_at, one.tried_at, utc_now())

    async def _try(self, terminal_id: int) -> bool:
        repair = False if terminal_id in self._repaired else None
        self._repaired.discard(terminal_id)
        try:
            await self.take(terminal_id, repair=repair)
        except StoreUnavailable:
            raise
        except Tm20Error as error:
            values = {"tried_at": utc_now(), "remark": str(error)}
            await self._database.write(save_inventory, terminal_id, values)
            return False
        return True

    async def _take(self, terminal_id: int, repair: bool | None, accept: bool) -> TerminalInventory:
        before = await self._find(terminal_id)
        asker = Asker(
            self._desk, terminal_id, "server", secrets.token_hex(8), expires_seconds=_ANSWER_SECONDS
        )
        known = await self._database.read(list_known, terminal_id)
        # A terminal that listed users once can be believed when it lists nobody.
        has_listed = before.held > 0 or any(one.slots for one in known)
        expected = 0 if has_listed else sum(one.reported_state == "present" for one in known)
        listing = await take_inventory(asker, expected=expected)
        comparison = Comparison((), (), (), tuple(filter(_shall_be_there, known)), {}, ())
        if listing.is_reliable:
            comparison = compare(known, listing.users)
        asked, present = await self._ask_for_unseen(asker, comparison.unseen)
        drifted = [*comparison.drifted, *(one.user_id for one in asked if one.result != "confirmed")]
        held = len(listing.users) + present if listing.is_reliable else present
        now = utc_now()
        dropped = not accept and has_dropped(held, before.usual, self._settings.drop_percent)
        values = {
            "tried_at": now,
            "taken_at": now,
            "held": held,
            "usual": before.usual if dropped else held,
            "wanted": sum(map(_shall_be_there, known)),
            "drifted": len(drifted),
            "others": comparison.others[:_SHOWN_OTHERS],
            "has_dropped": dropped,
            "remark": listing.remark,
        }

        def write(connection: Connection) -> None:
            note_observed(connection, terminal_id, [*comparison.observed, *asked], now)
            add_seen(connection, terminal_id, comparison.new, now)
            want_out_again(connection, terminal_id, comparison.out_again, now)
            save_inventory(connection, terminal_id, values)

        await self._database.write(write)
        if comparison.out_again:
            self._look_for_leavers()
        found = await self._find(terminal_id)
        self._alarm(found)
        wishes = self._settings.drift == "repair" if repair is None else repair
        if drifted and wishes:
            await self._repair(terminal_id, drifted)
        return found

    async def _ask_for_unseen(self, asker: Asker, unseen: Collection[Known]) -> tuple[list[Observed], int]:
        """Those who were listed once, then some of the others, the longest unheard of first.

        All of them when one is missing. What was found, and how many of all are there.
        """
        queue = sorted(
            unseen, key=lambda one: (not one.slots, one.reported_at is not None, one.reported_at, one.user_id)
        )
        sure = sum(bool(one.slots) for one in queue) + _SAMPLE
        found: list[Observed] = []
        missing = 0
        for number, one in enumerate(queue):
            if number >= sure and not missing:
                break
            told = await asker.ask(GetUserName(one.enrollid))
            if asker.lacks(GetUserName.name):
                told = await asker.ask(GetUserInfo(one.enrollid))
            if not told.is_confirmed and not told.is_refused:
                continue
            name = getattr(told.result, "name", None) if told.is_confirmed else None
            if told.is_confirmed and name is None and not isinstance(told.result, UserNameInfo):
                continue
            seen = judge_name(one, name)
            missing += seen.reported_state == "absent"
            found.append(seen)
        return found, len(queue) - missing

    async def _repair(self, terminal_id: int, user_ids: Collection[int]) -> None:
        """Bring them there anew, with what is kept of them, as a load that outlives restarts."""

        def begin(connection: Connection) -> UserLoad:
            load = add_load(
                connection,
                terminal_id,
                task_id=secrets.token_hex(16),
                with_credentials=True,
                remove_others=False,
                operator="server",
                correlation_id=secrets.token_hex(8),
                now=utc_now(),
            )
            chosen = want_users(connection, terminal_id, sorted(user_ids), utc_now(), load_id=load.id)
            return set_total(connection, load.id, len(chosen))

        try:
            load = await self._database.write(begin)
        except Conflict:
            return
        self.start_load(load)

    async def _find(self, terminal_id: int) -> TerminalInventory:
        found = await self._database.read(list_inventories, terminal_id=terminal_id)
        if not found:
            raise NotFound("approved terminal", terminal_id, field="terminal_id")
        return found[0]

    def _alarm(self, one: TerminalInventory) -> None:
        if one.has_dropped:
            sentence = f"{one.terminal_sn} holds {one.held} users, {one.usual} before: see users state"
            self._alarms.set(f"users-gone:{one.terminal_id}", sentence, severity="critical")
        else:
            self._alarms.clear(f"users-gone:{one.terminal_id}")


def _shall_be_there(one: Known) -> bool:
    return one.desired_state == "present"
