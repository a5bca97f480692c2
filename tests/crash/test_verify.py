"""The verifier must see every kind of loss and doubling: a proof is worth what its checks are worth."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.crash.verify import Promises, verify
from tests.store.factories import add_punch, add_terminal
from tm20tui.simulate.hr import HrService
from tm20tui.simulate.ledger import Entry, Punch
from tm20tui.store.deliveries import add_deliveries, refresh_punches
from tm20tui.store.engine import Database
from tm20tui.store.services import ServiceDraft, add_service
from tm20tui.store.vault import Vault

ZONE = ZoneInfo("Asia/Kolkata")
AT = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)


class Books:
    """Three punches that were stored and sent once: 1 to 3, of enrollids 1 to 3."""

    def __init__(self, url: str, vault: Vault) -> None:
        self.path = Path(url.removeprefix("sqlite:///"))
        self.url = url
        self.receiver = HrService(seed=1)
        self.entries = []
        database = Database(url)
        with database.engine.begin() as conn:
            service = add_service(conn, vault, ServiceDraft(name="HR", base_url="http://hr.example"), AT)
            terminal = add_terminal(conn, "TM20-001")
            for number in (1, 2, 3):
                time = f"2026-03-02 08:00:{number:02}"
                values = {"enrollid": str(number), "time_raw": time, "mode": 1}
                utc = AT.replace(second=number)
                ident = add_punch(conn, terminal, number, **values, time_utc=utc)
                add_deliveries(conn, [(ident, service.id, False)])
                self.entries.append(Entry("TM20-001", number, Punch(number, time, 1, 0, 0), True))
                self.receiver.records[ident] = {
                    "terminal_sn": "TM20-001",
                    "enrollid": number,
                    "user_name": "",
                    "time": f"2026-03-02T02:30:{number:02}Z",
                    "mode": 1,
                    "inout": 0,
                    "event": 0,
                    "temperature": None,
                    "access_granted": True,
                    "log_id": ident,
                }
            conn.exec_driver_sql("UPDATE deliveries SET status = 'sent', synced_at = '2026-03-02 03:00:00'")
            refresh_punches(conn, (1, 2, 3))
            conn.exec_driver_sql("INSERT INTO totals VALUES ('punches', 'main', 3)")
        database.close()
        self.service_id = service.id

    def sql(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement)

    def violations(self, **promises: Any) -> set[str]:
        receivers = {self.service_id: self.receiver}
        found = verify(self.url, Promises(self.entries, receivers, ZONE, **promises))
        return set(found.violations)


@pytest.fixture
def books(sqlite_url: str, vault: Vault) -> Books:
    return Books(sqlite_url, vault)


def test_books_in_order_have_no_violation(books: Books) -> None:
    assert books.violations() == set()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM punches WHERE id = 2", "ACKNOWLEDGED BUT NOT STORED"),
        ("UPDATE punches SET time_utc = '2026-03-02 08:00:01' WHERE id = 1", "stored with a wrong time"),
        ("UPDATE punches SET sync_status = 'pending' WHERE id = 1", "a punch shows another sync_status"),
        ("DELETE FROM deliveries WHERE id = 2", "owed to a service and forgotten"),
        ("UPDATE deliveries SET status = 'pending' WHERE id = 2", "not sent in the end"),
        ("UPDATE deliveries SET status = 'failed' WHERE id = 2", "not sent in the end"),
        ("UPDATE deliveries SET status = 'in flight' WHERE id = 2", "in flight in no open batch"),
        ("UPDATE deliveries SET synced_at = NULL WHERE id = 2", "sent without synced_at, or with an error"),
        ("UPDATE totals SET value = 4", "the total of punches is wrong"),
        (
            "INSERT INTO batches (service_id, key, body, record_count, node, leased_until, created_at) "
            "VALUES (1, 'k', x'00', 1, 'main', '2026-03-02', '2026-03-02')",
            "a batch was left open",
        ),
        (
            "INSERT INTO quarantine (digest, raw, reason, received_at) VALUES ('d', 'r', 'w', '2026-03-02')",
            "a good record is in quarantine",
        ),
    ],
)
def test_a_wrong_row_is_found(books: Books, statement: str, said: str) -> None:
    books.sql(statement)
    assert said in books.violations()


@pytest.mark.parametrize(("table", "said"), [("punches", "stored twice"), ("deliveries", "owed twice")])
def test_a_doubled_row_is_found_where_no_unique_key_forbids_it(books: Books, table: str, said: str) -> None:
    with closing(sqlite3.connect(books.path)) as connection, connection:
        query = "SELECT sql FROM sqlite_master WHERE name = ?"
        definition = connection.execute(query, (table,)).fetchone()[0]
        without_key, removed = re.subn(r",\s*CONSTRAINT uq_\w+ UNIQUE \([^)]*\)", "", definition)
        assert removed == 1
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()
        connection.execute(f"DROP TABLE {table}")
        connection.execute(without_key)
        again = [(row[0] + 100, *row[1:]) for row in rows if row[0] == 2]
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows + again)
    assert said in books.violations()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda hr: hr.records.pop(2), "SENT BUT THE HR SERVICE DOES NOT HAVE IT"),
        (lambda hr: hr.records.update({9: {}}), "the HR service has what it was not owed"),
        (lambda hr: hr.records[2].update(enrollid=3), "delivered with other contents"),
        (lambda hr: hr.records[2].update(time="2026-03-02T08:00:02Z"), "delivered with other contents"),
        (lambda hr: hr.records[2].update(user_name="Nobody"), "delivered with other contents"),
        (lambda hr: hr.counts.update(delivered_twice=1), "HR service: delivered_twice 1"),
    ],
)
def test_a_receiver_that_holds_something_else_is_found(
    books: Books, change: Callable[[HrService], object], said: str
) -> None:
    change(books.receiver)
    assert said in books.violations()


def test_a_punch_that_was_never_made_or_never_acknowledged_is_found(books: Books) -> None:
    last = books.entries.pop()
    assert books.violations() == {"stored but never made"}
    books.entries.append(last._replace(acked=False))
    assert books.violations() == {"a punch was never acknowledged"}


def test_poison_must_have_failed_for_good_and_with_its_reason(books: Books) -> None:
    assert "a poison record is not failed for good" in books.violations(poison=[2])
    books.sql("UPDATE deliveries SET status = 'failed', last_error = 'something' WHERE id = 2")
    books.sql("UPDATE punches SET sync_status = 'failed' WHERE id = 2")
    books.receiver.records.pop(2)
    assert books.violations(poison=[2]) == {"failed without its reason"}
    books.sql("UPDATE deliveries SET last_error = 'answered 422: this employee is unknown' WHERE id = 2")
    assert books.violations(poison=[2]) == set()
