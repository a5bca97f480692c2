"""Mode 2: every terminal, problems first, and what can be done to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult

from tm20tui.snapshot import TerminalLine
from tm20tui.tui import formats, paint
from tm20tui.tui.actions import Action, Target, Undo
from tm20tui.tui.grid import Column, Row
from tm20tui.tui.language import N_, _
from tm20tui.tui.safe import safe
from tm20tui.tui.states import State, terminal_state, troubled_terminals
from tm20tui.tui.still import Still
from tm20tui.tui.table_mode import Page, TableMode


def _terminal_id(target: Target) -> Mapping[str, Any]:
    return {"terminal_id": target.record.id}


def _offline(target: Target) -> str:
    return "" if target.record.state == "online" else N_("not connected: a door is never opened later")


def _not_approvable(target: Target) -> str:
    return N_("approved already") if target.record.state in ("online", "offline") else ""


def _undo_approval(target: Target, result: Any) -> Undo | None:
    return Undo(
        "terminals.block", _terminal_id(target), _("blocked again: {target}").format(target=target.label)
    )


class TerminalsMode(TableMode):
    """Every terminal."""

    MODE = "terminals"
    NUMBER = 2
    TITLE = N_("Terminals")
    HELP_TEXT = N_("Every terminal that has dialled in, problems first.")
    EMPTY = N_("no terminal has connected yet")
    COLUMNS = (
        Column("state", N_("S"), 2),
        Column("sn", N_("SN"), 13, grow=1),
        Column("name", N_("Name"), 13, grow=2),
        Column("seen", N_("Seen"), 8),
        Column("punches", N_("Punches"), 7, right=True),
        Column("drift", N_("Drift"), 8, right=True),
        Column("address", N_("Address"), 15, level=1),
    )
    SORTS: ClassVar = {
        "state": lambda row: (row.record[1].rank, row.record[0].sn),
        "sn": lambda row: row.record[0].sn,
        "name": lambda row: row.record[0].name.casefold(),
        "drift": lambda row: -abs(row.record[0].drift_seconds or 0),
    }
    ACTIONS = (
        Action(
            "terminals.approve",
            "A",
            N_("approve"),
            N_("approve"),
            operation="terminals.approve",
            arguments=_terminal_id,
            why_not=_not_approvable,
            undo=_undo_approval,
        ),
        Action(
            "terminals.door",
            "o",
            N_("open the door"),
            N_("door"),
            operation="terminals.door",
            arguments=_terminal_id,
            tier=1,
            effect=N_("at once, for as long as is set at the terminal; cannot be undone"),
            why_not=_offline,
        ),
        Action(
            "terminals.time",
            "t",
            N_("set the clock"),
            N_("clock"),
            operation="terminals.time",
            arguments=_terminal_id,
            tier_many=1,
            effect=N_("the terminal's clock is set to the time of its site"),
        ),
    )

    def body(self) -> ComposeResult:
        """The table and a preview of the row under the cursor."""
        yield self.grid
        yield Still(id="preview", classes="panel")
        yield self.bar

    async def page(self, start: Any) -> Page:
        """Everything: terminals are few."""
        troubled = troubled_terminals(self.app.seen.active_alarms)
        return Page(
            tuple(self._row(line, terminal_state(line, troubled)) for line in self.app.seen.terminals)
        )

    def _row(self, line: TerminalLine, state: State) -> Row:
        now = self.app.now()
        return Row(
            line.id,
            {
                "state": (state.mark(), state.tone),
                "sn": safe(line.sn),
                "name": safe(line.name),
                "seen": formats.age(line.last_seen_at, now),
                "punches": formats.number(line.punches),
                "drift": formats.drift(line.drift_seconds),
                "address": safe(line.address),
            },
            (line, state),
        )

    def target_of(self, row: Row) -> Target:
        """A terminal."""
        line, state = row.record
        label = f"{safe(line.name, 30)} · {safe(line.sn, 30)}" if line.name else safe(line.sn, 30)
        return Target(row.key, label, word=line.sn, state=state.text(), record=line)

    def fields_of(self, row: Row) -> dict[str, str]:
        """`state:`, `sn:`, `name:`."""
        line, state = row.record
        return {"state": f"{line.state} {state.word}", "sn": line.sn, "name": line.name}

    def copied(self, row: Row) -> str:
        """The serial."""
        return str(row.record[0].sn)

    def preview(self, row: Row | None) -> None:
        """What is known of the terminal under the cursor."""
        if not self.is_mounted:
            return
        panel = self.query_one("#preview", Still)
        panel.display = row is not None and self.app.size.height >= 24
        if row is None:
            return
        line, state = row.record
        panel.entitle(f"{safe(line.sn, 40)} {safe(line.name, 40)}")
        panel.show(paint.line((state.text(), state.tone), f"   {safe(line.address, 45)}"))
