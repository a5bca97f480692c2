"""What the server deletes by itself, and what it leaves."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from tests.ingest.frames import rows
from tests.store.factories import add_terminal, add_user
from tm20tui.housekeeping import apply_retention
from tm20tui.model import utc_now
from tm20tui.protocol import GetDevInfo
from tm20tui.settings import IngestSettings
from tm20tui.store import commands
from tm20tui.store.engine import Database
from tm20tui.store.hr_users import disable_users
from tm20tui.store.users import put_credential
from tm20tui.store.vault import Vault


async def test_settled_commands_go_after_their_days_and_open_ones_stay(
    database: Database, vault: Vault
) -> None:
    now = utc_now()

    def add(connection: Connection) -> int:
        terminal_id = add_terminal(connection)
        for age, count, settled in ((100, 1200, True), (80, 1, True), (100, 1, False)):
            for _ in range(count):
                at = now - timedelta(days=age)
                record = commands.add_command(
                    connection, vault, terminal_id, GetDevInfo(), operator="ann", now=at
                )
                if settled:
                    commands.settle(connection, record.id, was="queued", status="cancelled", now=at)
        return terminal_id

    terminal_id = await database.write(add)
    told = await apply_retention(database, IngestSettings(), command_keep_days=90, leaver_credentials_days=90)
    assert ", 1200 commands" in told
    left = await database.read(commands.list_commands, terminal_id=terminal_id)
    assert [one.status for one in left.commands] == ["queued", "cancelled"]


async def test_credentials_of_leavers_go_after_their_days_and_others_stay(
    database: Database, vault: Vault
) -> None:
    now = utc_now()

    def add(connection: Connection) -> None:
        terminal_id = add_terminal(connection)
        for enrollid, days in (("1", 100), ("2", 80), ("3", None)):
            user_id = add_user(connection, enrollid, "Ann")
            for slot in range(10):
                put_credential(
                    connection,
                    user_id=user_id,
                    backupnum=slot,
                    terminal_id=terminal_id,
                    fpalgo="thbio3.0",
                    sealed=vault.seal("template"),
                    lookup=None,
                    now=now,
                )
            if days is not None:
                disable_users(connection, [user_id], now - timedelta(days=days))
                # Disabled once more: it still counts from the first time.
                disable_users(connection, [user_id], now)

    await database.write(add)
    told = await apply_retention(database, IngestSettings(), command_keep_days=90, leaver_credentials_days=90)
    assert told.endswith(", 10 credentials")
    left = await rows(database, "credentials")
    assert {row["user_id"] for row in left} == {2, 3}
    assert len(left) == 20
