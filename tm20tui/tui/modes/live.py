"""Mode 1, the first screen: how the server does, what is to be done, and punches as they come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal

from tm20tui.model import AttendanceLog
from tm20tui.operations.overview import Overview
from tm20tui.tui import formats
from tm20tui.tui.actions import Action, Target
from tm20tui.tui.grid import NORMAL, Column, Grid, Row
from tm20tui.tui.language import N_, _, ngettext
from tm20tui.tui.modes.live_events import EVENT_KINDS, event_lines
from tm20tui.tui.modes.live_panels import checklist, state_panel
from tm20tui.tui.modes.live_todo import ToDo, to_do
from tm20tui.tui.punch_cells import punch_cells
from tm20tui.tui.safe import safe
from tm20tui.tui.states import FROZEN, glyph
from tm20tui.tui.still import Still
from tm20tui.tui.table_mode import TableMode

_SHOWN = 200
_OVERVIEW_SECONDS = 10.0
_EVENTS_SHOWN = 50


def _acknowledgement(target: Target) -> dict[str, Any]:
    keys = target.record.alarm_keys
    return {"key": keys[0]} if keys else {}


def _no_alarm(target: Target) -> str:
    todo = target.record
    if not todo.alarm_keys:
        return N_("this is no alarm: it goes when it is done")
    return N_("acknowledged already") if todo.is_known else ""


class LiveMode(TableMode):
    """The first screen."""

    MODE = "live"
    NUMBER = 1
    TITLE = N_("Live")
    HELP_TEXT = N_("What is wrong, since when, and punches as they come. Enter opens what a row is about.")
    WITH_MARKS = False
    AUTO_FOCUS = "#table"
    EMPTY = N_("no punch was received yet")
    COLUMNS = (
        Column("time", N_("Time"), 12),
        Column("terminal", N_("Terminal"), 13, grow=2),
        Column("name", N_("Name"), 16, grow=3),
        Column("direction", N_("Dir."), 7),
        Column("mode", N_("Mode"), 10, level=1),
        Column("delivery", N_("Delivery"), 12),
    )
    BINDINGS: ClassVar = [Binding("f", "freeze", N_("freeze"), show=False, id="live.freeze")]
    ACTIONS = (
        Action(
            "alarms.acknowledge",
            "",
            N_("acknowledge the alarm"),
            operation="alarms.acknowledge",
            arguments=_acknowledgement,
            why_not=_no_alarm,
            letter="k",
        ),
    )
    CSS = """
    LiveMode #top { height: auto; }
    LiveMode.-narrow #todo { width: 100%; }
    LiveMode #state { width: 1fr; height: 8; }
    LiveMode #todo { width: 1fr; height: 8; }
    LiveMode #bottom { height: 1fr; }
    LiveMode #table { width: 5fr; }
    LiveMode #events { width: 3fr; }
    LiveMode.-narrow #state, LiveMode.-narrow #events { display: none; }
    LiveMode.-first #todo, LiveMode.-first #events { display: none; }
    LiveMode.-first #state { display: block; height: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._todo = Grid(
            (Column("mark", "", 1), Column("text", N_("What"), 20, grow=1), Column("go", "", 1, right=True)),
            id="todo",
        )
        self._events = Grid(
            (Column("time", N_("Time"), 8), Column("mark", "", 1), Column("text", N_("What"), 20, grow=1)),
            id="events",
        )
        self._overview: Overview | None = None
        self._trouble = ""
        self._overview_at = -_OVERVIEW_SECONDS
        self._stored = -1
        self._sums: tuple[int, ...] = ()
        self._is_frozen = self._is_asked = False
        self._top = 0
        self._last_event = -1
        self._names: dict[int, str] = {}

    def body(self) -> ComposeResult:
        """State and to do above, punches and events below."""
        with Horizontal(id="top"):
            yield Still(id="state", classes="panel")
            yield self._todo
        with Horizontal(id="bottom"):
            yield self.grid
            yield self._events
        yield self.bar

    def first_hints(self) -> list[tuple[str, str]]:
        """Freezing is no action of the server."""
        freeze = _("go on") if self._is_frozen else _("freeze")
        hints = [(self.app.key_name("enter"), _("open it")), (self.app.key_name("f"), freeze)]
        return [*hints, (self.app.key_name("slash"), _("filter")), (self.app.key_name("tab"), _("pane"))]

    # Looking

    async def look(self) -> None:
        """Ask only for what can have changed."""
        self._classify()
        app, seen = self.app, self.app.seen
        is_asked, self._is_asked = self._is_asked, False
        if is_asked or app.elapsed() - self._overview_at >= app.seconds_between(_OVERVIEW_SECONDS):
            self._overview = await self.call("server.overview")
            self._overview_at = app.elapsed()
        self._draw_state()
        self._show_todo()
        sums = tuple(line.sent + line.failed + line.pending for line in seen.services)
        names = {line.id: line.name for line in seen.terminals if line.name}
        known = self._stored, self._sums, self._names
        if (seen.punches_stored, sums, names) != known or is_asked:
            page = await self.call("punches.list", limit=_SHOWN)
            self._stored, self._sums, self._names = seen.punches_stored, sums, names
            self._all = tuple(self._row(log) for log in page.logs)
        self._show(settle=is_asked)
        if self._events.display:
            await self._look_at_events()

    def _row(self, log: AttendanceLog) -> Row:
        name = self._names.get(log.terminal_id, "")
        return Row(log.id, punch_cells(log, name, self.app.zone, self.app.now()), log)

    @property
    def is_following(self) -> bool:
        """Whether new punches are shown as they come."""
        return not self._is_frozen and self.grid.cursor_index == 0

    def _show(self, *, settle: bool = False, to_top: bool = False) -> None:
        rows: Sequence[Row] = self._all
        if self.filter:
            rows = [row for row in rows if self.filter.matches(_text(row), self.fields_of(row))]
        if self.is_following or settle or not self.grid.rows:
            self._top = max((row.record.id for row in self._all), default=0)
            self.grid.empty = self._nothing() if not rows else ""
            self.grid.show(rows, to_top=True)
        else:
            fresh = {row.key: row for row in self._all}
            self.grid.show([fresh.get(row.key, row) for row in self.grid.rows])
        self._title()

    def _waiting_count(self) -> int:
        """How many punches came since the newest that is shown, as far as they are known."""
        return sum(row.record.id > self._top for row in self._all)

    def _title(self) -> None:
        parts = [_("Live punches")]
        waiting = self._waiting_count()
        if self.is_following:
            parts.append(_("following"))
        else:
            held = f"{glyph(FROZEN)} {_('frozen')}" if self._is_frozen else _("not following (Home)")
            parts.append(held)
            if waiting:
                new = ngettext("{count} new", "{count} new", waiting)
                count = formats.number(waiting) + ("+" if waiting >= _SHOWN else "")
                parts.append(f"{glyph('▲')} {new.format(count=count)}")
        if self.filter:
            parts.append(_("filter: {filter}").format(filter=safe(self.filter.text, 40)))
        if self.has_class("-narrow") and self._overview is not None:
            parts.insert(1, _("{count} today").format(count=formats.number(self._overview.punches_today)))
        self.grid.entitle(" · ".join(parts))

    def _draw_state(self) -> None:
        panel = self.query_one("#state", Still)
        first = not self.app.seen.terminals
        if first != self.has_class("-first"):
            self.set_class(first, "-first")
            # The panel has another width from then on.
            self.call_after_refresh(self._draw_state)
        if self._overview is None:
            return
        if first:
            title, content = checklist(self.app, self._overview)
        else:
            title, content = state_panel(self.app, self._overview, panel.size.width - 4)
        panel.entitle(title)
        panel.show(content)

    def _show_todo(self) -> None:
        items = to_do(self.app)
        self._todo.empty = "" if items else _("nothing to do")
        self._todo.show(
            (
                Row(
                    item.key,
                    {
                        "mark": (item.state.mark(), item.state.tone),
                        "text": item.text,
                        "go": (str(item.number), "accent"),
                    },
                    item,
                )
                for item in items
            ),
            to_top=not self._todo.has_focus,
        )
        self._todo.entitle(_("To do ({count})").format(count=len(items)))
        if self.has_class("-narrow"):
            height = min(max(len(items), 1) + 3, max(4, self.app.size.height // 3))
            self._todo.styles.height = height

    async def _look_at_events(self) -> None:
        found = await self.call("events.recent", kinds=list(EVENT_KINDS), limit=_EVENTS_SHOWN)
        if found.last_number == self._last_event:
            return
        self._last_event = found.last_number
        self._events.empty = "" if found.events else _("nothing happened yet")
        rows = [
            Row(
                line.key,
                {
                    "time": formats.clock(line.at, self.app.zone),
                    "mark": (line.state.mark(), line.state.tone),
                    "text": line.text,
                },
                line.terminal_id,
            )
            for line in event_lines(found.events, self.app.zone)
        ]
        self._events.show(rows, to_top=self._events.cursor_index == 0)
        self._events.entitle(_("Events"))

    def _classify(self) -> None:
        narrow = self.app.size.width < NORMAL or self.app.size.height < 28
        if narrow != self.has_class("-narrow"):
            self.set_class(narrow, "-narrow")
            self._todo.styles.height = 8

    def on_resize(self) -> None:
        """Another layout."""
        self._classify()
        self.look_soon()

    # Keys

    def action_freeze(self) -> None:
        """Stop what moves, or let it go on."""
        self._is_frozen = not self._is_frozen
        if not self._is_frozen:
            self.grid.action_first()
            self._show(settle=True)
        self._title()
        self.draw_frame()

    def action_refresh_now(self) -> None:
        """Everything anew."""
        self._is_asked = True
        self.look_soon()

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Following begins and ends with the first row."""
        if event.grid is self.grid:
            event.stop()
            if self.is_following and self._waiting_count():
                self._show()
            self._title()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Enter: what the row is about."""
        event.stop()
        row = event.grid.find(event.key)
        if row is None:
            return
        if event.grid is self._todo:
            self._open(row.record)
        elif event.grid is self._events:
            if row.record is not None:
                self.app.open_terminal(row.record)
        else:
            self.open_row(row)

    def open_row(self, row: Row) -> None:
        """The terminal that a punch came from."""
        self.app.open_terminal(row.record.terminal_id)

    def _open(self, item: ToDo) -> None:
        if item.terminal_id is not None:
            self.app.open_terminal(item.terminal_id)
            return
        mode = next((mode for mode in self.app.modes if item.number == mode.NUMBER), None)
        if mode is None:
            return
        self.app.show_mode(mode.MODE)
        screen = self.app.mode_screen
        if item.filter and isinstance(screen, TableMode):
            screen.call_after_refresh(screen.set_filter, item.filter)

    def targets(self) -> Sequence[Target]:
        """What is to be done under the cursor."""
        row = self._todo.cursor_row
        return [] if row is None else [Target(row.key, row.record.text, record=row.record)]

    def fields_of(self, row: Row) -> dict[str, str]:
        """`terminal:`, `sn:`, `user:`, `name:`, `state:`."""
        log = row.record
        return {
            "terminal": f"{log.terminal_sn} {self._names.get(log.terminal_id, '')}",
            "sn": log.terminal_sn,
            "user": log.enrollid,
            "name": log.user_name,
            "state": log.sync_status,
        }

    def copied(self, row: Row) -> str:
        """Who."""
        return str(row.record.enrollid)

    def retranslate(self) -> None:
        """Everything that was drawn once."""
        super().retranslate()
        self._last_event, self._stored = -1, -1
        for grid in (self._todo, self._events):
            grid.refresh()

    def steps_out(self) -> Iterable[Any]:
        """Escape: the filter."""
        return (self._clear_filter,)


def _text(row: Row) -> str:
    return " ".join(cell if isinstance(cell, str) else cell[0] for cell in row.cells.values())
