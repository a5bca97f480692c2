"""Mode 2: every terminal, problems first, and what can be done to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.content import Content

from tm20tui.snapshot import TerminalLine
from tm20tui.store.commands import CommandRecord
from tm20tui.tui import formats, paint
from tm20tui.tui.actions import Target
from tm20tui.tui.command_words import command_state
from tm20tui.tui.grid import MOST_ROWS, NORMAL, Cell, Column, Row
from tm20tui.tui.language import N_, _, ngettext
from tm20tui.tui.modes.terminal_acts import TERMINAL_ACTIONS, TerminalActs, target_of
from tm20tui.tui.modes.terminal_facts import UNSTABLE, advice, kinds_by_terminal, state_words, used_of
from tm20tui.tui.rest import AtRest
from tm20tui.tui.safe import fold, safe
from tm20tui.tui.states import State, terminal_state, troubled_terminals
from tm20tui.tui.still import Still
from tm20tui.tui.table_mode import Page, TableMode, text_of

_PREVIEW_HEIGHT = 24
_WHOLE_PREVIEW_HEIGHT = 30
_REST_SECONDS = 0.4
_LAST_COMMANDS = 3
_NO_CELLS: Mapping[str, Cell] = {}

_NARROW = (
    Column("state", N_("S"), 2),
    Column("sn", N_("SN"), 12, grow=1),
    Column("name", N_("Name"), 10, grow=2),
    Column("seen", N_("Seen"), 7),
    Column("users", N_("Users"), 6, right=True, short=N_("Usr.")),
    Column("logs", N_("Logs"), 7, right=True),
    Column("drift", N_("Drift"), 7, right=True),
    Column("undelivered", N_("Undel."), 7, right=True),
)
_WIDE = (
    Column("state", N_("State"), 13),
    *_NARROW[1:3],
    Column("firmware", N_("Firmware"), 11, grow=1, level=1),
    _NARROW[3],
    Column("users", N_("Users"), 9, right=True, short=N_("Usr.")),
    Column("logs", N_("Logs"), 11, right=True),
    *_NARROW[6:],
    Column("commands", N_("Cmd"), 3, right=True, level=1),
    Column("model", N_("Model"), 6, level=2),
    Column("address", N_("Address"), 15, level=2),
    Column("since", N_("Since"), 6, level=2),
    Column("drops", N_("Drops"), 5, right=True, level=2),
    Column("mac", N_("MAC"), 17, level=2),
)


class TerminalsMode(TerminalActs, TableMode):
    """Every terminal."""

    MODE = "terminals"
    NUMBER = 2
    TITLE = N_("Terminals")
    HELP_TEXT = N_(
        "Every terminal that has dialled in, problems first; drops and undelivered are of 24 h and of now.\n"
        "/ filters: state:offline name:porte sn:7507 site:lyon model:tfs30 firmware:v6, and words."
    )
    EMPTY = N_("no terminal has connected yet")
    SORTS: ClassVar = {
        "state": lambda row: (row.record[1].rank, row.record[0].sn),
        "sn": lambda row: row.record[0].sn,
        "name": lambda row: (row.record[0].name.casefold(), row.record[0].sn),
        "seen": lambda row: (row.record[0].last_seen_at is None, _negative(row.record[0].last_seen_at)),
        "logs": lambda row: -_share(row.record[0].logs_used, row.record[0].logs_max),
        "users": lambda row: -(row.record[0].users_used or 0),
        "drift": lambda row: -abs(row.record[0].drift_seconds or 0),
        "undelivered": lambda row: -row.record[0].undelivered,
    }
    ACTIONS = TERMINAL_ACTIONS
    CSS = """
    TerminalsMode #preview { height: auto; max-height: 6; }
    """

    def __init__(self) -> None:
        self._is_wide = False
        super().__init__()
        self._made: dict[int, tuple[TerminalLine, State, str, bool, Row]] = {}
        self._kinds: dict[str, dict[str, str]] = {}
        self._beyond = 0
        self._previewed: int | None = None
        self._commands: Sequence[CommandRecord] | None = None
        self._rest = AtRest(self, _REST_SECONDS)

    @property
    def columns(self) -> tuple[Column, ...]:
        """More in them where there is room."""
        return _WIDE if self._is_wide else _NARROW

    def body(self) -> ComposeResult:
        """The table and a preview of the row under the cursor."""
        yield self.grid
        yield Still(id="preview", classes="panel")
        yield self.bar

    def on_resize(self) -> None:
        """Other columns."""
        self._use_width()

    def _use_width(self) -> None:
        is_wide = self.app.size.width >= NORMAL
        if is_wide != self._is_wide:
            self._is_wide = is_wide
            self.grid.use_columns(self.columns)
            self.look_soon()

    # Rows

    async def page(self, start: Any) -> Page:
        """The first five hundred of what the filter leaves, in order: more are said to be there."""
        self._use_width()
        troubled = troubled_terminals(self.app.seen.active_alarms)
        self._kinds = kinds_by_terminal(self.app)
        lines = self.app.seen.terminals
        found = [Row(line.id, _NO_CELLS, (line, terminal_state(line, troubled))) for line in lines]
        if self.filter:
            whole = (self._row(row) for row in found)
            found = [row for row in whole if self.filter.matches(text_of(row), self.fields_of(row))]
        if self._sort in self.sorts:
            found.sort(key=self.sorts[self._sort], reverse=self._reversed)
        self._beyond = max(0, len(found) - MOST_ROWS)
        rows = tuple(self._row(row) for row in found[:MOST_ROWS])
        known = {line.id for line in lines}
        if len(self._made) > len(lines):
            self._made = {ident: made for ident, made in self._made.items() if ident in known}
        return Page(rows, existing=known)

    def _row(self, light: Row) -> Row:
        """The row with its cells: made anew only when something in it differs."""
        line, state = light.record
        seen = formats.age(line.last_seen_at, self.app.now())
        made = self._made.get(line.id)
        if made is not None and made[:4] == (line, state, seen, self._is_wide):
            return made[4]
        row = Row(line.id, self._cells(line, state, seen), (line, state))
        self._made[line.id] = (line, state, seen, self._is_wide, row)
        return row

    def _cells(self, line: TerminalLine, state: State, seen: str) -> dict[str, Cell]:
        short = not self._is_wide
        kinds = self._kinds.get(str(line.id), {})
        drift, logs = formats.drift(line.drift_seconds), used_of(line.logs_used, line.logs_max, short=short)
        offline = line.state == "offline"
        return {
            "state": (state.mark() if short else state.text(), state.tone),
            "sn": safe(line.sn, 64),
            "name": safe(line.name, 100) if line.name else ("" if line.state != "waiting" else _("(new)")),
            "firmware": safe(line.firmware, 64),
            "seen": (seen, "bad") if offline else seen,
            "users": used_of(line.users_used, line.users_max, short=short),
            "logs": (logs, "warn") if "storage" in kinds else logs,
            "drift": (drift, "warn") if "drift" in kinds else drift,
            "undelivered": (formats.number(line.undelivered), "warn") if line.undelivered else "0",
            "commands": formats.number(line.open_commands) if line.open_commands else formats.NONE,
            "model": safe(line.model, 40),
            "address": safe(line.address.rpartition(":")[0] or line.address, 45),
            "mac": safe(line.mac, 20),
            "since": formats.minute(line.connected_at, self.app.zone) if line.connected_at else formats.NONE,
            "drops": (str(line.drops), "warn") if line.drops_lately >= UNSTABLE else str(line.drops),
        }

    def heading(self) -> str:
        """How many are not shown."""
        if not self._beyond:
            return _(self.TITLE)
        more = ngettext("{count} more: filter", "{count} more: filter", self._beyond)
        return f"{_(self.TITLE)} · " + more.format(count=formats.number(self._beyond))

    def target_of(self, row: Row) -> Target:
        """A terminal."""
        return target_of(*row.record)

    def fields_of(self, row: Row) -> dict[str, str]:
        """`state:`, `sn:`, `name:`, `site:`, `model:`, `firmware:`, `address:`, `mac:`."""
        line, state = row.record
        return {
            "state": f"{line.state} {state.word} {fold(_(state.word))}",
            "sn": line.sn,
            "name": line.name,
            "terminal": f"{line.sn} {line.name}",
            "site": line.site,
            "model": line.model,
            "firmware": line.firmware,
            "address": line.address,
            "mac": line.mac,
        }

    def copied(self, row: Row) -> str:
        """The serial."""
        return str(row.record[0].sn)

    def open_row(self, row: Row) -> None:
        """The detail."""
        self.app.open_terminal(row.record[0].id)

    def retranslate(self) -> None:
        """Rows hold words too."""
        self._made.clear()
        super().retranslate()

    # The preview

    def preview(self, row: Row | None) -> None:
        """What is known of the terminal under the cursor, and what to do."""
        if not self.is_mounted:
            return
        panel = self.query_one("#preview", Still)
        panel.display = row is not None and self.app.size.height >= _PREVIEW_HEIGHT
        if row is None:
            return
        line, state = row.record
        if line.id != self._previewed:
            self._previewed, self._commands = line.id, None
            self._rest.do(lambda: self._ask_commands(line.id))
        panel.entitle(f"{safe(line.sn, 40)} · {safe(line.name, 40)}" if line.name else safe(line.sn, 40))
        panel.show(self._preview(line, state))

    def _preview(self, line: TerminalLine, state: State) -> Content:
        since = formats.minute(line.connected_at, self.app.zone) if line.connected_at else formats.NONE
        told = advice(self.app, line)
        rows = [
            paint.line(
                (f"{_('State')}  ", "dim"),
                (f"{state.mark()} {state_words(self.app, line, state)}", state.tone),
                (f"   {_('since {time}').format(time=since)}" if line.connected_at else "", "dim"),
            ),
            paint.line((f"{_('Advice')}  ", "dim"), told or _("none")),
        ]
        if self.app.size.height >= _WHOLE_PREVIEW_HEIGHT:
            rows.append(
                paint.line(
                    (f"{_('Network')}  ", "dim"),
                    f"{safe(line.address, 50) or formats.NONE}",
                    (f"  MAC {safe(line.mac, 20)}" if line.mac else "", ""),
                    (f"  {_('site')} {safe(line.site, 40)}", ""),
                    (f"  {safe(line.model, 40)} {safe(line.firmware, 40)}", "dim"),
                )
            )
            rows.append(paint.line((f"{_('Last commands')}  ", "dim"), *self._last_commands()))
        return paint.lines(*rows)

    def _last_commands(self) -> list[paint.Part]:
        if self._commands is None:
            return [formats.NONE]
        parts: list[paint.Part] = []
        for record in self._commands:
            state = command_state(record.status)
            at = formats.moment(record.settled_at or record.created_at, self.app.zone, self.app.now())
            parts += [f"{at} {safe(record.name, 20)} ", (state.mark(), state.tone), f" {_(record.status)}   "]
        return parts or [_("none so far")]

    def _ask_commands(self, terminal_id: int) -> None:
        if terminal_id == self._previewed and self.is_current:
            self.do_soon(lambda: self._look_at_commands(terminal_id), "last commands")

    async def _look_at_commands(self, terminal_id: int) -> None:
        page = await self.call("commands.list", terminal_id=terminal_id, limit=_LAST_COMMANDS)
        if terminal_id == self._previewed:
            self._commands = page.commands
            self.preview(self.grid.cursor_row)

    def after(self, plan: Any, failed: Sequence[Target]) -> None:
        """What was asked is among the last commands."""
        super().after(plan, failed)
        if self._previewed is not None:
            self._ask_commands(self._previewed)


def _share(used: int | None, most: int | None) -> float:
    return (used or 0) / most if most else 0.0


def _negative(at: Any) -> float:
    return 0.0 if at is None else -float(at.timestamp())
