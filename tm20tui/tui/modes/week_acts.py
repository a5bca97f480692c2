"""Weeks of working hours sent to terminals with true outcomes, copied, and compared with punches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from textual.content import Content

from tm20tui.errors import Tm20Error
from tm20tui.schedule.lateness import Assessment
from tm20tui.tui import formats, paint
from tm20tui.tui.command_words import asked_now
from tm20tui.tui.counted import counted
from tm20tui.tui.dialogs import Choice, Confirm, Notice
from tm20tui.tui.language import N_, _, ngettext, sentence
from tm20tui.tui.mode import said_by
from tm20tui.tui.modes.terminal_facts import named
from tm20tui.tui.modes.week_words import DAYS, SYNC
from tm20tui.tui.pick import Pick
from tm20tui.tui.safe import safe

if TYPE_CHECKING:
    from tm20tui.snapshot import TerminalLine
    from tm20tui.tui.mode import ModeScreen

_POLL_SECONDS = 0.5
_TARGETS_SHOWN = 8
_TONES = {"confirmed": "good", "refused": "bad", "failed": "bad", "timed out": "bad", "left out": "dim"}
_ROLES = (N_("arrival"), N_("break start"), N_("break end"), N_("departure"), N_("extra"))
_VERDICTS = (N_("on time"), N_("late"), N_("early"), N_("no schedule"))
_STATES = (N_("left out"), N_("not sent"), N_("not read back"), N_("different"))


def ask_to_send(mode: ModeScreen, terminals: Sequence[TerminalLine], unsent: int) -> None:
    """Ask how, then send the weeks of these terminals."""
    options = [
        ("plain", "1", _("as working hours (setschedule)"), ""),
        ("zones", "2", _("also as access zones: the door opens at those hours only"), ""),
        ("split", "3", _("also as access zones, closed during breaks"), ""),
    ]

    def chosen(how: str | None) -> None:
        if how:
            _confirm_sending(mode, terminals, unsent, how)

    mode.app.push_screen(Choice(_("Send to the terminal"), options), chosen)


def _confirm_sending(mode: ModeScreen, terminals: Sequence[TerminalLine], unsent: int, how: str) -> None:
    away = sum(line.state != "online" for line in terminals)
    effect = _("what a terminal holds is replaced; many firmwares know no working hours and say so")
    if how != "plain":
        effect = _("the access zones of the terminal are replaced, and read back")
    rows = [
        (ngettext("Terminal", "Terminals", len(terminals)), named(terminals[0])),
        *(("", named(line)) for line in terminals[1:_TARGETS_SHOWN]),
    ]
    if len(terminals) > _TARGETS_SHOWN:
        rows.append(("", _("and {count} more").format(count=len(terminals) - _TARGETS_SHOWN)))
    rows += [(_("Not sent yet"), formats.number(unsent)), (_("Effect"), effect)]
    if away:
        text = ngettext(
            "{count} is not connected: kept for when it comes back",
            "{count} are not connected: kept for when they come back",
            away,
        )
        rows.append((_("Away"), text.format(count=away)))

    def answered(accepted: bool | None) -> None:
        if accepted:
            mode.do_soon(lambda: _send(mode, terminals, how), "send")
        else:
            mode.app.tell("dim", _("nothing was sent"))
            mode.draw_frame()

    mode.app.push_screen(Confirm(_("Send schedules"), rows, _("send")), answered)


async def _send(mode: ModeScreen, terminals: Sequence[TerminalLine], how: str) -> None:
    app = mode.app
    count = len(terminals)
    text = ngettext("sending to {count} terminal, see 8", "sending to {count} terminals, see 8", count)
    app.tell("accent", text.format(count=count))
    mode.draw_frame()
    outcomes = [await _send_one(mode, line, how) for line in terminals]
    lines = [part for outcome in outcomes for part in outcome[1]]
    tones = [tone for tone, _lines in outcomes]
    bad = tones.count("bad")
    if bad:
        text = ngettext(
            "{count} terminal of {total} did not take its schedules",
            "{count} terminals of {total} did not take their schedules",
            bad,
        )
        app.tell("bad", text.format(count=bad, total=count))
    elif "warn" in tones:
        app.tell("warn", _("schedules are not confirmed: see what became of each"), ref=app.last_reference)
    else:
        app.tell("good", _("the terminal confirmed its schedules"), ref=app.last_reference)
    if mode.is_current:
        app.push_screen(Notice(_("What became of it"), paint.lines(*lines)))
    mode.look_soon()


async def _send_one(mode: ModeScreen, line: TerminalLine, how: str) -> tuple[str, list[Content]]:
    lines = [paint.line((named(line), "strong"))]
    try:
        record = await mode.call(
            "schedules.sync",
            terminal_id=line.id,
            as_zones=how != "plain",
            split_breaks=how == "split",
        )
        shown = ""
        while record.status == "running":
            await asyncio.sleep(_POLL_SECONDS)
            record = await mode.call("tasks.get", task_id=record.id)
            # Much firmware knows no schedules and is silent about it: the operator sees what takes so long.
            if (stands := await asked_now(mode.app, line.id)) and stands != shown:
                shown = stands
                done = "" if record.total is None else f"{record.done}/{record.total} — "
                mode.app.tell("accent", f"{_('Send schedules')}{_(': ')}{named(line)} — {done}{stands}")
    except Tm20Error as error:
        return "bad", [*lines, paint.line((f"  {safe(said_by(error), 300)}", "bad"))]
    if record.status != "done":
        words = f"{_(record.status)}{_(': ')}{safe(sentence(record.error), 300)}"
        return "bad", [*lines, paint.line((f"  {words}", "bad"))]
    return _told(lines, record.result)


def _told(lines: list[Content], result: Mapping[str, Any]) -> tuple[str, list[Content]]:
    tones = ["good"]
    for one in result["schedules"]:
        tone = _TONES.get(one["status"], "warn")
        tones.append(tone)
        lines.append(_outcome(one["name"], one["status"], one["reason"], tone))
    if (zones := result.get("zones")) is not None:
        tone = _TONES.get(zones["status"], "bad")
        tones.append(tone)
        lines.append(_outcome(_("access zones"), zones["status"], zones["reason"], tone))
        lines += [Content(f"      {safe(text, 200)}") for text in zones["differences"]]
    worst = next(tone for tone in ("bad", "warn", "good") if tone in tones)
    return worst, [*lines, Content("")]


def _outcome(name: str, status: str, reason: str, tone: str) -> Content:
    word = SYNC[status].text() if status in SYNC else _(status)
    tail = f" — {safe(sentence(reason), 300)}" if reason else ""
    return paint.line("  ", (word, tone), f"  {safe(name, 60)}{tail}")


def ask_to_copy(mode: ModeScreen, source: TerminalLine, others: Sequence[TerminalLine], count: int) -> None:
    """Choose terminals, then how, then give them the week of `source`."""
    if not count:
        mode.app.tell("warn", _("{terminal} has no schedules to copy").format(terminal=named(source)))
        mode.draw_frame()
        return
    by_id = {line.id: line for line in others if line.id != source.id}

    def picked(chosen: tuple[Any, ...] | None) -> None:
        if chosen:
            _ask_how(mode, source, [by_id[ident] for ident in chosen], count)

    options = [(ident, named(line), "") for ident, line in by_id.items()]
    note = _("The week of {terminal} is copied to:").format(terminal=named(source))
    mode.app.push_screen(Pick(_("Duplicate the week"), options, note=note), picked)


def _ask_how(mode: ModeScreen, source: TerminalLine, targets: Sequence[TerminalLine], count: int) -> None:
    options = [
        ("add", "1", _("add to what they have; refused where hours overlap"), ""),
        ("replace", "2", _("replace what they have"), ""),
    ]

    def chosen(how: str | None) -> None:
        if how:
            _confirm_copy(mode, source, targets, count, replace=how == "replace")

    mode.app.push_screen(Choice(_("Duplicate the week"), options), chosen)


def _confirm_copy(
    mode: ModeScreen, source: TerminalLine, targets: Sequence[TerminalLine], count: int, *, replace: bool
) -> None:
    effect = _("what they have is removed first; z does not bring it back")
    rows = [
        (_("From"), named(source)),
        (_("Schedules"), formats.number(count)),
        (_("To"), named(targets[0])),
        *(("", named(line)) for line in targets[1:_TARGETS_SHOWN]),
    ]
    if len(targets) > _TARGETS_SHOWN:
        rows.append(("", _("and {count} more").format(count=len(targets) - _TARGETS_SHOWN)))
    rows.append((_("Effect"), effect if replace else _("they are added; all terminals or none")))
    rows.append(("", _("nothing is sent to terminals before P")))

    async def work() -> None:
        done = await mode.call(
            "schedules.copy",
            from_terminal_id=source.id,
            to_terminal_ids=[line.id for line in targets],
            replace=replace,
        )
        added, removed = sum(one.added for one in done), sum(one.removed for one in done)
        there = sum(one.already_there for one in done)
        counts = (counted("added", added), counted("removed", removed), counted("there already", there))
        text = f"{_('week copied')}{_(': ')}{', '.join(counts)}"
        mode.app.tell("good", text, ref=mode.app.last_reference)
        mode.look_soon()

    def answered(accepted: bool | None) -> None:
        if accepted:
            mode.do_soon(work, "copy")
        else:
            mode.app.tell("dim", _("nothing was copied"))
            mode.draw_frame()

    mode.app.push_screen(Confirm(_("Duplicate the week"), rows, _("duplicate…")), answered)


def assessment(found: Assessment, zone: tzinfo) -> Content:
    """Who was on time: each punch with what it means, then each day."""
    if not found.punches and not found.days:
        return Content(_("no punch and no shift in the last seven days"))
    lines = [paint.line((_("Punches"), "strong"))]
    for one in found.punches:
        local = one.at.astimezone(zone)
        day = f"{_(DAYS[local.weekday()])} {formats.day(one.at, zone)} {local:%H:%M}"
        words = _(one.role) + (f", {_(one.verdict)}" if one.verdict else "")
        if one.minutes:
            words += f" {one.minutes} min"
        expected = "" if one.scheduled_at is None else f"({formats.minute(one.scheduled_at, zone)})"
        lines.append(paint.line(f"  {day:<24}", (words, "warn" if one.costs_time else ""), f"  {expected}"))
    lines += [Content(""), paint.line((_("Days"), "strong"))]
    for summary in found.days:
        missing = ", ".join(_(role) for role in summary.missing)
        text = f"  {_(DAYS[summary.day.weekday()])} {summary.day}  " + _("worked {time}").format(
            time=formats.span(summary.worked_seconds)
        )
        lines.append(paint.line(text, (f"  {_('missing')}{_(': ')}{missing}", "warn") if missing else ""))
    return paint.lines(*lines)
