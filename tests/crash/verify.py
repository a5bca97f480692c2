"""Compares what a fleet was promised and an HR service got with what the database holds.

Reads with the bare drivers, counts for itself, and trusts no constraint: a missing
unique key, a lost row or a doubled one shows whatever the product believes.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import psycopg

from tm20tui.simulate.hr import HrService
from tm20tui.simulate.ledger import Entry

EXAMPLES = 3

Key = tuple[str, str, str, int, int, int]
"""Serial, enrollid, time as the terminal wrote it, mode, inout, event."""


@dataclass
class Findings:
    """`violations` by kind with how many, `examples` of each; `counts` for the table."""

    violations: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[str, int] = field(default_factory=dict)

    def broken(self, kind: str, example: object = "") -> None:
        self.violations[kind] += 1
        if len(self.examples[kind]) < EXAMPLES:
            self.examples[kind].append(str(example))

    def report(self) -> str:
        """Every violation with its examples, one a line; empty when there is none."""
        return "\n".join(
            f"{count} x {kind}: {'; '.join(self.examples[kind])}" for kind, count in self.violations.items()
        )


@dataclass(frozen=True)
class Promises:
    """What has to hold. `receivers` are the HR services by service id; punches of `poison`
    enrollids must have failed, everything else must have been sent."""

    entries: Sequence[Entry]
    receivers: Mapping[int, HrService]
    zone: ZoneInfo
    poison: Collection[int] = ()
    poison_reason: str = "this employee is unknown"


class StoredPunch(NamedTuple):
    id: int
    sn: str
    enrollid: str
    time_raw: str
    mode: int
    inout: int
    event: int
    time_utc: Any
    temperature: float | None
    name: str
    sync_status: str

    @property
    def key(self) -> Key:
        return (self.sn, self.enrollid, self.time_raw, self.mode, self.inout, self.event)


def verify(url: str, promises: Promises) -> Findings:
    """Everything, after all has drained and the server has stopped."""
    findings = Findings()
    with closing(Store(url)) as store:
        _check_integrity(store, findings)
        punches = _read_punches(store)
        _check_punches(punches, promises.entries, findings)
        for entry in promises.entries:
            if not entry.acked:
                findings.broken("a punch was never acknowledged", _key(entry))
        _check_deliveries(store, punches, promises, findings)
        _check_leftovers(store, punches, findings)
    for service_id, receiver in promises.receivers.items():
        _check_receiver(service_id, receiver, punches, promises, findings)
    return findings


def verify_durable(url: str, entries: Iterable[Entry], findings: Findings) -> None:
    """What must hold at any moment, so also right after a kill: the acknowledged is there, once."""
    with closing(Store(url)) as store:
        _check_integrity(store, findings)
        _check_punches(_read_punches(store), entries, findings)
        _check_owed(store, findings)


class Store:
    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite:///")
        self._connection: Any = (
            sqlite3.connect(url.removeprefix("sqlite:///")) if self.is_sqlite else psycopg.connect(url)
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(query)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def number(self, query: str) -> int:
        return int(self.rows(query)[0][0] or 0)

    def close(self) -> None:
        self._connection.close()


def _check_integrity(store: Store, findings: Findings) -> None:
    if not store.is_sqlite:
        return
    for (verdict,) in store.rows("PRAGMA integrity_check"):
        if verdict != "ok":
            findings.broken("integrity_check", verdict)
    for row in store.rows("PRAGMA foreign_key_check"):
        findings.broken("foreign_key_check", row)


def _read_punches(store: Store) -> list[StoredPunch]:
    query = (
        "SELECT p.id, t.sn, p.enrollid, p.time_raw, p.mode, p.inout, p.event, p.time_utc, p.temperature, "
        "p.name, p.sync_status FROM punches p LEFT JOIN terminals t ON t.id = p.terminal_id"
    )
    return [StoredPunch(*row) for row in store.rows(query)]


def _check_punches(punches: Sequence[StoredPunch], entries: Iterable[Entry], findings: Findings) -> None:
    stored = Counter(punch.key for punch in punches)
    made, acked = set(), 0
    for entry in entries:
        key = _key(entry)
        made.add(key)
        acked += entry.acked
        if entry.acked and not stored[key]:
            findings.broken("ACKNOWLEDGED BUT NOT STORED", key)
    for key, count in stored.items():
        if count > 1:
            findings.broken("stored twice", key)
        if key not in made:
            findings.broken("stored but never made", key)
    findings.counts |= {"punches made": len(made), "acknowledged": acked, "stored": len(punches)}


def _check_owed(store: Store, findings: Findings) -> None:
    """Each punch has exactly one delivery per service (every service was there from the start)."""
    services = store.number("SELECT count(*) FROM services")
    query = (
        "SELECT p.id, count(d.id), count(DISTINCT d.service_id) FROM punches p "
        f"LEFT JOIN deliveries d ON d.punch_id = p.id GROUP BY p.id HAVING count(d.id) <> {services} "
        f"OR count(DISTINCT d.service_id) <> {services}"
    )
    for punch_id, count, distinct in store.rows(query):
        kind = "owed to a service and forgotten" if distinct < services else "owed twice"
        findings.broken(kind, f"punch {punch_id} has {count} deliveries")
    orphans = "SELECT count(*) FROM deliveries d LEFT JOIN punches p ON p.id = d.punch_id WHERE p.id IS NULL"
    if store.number(orphans):
        findings.broken("a delivery without its punch")
    astray = (
        "SELECT d.id FROM deliveries d LEFT JOIN batches b ON b.id = d.batch_id "
        "WHERE d.status = 'in flight' AND (b.id IS NULL OR b.status <> 'open')"
    )
    for (ident,) in store.rows(astray):
        findings.broken("in flight in no open batch", f"delivery {ident}")


def _check_deliveries(
    store: Store, punches: Sequence[StoredPunch], promises: Promises, findings: Findings
) -> None:
    _check_owed(store, findings)
    poisoned = {punch.id for punch in punches if int(punch.enrollid) in promises.poison}
    statuses: Counter[str] = Counter()
    query = "SELECT punch_id, service_id, status, last_error, next_attempt_at, synced_at FROM deliveries"
    for punch_id, service_id, status, error, next_at, synced_at in store.rows(query):
        statuses[f"deliveries {status}"] += 1
        where = f"punch {punch_id} to service {service_id}: {status} {error!r}"
        if service_id not in promises.receivers:
            findings.broken("owed to a service that is not there", where)
        if punch_id in poisoned:
            if status != "failed" or next_at is not None:
                findings.broken("a poison record is not failed for good", where)
            elif promises.poison_reason not in error:
                findings.broken("failed without its reason", where)
        elif status != "sent":
            findings.broken("not sent in the end", where)
        elif synced_at is None or error:
            findings.broken("sent without synced_at, or with an error", where)
    findings.counts |= dict(sorted(statuses.items()))
    for punch in punches:
        wanted = "failed" if punch.id in poisoned else "sent"
        if punch.sync_status != wanted:
            findings.broken("a punch shows another sync_status", f"{punch.key}: {punch.sync_status}")


def _check_leftovers(store: Store, punches: Sequence[StoredPunch], findings: Findings) -> None:
    for ident, status in store.rows("SELECT id, status FROM batches WHERE status = 'open'"):
        findings.broken("a batch was left open", f"batch {ident}: {status}")
    for (reason,) in store.rows("SELECT reason FROM quarantine"):
        findings.broken("a good record is in quarantine", reason)
    total = store.number("SELECT sum(value) FROM totals WHERE name = 'punches'")
    if total != len(punches):
        findings.broken("the total of punches is wrong", f"{total} instead of {len(punches)}")
    findings.counts["batches"] = store.number("SELECT count(*) FROM batches")
    findings.counts["attempts"] = store.number("SELECT count(*) FROM attempts")


def _check_receiver(
    service_id: int,
    receiver: HrService,
    punches: Sequence[StoredPunch],
    promises: Promises,
    findings: Findings,
) -> None:
    wanted = {punch.id: punch for punch in punches if int(punch.enrollid) not in promises.poison}
    names = {person.enrollid: person.name for person in receiver.people}
    for log_id in wanted.keys() - receiver.records.keys():
        findings.broken("SENT BUT THE HR SERVICE DOES NOT HAVE IT", f"log_id {log_id} at {service_id}")
    for log_id in receiver.records.keys() - wanted.keys():
        findings.broken("the HR service has what it was not owed", f"log_id {log_id} at {service_id}")
    for log_id, punch in wanted.items():
        row = receiver.records.get(log_id)
        if row is None:
            continue
        local = datetime.fromisoformat(punch.time_raw).replace(tzinfo=promises.zone)
        utc = local.astimezone(UTC)
        if _as_utc(punch.time_utc) != utc:
            findings.broken("stored with a wrong time", f"{punch.key}: {punch.time_utc}")
        expected = {
            "terminal_sn": punch.sn,
            "enrollid": int(punch.enrollid),
            "time": utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "mode": punch.mode,
            "inout": punch.inout,
            "event": punch.event,
            "temperature": punch.temperature,
            "access_granted": True,
            "log_id": log_id,
        }
        different = {name: row.get(name) for name in expected if row.get(name) != expected[name]}
        if different or row["user_name"] not in ("", names[int(punch.enrollid)]):
            findings.broken("delivered with other contents", f"{punch.key}: {row}")
    for name in ("delivered_twice", "violations", "unkeyed"):
        if receiver.counts[name]:
            examples = receiver.violations[:EXAMPLES] or receiver.delivered_twice[:EXAMPLES]
            findings.broken(f"HR service: {name} {receiver.counts[name]}", examples)


def _key(entry: Entry) -> Key:
    punch = entry.punch
    return (entry.sn, str(punch.enrollid), punch.time, punch.mode, punch.inout, punch.event)


def _as_utc(value: datetime | str | None) -> datetime | None:
    if value is None:
        return None
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
