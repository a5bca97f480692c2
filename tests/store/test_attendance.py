"""Attendance logs: pages without gaps, statuses per service, counts and plans that never scan history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text, update

from tests.store.factories import NOON, add_punch, add_punches, add_terminal, add_user
from tm20tui.errors import NotFound
from tm20tui.store import schema
from tm20tui.store.attendance import (
    AttendanceFilters,
    Position,
    SyncCounts,
    count_sync,
    get_attendance,
    list_attendance,
)
from tm20tui.store.attendance_rows import list_punch_deliveries
from tm20tui.store.deliveries import add_deliveries, refresh_punches
from tm20tui.store.engine import Database
from tm20tui.store.punches import add_to_total
from tm20tui.store.schema import deliveries
from tm20tui.store.services import ServiceDraft, add_service
from tm20tui.store.vault import Vault

ALL = AttendanceFilters()
LATER = NOON + timedelta(days=1)


def add_hr(conn: Connection, vault: Vault, name: str = "hr", **values: Any) -> int:
    return add_service(conn, vault, ServiceDraft(name=name, base_url="https://hr.example", **values), NOON).id


def settle(conn: Connection, service: int, ids: list[int], status: str, **values: Any) -> None:
    """Make deliveries what a courier would have made them."""
    conn.execute(
        update(deliveries)
        .where(deliveries.c.punch_id.in_(ids), deliveries.c.service_id == service)
        .values(status=status, **values)
    )
    refresh_punches(conn, ids)
    if status == "sent":
        add_to_total(conn, f"sent:{service}", "", len(ids))


def walk(conn: Connection, filters: AttendanceFilters, limit: int) -> list[int]:
    """The ids of all pages, one after the other."""
    found: list[int] = []
    position: Position | None = None
    while True:
        page = list_attendance(conn, filters, position, limit)
        assert len(page.logs) == limit or page.next is None
        found += [log.id for log in page.logs]
        if page.next is None:
            return found
        position = page.next


async def test_what_waits_for_a_service_that_is_down_says_so(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        terminal, service = add_terminal(conn), add_hr(conn, vault)
        (waiting,) = add_punches(conn, terminal, 1)
        settle(conn, service, [waiting], "in flight")
        conn.execute(
            schema.services.update().values(health="backing off", health_reason="no answer", retry_at=LATER)
        )
        log = get_attendance(conn, waiting)
        assert (log.sync_status, log.sync_error, log.next_attempt_at) == ("pending", "no answer", LATER)

    await database.write(work)


async def test_a_log_carries_its_names_and_what_became_of_it(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn, "TM20-001")
        service = add_hr(conn, vault)
        other = add_hr(conn, vault, "other")
        add_user(conn, "123", "John Doe")
        sent, failed = add_punches(conn, terminal, 2, name="JOHN", photo_digest="ab", temperature=36.5)
        for one in (service, other):
            settle(conn, one, [sent], "sent", attempts=1, synced_at=LATER)
        settle(conn, other, [failed], "sent", attempts=1, synced_at=LATER)
        settle(conn, service, [failed], "failed", attempts=3, last_error="refused", next_attempt_at=LATER)
        log = get_attendance(conn, sent)
        assert (log.terminal_sn, log.user_name, log.enrollid) == ("TM20-001", "John Doe", "123")
        assert (log.sync_status, log.sync_attempts, log.synced_at, log.sync_error) == ("sent", 1, LATER, "")
        assert (log.time_utc, log.temperature, log.has_photo) == (NOON, 36.5, True)
        log = get_attendance(conn, failed)
        assert (log.sync_status, log.sync_attempts, log.synced_at) == ("failed", 3, None)
        assert (log.sync_error, log.next_attempt_at) == ("refused", LATER)
        assert [(one.service_name, one.status) for one in list_punch_deliveries(conn, failed)] == [
            ("hr", "failed"),
            ("other", "sent"),
        ]
        with pytest.raises(NotFound, match="no attendance log with id 99"):
            get_attendance(conn, 99)

    await database.write(work)


async def test_a_held_log_says_why_and_what_to_do(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        terminal, service = add_terminal(conn), add_hr(conn, vault)
        ident = add_punch(conn, terminal, time_utc=None, time_raw="????", time_problem="unreadable")
        add_deliveries(conn, [(ident, service, True)])
        log = get_attendance(conn, ident)
        assert (log.sync_status, log.time_utc, log.time_raw) == ("pending", None, "????")
        assert "unreadable" in log.sync_error
        assert "release it" in log.sync_error

    await database.write(work)


@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_pages_leave_no_gap_and_repeat_nothing(database: Database, vault: Vault, limit: int) -> None:
    def work(conn: Connection) -> None:
        one, two = add_terminal(conn, "A"), add_terminal(conn, "B")
        service = add_hr(conn, vault)
        only_two = add_hr(conn, vault, "two", terminal_ids=(two,))
        first, second = add_punches(conn, one, 6), add_punches(conn, two, 5, enrollid="7")
        settle(conn, service, [*first[:2], *second[:3]], "sent", attempts=1, synced_at=LATER)
        settle(conn, only_two, second[1:3], "failed", attempts=1, last_error="no")
        everything = sorted(first + second)
        expected: dict[AttendanceFilters, list[int]] = {
            ALL: everything[::-1],
            replace(ALL, terminal_id=one): first[::-1],
            replace(ALL, terminal_sn="b"): second[::-1],
            replace(ALL, terminal_sn="unknown"): [],
            replace(ALL, enrollid="7"): second[::-1],
            replace(ALL, enrollid="7", terminal_id=one): [],
            replace(ALL, status="sent"): first[1::-1],
            replace(ALL, status="failed"): second[1:3],
            replace(ALL, status="pending"): [*first[2:], second[0], *second[3:]],
            replace(ALL, status="pending", terminal_id=two): [second[0], *second[3:]],
            replace(ALL, status="pending", enrollid="123"): first[2:],
            replace(ALL, service_id=only_two): second[::-1],
            replace(ALL, service_id=service, status="pending"): [*first[2:], *second[3:]],
            replace(ALL, service_id=service, status="sent"): [*second[2::-1], *first[1::-1]],
            replace(ALL, service_id=only_two, status="pending"): [second[0], *second[3:]],
            replace(ALL, service_id=only_two, status="failed"): second[1:3],
            replace(ALL, service_id=only_two, status="sent"): [],
        }
        for filters, ids in expected.items():
            assert walk(conn, filters, limit) == ids, filters

    await database.write(work)


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_a_period_is_ordered_by_time_whatever_the_order_of_arrival(
    database: Database, limit: int
) -> None:
    def work(conn: Connection) -> None:
        one, two = add_terminal(conn, "A"), add_terminal(conn, "B")
        late, early = add_punch(conn, one, 9), add_punch(conn, one, 1)
        same = [add_punch(conn, terminal, 5) for terminal in (one, two)]
        add_punch(conn, one, 20, time_utc=None, time_raw="????", time_problem="unreadable")
        start, end = NOON + timedelta(seconds=1), NOON + timedelta(seconds=9)
        assert walk(conn, replace(ALL, from_at=start), limit) == [late, *same[::-1], early]
        assert walk(conn, replace(ALL, to_at=end), limit) == [*same[::-1], early]
        assert walk(conn, replace(ALL, from_at=start, to_at=end, terminal_id=two), limit) == [same[1]]
        assert walk(conn, replace(ALL, from_at=start, enrollid="123", status="pending"), limit) == [
            late,
            *same[::-1],
            early,
        ]

    await database.write(work)


async def test_a_service_sees_its_own_status_of_a_log(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        good, bad = add_hr(conn, vault, "good"), add_hr(conn, vault, "bad")
        (ident,) = add_punches(conn, terminal, 1)
        settle(conn, good, [ident], "sent", attempts=1, synced_at=LATER)
        settle(conn, bad, [ident], "failed", attempts=5, last_error="no such employee")
        (log,) = list_attendance(conn, replace(ALL, service_id=good), None, 10).logs
        assert (log.sync_status, log.sync_attempts, log.synced_at, log.sync_error) == ("sent", 1, LATER, "")
        (log,) = list_attendance(conn, replace(ALL, service_id=bad, status="failed"), None, 10).logs
        assert (log.sync_status, log.sync_attempts, log.sync_error) == ("failed", 5, "no such employee")

    await database.write(work)


async def test_counts_come_from_queues_and_counters(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        assert count_sync(conn) == SyncCounts(0, 0, 0)
        one, two = add_terminal(conn, "A"), add_terminal(conn, "B")
        service = add_hr(conn, vault)
        only_two = add_hr(conn, vault, "two", terminal_ids=(two,))
        first, second = add_punches(conn, one, 6), add_punches(conn, two, 5)
        add_to_total(conn, "punches", "main", 11)
        settle(conn, service, [*first[:4], second[0]], "sent", attempts=1, synced_at=LATER)
        settle(conn, only_two, [second[0]], "sent", attempts=1, synced_at=LATER)
        settle(conn, service, [first[4]], "failed", attempts=1)
        assert count_sync(conn) == SyncCounts(pending=5, sent=5, failed=1)
        assert count_sync(conn, service_id=service) == SyncCounts(pending=5, sent=5, failed=1)
        assert count_sync(conn, service_id=only_two) == SyncCounts(pending=4, sent=1, failed=0)
        assert count_sync(conn, terminal_id=one) == SyncCounts(pending=1, sent=None, failed=1)
        assert count_sync(conn, terminal_id=two, service_id=only_two) == SyncCounts(4, None, 0)

    await database.write(work)


Question = Callable[[Connection], object]


def listing(**values: Any) -> Question:
    position = Position(5000, NOON if "from_at" in values else None)
    return lambda conn: list_attendance(conn, AttendanceFilters(**values), position, 50)


@pytest.mark.parametrize(
    "question",
    [
        listing(),
        listing(terminal_id=1),
        listing(terminal_sn="A"),
        listing(enrollid="123"),
        listing(terminal_id=1, enrollid="123"),
        listing(status="pending"),
        listing(status="failed", terminal_id=1),
        listing(status="pending", service_id=1),
        listing(status="sent"),
        listing(status="sent", service_id=1),
        listing(service_id=1),
        listing(from_at=NOON, to_at=LATER),
        listing(from_at=NOON, terminal_id=1, status="failed"),
        listing(from_at=NOON, enrollid="123"),
        lambda conn: get_attendance(conn, 1),
        lambda conn: count_sync(conn),
        lambda conn: count_sync(conn, service_id=1),
        lambda conn: count_sync(conn, terminal_id=1),
        lambda conn: count_sync(conn, terminal_id=1, service_id=1),
    ],
)
async def test_no_question_scans_the_history_of_punches(
    database: Database, vault: Vault, question: Question
) -> None:
    def work(conn: Connection) -> list[str]:
        terminal, service = add_terminal(conn, "A"), add_hr(conn, vault)
        ids = add_punches(conn, terminal, 3)
        settle(conn, service, ids[:1], "sent", attempts=1, synced_at=LATER)
        if conn.dialect.name == "postgresql":
            # Its planner prefers a scan of a small table; what it can do without one is the question.
            conn.execute(text("SET LOCAL enable_seqscan = off"))
        with recorded(conn) as statements:
            question(conn)
        return [plan_line for statement in statements for plan_line in plan(conn, *statement)]

    lines = await database.write(work)
    scans = [
        line
        for line in lines
        if (line.startswith(("SCAN punches", "SCAN deliveries")) and "INDEX" not in line)
        or "Seq Scan on punches" in line
        or "Seq Scan on deliveries" in line
    ]
    assert lines
    assert scans == []


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (listing(), "USING INTEGER PRIMARY KEY (rowid<?)"),
        (listing(status="pending"), "ix_punches_pending"),
        (listing(status="pending", terminal_id=1), "ix_punches_pending"),
        (listing(status="failed", terminal_sn="A"), "ix_punches_failed"),
        (listing(status="failed", service_id=1), "ix_punches_failed"),
        (listing(from_at=NOON, terminal_id=1), "ix_punches_time_utc"),
        (listing(enrollid="123"), "(terminal_id=? AND enrollid=?)"),
        (lambda conn: count_sync(conn, terminal_id=1), "ix_punches_failed"),
    ],
)
async def test_each_list_walks_the_index_that_has_its_order(
    sqlite_database: Database, question: Question, index: str
) -> None:
    def work(conn: Connection) -> list[list[str]]:
        add_terminal(conn, "A")
        with recorded(conn) as statements:
            question(conn)
        return [plan(conn, *statement) for statement in statements]

    plans = await sqlite_database.write(work)
    assert any(index in line for lines in plans for line in lines if " punches " in line), plans


@contextmanager
def recorded(conn: Connection) -> Iterator[list[tuple[str, Any]]]:
    """The statements that run inside the block, with their parameters."""
    statements: list[tuple[str, Any]] = []

    def note(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(conn, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(conn, "before_cursor_execute", note)


def plan(conn: Connection, statement: str, parameters: Any) -> list[str]:
    prefix = "EXPLAIN " if conn.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
    return [str(row[-1]) for row in conn.exec_driver_sql(prefix + statement, parameters)]
