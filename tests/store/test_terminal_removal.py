"""What a deleted terminal leaves: nothing that anybody waits for, and all that it needs to come back."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from sqlalchemy import Connection, insert

from tests.store.factories import NOON, add_punches, add_terminal, add_user, statuses
from tm20tui.errors import InvalidInput, NotFound
from tm20tui.protocol import Reboot
from tm20tui.store import (
    commands,
    inventories,
    people,
    receipts,
    schedules,
    services,
    sites,
    terminals,
    zones,
)
from tm20tui.store.engine import Database
from tm20tui.store.loads import add_load, get_load
from tm20tui.store.schedules import ScheduleDraft
from tm20tui.store.schema import enrollments
from tm20tui.store.services import ServiceDraft
from tm20tui.store.terminal_removal import delete_terminal, return_terminal
from tm20tui.store.vault import Vault

LATER = NOON + timedelta(days=1)
WEEK = ScheduleDraft("Day", 0, time(8), time(17))


def leave(conn: Connection, user_id: int) -> int:
    return receipts.want_standing(conn, {user_id: False}, NOON, remove=False)


def results(conn: Connection) -> list[tuple[int, str, str]]:
    return [(one.terminal_id, one.result, one.reason) for one in receipts.list_receipts(conn)]


async def test_nothing_is_waited_for_until_it_is_back(database: Database, vault: Vault) -> None:
    def prepare(conn: Connection) -> tuple[int, int, int, int]:
        here, other, user = add_terminal(conn, "A"), add_terminal(conn, "B"), add_user(conn, "7", "Ann")
        known = {"user_id": user, "reported_state": "present", "reported_at": NOON}
        conn.execute(insert(enrollments), [{"terminal_id": here, **known}, {"terminal_id": other, **known}])
        draft = ServiceDraft(name="HR", base_url="https://hr.example", terminal_ids=(here, other))
        service = services.add_service(conn, vault, draft, NOON)
        add_punches(conn, here, 2)
        schedules.add_schedule(conn, here, WEEK, NOON)
        zones.save_zone_write(
            conn,
            here,
            split_breaks=False,
            margin_minutes=0,
            dayzone=(),
            weekzone=(),
            status="confirmed",
            now=NOON,
        )
        return here, other, user, service.id

    here, other, user, service = await database.write(prepare)

    def delete(conn: Connection) -> None:
        queued = commands.add_command(conn, vault, here, Reboot(), operator="ann", now=NOON)
        sent = commands.add_command(conn, vault, here, Reboot(), operator="ann", now=NOON)
        commands.mark_sent(conn, sent.id, NOON)
        kept = commands.add_command(conn, vault, other, Reboot(), operator="ann", now=NOON)
        load = add_load(
            conn,
            here,
            task_id="t",
            with_credentials=False,
            remove_others=False,
            operator="ann",
            correlation_id="",
            now=NOON,
        )
        assert leave(conn, user) == 2

        removal = delete_terminal(conn, here, LATER)
        assert [(one.id, one.status) for one in removal.commands] == [
            (queued.id, "cancelled"),
            (sent.id, "unknown"),
        ]
        assert commands.get_command(conn, kept.id).status == "queued"
        assert removal.load is not None
        assert get_load(conn, load.id).status == "cancelled"
        withdrawn = (here, "withdrawn", "the terminal was deleted")
        assert sorted(results(conn)) == sorted([withdrawn, (other, "pending", "")])

    await database.write(delete)

    def look(conn: Connection) -> None:
        with pytest.raises(NotFound):
            terminals.get_terminal(conn, here)
        with pytest.raises(NotFound):
            schedules.add_schedule(conn, here, WEEK, NOON)
        with pytest.raises(InvalidInput, match=f"id {here}"):
            services._check_terminals(conn, (here,))
        assert [one.id for one in terminals.list_terminals(conn)] == [other]
        assert [one.id for one in terminals.TerminalsReader().list(conn)] == [other]
        assert [one.terminal_id for one in inventories.list_inventories(conn)] == [other]
        assert [one.terminal_id for one in receipts.list_waiting(conn)] == [other]
        assert [one.terminal_id for one in people.list_places(conn, user)] == [other]
        assert people.get_user(conn, user).enrollments == 1
        assert services.get_service(conn, service).terminal_ids == (other,)
        assert (
            schedules.list_schedules(conn) == zones.list_zone_writes(conn) == schedules.summarise(conn) == []
        )
        assert [one.terminals for one in sites.list_sites(conn) if one.name == "main"] == [1]
        assert statuses(conn, service) == {"pending": 2}
        # Of a deleted terminal nothing is waited for, yet it shall not let in who left meanwhile.
        assert leave(conn, user) == 1

    await database.write(look)

    def come_back(conn: Connection) -> None:
        back = return_terminal(conn, here, "pending", LATER)
        assert (back.id, back.admission, back.deleted_at) == (here, "pending", None)
        assert services.get_service(conn, service).terminal_ids == (here, other)
        assert [one.terminal_id for one in receipts.list_waiting(conn)] == [here, other]
        assert (here, "pending", "") in results(conn)
        assert len(schedules.list_schedules(conn)) == 1

    await database.write(come_back)


async def test_changing_a_service_leaves_the_mapping_of_a_deleted_terminal(
    database: Database, vault: Vault
) -> None:
    def change(conn: Connection) -> None:
        here, other = add_terminal(conn, "A"), add_terminal(conn, "B")
        draft = ServiceDraft(name="HR", base_url="https://hr.example", terminal_ids=(here,))
        service = services.add_service(conn, vault, draft, NOON)
        delete_terminal(conn, here, NOON)
        draft = ServiceDraft(name="HR", base_url="https://hr.example", terminal_ids=(other,))
        services.update_service(conn, vault, service.id, draft, NOON)
        return_terminal(conn, here, "approved", LATER)
        assert services.get_service(conn, service.id).terminal_ids == (here, other)

    await database.write(change)
