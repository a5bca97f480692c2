"""The story of a delivery in words: each attempt, its answer, and what happens next."""

from __future__ import annotations

from datetime import datetime, tzinfo

from textual.content import Content

from tm20tui.operations.deliveries import DeliveryStory, DeliveryView
from tm20tui.operations.why import AttemptRun
from tm20tui.store.deliveries import DISCARDED
from tm20tui.tui import formats, paint
from tm20tui.tui.language import N_, _, ngettext, sentence
from tm20tui.tui.safe import safe
from tm20tui.tui.states import DEAD, FAILED, State, delivery_state, glyph

_OUTCOMES = {
    "sent": "good",
    "settled": "warn",
    "backing off": "warn",
    "paused": "bad",
    "split": "dim",
    "held": "warn",
    "refused": "bad",
}

_SAID = {"split": N_("split in two, to find what is refused")}


def state_of(view: DeliveryView) -> State:
    """Failed and tried again by itself is not the same as dead."""
    if view.status == "failed":
        return FAILED if view.next_attempt_at is not None else DEAD
    return delivery_state(view.status, view.attempts)


def is_discarded(view: DeliveryView) -> bool:
    """Whether an operator gave it up."""
    return view.status == "failed" and view.reason.startswith(DISCARDED)


def direction(word: str | None) -> str:
    """`in` and `out` as people say them; "" when nobody knows."""
    return {"in": _("in"), "out": _("out")}.get(word or "", "")


def punch_time(view: DeliveryView, zone: tzinfo, now: datetime) -> str:
    """When the punch was, or the terminal's own words when they are no time."""
    return formats.moment(view.time_utc, zone, now) if view.time_utc is not None else safe(view.time_raw, 24)


def attempt_line(attempt: AttemptRun, zone: tzinfo, now: datetime) -> Content:
    """One try, or several in a row that came to the same: when, its status, how long, who it was with."""
    status = str(attempt.status_code) if attempt.status_code is not None else _("no answer")
    others = ngettext("with {count} other", "with {count} others", attempt.record_count - 1)
    parts: list[paint.Part] = [
        formats.moment(attempt.started_at, zone, now),
        _(" to {last}, {times} times").format(
            last=formats.moment(attempt.last_started_at, zone, now), times=attempt.times
        )
        if attempt.times > 1
        else "",
        f"  {glyph('→')} ",
        (status, _OUTCOMES.get(attempt.outcome, "")),
        " " + _("in {seconds} s").format(seconds=formats.decimal(attempt.duration_seconds, 2)),
        f"  {_(_SAID.get(attempt.outcome, attempt.outcome))}" if attempt.outcome else "",
        ("  " + others.format(count=formats.number(attempt.record_count - 1)), "dim")
        if attempt.record_count > 1
        else "",
    ]
    return paint.line(*parts)


def attempt_lines(attempt: AttemptRun, zone: tzinfo, now: datetime) -> list[Content]:
    """One try with its reason, answer and correlation."""
    rows = [attempt_line(attempt, zone, now)]
    for title, text in (
        (_("Reason"), sentence(attempt.reason)),
        (_("Answer"), attempt.answer),
        (_("Correlation"), attempt.key),
    ):
        if text:
            rows.append(paint.line((f"    {title}  ", "dim"), safe(text, 600)))
    return rows


def outlook(story: DeliveryStory, zone: tzinfo, now: datetime) -> Content:
    """What happens next, and when."""
    words = safe(sentence(story.next.sentence), 300)
    at = f" ({formats.until(story.next.at, now, zone)})" if story.next.at is not None else ""
    return paint.line((f"{_('Next')}  ", "dim"), words, at)


def delivery_lines(story: DeliveryStory, url: str, zone: tzinfo, now: datetime) -> list[Content]:
    """A delivery to one service: its state, where it goes, every attempt, what happens next."""
    view, service = story.delivery, story.service
    state = state_of(view)
    rows = [
        paint.line(
            (safe(service.name, 60), "strong"),
            "   ",
            (state.text(), state.tone),
            f"   {_('No.')} {view.id}",
            (f"   {formats.moment(view.synced_at, zone, now)}" if view.synced_at else "", "dim"),
        )
    ]
    if url:
        rows.append(paint.line((f"  {_('To')}  ", "dim"), f"POST {safe(url, 300)}"))
    if view.reason:
        rows.append(paint.line((f"  {_('Reason')}  ", "dim"), safe(sentence(view.reason), 600)))
    rows.append(Content.assemble("  ", outlook(story, zone, now)))
    if not story.attempts:
        rows.append(paint.line(("  " + _("no attempt yet"), "dim")))
    for number, attempt in enumerate(story.attempts, start=1):
        lines = attempt_lines(attempt, zone, now)
        rows.append(Content.assemble(f"  {number}. ", lines[0]))
        rows += [Content.assemble("  ", line) for line in lines[1:]]
    return rows
