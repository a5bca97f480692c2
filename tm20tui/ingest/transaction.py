"""One transaction for the frames of many terminals: what group commit commits.

Runs in a worker thread. Either all of it is durable when it returns, or it raises and
nothing of it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tm20tui.ingest.access import Access, Standing, decide_access
from tm20tui.ingest.config import IngestConfig
from tm20tui.ingest.direction import alternate, derive_direction, working_day
from tm20tui.ingest.folds import Folds
from tm20tui.ingest.frames import (
    BrokenFrame,
    Frame,
    LogFrame,
    Receipt,
    RegFrame,
    UserFrame,
)
from tm20tui.ingest.masking import journal_text, without_secrets
from tm20tui.ingest.registration import register
from tm20tui.ingest.times import Reading, parse_wall_clock, read_time
from tm20tui.ingest.users import store_user
from tm20tui.model import HELD_TIME_PROBLEMS
from tm20tui.protocol import LogRecord
from tm20tui.protocol.records import MAX_BAD_RECORDS
from tm20tui.store import deliveries, punches, services, users
from tm20tui.store.punches import PunchKey
from tm20tui.store.text import storable
from tm20tui.store.vault import Vault

if TYPE_CHECKING:
    from sqlalchemy import Connection


def write_frames(
    connection: Connection, frames: Sequence[Frame], *, config: IngestConfig, site_id: int, vault: Vault
) -> list[Receipt]:
    """Store frames in their order of arrival; one receipt each, in the same order."""
    group = _Group(connection, config, vault)
    receipts = []
    for frame in frames:
        match frame:
            case LogFrame():
                receipts.append(group.add_log(frame))
            case RegFrame():
                receipts.append(register(connection, frame, config, site_id))
            case UserFrame():
                receipts.append(group.add_user(frame))
            case BrokenFrame():
                receipts.append(group.add_broken(frame))
    group.flush()
    return receipts


class _Group:
    """Collects rows of all frames, then writes each table once."""

    def __init__(self, connection: Connection, config: IngestConfig, vault: Vault) -> None:
        self.connection = connection
        self.config = config
        self.vault = vault
        self.punches: dict[PunchKey, dict[str, Any]] = {}
        self.receipts: dict[PunchKey, Receipt] = {}
        self.held: set[PunchKey] = set()
        self.alternating: set[tuple[int, str, str, str]] = set()
        self.singles: list[tuple[LogFrame, LogRecord, PunchKey, datetime]] = []
        self.events: list[dict[str, Any]] = []
        self.photos: list[dict[str, Any]] = []
        self.quarantined: list[dict[str, Any]] = []
        self.journal: list[dict[str, Any]] = []
        self.folds = Folds(connection)

    def add_log(self, frame: LogFrame) -> Receipt:
        receipt = Receipt()
        terminal, received_at = frame.terminal, frame.received_at
        alone = frame.is_live and len(frame.records) == 1 and not frame.bad
        for index, record in enumerate(frame.records):
            reading = read_time(
                record.time_raw,
                frame.zone,
                received_at,
                earliest=self.config.earliest_date,
                future=self.config.future,
            )
            if record.enrollid == "0" or record.is_stranger:
                self._add_event(frame, record, reading, receipt)
                if alone and record.is_stranger and self._is_live(reading, received_at):
                    receipt.access = Access(False, "Unknown user")
                continue
            time_raw, note = _one_spelling(record)
            key = (
                terminal.id,
                record.enrollid,
                time_raw,
                record.mode,
                record.inout,
                record.event,
            )
            if key in self.punches:
                receipt.duplicates += 1
                continue
            fold = 0
            utc = reading.utc
            if reading.later_utc is not None:
                fold = self.folds.choose(frame, index, key, reading, alone=alone)
                utc = reading.later_utc if fold else reading.utc
            self.punches[key] = {
                "terminal_id": terminal.id,
                "enrollid": record.enrollid,
                "name": record.name,
                "time_raw": time_raw,
                "time_utc": utc,
                "timezone": terminal.timezone,
                "fold": fold,
                "time_problem": reading.problem,
                "mode": record.mode,
                "inout": record.inout,
                "event": record.event,
                "verifymode": record.verifymode,
                "temperature": record.temperature,
                "access_granted": True,
                "direction": derive_direction(terminal.direction_policy, record.inout),
                "photo_digest": self._add_photo(record, received_at),
                "note": note,
                "received_at": received_at,
                "sync_status": "pending",
            }
            self.receipts[key] = receipt
            receipt.stored += 1
            if reading.problem in HELD_TIME_PROBLEMS and not self.config.deliver_impossible_times:
                self.held.add(key)
            if terminal.direction_policy == "alternate" and utc is not None:
                self._note_alternating(terminal.id, record)
            if alone and self._is_live(reading, received_at):
                assert utc is not None
                self.singles.append((frame, record, key, utc))
        for bad in frame.bad:
            self._quarantine(frame, bad.raw, bad.reason, bad.field)
            receipt.quarantined += 1
        if len(frame.bad) > MAX_BAD_RECORDS:
            # The reader stopped taking them one by one: keep the frame itself.
            self._quarantine(frame, frame.raw, "more bad records than are kept one by one")
        self._keep(frame.terminal.id, received_at, frame.raw)
        return receipt

    def add_user(self, frame: UserFrame) -> Receipt:
        self._keep(frame.terminal.id, frame.received_at, frame.raw)
        if frame.push.problem:
            self._quarantine(frame, frame.raw, frame.push.problem)
            return Receipt(quarantined=1)
        store_user(self.connection, frame, self.vault)
        return Receipt()

    def add_broken(self, frame: BrokenFrame) -> Receipt:
        self._quarantine(frame, frame.raw, frame.reason)
        return Receipt(quarantined=1)

    def flush(self) -> None:
        """Write what was collected: punches and what is owed for them in the same transaction."""
        self._decide_access()
        punches.add_photos(self.connection, self.photos)
        new = punches.add_punches(self.connection, list(self.punches.values()))
        self._owe(new)
        stored = {key for _, key in new}
        for key, receipt in self.receipts.items():
            if key not in stored:
                receipt.stored -= 1
                receipt.duplicates += 1
        self._alternate()
        punches.add_terminal_events(self.connection, self.events)
        punches.add_quarantined(self.connection, self.quarantined)
        punches.add_frames(self.connection, self.journal)
        for name, amount in (("punches", len(new)), ("quarantined", len(self.quarantined))):
            punches.add_to_total(self.connection, name, self.config.node, amount)

    def _owe(self, new: Sequence[tuple[int, PunchKey]]) -> None:
        if not new:
            return
        owed = services.list_owed(self.connection)
        seen_until = deliveries.find_seen_until(self.connection)
        rows: list[tuple[int, int, bool]] = []
        doubts: dict[int, str] = {}
        for punch_id, key in new:
            at = self.punches[key]["time_utc"]
            if seen_until is not None and at is not None and at <= seen_until:
                doubts[punch_id] = deliveries.REPEATED
            service_ids = owed.service_ids(key[0])
            rows.extend((punch_id, service_id, key in self.held) for service_id in service_ids)
            if service_ids:
                self.receipts[key].owed.update(service_ids)
        deliveries.add_deliveries(self.connection, rows, doubts=doubts)

    def _is_live(self, reading: Reading, received_at: datetime) -> bool:
        if reading.problem is not None or reading.utc is None:
            return False
        return any(
            abs(received_at - instant) <= self.config.live
            for instant in (reading.utc, reading.later_utc)
            if instant is not None
        )

    def _decide_access(self) -> None:
        by_site: dict[int, set[str]] = {}
        for frame, record, _, _ in self.singles:
            by_site.setdefault(frame.terminal.site_id, set()).add(record.enrollid)
        known = {
            (site_id, enrollid): Standing(*standing)
            for site_id, enrollids in by_site.items()
            for enrollid, standing in users.list_standings(
                self.connection, site_id, sorted(enrollids)
            ).items()
        }
        allow_unknown = self.config.unknown_users == "allow"
        for frame, record, key, utc in self.singles:
            standing = known.get((frame.terminal.site_id, record.enrollid))
            access = decide_access(standing, utc, allow_unknown=allow_unknown)
            self.receipts[key].access = access
            self.punches[key]["access_granted"] = access.granted

    def _add_event(self, frame: LogFrame, record: LogRecord, reading: Reading, receipt: Receipt) -> None:
        receipt.events += 1
        self.events.append(
            {
                "terminal_id": frame.terminal.id,
                "kind": "stranger" if record.is_stranger else "door",
                "time_raw": record.time_raw,
                "time_utc": reading.utc,
                "mode": record.mode,
                "inout": record.inout,
                "event": record.event,
                "photo_digest": self._add_photo(record, frame.received_at),
                "received_at": frame.received_at,
            }
        )

    def _add_photo(self, record: LogRecord, received_at: datetime) -> str | None:
        image = record.image
        if not image or not self.config.keep_photos or len(image) > self.config.photo_max_bytes:
            return None
        digest = hashlib.sha256(image).hexdigest()
        self.photos.append({"digest": digest, "jpeg": image, "received_at": received_at})
        return digest

    def _note_alternating(self, terminal_id: int, record: LogRecord) -> None:
        local = parse_wall_clock(record.time_raw)
        if local is not None:
            start, end = working_day(local, self.config.day_starts_at)
            self.alternating.add((terminal_id, record.enrollid, str(start), str(end)))

    def _alternate(self) -> None:
        for terminal_id, enrollid, start, end in sorted(self.alternating):
            realternate(self.connection, terminal_id, enrollid, start, end)

    def _quarantine(
        self, frame: LogFrame | UserFrame | BrokenFrame, raw: str, reason: str, field: str = ""
    ) -> None:
        terminal = frame.terminal
        sn = frame.sn if isinstance(frame, BrokenFrame) else frame.terminal.sn
        raw = storable(without_secrets(raw))
        self.quarantined.append(
            {
                "terminal_id": None if terminal is None else terminal.id,
                "sn": storable(sn)[:64],
                "digest": hashlib.sha256(f"{sn}\n{raw}".encode()).hexdigest(),
                "raw": raw,
                "field": field[:64],
                "reason": storable(reason),
                "received_at": frame.received_at,
            }
        )

    def _keep(self, terminal_id: int, received_at: datetime, raw: str) -> None:
        if self.config.keep_frames and raw:
            self.journal.append(
                {"terminal_id": terminal_id, "received_at": received_at, "body": journal_text(raw)}
            )


def _one_spelling(record: LogRecord) -> tuple[str, str | None]:
    """A record's time as terminals usually print it, so that one instant is one punch, and its note.

    A text that was spelled otherwise is kept in the note.
    """
    text, note = record.time_raw, record.note
    local = parse_wall_clock(text)
    if local is None or (usual := str(local)) == text:
        return text, note
    members = {} if note is None else json.loads(note)
    return usual, json.dumps({**members, "time": text}, ensure_ascii=False)


def realternate(connection: Connection, terminal_id: int, enrollid: str, start: str, end: str) -> None:
    """Derive in, out, in, ... anew for one user and working day, whatever order the punches came in."""
    day = punches.list_user_day(connection, terminal_id, enrollid, start, end)
    directions = alternate(len(day))
    punches.set_directions(
        connection,
        [(ident, new) for (ident, old), new in zip(day, directions, strict=True) if old != new],
    )
