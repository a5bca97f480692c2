"""The detail of one terminal: what it is, and behind tabs what came from it and what was asked of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from tm20tui.operations.registry import to_json
from tm20tui.snapshot import TerminalLine
from tm20tui.tui import formats, paint
from tm20tui.tui.actions import Action, Target
from tm20tui.tui.command_words import command_state
from tm20tui.tui.counted import counted
from tm20tui.tui.dialogs import Notice
from tm20tui.tui.grid import Cell, Column, Row
from tm20tui.tui.language import N_, _, ngettext, sentence
from tm20tui.tui.modes.terminal_acts import TERMINAL_ACTIONS, TerminalActs, target_of
from tm20tui.tui.modes.terminal_facts import advice, state_words, used_of
from tm20tui.tui.modes.week_words import DAYS
from tm20tui.tui.punch_cells import punch_cells
from tm20tui.tui.safe import safe
from tm20tui.tui.states import CANCELLED, DONE, FAILED, PENDING, UNKNOWN, terminal_state, troubled_terminals
from tm20tui.tui.tabbed import Tab, TabbedMode
from tm20tui.tui.table_mode import Page, text_of

_PAGE = 100
_SERVICES_SECONDS = 30.0
_RESULTS = {"confirmed": DONE, "refused": FAILED, "pending": PENDING, "not verified": UNKNOWN}
_OUTCOMES = {"done": DONE, "refused": CANCELLED, "failed": FAILED}
_TIME = Column("time", N_("Time"), 12)
_STATE = Column("state", "", 1)


class TerminalDetail(TerminalActs, TabbedMode):
    """One terminal."""

    MODE = "terminals"
    NUMBER = 2
    TITLE = N_("Terminals")
    HELP_TEXT = N_("One terminal: what it is, its punches, users, schedules, commands, messages and audit.")
    WITH_MARKS = False
    ACTIONS = TERMINAL_ACTIONS
    TABS = (
        Tab(
            "punches",
            N_("Punches"),
            (
                _TIME,
                Column("name", N_("Name"), 16, grow=2),
                Column("direction", N_("Dir."), 7),
                Column("mode", N_("Mode"), 10),
                Column("delivery", N_("Delivery"), 12),
            ),
            empty=N_("no punch was received from it yet"),
            is_paged=True,
        ),
        Tab(
            "users",
            N_("Users"),
            (
                _STATE,
                Column("number", N_("Number"), 10),
                Column("name", N_("Name"), 16, grow=2),
                Column("there", N_("There"), 10),
                Column("wanted", N_("Wanted"), 10),
                Column("reason", N_("Reason"), 10, grow=3, level=1),
            ),
            empty=N_("it told of no user and none is wanted there: p pushes the site's users"),
            is_paged=True,
        ),
        Tab(
            "schedules",
            N_("Schedules"),
            (
                _STATE,
                Column("day", N_("Day"), 10),
                Column("hours", N_("Hours"), 12),
                Column("break", N_("Break"), 12),
                Column("name", N_("Name"), 12, grow=1),
                Column("reason", N_("Reason"), 10, grow=2, level=1),
            ),
            empty=N_("no schedule: 6 makes one"),
        ),
        Tab(
            "commands",
            N_("Commands"),
            (
                _TIME,
                _STATE,
                Column("name", N_("Command"), 14),
                Column("status", N_("State"), 12),
                Column("operator", N_("Who"), 10, level=1),
                Column("reason", N_("Reason"), 10, grow=1),
            ),
            empty=N_("nothing was asked of it yet"),
            is_paged=True,
        ),
        Tab(
            "messages",
            N_("Messages"),
            (_TIME, Column("length", N_("Bytes"), 7, right=True), Column("body", N_("Message"), 20, grow=1)),
            empty=N_("no message is kept (ingest.frame_keep_days)"),
            is_paged=True,
        ),
        Tab(
            "audit",
            N_("Audit"),
            (
                _TIME,
                _STATE,
                Column("operator", N_("Who"), 10),
                Column("operation", N_("Operation"), 20, grow=1),
                Column("reason", N_("Reason"), 10, grow=2),
            ),
            empty=N_("nobody did anything to it yet"),
            operation="audit.list",
            is_paged=True,
        ),
    )
    CSS = """
    TerminalDetail #summary { height: auto; }
    """

    def __init__(self, terminal_id: int) -> None:
        super().__init__()
        self.terminal_id = terminal_id
        self._services: Sequence[Any] = ()
        self._services_at = -_SERVICES_SECONDS
        self._shown = ""

    @property
    def offered(self) -> Sequence[Action]:
        """The same as in the list, whatever the tab."""
        return self.ACTIONS

    @property
    def line(self) -> TerminalLine | None:
        """The terminal as it is now."""
        return self.app.terminal_line(self.terminal_id)

    def body(self) -> ComposeResult:
        """A summary above the tabs."""
        yield Static(id="summary", classes="panel", markup=False)
        yield from super().body()

    def trail(self) -> list[str]:
        """Which one."""
        line = self.line
        return [] if line is None else [f"{line.sn} {line.name}".strip()]

    def targets(self) -> Sequence[Target]:
        """The terminal, wherever the cursor is."""
        line = self.line
        if line is None:
            return []
        return [target_of(line, terminal_state(line, troubled_terminals(self.app.seen.active_alarms)))]

    async def look(self) -> None:
        """Ask for the summary's rest now and then, and for the tab; leave a terminal that was deleted."""
        if self.line is None and self._shown and self.is_current:
            self.app.pop_screen()
            return
        if self.app.elapsed() - self._services_at >= _SERVICES_SECONDS:
            self._services = await self.call("services.list")
            self._services_at = self.app.elapsed()
        self._draw_summary()
        await super().look()

    async def page(self, start: Any) -> Page:
        """A page of the tab; the filter is of what the page holds."""
        make: Callable[[Any], Awaitable[Page]] = getattr(self, f"_{self.tab.key}")
        page = await make(start)
        if not self.filter or not self.is_paged:
            return page
        rows = tuple(row for row in page.rows if self.filter.matches(text_of(row), self.fields_of(row)))
        return Page(rows, page.next)

    async def _punches(self, start: Any) -> Page:
        page = await self.call("punches.list", terminal_id=self.terminal_id, after_id=start, limit=_PAGE)
        zone, now = self.app.zone, self.app.now()
        rows = tuple(Row(log.id, punch_cells(log, "", zone, now), log) for log in page.logs)
        return Page(rows, None if page.next is None else page.next.id)

    async def _users(self, start: Any) -> Page:
        page = await self.call("terminals.users", terminal_id=self.terminal_id, after_id=start, limit=_PAGE)
        rows = []
        for user in page.users:
            state = _RESULTS.get(user.result)
            cells: dict[str, Cell] = {
                "state": ("", "") if state is None else (state.mark(), state.tone),
                "number": safe(user.enrollid, 30),
                "name": safe(user.name or user.reported_name, 100),
                "there": _(user.reported_state),
                "wanted": _(user.desired_state) if user.desired_state else formats.NONE,
                "reason": safe(sentence(user.reason), 200),
            }
            rows.append(Row(user.user_id, cells, user))
        return Page(tuple(rows), page.next_after_id)

    async def _schedules(self, start: Any) -> Page:
        found = await self.call("schedules.list", terminal_id=self.terminal_id)
        rows = []
        for one in sorted(found, key=lambda one: (one.weekday, one.check_in_time)):
            state = _RESULTS.get(one.sync_status, UNKNOWN) if one.is_active else CANCELLED
            pause = formats.NONE
            if one.break_start_time is not None and one.break_end_time is not None:
                pause = f"{one.break_start_time:%H:%M}-{one.break_end_time:%H:%M}"
            cells: dict[str, Cell] = {
                "state": (state.mark(), state.tone),
                "day": _(DAYS[one.weekday]),
                "hours": f"{one.check_in_time:%H:%M}-{one.check_out_time:%H:%M}",
                "break": pause,
                "name": safe(one.name, 100),
                "reason": safe(sentence(one.sync_reason), 200),
            }
            rows.append(Row(one.id, cells, one))
        return Page(tuple(rows))

    async def _commands(self, start: Any) -> Page:
        page = await self.call("commands.list", terminal_id=self.terminal_id, after=start, limit=_PAGE)
        rows = []
        for record in page.commands:
            state = command_state(record.status)
            cells: dict[str, Cell] = {
                "time": formats.moment(record.created_at, self.app.zone, self.app.now()),
                "state": (state.mark(), state.tone),
                "name": safe(record.name, 32),
                "status": _(record.status),
                "operator": safe(record.operator, 40),
                "reason": safe(sentence(record.reason), 200),
            }
            rows.append(Row(record.id, cells, record))
        return Page(tuple(rows), page.next)

    async def _messages(self, start: Any) -> Page:
        before_id, before_at = start or (None, None)
        page = await self.call(
            "terminals.messages",
            terminal_id=self.terminal_id,
            before_id=before_id,
            before_at=before_at,
            limit=_PAGE,
        )
        rows = tuple(
            Row(
                one.id,
                {
                    "time": formats.moment(one.received_at, self.app.zone, self.app.now()),
                    "length": formats.number(one.length),
                    "body": safe(one.body, 300),
                },
                one,
            )
            for one in page.messages
        )
        last = page.messages[-1] if page.messages else None
        return Page(rows, (last.id, last.received_at) if page.more and last is not None else None)

    async def _audit(self, start: Any) -> Page:
        page = await self.call("audit.list", terminal_id=self.terminal_id, before_id=start, limit=_PAGE)
        rows = []
        for entry in page.entries:
            state = _OUTCOMES.get(entry.outcome, UNKNOWN)
            cells: dict[str, Cell] = {
                "time": formats.moment(entry.at, self.app.zone, self.app.now()),
                "state": (state.mark(), state.tone),
                "operator": safe(entry.operator, 40),
                "operation": safe(entry.operation, 64),
                "reason": safe(sentence(entry.reason), 200),
            }
            rows.append(Row(entry.id, cells, entry))
        return Page(tuple(rows), page.next_before_id)

    def open_row(self, row: Row) -> None:
        """A punch's story, a message as it was, the rest as it is recorded."""
        if self.tab.key == "punches":
            from tm20tui.tui.modes.punch_detail import PunchDetail

            self.app.push_screen(PunchDetail(row.record.id, self.MODE))
            return
        if self.tab.key == "messages":
            text = _pretty(row.record.body)
        else:
            text = json.dumps(to_json(row.record), ensure_ascii=False, indent=2)
        shown = "\n".join(safe(line, 2000) for line in text.split("\n"))
        self.app.push_screen(Notice(_(self.tab.title), Content(shown)))

    def copied(self, row: Row) -> str:
        """The terminal's serial."""
        line = self.line
        return "" if line is None else line.sn

    def _draw_summary(self) -> None:
        line = self.line
        if line is None or not self.is_mounted:
            return
        state = terminal_state(line, troubled_terminals(self.app.seen.active_alarms))
        zone = self.app.zone
        since = f" · {_('since {time}').format(time=formats.minute(line.connected_at, zone))}"
        told = advice(self.app, line)
        services = ", ".join(
            safe(one.name, 40)
            for one in self._services
            if one.is_active and (one.terminal_ids is None or line.id in one.terminal_ids)
        )
        rows: list[tuple[str, list[paint.Part]]] = [
            (
                _("State"),
                [
                    (f"{state.mark()} {state_words(self.app, line, state)}", state.tone),
                    f" · {told}" if told else "",
                ],
            ),
            (
                _("Model"),
                [
                    " · ".join(part for part in map(safe, (line.model, line.firmware, line.mac)) if part)
                    or formats.NONE,
                    f" · {_('site')} {safe(line.site, 40)}",
                ],
            ),
            (
                _("Network"),
                [
                    safe(line.address, 60) or formats.NONE,
                    since if line.connected_at else "",
                    " · "
                    + ngettext("{count} drop in 24 h", "{count} drops in 24 h", line.drops).format(
                        count=line.drops
                    ),
                ],
            ),
            (
                _("Capacity"),
                [
                    f"{_('users')} {used_of(line.users_used, line.users_max, short=False)}",
                    f" · {_('logs')} {used_of(line.logs_used, line.logs_max, short=False)}",
                    f" · {_('clock')} {formats.drift(line.drift_seconds)}",
                ],
            ),
            (
                _("Services"),
                [services or _("none"), " · " + counted("undelivered", line.undelivered)],
            ),
        ]
        if self.app.size.height < 20:
            del rows[1:]
        width = max(len(name) for name, _parts in rows)
        content = paint.lines(*(paint.line((f"{name:<{width}}  ", "dim"), *parts) for name, parts in rows))
        if content.markup != self._shown:
            self._shown = content.markup
            self.query_one("#summary", Static).update(content)


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except ValueError:
        return body
