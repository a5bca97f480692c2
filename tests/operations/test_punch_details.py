"""What a list of punches shows beside them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text

from tests.operations.conftest import Desk
from tests.store.factories import NOON, add_punch, add_punches, add_terminal, add_user
from tm20tui.errors import InvalidInput
from tm20tui.operations import punches, schedules
from tm20tui.operations.punch_details import judge_punches, list_shares
from tm20tui.store.services import ServiceDraft, add_service


async def test_each_services_share_is_listed_by_punch(desk: Desk) -> None:
    def work(conn: Connection) -> list[int]:
        terminal = add_terminal(conn, site="Default")
        alone = add_punch(conn, terminal, 9)
        for name in ("hr", "pay"):
            add_service(conn, desk.vault, ServiceDraft(name, "https://hr.example"), NOON)
        ids = add_punches(conn, terminal, 2)
        conn.execute(text("UPDATE deliveries SET status = 'sent' WHERE punch_id = :id"), {"id": ids[0]})
        return [*ids, alone]

    one, two, alone = await desk.database.write(work)
    found = await list_shares(desk.call("viewer"), [one, two, alone])
    assert {
        ident: [(share.service_name, share.status) for share in shares] for ident, shares in found.items()
    } == {
        one: [("hr", "sent"), ("pay", "sent")],
        two: [("hr", "pending"), ("pay", "pending")],
    }
    assert await list_shares(desk.call("viewer"), []) == {}
    with pytest.raises(InvalidInput, match="at most 500"):
        await list_shares(desk.call("viewer"), range(501))


async def test_only_punches_of_terminals_with_schedules_are_judged(desk: Desk) -> None:
    at = datetime(2026, 3, 2, 8, 20, tzinfo=UTC)

    def work(conn: Connection) -> tuple[int, list[int]]:
        one, two = (add_terminal(conn, sn, site="Default") for sn in ("A", "B"))
        values = {"time_utc": at, "time_raw": "2026-03-02 08:20:00", "direction": "in"}
        return one, [
            add_punch(conn, one, **values),
            add_punch(conn, two, **values),
            add_punch(conn, one, 1, time_utc=None, time_raw="?", time_problem="unreadable"),
        ]

    terminal, ids = await desk.database.write(work)
    assert await judge_punches(desk.call("viewer"), ids) == {}
    hours = {"name": "day", "weekday": at.weekday(), "check_in_time": "08:00", "check_out_time": "17:00"}
    await schedules.add_schedule(desk.call("operator"), terminal, hours)
    found = await judge_punches(desk.call("viewer"), ids)
    assert {ident: (one.verdict, one.minutes) for ident, one in found.items()} == {ids[0]: ("late", 20)}


async def test_punches_are_found_by_a_part_of_the_users_name_at_its_site(desk: Desk) -> None:
    def work(conn: Connection) -> None:
        here, there = add_terminal(conn, "A", site="Default"), add_terminal(conn, "B", site="other")
        add_user(conn, "123", "Awa Sow", site="Default")
        add_user(conn, "123", "Jean Mendy", site="other")
        add_punches(conn, here, 2)
        add_punches(conn, there, 1, first=5)

    await desk.database.write(work)
    call = desk.call("viewer")

    async def names(**more: object) -> list[str]:
        page = await punches.list_punches(call, **more)  # type: ignore[arg-type]
        return [log.user_name for log in page.logs]

    assert await names(name="sow") == ["Awa Sow", "Awa Sow"]
    assert await names(name="%") == []
    assert await names(name="Mendy", status="pending") == ["Jean Mendy"]
    assert await names(name="a", from_at=NOON) == ["Jean Mendy", "Awa Sow", "Awa Sow"]
