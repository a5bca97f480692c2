"""Mode 9: what this console said, what happened, what the server logged, and who did what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual.binding import Binding

from tm20tui.events import Event
from tm20tui.logs import LogLine
from tm20tui.operations.audit import AuditEntry
from tm20tui.tui import formats
from tm20tui.tui.counted import counted
from tm20tui.tui.dialogs import Notice
from tm20tui.tui.event_words import told
from tm20tui.tui.filters import Filter
from tm20tui.tui.grid import MOST_ROWS, Cell, Column, Row
from tm20tui.tui.language import N_, _, sentence
from tm20tui.tui.messages import Said
from tm20tui.tui.modes.log_detail import audit_facts, event_facts, line_facts, said_facts, wrapped
from tm20tui.tui.safe import fold, safe
from tm20tui.tui.states import CANCELLED, DONE, FAILED, FROZEN, State, glyph
from tm20tui.tui.tabbed import Tab, TabbedMode
from tm20tui.tui.table_mode import Page

_LONGEST = 2000
_TIME = Column("time", N_("Time"), 12)
_STATE = Column("state", "", 1)
_SAID = {"good": "✓", "bad": "✗", "warn": "▲", "accent": "→", "dim": "·"}
_LEVELS = {"debug": "dim", "info": "", "warning": "warn", "error": "bad", "critical": "dead"}
_OUTCOMES: dict[str, State] = {"done": DONE, "refused": CANCELLED, "failed": FAILED}
_ENTRIES = 200


class LogMode(TabbedMode):
    """Messages, events, the server's log, the audit."""

    MODE = "log"
    NUMBER = 9
    TITLE = N_("Log")
    HELP_TEXT = N_(
        "What this console said, what happened on the server, the server's own log, and the audit.\n"
        "In the first three / searches: n and N go from match to match; level:error and !word filter.\n"
        "In the audit / filters: who:ahmed operation:terminals. outcome:refused since:2h, and words."
    )
    WITH_MARKS = False
    TABS = (
        Tab(
            "messages",
            N_("Messages"),
            (
                _TIME,
                _STATE,
                Column("text", N_("Message"), 20, grow=1),
                Column("ref", N_("Trace"), 12, level=1),
            ),
            empty=N_("no message"),
        ),
        Tab(
            "events",
            N_("Events"),
            (_TIME, _STATE, Column("text", N_("Event"), 20, grow=1)),
            empty=N_("nothing has happened since the server started"),
        ),
        Tab(
            "server",
            N_("Server"),
            (
                _TIME,
                Column("level", N_("Level"), 8),
                Column("text", N_("Line"), 20, grow=1),
                Column("logger", N_("Part"), 24, level=2),
            ),
            empty=N_("nothing was logged"),
            operation="log.recent",
        ),
        Tab(
            "audit",
            N_("Audit"),
            (
                _TIME,
                Column("operator", N_("Who"), 10),
                Column("operation", N_("Operation"), 20),
                Column("outcome", N_("Outcome"), 9),
                Column("targets", N_("On what"), 14, grow=2),
                Column("reason", N_("Reason"), 16, grow=3, level=1),
                Column("origin", N_("From"), 8, level=1),
                Column("address", N_("Address"), 16, level=2),
                Column("seconds", N_("Time taken"), 10, right=True, level=2),
                Column("correlation", N_("Trace"), 8, level=2),
            ),
            empty=N_("nobody has done anything yet"),
            operation="audit.list",
            is_paged=True,
        ),
    )
    BINDINGS: ClassVar = [
        Binding("f", "freeze", N_("freeze, or go on"), show=False, id="log.freeze"),
        Binding("w", "wrap", N_("wrap long lines"), show=False, id="log.wrap"),
        Binding("n", "match(1)", N_("next match"), show=False, id="log.next"),
        Binding("N", "match(-1)", N_("match before"), show=False, id="log.previous"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._is_frozen = False
        self._wraps = False
        self._known: dict[str, tuple[Any, tuple[Row, ...]]] = {}

    def first_hints(self) -> list[tuple[str, str]]:
        """Keys of logs."""
        app = self.app
        return [
            (app.key_name("enter"), _("detail")),
            (f"{app.key_name('left')} {app.key_name('right')}", _("tab")),
            ("/", _("filter") if self.is_paged else _("search")),
            *([] if self.is_paged else [("n N", _("match"))]),
            ("f", _("freeze")),
            ("w", _("wrap")),
            ("x", _("export")),
        ]

    # What is shown

    @property
    def hiding(self) -> Filter:
        """Words are searched, not filtered by."""
        return Filter(self.filter.text, (), self.filter.without, self.filter.fields)

    async def page(self, start: Any) -> Page:
        """What the tab has to show."""
        if self.tab.key == "audit":
            return await self._audit(start)
        if self.tab.key == "messages":
            return Page(self._rows("messages", list(self.app.messages.all)[::-1]))
        found = await self._recent()
        return Page(found)

    async def _recent(self) -> tuple[Row, ...]:
        """Events or lines; asked for as a whole only when there are new ones."""
        tab, name = self.tab.key, "events.recent" if self.tab.key == "events" else "log.recent"
        look = self._look_of_rows()
        if (known := self._known.get(tab)) is not None and known[0][1] == look:
            newer = await self.call(name, after=known[0][0], limit=1)
            if newer.last_number == known[0][0]:
                return known[1]
        found = await self.call(name, limit=MOST_ROWS)
        rows = self._rows(tab, found.events if tab == "events" else found.lines)
        self._known[tab] = (found.last_number, look), rows
        return rows

    def _look_of_rows(self) -> tuple[object, ...]:
        """What rows depend on besides what they tell of."""
        today = self.app.now().astimezone(self.app.zone).date()
        room = self.grid.room_of("text") if self._wraps else 0
        return self.filter, self.app.voice.language, room, today, self.app.ascii

    def _rows(self, tab: str, records: Sequence[Any]) -> tuple[Row, ...]:
        makers: dict[str, Callable[[Any], Row]] = {
            "messages": self._of_said,
            "events": self._of_event,
            "server": self._of_line,
        }
        maker = makers[tab]
        made = [maker(record) for record in records]
        if not self._wraps or not (room := self.grid.room_of("text")):
            return tuple(made)
        return tuple(part for row in made for part in wrapped(row, room))[:MOST_ROWS]

    def _when(self, at: Any) -> str:
        return formats.moment(at, self.app.zone, self.app.now())

    def _toned(self, text: str, tone: str = "") -> tuple[str, str]:
        return text, "accent" if self.filter.words and self._is_match(text) else tone

    def _is_match(self, text: str) -> bool:
        folded = fold(text)
        return bool(self.filter.words) and all(word in folded for word in self.filter.words)

    def _of_said(self, said: Said) -> Row:
        cells: dict[str, Cell] = {
            "time": self._when(said.at),
            "state": (glyph(_SAID.get(said.tone, "·")), said.tone),
            "text": self._toned(safe(said.text, _LONGEST)),
            "ref": (safe(said.reference), "dim"),
        }
        return Row((id(said), 0), cells, said)

    def _of_event(self, event: Event) -> Row:
        state, text = told(event)
        cells: dict[str, Cell] = {
            "time": self._when(event.at),
            "state": (state.mark(), state.tone),
            "text": self._toned(safe(text, _LONGEST)),
        }
        return Row((event.number, 0), cells, event)

    def _of_line(self, line: LogLine) -> Row:
        tone = _LEVELS.get(line.level, "")
        more = f" {glyph('…')}" if line.traceback else ""
        cells: dict[str, Cell] = {
            "time": self._when(line.at),
            "level": (_(line.level), tone),
            "text": self._toned(safe(line.text, _LONGEST) + more),
            "logger": (safe(line.logger.removeprefix("tm20tui.")), "dim"),
        }
        return Row((line.number, 0), cells, line)

    async def _audit(self, start: int | None) -> Page:
        found = self.filter
        outcome = found.field("outcome") or found.field("state")
        words = [*found.words, *(f"!{word}" for word in found.without)]
        known = {"operator", "operation", "outcome", "state", "since", "until"}
        words += [value for name, value in found.fields if name not in known]
        page = await self.call(
            "audit.list",
            operator=found.field("operator"),
            operation=found.field("operation"),
            outcome=outcome if outcome in _OUTCOMES else None,
            from_at=found.since(self.app.now()),
            q=" ".join(words) or None,
            before_id=start,
            limit=_ENTRIES,
        )
        return Page(tuple(map(self._of_entry, page.entries)), page.next_before_id)

    def _of_entry(self, entry: AuditEntry) -> Row:
        state = _OUTCOMES[entry.outcome]
        targets = (
            entry.targets if entry.targets != "{}" else entry.arguments if entry.arguments != "{}" else ""
        )
        cells: dict[str, Cell] = {
            "time": self._when(entry.at),
            "operator": safe(entry.operator),
            "operation": safe(entry.operation),
            "outcome": (f"{state.mark()} {_(entry.outcome)}", state.tone),
            "targets": safe(targets.strip("{}").replace('"', "")),
            "reason": safe(sentence(entry.reason)),
            "origin": safe(entry.origin),
            "address": safe(entry.address),
            "seconds": f"{formats.decimal(entry.duration_seconds, 2)} s",
            "correlation": safe(entry.correlation_id[:6]),
        }
        return Row(entry.id, cells, entry)

    def fields_of(self, row: Row) -> dict[str, str]:
        """`level:`."""
        return {"level": row.record.level} if isinstance(row.record, LogLine) else {}

    def copied(self, row: Row) -> str:
        """The whole line."""
        record = row.record
        if isinstance(record, Event):
            return told(record)[1]
        if isinstance(record, AuditEntry):
            return record.correlation_id
        return str(record.text)

    def heading(self) -> str:
        """The tab, whether it stands still, and what was found in it."""
        parts = [super().heading()]
        if self._is_frozen:
            parts.append(f"{glyph(FROZEN)} {_('frozen')}")
        if self.filter.words and not self.is_paged:
            count = len(self._matches())
            parts.append(counted("found", count))
        return " · ".join(parts)

    # Following

    async def look(self) -> None:
        """A page of the audit that is not the first stands still by itself."""
        if self.is_paged and self._is_frozen and self.grid.rows:
            return
        await super().look()

    def _show(self, *, settle: bool = False, to_top: bool = False) -> None:
        # The first line is followed; who looks at another is not moved.
        follows = not self.is_paged and not self._is_frozen and self.grid.cursor_index == 0
        super()._show(settle=settle or follows, to_top=to_top or follows)

    def action_freeze(self) -> None:
        """Stand still, or go on."""
        self._is_frozen = not self._is_frozen
        if not self._is_frozen:
            self._is_settled = False
            self.look_soon()
        self._title()

    def action_wrap(self) -> None:
        """Long lines on several rows, or cut."""
        self._wraps = not self._wraps
        self._is_settled = False
        self.look_soon()

    # Searching

    def _matches(self) -> list[int]:
        rows = self.grid.rows
        return [
            place for place, row in enumerate(rows) if _is_first(row) and self._is_match(self.copied(row))
        ]

    def action_match(self, by: int) -> None:
        """To the next match below, or above; from the last on to the first."""
        places = self._matches() if not self.is_paged else []
        if not places:
            self.app.tell("dim", _("nothing to find: / searches"))
            self.draw_frame()
            return
        at = self.grid.cursor_index
        beyond = [place for place in places if place > at] if by > 0 else [p for p in places if p < at][::-1]
        self.grid.go_to(self.grid.rows[(beyond or (places if by > 0 else places[::-1]))[0]].key)

    def _apply(self, text: str) -> None:
        super()._apply(text)
        if not self.is_paged:
            self.do_soon(self._find_first, "search")

    async def _find_first(self) -> None:
        await self.look()
        places = self._matches()
        if places and self.grid.cursor_index not in places:
            self.grid.go_to(self.grid.rows[places[0]].key)

    def open_row(self, row: Row) -> None:
        """All there is to know of a line."""
        record, app = row.record, self.app
        if isinstance(record, AuditEntry):
            title, facts = f"{_('Audit')} #{record.id}", audit_facts(record, app.zone)
        elif isinstance(record, Event):
            title, facts = _("Event"), event_facts(record, app.zone)
        elif isinstance(record, LogLine):
            title, facts = _("Line"), line_facts(record, app.zone)
        else:
            title, facts = _("Message"), said_facts(record, app.zone)
        app.push_screen(Notice(title, facts))


def _is_first(row: Row) -> bool:
    return not isinstance(row.key, tuple) or row.key[1] == 0
