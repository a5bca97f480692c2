"""A terminal brought to hold the users that it shall hold: listed, compared, told, read back.

Packet by packet, each written down with the progress of the load as it is known: a terminal that
goes away is waited for, a server that ends goes on there, and what was confirmed is not told again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import trio

from tm20tui.errors import StoreUnavailable
from tm20tui.model import Terminal, utc_now
from tm20tui.protocol import DeleteUser, GetUserInfo, GetUserName
from tm20tui.protocol.values import ALL_FINGERPRINTS, NON_USER, STRANGER, WHOLE_USER
from tm20tui.store.engine import Database
from tm20tui.store.enrollments import Settled, list_enrollids, list_wanted, settle_users
from tm20tui.store.loads import UserLoad, list_members, note_progress
from tm20tui.store.receipts import settle_open
from tm20tui.store.terminals import get_terminal
from tm20tui.store.vault import Vault
from tm20tui.users.asking import Asker
from tm20tui.users.bringing import PACKET, Bringing
from tm20tui.users.credentials import Fitting, open_records, read_sealed
from tm20tui.users.inventory import take_inventory
from tm20tui.users.planning import Inventory, Steps, plan_user

if TYPE_CHECKING:
    from sqlalchemy import Connection

_MOST_SHOWN: Final = 500
_STORE_SECONDS: Final = 1.0


@dataclass(slots=True)
class _Tally:
    """Counts, and what did not go well; kept with the load as JSON."""

    confirmed: int = 0
    refused: int = 0
    not_verified: int = 0
    nothing_to_do: int = 0
    failed: list[dict[str, Any]] = field(default_factory=list)

    def count(self, steps: Steps, settled: Settled) -> None:
        name = settled.result.replace(" ", "_")
        setattr(self, name, getattr(self, name) + 1)
        self.nothing_to_do += steps.is_nothing
        if settled.result != "confirmed" and len(self.failed) < _MOST_SHOWN:
            user = {"user_id": settled.user_id, "enrollid": steps.user.enrollid}
            self.failed.append(user | {"result": settled.result, "reason": settled.reason})


async def send_users(
    database: Database, vault: Vault, asker: Asker, load: UserLoad, tell: Callable[[int], None]
) -> dict[str, Any]:
    """Bring the users of a load that are left; what came of all as JSON, at most 500 failures by name.

    `tell` is told how many are done.

    Raises:
        Unavailable: the terminal was away for a day; what is left stays pending.
        StoreUnavailable: to be gone on with where it stopped.
    """
    terminal = await database.read(get_terminal, load.terminal_id)
    left = await database.read(list_members, load)
    wanted = await database.read(list_wanted, terminal.id, left)
    expected = sum(user.reported_state in ("present", "disabled") and bool(user.slots) for user in wanted)
    expected = max(expected, terminal.capacity.get("usedfp", 0), terminal.capacity.get("usedcard", 0))
    inventory = await take_inventory(asker, expected=expected)
    fitting = Fitting(terminal, await database.read(read_sealed, left))
    tally, done = _Tally(**load.tally), load.done
    bringing = Bringing(asker)
    for at in range(0, len(left), PACKET):
        # Read anew: somebody may have left while the terminal was away.
        ids = left[at : at + PACKET]
        packet = [
            plan_user(
                user,
                inventory,
                timezone=terminal.timezone,
                check=fitting.refuse,
                with_credentials=load.with_credentials,
            )
            for user in await database.read(list_wanted, terminal.id, ids)
        ]
        needing = [steps.user.user_id for steps in packet if steps.credentials]
        records = await database.read(open_records, vault, needing) if needing else {}
        settled = await bringing.bring(packet, records)
        for steps, one in zip(packet, settled, strict=True):
            tally.count(steps, one)
        done += len(ids)
        settle = partial(_settle, load=load, settled=settled, done=done, after=ids[-1], tally=asdict(tally))
        await _insist(database, settle)
        tell(done)
    removed = await _remove_others(database, asker, terminal, inventory) if load.remove_others else None
    report: dict[str, Any] = {"terminal_id": terminal.id, "users": load.total, **asdict(tally)}
    report["remark"] = inventory.remark
    return report if removed is None else report | {"removed": removed}


async def _remove_others(
    database: Database, asker: Asker, terminal: Terminal, inventory: Inventory
) -> dict[str, Any]:
    """Delete who is listed and no user of the site, administrators never, and see that they are gone."""
    if not inventory.is_reliable:
        return {"deleted": [], "kept": [], "remark": "nobody was removed: there is no whole listing of users"}
    ours = await database.read(list_enrollids, terminal.site_id)
    deleted: list[str] = []
    kept: list[dict[str, str]] = []
    for enrollid, held in inventory.users.items():
        if enrollid in ours or enrollid in (NON_USER, STRANGER):
            continue
        if held.admin:
            kept.append({"enrollid": enrollid, "reason": "is an administrator of the terminal"})
        elif reason := await _delete(asker, enrollid):
            kept.append({"enrollid": enrollid, "reason": reason})
        else:
            deleted.append(enrollid)
    return {"deleted": deleted, "kept": kept, "remark": ""}


async def _delete(asker: Asker, enrollid: str) -> str:
    """Delete one user as the terminal's family wants it told; why it is still there, empty when it is not."""
    reason = ""
    for backupnum in (WHOLE_USER, ALL_FINGERPRINTS, None):
        told = await asker.ask(DeleteUser(enrollid, backupnum))
        found = [await asker.ask(GetUserName(enrollid)), await asker.ask(GetUserInfo(enrollid))]
        if all(one.is_refused for one in found):
            return ""
        reason = told.reason or "the terminal still shows the user"
    return reason


async def _insist(database: Database, write: Callable[..., None]) -> None:
    """What a terminal confirmed is written down, however long the store is away."""
    while True:
        try:
            return await database.write(write)
        except StoreUnavailable:
            await trio.sleep(_STORE_SECONDS)


def _settle(
    connection: Connection,
    *,
    load: UserLoad,
    settled: Sequence[Settled],
    done: int,
    after: int,
    tally: Mapping[str, Any],
) -> None:
    now = utc_now()
    settle_users(connection, load.terminal_id, settled, now)
    for one in settled:
        if one.desired_state == "disabled":
            settle_open(connection, load.terminal_id, one.user_id, one.result, one.reason, now)
    note_progress(connection, load.id, done=done, after_user_id=after, tally=tally)
