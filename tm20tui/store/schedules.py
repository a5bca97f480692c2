"""The working hours of terminals, as stored. Rules about them live in `schedule`, above this layer.

`list_for_change` holds off other changes of the same terminal's schedules until the
transaction ends, so that what was checked against them is still true when it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time
from typing import Any, Literal

from sqlalchemy import Connection, Select, and_, case, delete, exists, func, insert, select, update

from tm20tui.errors import InvalidInput, NotFound
from tm20tui.store.schema import commands, schedules, terminals
from tm20tui.store.terminals import DELETED

ScheduleSync = Literal["pending", "confirmed", "refused", "not known"]

_UNSENT: dict[str, Any] = {"sync_status": "pending", "sync_reason": ""}


@dataclass(frozen=True, slots=True)
class ScheduleDraft:
    """A schedule as it shall be after a create or an update: every field, validated.

    `weekday` 0 is Monday. Times are wall clock of the terminal's site; a check-out not
    after the check-in is the next day's. The break has both times or none. The effective
    dates are the first and the last working day, None without limit.
    """

    name: str
    weekday: int
    check_in_time: time
    check_out_time: time
    break_start_time: time | None = None
    break_end_time: time | None = None
    tolerance_minutes: int = 0
    effective_from: date | None = None
    effective_until: date | None = None
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Schedule:
    """A stored schedule; what `ScheduleDraft` says holds here too.

    `sync_status` is what became of sending it to the terminal: `pending` also after a
    change, `not known` when the firmware has no such command. `synced_at` is when the
    terminal last confirmed it, None if never.
    """

    id: int
    terminal_id: int
    name: str
    weekday: int
    check_in_time: time
    check_out_time: time
    break_start_time: time | None
    break_end_time: time | None
    tolerance_minutes: int
    effective_from: date | None
    effective_until: date | None
    is_active: bool
    created_at: datetime
    updated_at: datetime
    sync_status: ScheduleSync
    sync_reason: str
    synced_at: datetime | None

    def draft(self) -> ScheduleDraft:
        """What an operator said about it."""
        return ScheduleDraft(**{name: getattr(self, name) for name in _SAID})


@dataclass(frozen=True, slots=True)
class WeekCopy:
    """What copying a week did to one terminal: counts of schedules."""

    terminal_id: int
    added: int
    already_there: int
    removed: int


@dataclass(frozen=True, slots=True)
class WeekSummary:
    """What a terminal has: counts of schedules, `active` ones by what became of sending them.

    `days` are the weekdays with an active one; `synced_at` is the latest confirmation, None if
    there never was one.
    """

    terminal_id: int
    total: int
    active: int
    days: int
    pending: int
    confirmed: int
    refused: int
    not_known: int
    synced_at: datetime | None


CheckFit = Callable[[ScheduleDraft, Sequence[Schedule]], None]
"""Raises when a draft does not fit beside the schedules that a terminal already has."""


def list_schedules(conn: Connection, terminal_id: int | None = None) -> list[Schedule]:
    """The schedules of one terminal, or of all that are not deleted, by terminal, weekday and check-in."""
    terminal = schedules.c.terminal_id
    query = _IN_ORDER.where(terminal.not_in(DELETED) if terminal_id is None else terminal == terminal_id)
    return [Schedule(*row) for row in conn.execute(query)]


def list_schedules_of(conn: Connection, terminal_ids: Collection[int]) -> dict[int, list[Schedule]]:
    """The schedules of these terminals, by weekday and check-in.

    Terminals without any are left out, and deleted ones.
    """
    found: dict[int, list[Schedule]] = {}
    terminal = schedules.c.terminal_id
    for row in conn.execute(_IN_ORDER.where(terminal.in_(terminal_ids), terminal.not_in(DELETED))):
        found.setdefault(row.terminal_id, []).append(Schedule(*row))
    return found


def list_sent_to(conn: Connection, command: str) -> list[int]:
    """The terminals, by id, that were sent `command` since a schedule of theirs that is pending changed."""
    waiting = (
        select(schedules.c.terminal_id, func.min(schedules.c.updated_at).label("since"))
        .where(schedules.c.sync_status == "pending", schedules.c.terminal_id.not_in(DELETED))
        .group_by(schedules.c.terminal_id)
        .subquery()
    )
    sent = exists().where(
        commands.c.terminal_id == waiting.c.terminal_id,
        commands.c.name == command,
        commands.c.created_at >= waiting.c.since,
    )
    return list(conn.scalars(select(waiting.c.terminal_id).where(sent).order_by(waiting.c.terminal_id)))


def summarise(conn: Connection) -> list[WeekSummary]:
    """What each terminal that has schedules has, by terminal."""
    is_active = schedules.c.is_active

    def count(*conditions: Any) -> Any:
        return func.coalesce(func.sum(case((and_(*conditions), 1), else_=0)), 0)

    query = (
        select(
            schedules.c.terminal_id,
            func.count(),
            count(is_active),
            func.count(case((is_active, schedules.c.weekday)).distinct()),
            *(
                count(is_active, schedules.c.sync_status == status)
                for status in ("pending", "confirmed", "refused", "not known")
            ),
            func.max(schedules.c.synced_at),
        )
        .where(schedules.c.terminal_id.not_in(DELETED))
        .group_by(schedules.c.terminal_id)
        .order_by(schedules.c.terminal_id)
    )
    return [WeekSummary(*row) for row in conn.execute(query)]


def list_for_change(conn: Connection, terminal_id: int) -> list[Schedule]:
    """The schedules of one terminal, which nobody else changes before this transaction ends.

    Raises:
        NotFound: no such terminal.
    """
    # SQLite has one writer anyway; `key_share` lets punches of the terminal be stored meanwhile.
    row = _terminal(terminal_id).with_for_update(key_share=True)
    if conn.execute(row).first() is None:
        raise NotFound("terminal", terminal_id, field="terminal_id")
    return list_schedules(conn, terminal_id)


def get_schedule(conn: Connection, schedule_id: int, *, terminal_id: int | None = None) -> Schedule:
    """One schedule; `NotFound` when there is none, or none of that terminal."""
    query = select(*_COLUMNS).where(schedules.c.id == schedule_id)
    if terminal_id is not None:
        query = query.where(schedules.c.terminal_id == terminal_id)
    row = conn.execute(query).first()
    if row is None:
        raise NotFound("schedule", schedule_id)
    return Schedule(*row)


def add_schedule(conn: Connection, terminal_id: int, draft: ScheduleDraft, now: datetime) -> Schedule:
    """Add a schedule to a terminal; `NotFound` when there is no such terminal."""
    if conn.scalar(_terminal(terminal_id)) is None:
        raise NotFound("terminal", terminal_id, field="terminal_id")
    row = {"terminal_id": terminal_id, **_said(draft), "created_at": now, "updated_at": now}
    return get_schedule(conn, conn.execute(insert(schedules).returning(schedules.c.id), row).scalar_one())


def update_schedule(conn: Connection, schedule_id: int, draft: ScheduleDraft, now: datetime) -> Schedule:
    """Make a schedule what the draft says; unless only its name changed, it has to be sent again."""
    before = get_schedule(conn, schedule_id)
    values: dict[str, Any] = {**_said(draft), "updated_at": now}
    if _said(before.draft()) | {"name": draft.name} != _said(draft):
        values |= _UNSENT
    conn.execute(update(schedules).where(schedules.c.id == schedule_id).values(values))
    return get_schedule(conn, schedule_id)


def delete_schedule(conn: Connection, schedule_id: int) -> Schedule:
    """Remove a schedule; return what it was. What was sent to a terminal stays there."""
    before = get_schedule(conn, schedule_id)
    conn.execute(delete(schedules).where(schedules.c.id == schedule_id))
    return before


def copy_week(
    conn: Connection,
    from_terminal_id: int,
    to_terminal_ids: Iterable[int],
    *,
    replace: bool,
    now: datetime,
    check_fit: CheckFit | None = None,
) -> list[WeekCopy]:
    """Give other terminals the schedules of one, by wall clock; all of them or, on an error, none.

    With `replace` what they had is removed first; without, each copy is first checked by
    `check_fit` against what is there. A schedule that a terminal already has is left alone.

    Raises:
        NotFound: a terminal does not exist.
        InvalidInput: the terminal is to be copied onto itself, or what `check_fit` raises.
    """
    targets = sorted(set(to_terminal_ids))
    if from_terminal_id in targets:
        raise InvalidInput("a week cannot be copied onto its own terminal", field="to_terminal_ids")
    # Locked in one order, so that two copies never wait for each other.
    present = {ident: list_for_change(conn, ident) for ident in sorted([from_terminal_id, *targets])}
    week = [schedule.draft() for schedule in present[from_terminal_id]]
    return [
        _copy_onto(conn, target, week, present[target], replace=replace, now=now, check_fit=check_fit)
        for target in targets
    ]


def set_sync_state(
    conn: Connection,
    schedule_id: int,
    *,
    status: ScheduleSync,
    reason: str = "",
    now: datetime,
    sent_version: datetime | None = None,
) -> bool:
    """Record what became of sending a schedule to its terminal.

    `sent_version` is the `updated_at` of what was sent: when the schedule was changed or
    deleted since, nothing is recorded and False is returned.
    """
    query = update(schedules).where(schedules.c.id == schedule_id)
    if sent_version is not None:
        query = query.where(schedules.c.updated_at == sent_version)
    values: dict[str, Any] = {"sync_status": status, "sync_reason": reason}
    if status == "confirmed":
        values["synced_at"] = now
    return conn.execute(query.values(values)).rowcount == 1


_SAID = tuple(field.name for field in fields(ScheduleDraft))
_COLUMNS = tuple(schedules.c[field.name] for field in fields(Schedule))
_IN_ORDER = select(*_COLUMNS).order_by(
    schedules.c.terminal_id, schedules.c.weekday, schedules.c.check_in_time, schedules.c.id
)


def _copy_onto(
    conn: Connection,
    terminal_id: int,
    week: Sequence[ScheduleDraft],
    present: Sequence[Schedule],
    *,
    replace: bool,
    now: datetime,
    check_fit: CheckFit | None,
) -> WeekCopy:
    wanted = list(week)
    kept: list[Schedule] = []
    for schedule in present:
        if schedule.draft() in wanted:
            wanted.remove(schedule.draft())
            kept.append(schedule)
        elif replace:
            conn.execute(delete(schedules).where(schedules.c.id == schedule.id))
        else:
            kept.append(schedule)
    for draft in wanted:
        if check_fit is not None:
            check_fit(draft, kept)
        kept.append(add_schedule(conn, terminal_id, draft, now))
    return WeekCopy(
        terminal_id,
        added=len(wanted),
        already_there=len(week) - len(wanted),
        removed=len(present) + len(wanted) - len(kept),
    )


def _terminal(terminal_id: int) -> Select[int]:
    return select(terminals.c.id).where(terminals.c.id == terminal_id, terminals.c.deleted_at.is_(None))


def _said(draft: ScheduleDraft) -> dict[str, Any]:
    return {name: getattr(draft, name) for name in _SAID}
