"""Mode 6: the working hours of each terminal; Enter opens a week."""

from __future__ import annotations

from typing import Any, ClassVar

from tm20tui.operations.schedules import WeekSummary
from tm20tui.snapshot import TerminalLine
from tm20tui.tui import formats
from tm20tui.tui.actions import Action, Plan, Target
from tm20tui.tui.counted import counted
from tm20tui.tui.grid import Cell, Column, Row
from tm20tui.tui.language import N_, _
from tm20tui.tui.modes.schedule_week import WeekScreen
from tm20tui.tui.modes.terminal_facts import named
from tm20tui.tui.modes.week_acts import ask_to_copy, ask_to_send
from tm20tui.tui.modes.week_words import SYNC
from tm20tui.tui.safe import safe
from tm20tui.tui.states import INACTIVE, State, terminal_state, troubled_terminals
from tm20tui.tui.table_mode import Page, TableMode

_NONE = WeekSummary(0, 0, 0, 0, 0, 0, 0, 0, None)


def _nothing_to_send(target: Target) -> str:
    return "" if target.record[1].active else N_("it has no active schedule")


class SchedulesMode(TableMode):
    """Terminals with what they have of schedules."""

    MODE = "schedules"
    NUMBER = 6
    TITLE = N_("Schedules")
    HELP_TEXT = N_(
        "Working hours by terminal and weekday; Enter opens a week. Lateness is computed by the server\n"
        "from what is here. Whether a terminal holds the hours too is told separately: many do not know them."
    )
    EMPTY = N_("no terminal has connected yet: schedules belong to terminals")
    LOOK_SECONDS = 2.0
    COLUMNS = (
        Column("sync", "", 1),
        Column("name", N_("Name"), 14, grow=2),
        Column("sn", N_("SN"), 13, grow=1),
        Column("total", N_("Schedules"), 10, right=True),
        Column("days", N_("Days"), 5, right=True),
        Column("unsent", N_("Not sent"), 12, right=True),
        Column("outcome", N_("On the terminal"), 30, grow=1, level=1),
        Column("synced", N_("Confirmed"), 12, level=1),
        Column("state", N_("State"), 14, level=2),
    )
    SORTS: ClassVar = {
        "name": lambda row: (safe(row.record[0].name).casefold() or "~", row.record[0].sn),
        "sn": lambda row: row.record[0].sn,
        "total": lambda row: -row.record[1].total,
        "unsent": lambda row: -_unsent(row.record[1]),
    }
    ACTIONS = (
        Action(
            "schedules.send",
            "P",
            N_("send to the terminal"),
            N_("send"),
            operation="schedules.sync",
            arguments=lambda target: {"terminal_id": target.key},
            do="send",
            why_not=_nothing_to_send,
        ),
        Action(
            "schedules.copy",
            "d",
            N_("duplicate the week to other terminals…"),
            N_("duplicate…"),
            operation="schedules.copy",
            arguments=lambda target: {"from_terminal_id": target.key},
            do="duplicate",
            why_not=_nothing_to_send,
        ),
    )

    async def page(self, start: Any) -> Page:
        """Every terminal, those without schedules too."""
        found: dict[int, WeekSummary] = {one.terminal_id: one for one in await self.call("schedules.summary")}
        troubled = troubled_terminals(self.app.seen.active_alarms)
        rows = (
            self._row(line, found.get(line.id, _NONE), terminal_state(line, troubled))
            for line in self.app.seen.terminals
        )
        return Page(tuple(rows))

    def first_hints(self) -> list[tuple[str, str]]:
        """Enter."""
        return [(self.app.key_name("enter"), _("week"))]

    def _row(self, line: TerminalLine, summary: WeekSummary, state: State) -> Row:
        sync = _worst(summary)
        cells: dict[str, Cell] = {
            "sync": (sync.mark(), sync.tone),
            "name": safe(line.name),
            "sn": safe(line.sn),
            "total": formats.number(summary.total),
            "days": f"{summary.days}/7",
            "unsent": (formats.number(_unsent(summary)), "warn" if _unsent(summary) else "dim"),
            "outcome": (_told(summary), sync.tone),
            "synced": formats.age(summary.synced_at, self.app.now()),
            "state": (state.text(), state.tone),
        }
        return Row(line.id, cells, (line, summary))

    def fields_of(self, row: Row) -> dict[str, str]:
        """`sn:`, `name:`, `state:`."""
        line, _summary = row.record
        return {"sn": line.sn, "name": line.name, "state": line.state}

    def target_of(self, row: Row) -> Target:
        """A terminal with what it has."""
        return Target(row.key, named(row.record[0]), word=row.record[0].sn, record=row.record)

    def copied(self, row: Row) -> str:
        """The serial."""
        return str(row.record[0].sn)

    def open_row(self, row: Row) -> None:
        """The week."""
        self.app.push_screen(WeekScreen(row.record[0].id))

    async def send(self, plan: Plan) -> None:
        """Send the weeks of the marked terminals."""
        lines = [target.record[0] for target in plan.eligible]
        ask_to_send(self, lines, sum(_unsent(target.record[1]) for target in plan.eligible))

    async def duplicate(self, plan: Plan) -> None:
        """Copy the week under the cursor: of several it would not be clear which."""
        if len(plan.eligible) > 1:
            self.app.tell("warn", _("one week at a time: clear the marks (u)"))
            return
        line, summary = plan.eligible[0].record
        ask_to_copy(self, line, self.app.seen.terminals, summary.total)


def _unsent(summary: WeekSummary) -> int:
    return summary.active - summary.confirmed


def _worst(summary: WeekSummary) -> State:
    for status, count in (
        ("refused", summary.refused),
        ("pending", summary.pending),
        ("not known", summary.not_known),
        ("confirmed", summary.confirmed),
    ):
        if count:
            return SYNC[status]
    return INACTIVE


def _told(summary: WeekSummary) -> str:
    parts = [
        counted(word, count)
        for word, count in (
            ("refused", summary.refused),
            ("not known", summary.not_known),
            ("not sent", summary.pending),
            ("confirmed", summary.confirmed),
        )
        if count
    ]
    return " · ".join(parts) or _("nothing to send")
