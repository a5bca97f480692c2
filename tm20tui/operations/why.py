"""The story of one punch: what came, what was stored, who was sent it with what result, what comes next.

`foresee` is a pure function of what is known; the rest reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tm20tui.errors import FrameError
from tm20tui.model import AttendanceLog, utc_now
from tm20tui.protocol import SendLog, decode
from tm20tui.protocol.text import shown_json
from tm20tui.store import history
from tm20tui.store.deliveries import DISCARDED, DOUBTED
from tm20tui.store.history import AttemptView, DeliveryView, ServiceStanding

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LONGEST_TEXT = 4000
_LONGEST_RECORD = 2000


@dataclass(frozen=True, slots=True)
class Outlook:
    """What happens next. `code` is stable, `sentence` is for people, `at` when, None when nobody knows."""

    code: str
    sentence: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AttemptRun:
    """Attempts in a row that came to the same; the fields are those of an `AttemptView`.

    `times` is how many; `started_at` is of the first, `last_started_at`, `duration_seconds`
    and `answer` are of the last.
    """

    batch_id: int
    parent_id: int | None
    key: str
    record_count: int
    batch_status: str
    started_at: datetime
    last_started_at: datetime
    times: int
    duration_seconds: float
    status_code: int | None
    outcome: str
    reason: str
    answer: str


@dataclass(frozen=True, slots=True)
class DeliveryStory:
    """One delivery, its service as it stands, every attempt in order of time, what happens next."""

    delivery: DeliveryView
    service: ServiceStanding
    attempts: tuple[AttemptRun, ...]
    next: Outlook


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """The text that brought a punch, without secrets: `text` is at most 4,000 of its `length` characters.

    `record` is this punch's part of it as JSON, empty when it could not be found there.
    """

    received_at: datetime
    length: int
    text: str
    record: str


@dataclass(frozen=True, slots=True)
class PunchStory:
    """A punch from the terminal to every service.

    `frame` is None when the text is not kept (any more): `frame_note` says so then.
    `note` says why no service is owed it, empty when one is.
    """

    log: AttendanceLog
    frame: ReceivedFrame | None
    frame_note: str
    deliveries: tuple[DeliveryStory, ...]
    note: str


def tell_deliveries(
    connection: Connection, views: Iterable[DeliveryView], rounds: Mapping[int, datetime | None]
) -> list[DeliveryStory]:
    """The stories of deliveries; `rounds` says when each service's courier goes next."""
    stories = []
    for view in views:
        service = history.get_service_standing(connection, view.service_id)
        tries = fold(history.list_attempts(connection, view.id))
        outlook = foresee(view, service, utc_now(), rounds.get(service.id))
        stories.append(DeliveryStory(view, service, tries, outlook))
    return stories


def fold(attempts: Iterable[AttemptView]) -> tuple[AttemptRun, ...]:
    """Attempts in order of time, those in a row that came to the same as one."""
    runs: list[AttemptRun] = []
    for attempt in attempts:
        last = runs[-1] if runs else None
        same = last is not None and _essence(last) == _essence(attempt)
        first_at, times = (last.started_at, last.times + 1) if last and same else (attempt.started_at, 1)
        values = asdict(attempt) | {"started_at": first_at, "last_started_at": attempt.started_at}
        runs[len(runs) - same :] = [AttemptRun(**values, times=times)]
    return tuple(runs)


def find_frame(connection: Connection, log: AttendanceLog) -> ReceivedFrame | None:
    """The text that brought a punch, None when it is not kept."""
    found = [
        (_record_in(raw, log), raw)
        for raw in history.list_frames(connection, log.terminal_id, log.received_at)
    ]
    if not found:
        return None
    record, raw = max(found, key=lambda item: (bool(item[0]), log.enrollid in item[1], len(item[1])))
    return ReceivedFrame(log.received_at, len(raw), raw[:_LONGEST_TEXT], record)


def foresee(
    delivery: DeliveryView, service: ServiceStanding, now: datetime, next_round_at: datetime | None
) -> Outlook:
    """What happens next with a delivery, as far as can be told now."""
    match delivery.status:
        case "sent":
            return Outlook("done", f"nothing: {service.name} has it")
        case "duplicate":
            return Outlook("done", f"nothing: {service.name} had it already")
        case "failed":
            return _after_failure(delivery, service)
        case "held":
            if delivery.reason.startswith(DOUBTED):
                words = "look in the service: release it if it is not there, else discard it"
                return Outlook("held", f"held because it may have arrived: {words}")
            why = f" ({delivery.time_problem})" if delivery.time_problem else ""
            return Outlook("held", f"held because its time is not trusted{why}: release or discard it")
    waiting = _service_waits(service)
    if delivery.status == "in flight":
        if waiting is None:
            return Outlook("in flight", "it is being sent; without an answer the same bytes go again")
        return Outlook(
            waiting.code, f"it was sent and the answer is not known: {waiting.sentence}", waiting.at
        )
    if waiting is not None:
        return waiting
    if delivery.next_attempt_at is not None and delivery.next_attempt_at > now:
        return Outlook("put off", "it goes again when its wait is over", delivery.next_attempt_at)
    if next_round_at is not None and next_round_at > now:
        return Outlook("next round", "it goes with the next round", next_round_at)
    return Outlook("now", "it goes with the round that is under way or due now")


def _essence(attempt: AttemptView | AttemptRun) -> tuple[object, ...]:
    return attempt.batch_id, attempt.record_count, attempt.status_code, attempt.outcome, attempt.reason


def _after_failure(delivery: DeliveryView, service: ServiceStanding) -> Outlook:
    if service.deleted_at is not None:
        return Outlook("deleted", "nothing: the service was deleted")
    if delivery.next_attempt_at is None:
        if delivery.reason.startswith(DISCARDED):
            return Outlook("discarded", "nothing: an operator discarded it")
        return Outlook("dead", "nothing until an operator retries or discards it: no attempts are left")
    if not service.is_active:
        return Outlook("inactive", "it is tried again once the service is active")
    if service.health != "healthy":
        reason = f": {service.health_reason}" if service.health_reason else ""
        return Outlook(
            service.health, f"it is tried again once the service works, now {service.health}{reason}"
        )
    return Outlook("retry", "it is tried again by itself", delivery.next_attempt_at)


def _service_waits(service: ServiceStanding) -> Outlook | None:
    reason = f": {service.health_reason}" if service.health_reason else ""
    if service.deleted_at is not None:
        return Outlook("deleted", "it will be failed: the service was deleted")
    if not service.is_active:
        return Outlook("inactive", "it waits because the service is not active")
    if service.health == "paused":
        return Outlook("paused", f"it waits until an operator acts: the service is paused{reason}")
    if service.health != "healthy":
        return Outlook(service.health, f"it waits because the service is failing{reason}", service.retry_at)
    return None


def _record_in(raw: str, log: AttendanceLog) -> str:
    try:
        push = decode(raw)
    except FrameError:
        return ""
    wanted = (log.enrollid, log.time_raw, log.mode, log.inout, log.event)
    for record in push.records if isinstance(push, SendLog) else ():
        if (record.enrollid, record.time_raw, record.mode, record.inout, record.event) == wanted:
            return shown_json(record.as_row(), _LONGEST_RECORD)
    return ""
