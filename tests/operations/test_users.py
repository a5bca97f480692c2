"""Users: found, shown with where they are enrolled and what they hold in kinds, changed by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.operations.conftest import Desk
from tests.store.factories import NOON, add_terminal
from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.operations import users
from tm20tui.operations.registry import to_json
from tm20tui.store import users as stored


def report(conn: Connection, desk: Desk, terminal: int, enrollid: str, name: str, *slots: int) -> int:
    ident = stored.note_user(
        conn,
        site_id=1,
        terminal_id=terminal,
        enrollid=enrollid,
        name=name,
        admin=0,
        is_enabled=True,
        source="terminal",
        now=NOON,
    )
    for slot in slots:
        stored.put_credential(
            conn,
            user_id=ident,
            backupnum=slot,
            terminal_id=terminal,
            fpalgo="",
            sealed=desk.vault.seal("s3cret"),
            lookup=None,
            now=NOON,
        )
    return ident


async def test_a_user_is_shown_with_enrollments_conflicts_and_kinds(desk: Desk) -> None:
    def fill(conn: Connection) -> int:
        one, two = (add_terminal(conn, sn, site="Default") for sn in "AB")
        report(conn, desk, one, "17", "Ann", 0, 1, 11)
        return report(conn, desk, two, "17", "Anne", 20, 50, 10, 51)

    ident = await desk.database.write(fill)
    found = await users.get_user(desk.call("viewer"), ident)
    assert (found.user.name, found.user.enrollments, found.user.credentials) == ("Ann", 2, 7)
    assert [(one.terminal_sn, one.reported_name, one.has_other_name) for one in found.enrollments] == [
        ("A", "Ann", False),
        ("B", "Anne", True),
    ]
    assert found.has_name_conflict
    kinds = {one.kind: one.count for one in found.credentials}
    assert kinds == {"fingerprint": 2, "password": 1, "card": 1, "face": 1, "photo": 1, "other": 1}
    assert "s3cret" not in str(to_json(found))
    counts = await users.count_credentials(desk.call("viewer"))
    assert [(one.terminal_id, one.kind, one.count) for one in counts] == [
        (1, "fingerprint", 2),
        (1, "card", 1),
        (2, "password", 1),
        (2, "face", 1),
        (2, "photo", 1),
        (2, "other", 1),
    ]
    assert len(await users.count_credentials(desk.call(), terminal_id=1, site_id=1)) == 2
    assert await desk.audited() == []


async def test_lists_are_filtered_and_paged(desk: Desk) -> None:
    def fill(conn: Connection) -> None:
        one, two = (add_terminal(conn, sn, site="Default") for sn in "AB")
        for number, name in enumerate(("Ann Miller", "Bob 100%", "Milan", "ann_x")):
            report(conn, desk, one if number % 2 else two, str(100 + number), name)

    await desk.database.write(fill)

    async def names(**filters: Any) -> list[str]:
        return [one.name for one in (await users.list_users(desk.call("viewer"), **filters)).users]

    assert await names(q="mil") == ["Ann Miller", "Milan"]
    assert await names(q="ANN") == ["Ann Miller", "ann_x"]
    assert await names(q="10") == ["Ann Miller", "Bob 100%", "Milan", "ann_x"]
    assert await names(q="%") == []
    assert await names(q="102") == ["Milan"]
    assert await names(terminal_id=1) == ["Bob 100%", "ann_x"]
    assert await names(site_id=1, is_enabled=False) == []
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        page = await users.list_users(desk.call(), limit=3, after_id=after)
        seen += [one.enrollid for one in page.users]
        after = page.next_after_id
    assert seen == ["100", "101", "102", "103"]
    for wrong in ({"site_id": 9}, {"terminal_id": 9}):
        with pytest.raises(NotFound):
            await users.list_users(desk.call(), **wrong)
    with pytest.raises(InvalidInput, match="1 to 500"):
        await users.list_users(desk.call(), limit=501)


async def test_users_are_added_and_changed_by_operators(desk: Desk) -> None:
    added = await users.add_user(desk.call("operator"), 1, "007", name=" James ", valid_from=NOON)
    assert (added.user.enrollid, added.user.name, added.user.source) == ("7", "James", "operator ann")
    ident, later = added.user.id, NOON + timedelta(days=1)
    changed = await users.change_user(
        desk.call("operator"), ident, is_enabled=False, valid_until=later, weekzone=2, user_group=3
    )
    now = changed.user
    assert (now.name, now.is_enabled, now.weekzone, now.user_group) == ("James", False, 2, 3)
    assert (now.valid_from, now.valid_until) == (NOON, later)
    cleared = await users.change_user(desk.call("operator"), ident, no_valid_from=True, name="")
    assert (cleared.user.valid_from, cleared.user.valid_until, cleared.user.name) == (None, later, "")
    assert await desk.audited() == [("users.add", "done"), ("users.change", "done"), ("users.change", "done")]
    with pytest.raises(Conflict, match="has a user 7"):
        await users.add_user(desk.call(), 1, "7")
    with pytest.raises(NotFound):
        await users.add_user(desk.call(), 2, "7")
    with pytest.raises(NotFound):
        await users.change_user(desk.call(), ident + 1, name="x")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"weekzone": 256}, "weekzone"),
        ({"user_group": -1}, "user_group"),
        ({"valid_from": NOON, "no_valid_from": True}, "valid_from"),
        ({"valid_from": datetime(2026, 1, 1)}, "valid_from"),
        ({"valid_until": NOON - timedelta(days=1)}, "valid_from"),
    ],
)
async def test_wrong_changes_are_named_and_change_nothing(
    desk: Desk, changes: dict[str, Any], field: str
) -> None:
    before = await users.add_user(desk.call(), 1, "5", valid_from=NOON)
    with pytest.raises(InvalidInput) as refused:
        await users.change_user(desk.call(), before.user.id, **changes)
    assert refused.value.field == field
    assert await users.get_user(desk.call(), before.user.id) == before


@pytest.mark.parametrize("enrollid", ["", "12a", "-1", "1" * 31, "0", "000", "99999999"])
async def test_an_enrollid_is_a_persons(desk: Desk, enrollid: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await users.add_user(desk.call(), 1, enrollid)
    assert refused.value.field == "enrollid"
