"""Deliveries and batches: claims, frozen bodies, verdicts, and what punches say about it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.store.factories import NOON, add_punch, add_punches, add_terminal, add_user, statuses
from tm20tui.store import batches as batches_module
from tm20tui.store import deliveries as deliveries_module
from tm20tui.store import reviving as reviving_module
from tm20tui.store import settling as settling_module
from tm20tui.store.batches import (
    Batch,
    DeliveryRow,
    claim_batch,
    claim_open_batch,
    find_due,
    note_doubt,
    return_batches,
    split_batch,
)
from tm20tui.store.deliveries import (
    DeliveryCounts,
    add_deliveries,
    count_deliveries,
    next_due,
    oldest_pending,
    release_held,
    sweep_failed,
)
from tm20tui.store.engine import Database
from tm20tui.store.services import ServiceDraft, add_service, get_service, set_health
from tm20tui.store.settling import (
    Attempt,
    Settlement,
    record_attempt,
    refuse_single,
    settle_records,
    settle_sent,
    take_back_refusals,
)
from tm20tui.store.vault import Vault

LATER = NOON + timedelta(days=1)


def render(rows: Sequence[DeliveryRow]) -> bytes:
    return json.dumps([row.punch_id for row in rows]).encode()


Claim = Callable[..., "Batch | None"]


@pytest.fixture
def claim() -> Claim:
    keys = (f"key-{number}" for number in itertools.count(1))

    def claim(conn: Connection, service_id: int, **changes: Any) -> Batch | None:
        settings: dict[str, Any] = {
            "limit": 100,
            "node": "here",
            "lease_seconds": 60,
            "now": LATER,
            "render": render,
            "new_key": lambda: next(keys),
        }
        return claim_batch(conn, service_id, **(settings | changes))

    return claim


def add_hr(conn: Connection, vault: Vault, **values: Any) -> int:
    draft = ServiceDraft(**({"name": "hr", "base_url": "https://hr.example"} | values))
    return add_service(conn, vault, draft, NOON).id


def sync_statuses(conn: Connection) -> list[str]:
    return list(conn.scalars(text("SELECT sync_status FROM punches ORDER BY id")))


async def test_a_claim_takes_the_oldest_and_freezes_them_in_order_of_time(
    database: Database, vault: Vault, claim: Claim
) -> None:
    def work(conn: Connection) -> None:
        terminal, service = add_terminal(conn), add_hr(conn, vault)
        add_user(conn, "123", "Jürgen")
        ids = [add_punch(conn, terminal, number, name="from the terminal") for number in (5, 3, 4, 9)]
        ids.append(add_punch(conn, terminal, 1, enrollid="77", name="Only There"))
        add_deliveries(conn, [(punch, service, False) for punch in ids])
        batch = claim(conn, service, limit=3)
        assert batch is not None
        assert [row.punch_id for row in batch.rows] == [ids[1], ids[2], ids[0]]
        assert json.loads(batch.body) == [ids[1], ids[2], ids[0]]
        assert {row.user_name for row in batch.rows} == {"Jürgen"}
        assert statuses(conn, service) == {"in flight": 3, "pending": 2}
        rest = claim(conn, service)
        assert rest is not None
        assert [row.user_name for row in rest.rows] == ["Only There", "Jürgen"]
        assert claim(conn, service) is None

    await database.write(work)


async def test_held_and_not_yet_due_deliveries_stay(database: Database, vault: Vault, claim: Claim) -> None:
    def work(conn: Connection) -> None:
        terminal, service = add_terminal(conn), add_hr(conn, vault)
        held = add_punch(conn, terminal, 0, time_utc=None, time_raw="0000", time_problem="unreadable")
        add_deliveries(conn, [(held, service, True)])
        (waiting,) = add_punches(conn, terminal, 1, first=1)
        conn.execute(
            deliveries_module.text(
                "UPDATE deliveries SET next_attempt_at = :at WHERE punch_id = :p"
            ).bindparams(deliveries_module.bindparam("at", type_=deliveries_module.Utc)),
            {"at": LATER, "p": waiting},
        )
        assert claim(conn, service, now=LATER - timedelta(seconds=1)) is None
        assert next_due(conn, service) == LATER
        assert release_held(conn, held) == (service,)
        assert release_held(conn, held) == ()
        batch = claim(conn, service)
        assert batch is not None
        assert [row.punch_id for row in batch.rows] == [waiting, held]

    await database.write(work)


async def test_one_terminal_alone_can_be_claimed(database: Database, vault: Vault, claim: Claim) -> None:
    def work(conn: Connection) -> None:
        one, two = add_terminal(conn, "A"), add_terminal(conn, "B")
        service = add_hr(conn, vault)
        add_punches(conn, one, 2)
        wanted = add_punches(conn, two, 2)
        batch = claim(conn, service, among=find_due(conn, service, two, LATER))
        assert batch is not None
        assert [row.punch_id for row in batch.rows] == wanted

    await database.write(work)


async def test_an_open_batch_is_taken_up_again_byte_for_byte(
    database: Database, vault: Vault, claim: Claim
) -> None:
    def before(conn: Connection) -> Batch:
        terminal, service = add_terminal(conn), add_hr(conn, vault)
        add_punches(conn, terminal, 3)
        batch = claim(conn, service)
        assert batch is not None
        return batch

    batch = await database.write(before)

    def take(conn: Connection, node: str, seconds: float) -> Batch | None:
        now = LATER + timedelta(seconds=seconds)
        return claim_open_batch(conn, batch.service_id, node=node, lease_seconds=60, now=now)

    # It may have been sent by whoever claimed it.
    batch = replace(batch, doubt=1)
    assert await database.write(take, "here", 1) == batch
    assert await database.write(take, "elsewhere", 30) is None
    assert await database.write(take, "elsewhere", 62) == batch
    assert await database.write(take, "here", 63) is None


async def test_settling_counts_dates_and_marks(database: Database, vault: Vault, claim: Claim) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        first, second = add_hr(conn, vault, terminal_ids=(terminal,)), add_hr(conn, vault, name="two")
        add_punches(conn, terminal, 3)
        assert oldest_pending(conn, first) == NOON
        batch = claim(conn, first)
        assert batch is not None
        record_attempt(conn, batch, Attempt(LATER, 0.2, 200, "sent"))
        assert settle_sent(conn, batch, LATER) == 3
        assert settle_sent(conn, batch, LATER) == 0
        assert sync_statuses(conn) == ["pending"] * 3
        assert get_service(conn, first).last_attendance_sync_at == LATER
        assert conn.scalar(text("SELECT COUNT(last_attendance_sync_at) FROM mappings")) == 1
        other = claim(conn, second)
        assert other is not None
        settle_sent(conn, other, LATER)
        assert sync_statuses(conn) == ["sent"] * 3
        assert count_deliveries(conn) == {first: DeliveryCounts(sent=3), second: DeliveryCounts(sent=3)}
        assert oldest_pending(conn, first) is None

    await database.write(work)


async def test_each_record_can_have_its_own_verdict(database: Database, vault: Vault, claim: Claim) -> None:
    def work(conn: Connection) -> None:
        terminal, service = add_terminal(conn), add_hr(conn, vault)
        add_punches(conn, terminal, 4)
        batch = claim(conn, service)
        assert batch is not None
        ok, twice, bad, again = batch.rows
        verdicts = [
            Settlement(ok, "sent"),
            Settlement(twice, "duplicate"),
            Settlement(bad, "failed", "unknown employee", LATER + timedelta(hours=1)),
            Settlement(again, "pending", "busy", LATER + timedelta(minutes=1)),
        ]
        assert settle_records(conn, batch, verdicts, LATER) == 2
        assert sync_statuses(conn) == ["sent", "sent", "failed", "pending"]
        assert statuses(conn, service) == {"sent": 1, "duplicate": 1, "failed": 1, "pending": 1}
        assert count_deliveries(conn)[service] == DeliveryCounts(pending=1, failed=1, sent=2)
        rows = conn.execute(text("SELECT attempts, last_error FROM deliveries ORDER BY id")).all()
        assert [tuple(row) for row in rows] == [(1, ""), (1, ""), (1, "unknown employee"), (0, "busy")]
        assert sweep_failed(conn, LATER) == {}
        assert sweep_failed(conn, LATER + timedelta(hours=1)) == {service: 1}
        assert sync_statuses(conn) == ["sent", "sent", "pending", "pending"]

    await database.write(work)


async def test_a_split_makes_two_messages_and_goes_down_before_it_goes_on(
    database: Database, vault: Vault, claim: Claim
) -> None:
    def work(conn: Connection) -> None:
        terminal, service = add_terminal(conn), add_hr(conn, vault)
        ids = add_punches(conn, terminal, 5)
        batch = claim(conn, service)
        assert batch is not None
        keys = (f"half-{number}" for number in itertools.count())

        def split(batch: Batch) -> tuple[Batch, ...]:
            return split_batch(
                conn,
                batch,
                render=render,
                new_key=lambda: next(keys),
                node="here",
                lease_seconds=60,
                now=LATER,
            )

        left, right = split(batch)
        assert json.loads(left.body) + json.loads(right.body) == ids
        assert len({batch.key, left.key, right.key}) == 3
        upper, lower = split(left)

        def following() -> int | None:
            found = claim_open_batch(conn, service, node="here", lease_seconds=60, now=LATER)
            return found and found.id

        assert following() == upper.id
        settle_sent(conn, upper, LATER)
        assert following() == lower.id
        refuse_single(conn, lower, Settlement(lower.rows[0], "failed", "bad", None), LATER)
        assert following() == right.id
        note_doubt(conn, right.id, 1)
        assert return_batches(conn, service, "here", LATER) == 0
        note_doubt(conn, right.id, 0)
        assert sync_statuses(conn) == ["sent", "sent", "failed", "pending", "pending"]
        assert return_batches(conn, service, "here", LATER) == 2
        assert take_back_refusals(conn, lower.rows) == 1
        assert statuses(conn, service) == {"sent": 2, "pending": 3}
        assert sync_statuses(conn) == ["sent", "sent", "pending", "pending", "pending"]
        assert following() is None

    await database.write(work)


async def test_the_sweep_leaves_services_that_do_not_work(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        terminal, service = add_terminal(conn), add_hr(conn, vault)
        add_punches(conn, terminal, 1)
        conn.execute(text("UPDATE deliveries SET status = 'failed', next_attempt_at = '2025-01-01 00:00:00'"))
        found = get_service(conn, service)
        state: dict[str, Any] = {"reason": "", "failures": 1, "retry_at": None, "batch_limit": None}
        set_health(conn, found, health="paused", **state)
        assert sweep_failed(conn, LATER) == {}
        set_health(conn, found, health="healthy", **state)
        assert sweep_failed(conn, LATER) == {service: 1}

    await database.write(work)


QUEUES = {
    "due": (batches_module._DUE[0], "ix_deliveries_pending"),
    "open": (batches_module._OPEN[0], "ix_batches_open"),
    "rows of a batch": (batches_module._ROWS_OF_BATCH, "ix_deliveries_in_flight"),
    "settle": (settling_module._SEND_ALL, "ix_deliveries_in_flight"),
    "sweep": (deliveries_module._SWEEP, "ix_deliveries_failed"),
    "pending count": (deliveries_module._COUNT_PENDING, "ix_deliveries_pending"),
    "oldest": (deliveries_module._OLDEST_PENDING, "ix_deliveries_pending"),
    "back-fill": (deliveries_module._BACKFILL_STEP, "ix_punches_pending"),
    "forget": (deliveries_module._FAILED_PUNCHES, "ix_punches_failed"),
    "hasten refused": (reviving_module._WAITING[0], "ix_deliveries_failed"),
    "hasten put off": (reviving_module._WAITING[1], "ix_deliveries_put_off"),
}


@pytest.mark.parametrize("name", QUEUES)
async def test_queues_are_read_through_their_partial_index(database: Database, name: str) -> None:
    query, index = QUEUES[name]
    values = {
        "service": 1,
        "now": NOON,
        "limit": 100,
        "batch": 1,
        "node": "here",
        "start": 0,
        "end": 10,
        "offset": 9,
    }

    def plan(conn: Connection) -> str:
        if conn.dialect.name == "postgresql":
            # An empty table is cheapest to scan: forbid it, as a large one would.
            conn.execute(text("SET LOCAL enable_seqscan = off"))
        keyword = "EXPLAIN" if conn.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        statement = text(f"{keyword} {query.text if hasattr(query, 'text') else query.element.text}")
        if "now" in statement._bindparams:
            statement = statement.bindparams(batches_module._AT)
        used = {key: values[key] for key in statement._bindparams}
        return "\n".join(str(row) for row in conn.execute(statement, used))

    found = await database.read(plan)
    assert index in found, found


async def test_claims_of_two_nodes_never_overlap(clean_postgres_url: str, vault: Vault, claim: Claim) -> None:
    database = Database(clean_postgres_url)
    try:
        service = await database.write(lambda conn: add_hr(conn, vault))
        await database.write(lambda conn: add_punches(conn, add_terminal(conn), 6))
        with (
            database.connect(writing=True) as one,
            database.connect(writing=True) as two,
            one.begin(),
            two.begin(),
        ):
            first, second = claim(one, service, limit=4), claim(two, service, limit=4)
            assert first is not None
            assert second is not None
            taken = [row.punch_id for batch in (first, second) for row in batch.rows]
            assert len(taken) == len(set(taken)) == 6
    finally:
        database.close()


def test_rows_do_not_show_bodies_in_their_repr() -> None:
    batch = Batch(1, 1, None, "key", b"secret body", 0, ())
    assert "secret body" not in repr(replace(batch, id=2))
