"""Deliveries and the story of each: what was tried, with what answer, what happens next."""

from __future__ import annotations

from tm20tui.api.views import LogView, Utc, View, show_log, utc_text
from tm20tui.operations.deliveries import DeliveryStory, DeliveryView
from tm20tui.operations.punches import PunchStory


class DeliveryOut(View):
    """One log owed to one config; `reason` is the last one. `attempts` are verdicts, never outages."""

    id: int
    log_id: int
    config_id: int
    config_name: str
    terminal_id: int
    terminal_sn: str
    enrollid: str
    user_name: str
    time: str
    time_raw: str
    time_problem: str | None
    received_at: Utc
    status: str
    attempts: int
    next_attempt_at: Utc | None
    synced_at: Utc | None
    reason: str
    batch_id: int | None


class AttemptOut(View):
    """One try, together with `record_count` - 1 other logs; `status_code` is null without an answer.

    Tries in a row that came to the same are one entry: `times` of them, from `started_at` to
    `last_started_at`; the duration and the answer are the last one's.
    """

    batch_id: int
    parent_id: int | None
    key: str
    record_count: int
    batch_status: str
    started_at: Utc
    last_started_at: Utc
    times: int
    duration_seconds: float
    status_code: int | None
    outcome: str
    reason: str
    answer: str


class StandingOut(View):
    """What decides when a config gets its next delivery."""

    id: int
    name: str
    is_active: bool
    health: str
    health_reason: str
    retry_at: Utc | None
    deleted_at: Utc | None


class OutlookOut(View):
    """What happens next, in words; `code` does not change."""

    code: str
    sentence: str
    at: Utc | None


class FrameOut(View):
    """The message that brought a log, without secrets; `record` is this log's part of it."""

    received_at: Utc
    length: int
    text: str
    record: str


class DeliveryStoryOut(View):
    """A delivery, every attempt in order of time, what happens next."""

    delivery: DeliveryOut
    config: StandingOut
    attempts: tuple[AttemptOut, ...]
    next: OutlookOut


class LogStoryOut(View):
    """A log from the terminal to every config. `note` says why no config is owed it, if so."""

    log: LogView
    frame: FrameOut | None
    frame_note: str
    deliveries: tuple[DeliveryStoryOut, ...]
    note: str


def show_delivery(view: DeliveryView) -> DeliveryOut:
    """A delivery as its clients know it."""
    values = {name: getattr(view, name) for name in DeliveryOut.model_fields if hasattr(view, name)}
    return DeliveryOut(
        **values,
        log_id=view.punch_id,
        config_id=view.service_id,
        config_name=view.service_name,
        time=view.time_raw if view.time_utc is None else utc_text(view.time_utc),
    )


def show_delivery_story(story: DeliveryStory) -> DeliveryStoryOut:
    """A delivery's story as its clients know it."""
    return DeliveryStoryOut(
        delivery=show_delivery(story.delivery),
        config=StandingOut.model_validate(story.service),
        attempts=tuple(map(AttemptOut.model_validate, story.attempts)),
        next=OutlookOut.model_validate(story.next),
    )


def show_log_story(story: PunchStory) -> LogStoryOut:
    """A log's story as its clients know it."""
    return LogStoryOut(
        log=show_log(story.log),
        frame=None if story.frame is None else FrameOut.model_validate(story.frame),
        frame_note=story.frame_note,
        deliveries=tuple(map(show_delivery_story, story.deliveries)),
        note=story.note,
    )
