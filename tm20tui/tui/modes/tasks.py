"""Mode 8: what the server does time and again, what it does in the background, what waits for terminals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tm20tui.operations.commands import CommandRecord
from tm20tui.periodic import PeriodicRecord
from tm20tui.tasks import TaskRecord
from tm20tui.tui import formats
from tm20tui.tui.actions import Action, Target
from tm20tui.tui.dialogs import Notice
from tm20tui.tui.field_words import field_word, in_words
from tm20tui.tui.grid import Cell, Column, Row
from tm20tui.tui.language import N_, _, sentence
from tm20tui.tui.modes.task_words import (
    COMMANDS,
    WORKS,
    command_facts,
    periodic_facts,
    task_result,
    work_facts,
)
from tm20tui.tui.modes.terminal_facts import named
from tm20tui.tui.safe import safe
from tm20tui.tui.states import DONE, FAILED, PENDING, RUNNING
from tm20tui.tui.tabbed import Tab, TabbedMode
from tm20tui.tui.table_mode import Page
from tm20tui.tui.task_names import task_name

_COMMANDS_SHOWN = 200
_OFTEN_SECONDS = 60.0
"""What runs more often is shown without its seconds: a screen that always changes tells nothing."""
_STATE = Column("state", "", 1)


def _is_over(target: Target) -> str:
    return "" if target.record.status == "running" else N_("it is over")


def _is_running(target: Target) -> str:
    return N_("it is running now") if target.record.running else ""


def _not_queued(target: Target) -> str:
    return "" if target.record.status == "queued" else N_("only what is still queued can be taken back")


def _task_id(target: Target) -> Mapping[str, Any]:
    return {"task_id": target.record.id}


def _command_id(target: Target) -> Mapping[str, Any]:
    return {"command_id": target.record.id}


_RUN = Action(
    "tasks.run_now",
    "r",
    N_("run now"),
    N_("run now"),
    operation="tasks.run_now",
    arguments=lambda target: {"name": target.record.name},
    why_not=_is_running,
)
_CANCEL_TASK = Action(
    "tasks.cancel",
    "delete",
    N_("cancel the work…"),
    N_("cancel…"),
    operation="tasks.cancel",
    arguments=_task_id,
    tier=1,
    effect=N_("it stops where it can; what it did until then stays done"),
    why_not=_is_over,
    letter="x",
)
_CANCEL_COMMAND = Action(
    "commands.cancel",
    "delete",
    N_("take the command back…"),
    N_("take back…"),
    operation="commands.cancel",
    arguments=_command_id,
    tier=1,
    effect=N_("the terminal is not asked for it any more"),
    why_not=_not_queued,
    letter="x",
)


class TasksMode(TabbedMode):
    """Periodic work, background work, commands of terminals."""

    MODE = "tasks"
    NUMBER = 8
    TITLE = N_("Tasks")
    HELP_TEXT = N_(
        "What runs by itself and when next, what was begun and how far it is, what terminals were asked.\n"
        "Commands: terminal:name state:queued filter on the server; state:open is all that is not settled."
    )
    LOOK_SECONDS = 1.0
    ACTIONS = (_RUN, _CANCEL_TASK, _CANCEL_COMMAND)
    TABS = (
        Tab(
            "work",
            N_("Work"),
            (
                _STATE,
                Column("name", N_("Name"), 18, grow=2),
                Column("progress", N_("Progress"), 13, right=True),
                Column("result", N_("Result"), 20, grow=3),
                Column("started", N_("Begun"), 12),
                Column("duration", N_("Time taken"), 10, right=True, level=1),
                Column("id", N_("Trace"), 8, level=2),
            ),
            empty=N_("no work is running or remembered"),
            actions=(_CANCEL_TASK,),
        ),
        Tab(
            "periodic",
            N_("Periodic"),
            (
                _STATE,
                Column("name", N_("Name"), 18, grow=1),
                Column("result", N_("Last result"), 18, grow=2),
                Column("last", N_("Last run"), 12),
                Column("next", N_("Next run"), 12),
                Column("every", N_("Every"), 10, right=True, level=1),
                Column("duration", N_("Time taken"), 10, right=True, level=1),
            ),
            empty=N_("nothing runs by itself"),
            sorts={"name": lambda row: row.record.name},
            actions=(_RUN,),
        ),
        Tab(
            "commands",
            N_("Commands"),
            (
                _STATE,
                Column("terminal", N_("Terminal"), 14, grow=1),
                Column("name", N_("Command"), 14, grow=1),
                Column("status", N_("State"), 12),
                Column("asked", N_("Asked"), 12),
                Column("reason", N_("Reason"), 10, grow=3),
                Column("operator", N_("Who"), 10, level=1),
                Column("settled", N_("Settled"), 12, level=1),
                Column("attempts", N_("Sent"), 6, right=True, level=2),
                Column("expires", N_("Expires"), 12, level=2),
                Column("number", N_("No."), 8, right=True, level=2),
            ),
            empty=N_("no terminal was asked for anything yet"),
            is_paged=True,
            actions=(_CANCEL_COMMAND,),
        ),
    )

    def first_hints(self) -> list[tuple[str, str]]:
        """Keys of every tab."""
        app = self.app
        return [
            (app.key_name("enter"), _("detail")),
            (f"{app.key_name('left')} {app.key_name('right')}", _("tab")),
        ]

    async def page(self, start: Any) -> Page:
        """What the tab has to show."""
        if self.tab.key == "periodic":
            return Page(tuple(map(self._of_periodic, await self.call("tasks.periodic"))))
        if self.tab.key == "work":
            return Page(tuple(map(self._of_work, await self.call("tasks.list"))))
        return await self._commands(start)

    def _when(self, at: Any) -> str:
        return formats.moment(at, self.app.zone, self.app.now())

    def _of_periodic(self, one: PeriodicRecord) -> Row:
        state = (
            RUNNING
            if one.running
            else FAILED
            if one.last_error
            else DONE
            if one.last_finished_at
            else PENDING
        )
        result = sentence(one.last_error) if one.last_error else task_result(one.last_result)
        every = "–" if one.interval_seconds is None else formats.span(one.interval_seconds)
        cells: dict[str, Cell] = {
            "state": (state.mark(), state.tone),
            "name": task_name(one.name),
            "result": (safe(result), "bad" if one.last_error else ""),
            "last": self._coarse(one.last_started_at, one.interval_seconds),
            "next": _("now") if state is RUNNING else self._coming(one),
            "every": every,
            "duration": _duration(one.last_started_at, one.last_finished_at),
        }
        return Row(one.name, cells, one)

    def _coarse(self, at: Any, interval: float | None) -> str:
        """What runs every few seconds would be painted every few seconds."""
        return (
            self._when(at)
            if interval is None or interval >= _OFTEN_SECONDS or at is None
            else _("< 1 min ago")
        )

    def _coming(self, one: PeriodicRecord) -> str:
        if (
            one.next_run_at is not None
            and one.interval_seconds is not None
            and one.interval_seconds < _OFTEN_SECONDS
        ):
            return _("in < 1 min")
        return formats.until(one.next_run_at, self.app.now(), self.app.zone)

    def _of_work(self, one: TaskRecord) -> Row:
        state = WORKS[one.status]
        progress = formats.number(one.done) if one.total is None else f"{one.done}/{one.total}"
        result = in_words(sentence(one.error)) if one.error else task_result(one.result)
        if one.status == "running":
            result = _(one.status)
        cells: dict[str, Cell] = {
            "state": (state.mark(), state.tone),
            "name": self._called(one.name),
            "progress": progress if one.total is not None or one.done else "–",
            "result": (safe(result or _(one.status)), state.tone if one.status != "done" else ""),
            "started": self._when(one.started_at),
            "duration": _duration(one.started_at, one.finished_at),
            "id": (one.id[:6], "dim"),
        }
        return Row(one.id, cells, one)

    async def _commands(self, start: int | None) -> Page:
        found, wanted = self.filter, None
        name = found.field("terminal") or (found.words[0] if found.words else None)
        if name is not None:
            wanted = self._terminal_of(name)
            if wanted is None:
                return Page(())
        status = found.field("state")
        page = await self.call(
            "commands.list",
            terminal_id=wanted,
            status=None if status is None else status.replace("-", " "),
            name=found.field("name"),
            after=start,
            limit=_COMMANDS_SHOWN,
        )
        names = {line.id: line.name or line.sn for line in self.app.seen.terminals}
        rows = [self._of_command(one, names.get(one.terminal_id, "?")) for one in page.commands]
        return Page(tuple(rows), page.next)

    def _terminal_of(self, text: str) -> int | None:
        """The first terminal of that serial or name."""
        folded = text.casefold()
        for line in self.app.seen.terminals:
            if folded in line.sn.casefold() or folded in line.name.casefold():
                return line.id
        return None

    def _of_command(self, one: CommandRecord, terminal: str) -> Row:
        state = COMMANDS[one.status]
        cells: dict[str, Cell] = {
            "state": (state.mark(), state.tone),
            "terminal": safe(terminal),
            "name": safe(one.name),
            "status": (_(one.status), state.tone),
            "asked": self._when(one.created_at),
            "reason": safe(sentence(one.reason)),
            "operator": safe(one.operator),
            "settled": self._when(one.settled_at),
            "attempts": formats.number(one.attempts),
            "expires": "–" if one.is_settled else self._when(one.expires_at),
            "number": formats.number(one.id),
        }
        return Row(one.id, cells, one)

    def target_of(self, row: Row) -> Target:
        """A task by its name, a command by its name and terminal."""
        record = row.record
        if isinstance(record, CommandRecord):
            cell = row.cells["terminal"]
            label = f"{safe(record.name, 30)} · {cell if isinstance(cell, str) else cell[0]}"
            return Target(row.key, label, state=_(record.status), record=record)
        return Target(row.key, self._called(record.name), record=record)

    def _called(self, name: str) -> str:
        """A task by what is done; one operation on many targets by its action."""
        operation, many, count = name.partition(" ×")
        label = self.app.label_of(operation) if many else ""
        return f"{label} ×{count}" if label else task_name(name)

    def _named(self, argument: str, value: Any) -> str:
        """`Entrée nord · ZX01` for `terminal_id`, while there is such a terminal."""
        line = self.app.terminal_line(value) if argument == "terminal_id" else None
        return f"{field_word(argument)} {value}" if line is None else named(line)

    def open_row(self, row: Row) -> None:
        """All there is to know."""
        record, app = row.record, self.app
        if isinstance(record, TaskRecord):
            content = work_facts(record, app.zone, self._named)
        elif isinstance(record, PeriodicRecord):
            content = periodic_facts(record, app.zone)
        else:
            content = command_facts(record, app.zone)
        app.push_screen(Notice(self.target_of(row).label, content))


def _duration(start: Any, end: Any) -> str:
    if start is None or end is None or end < start:
        return "–"
    seconds = (end - start).total_seconds()
    if seconds < 1:
        return "< 1 s"
    return f"{formats.decimal(seconds)} s" if seconds < 60 else formats.span(seconds)
