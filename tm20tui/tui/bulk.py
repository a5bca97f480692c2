"""Carries out what was planned: one target at once, several as a task of the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tm20tui.errors import Tm20Error
from tm20tui.tasks import TaskRecord
from tm20tui.tui.actions import Plan, Target
from tm20tui.tui.command_words import command_of, follow, outcome, outcome_now
from tm20tui.tui.counted import counted
from tm20tui.tui.field_words import in_words
from tm20tui.tui.language import _, sentence
from tm20tui.tui.safe import safe

if TYPE_CHECKING:
    from tm20tui.tui.mode import ModeScreen

_POLL_SECONDS = 0.5


async def run_plan(mode: ModeScreen, plan: Plan) -> None:
    """Do it to every eligible target and tell what came of it."""
    if len(plan.eligible) == 1:
        await _run_one(mode, plan, plan.eligible[0])
    else:
        await _run_many(mode, plan)


async def _run_one(mode: ModeScreen, plan: Plan, target: Target) -> None:
    action, app = plan.action, mode.app
    assert action.arguments is not None
    app.tell("accent", _("{action}: {target}…").format(action=_(action.label), target=target.label))
    mode.draw_frame()
    about = f"{_(action.label)}{_(': ')}{target.label}"
    arguments = dict(action.arguments(target))
    if any(one.name == "wait_seconds" for one in app.backend.registry[action.operation].arguments):
        arguments["wait_seconds"] = 0
    try:
        result = await app.call(action.operation, **arguments)
        reference = app.last_reference
        command = command_of(result)
        if command is None:
            tone, words = ("accent", _(action.yet)) if action.yet else ("good", _begun(result))
        else:
            tone, words = await outcome_now(app, about, await follow(app, about, command))
    except Tm20Error as error:
        app.tell_error(error, about=about)
        if mode.is_mounted:
            mode.after(plan, [target])
        return
    app.tell(tone, about + (f" — {words}" if words else ""), ref=reference)
    if action.undo is not None and (undo := action.undo(target, result)) is not None:
        app.remember_undo(undo)
    if mode.is_mounted:
        mode.after(plan, [] if tone != "bad" else [target])


async def _run_many(mode: ModeScreen, plan: Plan) -> None:
    action, app = plan.action, mode.app
    assert action.arguments is not None
    calls = [dict(action.arguments(target)) for target in plan.eligible]
    record = await app.call("bulk.run", operation=action.operation, calls=calls)
    label, count = _(action.label), len(calls)
    app.tell("accent", _("{action}: {count} begun, see 8").format(action=label, count=count))
    mode.draw_frame()
    while record.status == "running":
        await asyncio.sleep(_POLL_SECONDS)
        record = await app.call("tasks.get", task_id=record.id)
    if record.status == "failed":
        app.tell("bad", f"{label}{_(': ')}{sentence(record.error)}")
        mode.after(plan, plan.eligible)
        return
    results: list[dict[str, Any]] = list((record.result or {}).get("results", ()))
    failed = [
        target
        for place, target in enumerate(plan.eligible)
        if place >= len(results) or results[place]["outcome"] != "done"
    ]
    done = count - len(failed)
    text = f"{label}{_(': ')}{counted('done', done)}"
    if action.yet and done:
        text += f" — {_(action.yet)}"
    if failed:
        first = next((one for one in results if one["outcome"] != "done"), None)
        reason = safe(in_words(sentence(first["reason"])), 80) if first else _("not begun")
        text += " · " + _("{count} not: {reason}").format(count=len(failed), reason=reason)
    app.tell("bad" if failed else "accent" if action.yet else "good", text, ref=record.id[:6])
    mode.after(plan, failed)


def outcome_of(result: Any) -> tuple[str, str]:
    """The tone and the words of an operation's result: a command's true state, else that it is done."""
    command = command_of(result)
    return ("good", _begun(result)) if command is None else outcome(command)


def _begun(result: Any) -> str:
    """What has only begun is not shown as done."""
    task = result if isinstance(result, TaskRecord) else getattr(result, "task", None)
    if not isinstance(task, TaskRecord) or task.status != "running":
        return ""
    return _("begun in the background, see 8")
