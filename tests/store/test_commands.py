"""The queue of commands on both engines: order, guards, expiry, and credentials that stay sealed."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from tests.protocol import examples
from tests.store.factories import NOON, add_terminal
from tm20tui.errors import Conflict, NotFound
from tm20tui.protocol import COMMANDS, CleanLog, Command, GetDevInfo, GetTime, OpenDoor, SetUserInfo
from tm20tui.store import commands as store
from tm20tui.store.commands import CommandRecord
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault

LATER = NOON + timedelta(hours=1)
SOON = NOON + timedelta(seconds=15)
TEMPLATE = "c0ffee(9)12"


def add(
    conn: Connection, vault: Vault, terminal_id: int, command: Command, *, at: datetime = NOON, **values: Any
) -> CommandRecord:
    values = {"operator": "ann", "expires_at": LATER} | values
    return store.add_command(conn, vault, terminal_id, command, now=at, **values)


def send(conn: Connection, terminal_id: int, at: datetime = NOON) -> CommandRecord:
    record = store.claim_next(conn, terminal_id, at)
    assert record is not None
    return store.mark_sent(conn, record.id, at)


@pytest.mark.parametrize("command", examples.COMMANDS, ids=lambda command: command.name)
async def test_every_command_comes_back_as_it_was_asked(
    sqlite_database: Database, vault: Vault, command: Command
) -> None:
    def play(conn: Connection) -> None:
        record = add(conn, vault, add_terminal(conn), command)
        members = store.open_arguments(conn, vault, record)
        if command.name == "settime":  # which time it sets is decided when it is sent
            assert (record.arguments, members) == ({}, {})
        else:
            assert COMMANDS[record.name].from_row(dict(members)) == command

    await sqlite_database.write(play)


async def test_a_command_is_recorded_from_queued_to_settled(database: Database, vault: Vault) -> None:
    def play(conn: Connection) -> None:
        terminal_id = add_terminal(conn)
        queued = add(conn, vault, terminal_id, OpenDoor(2), correlation_id="c-1", priority=-20)
        assert (queued.status, queued.attempts, queued.sent_at, queued.settled_at) == (
            "queued",
            0,
            None,
            None,
        )
        assert (queued.name, queued.arguments, queued.operator) == ("opendoor", {"doornum": 2}, "ann")
        assert (queued.correlation_id, queued.created_at, queued.expires_at) == ("c-1", NOON, LATER)
        assert store.open_terminals(conn) == {terminal_id}
        assert store.claim_next(conn, terminal_id, NOON) == queued
        sent = store.mark_sent(conn, queued.id, SOON)
        assert (sent.status, sent.attempts, sent.sent_at, sent.is_settled) == ("sent", 1, SOON, False)
        assert (store.open_terminals(conn), store.find_in_flight(conn)) == (set(), {terminal_id})
        done = store.settle(conn, sent.id, was="sent", status="confirmed", now=LATER, result={"x": 1})
        assert (done.status, done.result, done.settled_at, done.is_settled) == (
            "confirmed",
            {"x": 1},
            LATER,
            True,
        )
        assert store.get_command(conn, done.id) == done
        assert store.find_in_flight(conn) == set()

    await database.write(play)


async def test_the_door_goes_first_then_the_oldest(database: Database, vault: Vault) -> None:
    def play(conn: Connection) -> None:
        terminal_id, other = add_terminal(conn), add_terminal(conn, "OTHER")
        first, second = (add(conn, vault, terminal_id, command()) for command in (GetTime, GetDevInfo))
        door, _ = (add(conn, vault, to, OpenDoor(), priority=-20) for to in (terminal_id, other))
        order = []
        for _ in range(3):
            record = send(conn, terminal_id)
            assert store.claim_next(conn, terminal_id, NOON) is None, "one is in flight"
            order.append(record.id)
            store.settle(conn, record.id, was="sent", status="confirmed", now=NOON)
        assert order == [door.id, first.id, second.id]
        assert store.claim_next(conn, terminal_id, NOON) is None

    await database.write(play)


async def test_names_on_hold_are_passed_over(database: Database, vault: Vault) -> None:
    def play(conn: Connection) -> None:
        terminal_id = add_terminal(conn)
        add(conn, vault, terminal_id, GetTime())
        other = add(conn, vault, terminal_id, GetDevInfo())
        assert store.claim_next(conn, terminal_id, NOON, hold={"gettime"}) == other
        assert store.claim_next(conn, terminal_id, NOON, hold={"gettime", "getdevinfo"}) is None

    await database.write(play)


async def test_the_overdue_are_expired_and_never_claimed(database: Database, vault: Vault) -> None:
    def play(conn: Connection) -> None:
        terminal_id = add_terminal(conn)
        door = add(conn, vault, terminal_id, OpenDoor(), expires_at=SOON)
        stays = add(conn, vault, terminal_id, GetTime())
        forever = add(conn, vault, terminal_id, GetDevInfo(), expires_at=None)
        assert store.claim_next(conn, terminal_id, SOON) == stays
        expired = store.get_command(conn, door.id)
        assert (expired.status, expired.settled_at) == ("expired", SOON)
        assert expired.reason
        assert [record.id for record in store.expire_overdue(conn, LATER)] == [stays.id]
        assert store.claim_next(conn, terminal_id, LATER) == forever

    await database.write(play)


async def test_one_that_was_sent_before_does_not_expire_but_is_unknown(
    database: Database, vault: Vault
) -> None:
    def play(conn: Connection) -> None:
        terminal_id = add_terminal(conn)
        add(conn, vault, terminal_id, GetTime(), expires_at=SOON)
        send(conn, terminal_id)
        (again,) = store.requeue_after_disconnect(conn, terminal_id, NOON, lambda _: "queued")
        assert (again.status, again.attempts) == ("queued", 1)
        (record,) = store.expire_overdue(conn, SOON)
        assert record.status == "unknown"
        assert "disconnected" in record.reason

    await database.write(play)


@pytest.mark.parametrize("status", ["sent", "confirmed", "cancelled"])
async def test_only_a_queued_command_is_cancelled(database: Database, vault: Vault, status: str) -> None:
    def play(conn: Connection) -> None:
        terminal_id = add_terminal(conn)
        record = add(conn, vault, terminal_id, GetTime())
        if status == "cancelled":
            assert store.cancel(conn, record.id, NOON).status == "cancelled"
        else:
            send(conn, terminal_id)
        if status == "confirmed":
            store.settle(conn, record.id, was="sent", status="confirmed", now=NOON)
        with pytest.raises(Conflict, match=f"is {status}, not queued"):
            store.cancel(conn, record.id, NOON)
        with pytest.raises(NotFound):
            store.cancel(conn, 999, NOON)

    await database.write(play)


async def test_an_outcome_is_written_once(database: Database, vault: Vault) -> None:
    def play(conn: Connection) -> None:
        terminal_id = add_terminal(conn)
        add(conn, vault, terminal_id, GetTime())
        record = send(conn, terminal_id)
        store.settle(conn, record.id, was="sent", status="confirmed", now=NOON)
        for late in ("timed out", "unknown"):
            with pytest.raises(Conflict):
                store.settle(conn, record.id, was="sent", status=late, now=LATER)  # type: ignore[arg-type]
        for act in (store.withdraw, lambda conn, ident: store.mark_sent(conn, ident, NOON)):
            with pytest.raises(Conflict):
                act(conn, record.id)
        assert store.get_command(conn, record.id).status == "confirmed"

    await database.write(play)


async def test_what_was_not_sent_after_all_is_queued_as_it_was(database: Database, vault: Vault) -> None:
    def play(conn: Connection) -> None:
        terminal_id = add_terminal(conn)
        before = add(conn, vault, terminal_id, GetTime())
        assert store.withdraw(conn, send(conn, terminal_id).id) == before

    await database.write(play)


async def test_a_disconnection_touches_only_what_is_in_flight(database: Database, vault: Vault) -> None:
    def play(conn: Connection) -> None:
        terminal_id, other = add_terminal(conn), add_terminal(conn, "OTHER")
        add(conn, vault, terminal_id, CleanLog(), priority=-1)
        waits = add(conn, vault, terminal_id, GetTime())
        add(conn, vault, other, GetTime())
        lost, elsewhere = send(conn, terminal_id), send(conn, other)
        assert store.requeue_after_disconnect(conn, terminal_id, LATER, lambda record: record.status) == []
        (became,) = store.requeue_after_disconnect(conn, terminal_id, LATER, lambda _: "unknown")
        assert (became.id, became.status, became.settled_at) == (lost.id, "unknown", LATER)
        assert "disconnected" in became.reason
        assert store.get_command(conn, waits.id) == waits
        assert store.get_command(conn, elsewhere.id) == elsewhere

    await database.write(play)


@pytest.mark.parametrize(
    ("command", "secret", "shown"),
    [
        (
            SetUserInfo("7", "Ann", 0, record=TEMPLATE),
            TEMPLATE,
            {"enrollid": 7, "name": "Ann", "backupnum": 0},
        ),
        (SetUserInfo("7", backupnum=10, record="9182736"), "9182736", {"enrollid": 7, "backupnum": 10}),
        (SetUserInfo("7", card="5550123", pwd="8675"), "5550123", {"enrollid": 7, "backupnum": 13}),
    ],
)
async def test_credentials_are_sealed_and_dropped_once_settled(
    sqlite_database: Database, vault: Vault, command: SetUserInfo, secret: str, shown: dict[str, Any]
) -> None:
    def play(conn: Connection) -> None:
        terminal_id = add_terminal(conn)
        record = add(conn, vault, terminal_id, command)
        assert (record.is_sealed, record.arguments) == (True, shown)
        assert SetUserInfo.from_row(dict(store.open_arguments(conn, vault, record))) == command
        assert secret not in repr(record)

    await sqlite_database.write(play)
    path = Path(str(sqlite_database.url.database))
    stored = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert b"setuserinfo" in stored
    assert secret.encode() not in stored

    def settle(conn: Connection) -> None:
        record = send(conn, 1)
        done = store.settle(conn, record.id, was="sent", status="confirmed", now=NOON)
        assert not done.is_sealed
        assert conn.scalar(text("SELECT arguments_sealed FROM commands")) is None

    await sqlite_database.write(settle)


async def test_lists_are_pages_of_what_was_asked_for(database: Database, vault: Vault) -> None:
    def play(conn: Connection) -> None:
        terminal_id, other = add_terminal(conn), add_terminal(conn, "OTHER")
        ids = [add(conn, vault, terminal_id, GetTime()).id for _ in range(5)]
        door = add(conn, vault, other, OpenDoor())
        send(conn, other)
        page = store.list_commands(conn, terminal_id=terminal_id, limit=2)
        seen = [record.id for record in page.commands]
        while page.next is not None:
            add(conn, vault, terminal_id, GetTime())
            page = store.list_commands(conn, terminal_id=terminal_id, limit=2, after=page.next)
            seen += [record.id for record in page.commands]
        assert seen == ids[::-1]
        assert [r.id for r in store.list_commands(conn, status="sent").commands] == [door.id]
        assert [r.id for r in store.list_commands(conn, name="opendoor").commands] == [door.id]
        assert store.list_commands(conn, status="expired").commands == ()

    await database.write(play)


async def test_what_a_firmware_does_not_know_is_remembered_per_terminal(database: Database) -> None:
    def play(conn: Connection) -> None:
        one, two = add_terminal(conn), add_terminal(conn, "OTHER")
        for _ in range(2):
            store.learn_unknown(conn, one, "v1", "getholiday", NOON)
        store.learn_unknown(conn, one, "v1", "getshift", NOON)
        assert store.known_unknown(conn, one, "v1") == {"getholiday", "getshift"}
        assert store.known_unknown(conn, one, "v2") == store.known_unknown(conn, two, "v1") == set()
        store.forget_unknown(conn, one, "v1", "getshift")
        assert store.known_unknown(conn, one, "v1") == {"getholiday"}

    await database.write(play)


async def test_the_queue_is_read_by_its_index_whatever_the_history(
    sqlite_database: Database, vault: Vault
) -> None:
    plans: list[str] = []

    def play(conn: Connection) -> None:
        terminal_id = add_terminal(conn)
        add(conn, vault, terminal_id, GetTime())
        execute = conn.exec_driver_sql

        def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if statement.lstrip().startswith(("SELECT", "UPDATE")) and "FROM unknown" not in statement:
                plans.extend(row[3] for row in execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

        event.listen(conn, "before_cursor_execute", note)
        store.claim_next(conn, terminal_id, NOON)
        store.requeue_after_disconnect(conn, terminal_id, NOON, lambda record: record.status)
        store.expire_overdue(conn, NOON)
        store.open_terminals(conn)
        store.find_in_flight(conn)
        event.remove(conn, "before_cursor_execute", note)

    await sqlite_database.write(play)
    assert len(plans) >= 6
    assert all("ix_commands_open" in plan for plan in plans if "commands" in plan), plans
