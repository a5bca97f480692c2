"""Why a punch or a delivery is where it is: the whole way on one screen."""

from __future__ import annotations

from typing import Any

from tm20tui.cli.show import Output, cell, clean, fit, heading
from tm20tui.locale import _

STORIES = ("punches.why", "deliveries.why")
"""Operations whose results are told rather than listed."""


def tell(story: dict[str, Any], output: Output) -> None:
    """Write a story for people: received, stored, then each service with every attempt and what is next."""
    for line in _punch(story) if "log" in story else _delivery(story, output):
        print(fit(line, output.width))
    for delivery in story.get("deliveries", ()):
        print()
        for line in _delivery(delivery, output):
            print(fit(line, output.width))


def _punch(story: dict[str, Any]) -> list[str]:
    log, frame = story["log"], story["frame"]
    who = " ".join(part for part in (log["enrollid"], log["user_name"]) if part)
    lines = [
        _("punch {id}: {who} at {terminal}, {time} ({zone})").format(
            id=log["id"],
            who=clean(who),
            terminal=clean(log["terminal_sn"]),
            time=clean(log["time_raw"]),
            zone=clean(log["timezone"]),
        )
    ]
    if log["time_problem"]:
        lines.append("  " + _("its time is impossible: {reason}").format(reason=cell(log["time_problem"])))
    if frame is not None:
        lines.append(
            "  "
            + _("{time}  received: {text}").format(
                time=cell(frame["received_at"]), text=clean(frame["record"] or frame["text"])
            )
        )
    else:
        lines.append("  " + cell(story["frame_note"], "note"))
    lines.append("  " + _("{time}  stored, then acknowledged").format(time=cell(log["received_at"])))
    if story["note"]:
        lines.append("  " + cell(story["note"], "note"))
    return lines


def _delivery(story: dict[str, Any], output: Output) -> list[str]:
    delivery, service, outlook = story["delivery"], story["service"], story["next"]
    title = _("{service}: {status} (delivery {id})").format(
        service=clean(delivery["service_name"]), status=cell(delivery["status"]), id=delivery["id"]
    )
    lines = [heading(title, output)]
    if service["health"] != "healthy" and not service.get("deleted_at"):
        words = ": ".join(
            part for part in (cell(service["health"]), cell(service["health_reason"], "reason")) if part
        )
        lines.append("  " + _("the service: {words}").format(words=words))
    lines += [line for attempt in story["attempts"] for line in _attempt(attempt)]
    when = "" if outlook["at"] is None else f"{cell(outlook['at'])}  "
    lines.append(
        "  " + _("next: {when}{sentence}").format(when=when, sentence=cell(outlook["sentence"], "sentence"))
    )
    return lines


def _attempt(attempt: dict[str, Any]) -> list[str]:
    """An attempt, or several in a row that came to the same."""
    answer = _("no answer") if attempt["status_code"] is None else str(attempt["status_code"])
    times = attempt.get("times", 1)
    if times == 1:
        line = _("{time}  attempt: {answer}, {outcome} ({seconds} s, {count} records)")
    else:
        line = _("{time} to {last}  {times} attempts: {answer}, {outcome} ({count} records)")
    line = line.format(
        time=cell(attempt["started_at"]),
        last=_later(attempt["started_at"], attempt.get("last_started_at")),
        times=times,
        answer=answer,
        outcome=cell(attempt["outcome"]),
        seconds=f"{attempt['duration_seconds']:.1f}",
        count=attempt["record_count"],
    )
    said = " - ".join(part for part in (cell(attempt["reason"], "reason"), clean(attempt["answer"])) if part)
    return ["  " + line, *(["      " + said] if said else [])]


def _later(first: Any, last: Any) -> str:
    """A moment after another: the day is left out where it is the same."""
    earlier, later = cell(first), cell(last)
    day, _space, time = later.partition(" ")
    return time if time and earlier.startswith(day) else later
