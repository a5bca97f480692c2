"""What terminals tell of users when they are asked, over the command desk."""

from __future__ import annotations

from functools import partial

import pytest

from tests.ingest.frames import make_terminal, rows, store, user_frame
from tests.terminals.test_command_families import simulated
from tm20tui.ingest.users import keep_user
from tm20tui.protocol import GetUserInfo, UserInfo
from tm20tui.simulate.firmware import FAMILIES
from tm20tui.simulate.memory import make_template
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault


@pytest.mark.parametrize("family", list(FAMILIES))
async def test_a_credential_that_was_asked_for_is_kept_sealed(
    sqlite_database: Database, vault: Vault, family: str
) -> None:
    async with simulated(sqlite_database, vault, family, time_scale=0.02) as desk:
        desk.desk.on_result.append(partial(keep_user, sqlite_database, vault))
        record, _ = await desk.outcome(GetUserInfo("7", 0))
        assert record.status == "confirmed"
        (kept,) = await rows(sqlite_database, "credentials")
        template = make_template(7, 0)
        assert template.encode() not in kept["sealed"]
        assert vault.unseal(kept["sealed"]) == template
        (user,) = await rows(sqlite_database, "users")
        assert (user["enrollid"], user["id"]) == ("7", kept["user_id"])
        for table in ("commands", "audit", "frames"):
            assert template not in str(await rows(sqlite_database, table))


async def test_what_another_terminal_told_of_stays(database: Database, vault: Vault) -> None:
    first, second = await make_terminal(database), await make_terminal(database, "OTHER")
    await store(database, vault, user_frame(first, enrollid=7, backupnum=50, record="large photo"))
    told = UserInfo("7", "Ann", 50, 0, "small photo")
    for terminal, expected in ((second, "large photo"), (first, "small photo")):
        await keep_user(database, vault, terminal, GetUserInfo("7", 50), told)
        (kept,) = await rows(database, "credentials")
        assert vault.unseal(kept["sealed"]) == expected


async def test_an_answer_without_a_credential_tells_nothing(database: Database, vault: Vault) -> None:
    terminal = await make_terminal(database)
    await keep_user(database, vault, terminal, GetUserInfo("7"), UserInfo("7", "Ann"))
    assert await rows(database, "users") == []
