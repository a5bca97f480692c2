"""The week of one terminal: its hours by weekday, edited here, applied by the server, sent on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult

from tm20tui.errors import NotFound
from tm20tui.operations.schedules import Schedule
from tm20tui.snapshot import TerminalLine
from tm20tui.tui import formats, paint
from tm20tui.tui.actions import Action, Plan, Target, Undo
from tm20tui.tui.dialogs import Ask, Notice
from tm20tui.tui.form import Form
from tm20tui.tui.grid import Cell, Column, Row
from tm20tui.tui.language import N_, _, ngettext, sentence
from tm20tui.tui.modes.terminal_facts import named
from tm20tui.tui.modes.week_acts import ask_to_copy, ask_to_send, assessment
from tm20tui.tui.modes.week_words import (
    BAR_TITLE,
    DAYS,
    SYNC,
    bar,
    clock,
    described,
    fields_of,
    given_of,
    is_night,
    new_given,
)
from tm20tui.tui.safe import safe
from tm20tui.tui.states import INACTIVE
from tm20tui.tui.still import Still
from tm20tui.tui.table_mode import Page, TableMode

_PANEL_ROWS = 22
"""Screens lower than this have no room for the facts below the week."""


def _no_schedule(target: Target) -> str:
    return "" if isinstance(target.record, Schedule) else N_("there is nothing on that day: n adds hours")


def _schedule_id(target: Target) -> Mapping[str, Any]:
    return {"schedule_id": target.record.id} if isinstance(target.record, Schedule) else {}


def _undo_delete(target: Target, result: Any) -> Undo:
    schedule: Schedule = target.record
    return Undo(
        "schedules.add",
        {"terminal_id": schedule.terminal_id, "given": given_of(schedule)},
        _("brought back: {what}").format(what=described(schedule)),
        _("bring back {what}").format(what=described(schedule)),
    )


class WeekScreen(TableMode):
    """One terminal's week."""

    MODE = "schedules"
    NUMBER = 6
    TITLE = N_("Schedules")
    HELP_TEXT = N_(
        "The week of one terminal. The server computes lateness from it at once; the terminal gets it by P.\n"
        "A mark before a day says what became of sending it. ▶ in the bar: it goes on the next day."
    )
    WITH_MARKS = False
    LOOK_SECONDS = 2.0
    COLUMNS = (
        Column("sync", "", 1),
        Column("day", N_("Day"), 9),
        Column("in", N_("In"), 7),
        Column("break", N_("Break"), 11),
        Column("out", N_("Out"), 7),
        Column("tolerance", N_("Tol."), 6),
        Column("bar", BAR_TITLE, 24),
        Column("name", N_("Name"), 10, grow=2, level=1),
        Column("sent", N_("On the terminal"), 15, grow=1, level=1),
        Column("valid", N_("In effect"), 23, level=2),
    )
    ACTIONS = (
        Action(
            "schedules.edit",
            "e",
            N_("change the hours"),
            N_("change"),
            operation="schedules.change",
            arguments=_schedule_id,
            do="edit",
            why_not=_no_schedule,
        ),
        Action(
            "schedules.new",
            "n",
            N_("new hours"),
            N_("new"),
            operation="schedules.add",
            do="add",
            needs_target=False,
        ),
        Action(
            "schedules.duplicate",
            "d",
            N_("duplicate the week to other terminals…"),
            N_("duplicate…"),
            operation="schedules.copy",
            do="duplicate",
            needs_target=False,
        ),
        Action(
            "schedules.delete",
            "delete",
            N_("delete the hours…"),
            N_("delete…"),
            operation="schedules.delete",
            arguments=_schedule_id,
            tier=1,
            effect=N_("z brings them back; what the terminal was sent of them stays there"),
            why_not=_no_schedule,
            undo=_undo_delete,
            letter="x",
        ),
        Action(
            "schedules.send_week",
            "P",
            N_("send to the terminal"),
            N_("send"),
            operation="schedules.sync",
            do="send",
            needs_target=False,
        ),
        Action(
            "schedules.assess",
            "l",
            N_("who was late"),
            N_("lateness"),
            operation="schedules.assess",
            do="assess",
            needs_target=False,
        ),
    )

    def __init__(self, terminal_id: int) -> None:
        super().__init__()
        self.terminal_id = terminal_id
        self._week: tuple[Schedule, ...] = ()
        self._panel = Still(id="facts-of-week", classes="panel")

    @property
    def memory_name(self) -> str:
        """Not the filter of the list of terminals."""
        return "week"

    @property
    def line(self) -> TerminalLine:
        """The terminal.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        for line in self.app.seen.terminals:
            if line.id == self.terminal_id:
                return line
        raise NotFound("terminal", self.terminal_id)

    def body(self) -> ComposeResult:
        """The week, and what is to be known of it."""
        yield self.grid
        yield self._panel
        yield self.bar

    def trail(self) -> Sequence[str]:
        """Which terminal."""
        found = self.app.terminal_line(self.terminal_id)
        return [named(found)] if found is not None else []

    def subject(self) -> Mapping[str, Any]:
        """The terminal."""
        return {"terminal_id": self.terminal_id}

    def heading(self) -> str:
        """What applies it."""
        return f"{_('Week')} · {_('applied by the server')}"

    async def page(self, start: Any) -> Page:
        """Every day, those without hours too."""
        found: list[Schedule] = await self.call("schedules.list", terminal_id=self.terminal_id)
        self._week = tuple(found)
        rows: list[Row] = []
        for weekday, title in enumerate(DAYS):
            hours = [one for one in found if one.weekday == weekday]
            if not hours:
                rows.append(Row(("day", weekday), {"day": _(title), "in": ("–", "dim")}, weekday))
            rows += [self._row(one, "" if place else _(title)) for place, one in enumerate(hours)]
        return Page(tuple(rows))

    def _row(self, one: Schedule, title: str) -> Row:
        sync = SYNC[one.sync_status] if one.is_active else INACTIVE
        tone = "" if one.is_active else "dim"
        pause = ""
        if one.break_start_time is not None:
            pause = f"{clock(one.break_start_time)}-{clock(one.break_end_time)}"
        limits = [day.isoformat() if day else "" for day in (one.effective_from, one.effective_until)]
        cells: dict[str, Cell] = {
            "sync": (sync.mark(), sync.tone),
            "day": title,
            "in": (clock(one.check_in_time), tone),
            "break": (pause or "–", tone or ("" if pause else "dim")),
            "out": (clock(one.check_out_time) + ("+1" if is_night(one) else ""), tone),
            "tolerance": (f"{one.tolerance_minutes} min", tone),
            "bar": (bar(one), tone or "accent"),
            "name": (safe(one.name), tone),
            "sent": (_(sync.word), sync.tone),
            "valid": (" → ".join(limits) if any(limits) else _("always"), "dim"),
        }
        return Row(one.id, cells, one)

    def target_of(self, row: Row) -> Target:
        """Hours of a day."""
        record = row.record
        if isinstance(record, Schedule):
            label = f"{described(record)} · {safe(record.name, 40)}"
            return Target(row.key, label, state=_(SYNC[record.sync_status].word), record=record)
        return Target(row.key, _(DAYS[record]), record=record)

    def copied(self, row: Row) -> str:
        """The hours in words."""
        return described(row.record) if isinstance(row.record, Schedule) else _(DAYS[row.record])

    def open_row(self, row: Row) -> None:
        """Enter changes the hours, or adds some."""
        self.action_do("schedules.edit" if isinstance(row.record, Schedule) else "schedules.new")

    def preview(self, row: Row | None) -> None:
        """What became of sending, and what z would take back."""
        if not self.is_mounted:
            return
        self._panel.display = self.app.size.height >= _PANEL_ROWS
        active = [one for one in self._week if one.is_active]
        unsent = sum(one.sync_status == "pending" for one in active)
        text = ngettext("{count} change not sent", "{count} changes not sent", unsent)
        told = text.format(count=unsent) if unsent else _("nothing waits to be sent")
        self._panel.entitle(f"{_('On the terminal')} · {told}")
        zone, now = self.app.zone, self.app.now()
        lines = []
        if row is not None and isinstance(row.record, Schedule):
            one: Schedule = row.record
            sync = SYNC[one.sync_status] if one.is_active else INACTIVE
            when = formats.moment(one.synced_at, zone, now)
            parts: list[paint.Part] = [f"{described(one)}  ", (sync.text(), sync.tone)]
            if one.sync_reason:
                parts.append(f" — {safe(sentence(one.sync_reason), 300)}")
            if one.synced_at is not None:
                parts.append((f"  ({_('confirmed')} {when})", "dim"))
            lines.append(paint.line(*parts))
            lines.append(
                paint.line(
                    (_("changed {when}").format(when=formats.moment(one.updated_at, zone, now)), "dim")
                )
            )
        else:
            lines.append(paint.line((_("no hours: whoever comes that day is not late"), "dim")))
        lines.append(
            paint.line(
                (_("Lateness is computed here; P sends the hours to the terminal, also as zones."), "dim")
            )
        )
        if (undo := self.app.next_undo) is not None:
            lines.append(paint.line(("z ", "accent"), undo.what or undo.sentence))
        self._panel.show(paint.lines(*lines))

    # Acting

    async def edit(self, plan: Plan) -> None:
        """The form of the hours under the cursor."""
        before: Schedule = plan.eligible[0].record
        old = given_of(before)

        async def save(values: dict[str, Any]) -> Schedule:
            changes = {name: value for name, value in values.items() if value != old[name]}
            after: Schedule = await self.call(
                "schedules.change", schedule_id=before.id, given=changes, terminal_id=self.terminal_id
            )
            undo = Undo(
                "schedules.replace",
                {"schedule_id": before.id, "given": old},
                _("as before: {what}").format(what=described(before)),
                _("back to {what}").format(what=described(before)),
            )
            self._saved(after, undo)
            return after

        self.app.push_screen(Form(_("Change {what}").format(what=described(before)), fields_of(old), save))

    async def add(self) -> None:
        """The form of new hours on the day under the cursor, like those of another day."""
        row = self.grid.cursor_row
        weekday = 0 if row is None else row.record if isinstance(row.record, int) else row.record.weekday
        like = self._week[0] if self._week else None

        async def save(values: dict[str, Any]) -> Schedule:
            made: Schedule = await self.call("schedules.add", terminal_id=self.terminal_id, given=values)
            undo = Undo(
                "schedules.delete",
                {"schedule_id": made.id},
                _("taken back: {what}").format(what=described(made)),
                _("take back {what}").format(what=described(made)),
            )
            self._saved(made, undo)
            return made

        title = _("New hours for {terminal}").format(terminal=named(self.line))
        self.app.push_screen(Form(title, fields_of(new_given(weekday, like)), save))

    def _saved(self, schedule: Schedule, undo: Undo) -> None:
        self.app.remember_undo(undo)
        text = _("saved: {what} — P sends it to the terminal").format(what=described(schedule))
        self.app.tell("good", text, ref=self.app.last_reference)
        self._is_settled = False
        self.look_soon()

    async def duplicate(self) -> None:
        """Give other terminals this week."""
        ask_to_copy(self, self.line, self.app.seen.terminals, len(self._week))

    async def send(self) -> None:
        """Tell the terminal."""
        active = [one for one in self._week if one.is_active]
        if not active:
            self.app.tell("warn", _("no active schedule to send"))
            return
        ask_to_send(self, [self.line], sum(one.sync_status != "confirmed" for one in active))

    async def assess(self) -> None:
        """Who was on time: asked by the user's id."""

        def answered(enrollid: str | None) -> None:
            if enrollid:
                self.do_soon(lambda: self._assess(enrollid), "assess")

        title, prompt = _("Who was late"), _("Id of the user on the terminal (enrollid), last seven days:")
        self.app.push_screen(Ask(title, prompt), answered)

    async def _assess(self, enrollid: str) -> None:
        view = await self.call("terminals.get", terminal_id=self.terminal_id)
        found = await self.call("schedules.assess", terminal_id=self.terminal_id, enrollid=enrollid)
        zone = formats.zone_of(view.terminal.timezone)
        self.app.push_screen(
            Notice(f"{_('Who was late')}{_(': ')}{safe(enrollid, 32)}", assessment(found, zone))
        )
