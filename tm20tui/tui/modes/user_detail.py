"""One user: each terminal with what shall be there, what it reported, and the receipt of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from textual.app import ComposeResult

from tm20tui.operations.users import Place, UserDetail
from tm20tui.snapshot import ServiceLine
from tm20tui.tui import formats, paint
from tm20tui.tui.actions import Target
from tm20tui.tui.dialogs import Notice
from tm20tui.tui.grid import Cell, Column, Row
from tm20tui.tui.language import N_, _, sentence
from tm20tui.tui.modes.log_detail import facts
from tm20tui.tui.modes.user_actions import DISABLE, EDIT, ENABLE, PUSH, UserActions, user_target
from tm20tui.tui.safe import safe
from tm20tui.tui.states import DONE, FAILED, INACTIVE, PENDING, UNKNOWN, State
from tm20tui.tui.still import Still
from tm20tui.tui.table_mode import Page, TableMode

RESULTS: Mapping[str, State] = {
    "refused": State(FAILED.glyph, FAILED.ascii, N_("refused"), "bad", 0),
    "not verified": State(UNKNOWN.glyph, UNKNOWN.ascii, N_("not verified"), "warn", 1),
    "pending": State(PENDING.glyph, PENDING.ascii, N_("pending"), "warn", 2),
    "confirmed": State(DONE.glyph, DONE.ascii, N_("confirmed"), "good", 3),
}
"""By what became of it, worst first."""

N_("present")
N_("absent")


def source_text(source: str, services: Iterable[ServiceLine]) -> str:
    """Where a user comes from: the service by its name, the operator or terminal by theirs."""
    kind, _space, name = source.partition(" ")
    if kind == "service":
        return safe(next((one.name for one in services if str(one.id) == name), source), 40)
    if kind == "operator":
        return f"{_('operator')} {safe(name, 40)}"
    return safe(source, 40)


N_("fingerprint")
N_("face")
N_("palm")
N_("card")
N_("password")
N_("photo")
N_("other")


def sync_state(results: Mapping[str, int]) -> tuple[State, str]:
    """The worst of what became of a user on terminals, and counts of all in words."""
    found = [name for name in RESULTS if results.get(name)]
    if not found:
        return INACTIVE, "–"
    words = " · ".join(f"{RESULTS[name].mark()} {results[name]} {_(name)}" for name in found)
    return RESULTS[found[0]], words


class UserScreen(UserActions, TableMode):
    """The terminals of one user."""

    MODE = "users"
    NUMBER = 5
    TITLE = N_("Users")
    HELP_TEXT = N_(
        "What each terminal shall hold of the user beside what it reported. Who left is disabled on every\n"
        "terminal that knows the user: until a terminal has confirmed that, its line says pending."
    )
    EMPTY = N_("no terminal knows the user, and none is to: p in the list brings the user to terminals")
    WITH_MARKS = False
    LOOK_SECONDS = 2.0
    ACTIONS = (PUSH, EDIT, ENABLE, DISABLE)
    COLUMNS = (
        Column("state", "", 1),
        Column("terminal", N_("Terminal"), 14, grow=2),
        Column("desired", N_("Shall be"), 12),
        Column("reported", N_("Reported"), 12),
        Column("result", N_("Outcome"), 13),
        Column("reason", N_("Reason"), 10, grow=3),
        Column("name", N_("Name there"), 14, grow=1, level=1),
        Column("at", N_("Since"), 12, level=1),
        Column("command", N_("Receipt"), 10, level=2),
    )

    def __init__(self, user_id: int) -> None:
        super().__init__()
        self.user_id = user_id
        self._detail: UserDetail | None = None
        self._panel = Still(id="user", classes="panel")

    @property
    def memory_name(self) -> str:
        """Not the filter of the list of users."""
        return "user"

    def body(self) -> ComposeResult:
        """The user, the terminals."""
        yield self._panel
        yield self.grid
        yield self.bar

    def trail(self) -> Sequence[str]:
        """Who."""
        user = None if self._detail is None else self._detail.user
        return [] if user is None else [f"{safe(user.enrollid, 30)} {safe(user.name, 40)}"]

    def targets(self) -> Sequence[Target]:
        """The user, wherever the cursor is."""
        return [] if self._detail is None else [user_target(self._detail.user, self.user_id)]

    def subject(self) -> Mapping[str, Any]:
        """Who everything here is about."""
        return {"user_id": self.user_id}

    def heading(self) -> str:
        """What the table holds."""
        return _("Terminals")

    async def page(self, start: Any) -> Page:
        """Every terminal that has to do with the user."""
        self._detail = await self.call("users.get", user_id=self.user_id)
        self._draw(self._detail)
        return Page(tuple(self._row(place, self._detail.user.name) for place in self._detail.places))

    def _draw(self, detail: UserDetail) -> None:
        user, zone = detail.user, self.app.zone
        word, tone = (_("enabled"), "good") if user.is_enabled else (_("disabled"), "bad")
        kept = ", ".join(f"{one.count} × {_(one.kind)}" for one in detail.credentials) or _("none kept")
        limits = [formats.day(at, zone) if at else "" for at in (user.valid_from, user.valid_until)]
        source = source_text(user.source, self.app.seen.services) or formats.NONE
        lines = [
            paint.line((word, tone), f"  {safe(user.site)} · ", (f"{_('Source')} {source}", "dim")),
            paint.line((f"{_('Credentials')}  ", "dim"), kept),
            paint.line(
                (f"{_('Valid')}  ", "dim"),
                " → ".join(limits) if any(limits) else _("always"),
                (f"   {_('Zone')} {user.weekzone}   {_('Group')} {user.user_group}", "dim"),
            ),
        ]
        if detail.has_name_conflict:
            lines.append(paint.line((_("a terminal knows the user by another name"), "warn")))
        self._panel.display = self.app.size.height >= 20
        self._panel.show(paint.lines(*lines))

    def _row(self, place: Place, name: str) -> Row:
        state = RESULTS.get(place.result, INACTIVE)
        other = bool(place.reported_name) and place.reported_name != name
        at = place.result_at or place.desired_at or place.reported_at
        receipt = "" if place.command_id is None else f"#{place.command_id}"
        cells: dict[str, Cell] = {
            "state": (state.mark(), state.tone),
            "terminal": safe(place.terminal_name or place.terminal_sn),
            "desired": _(place.desired_state) if place.desired_state else "–",
            "reported": _(place.reported_state),
            "result": (_(place.result) if place.result else "–", state.tone),
            "reason": safe(sentence(place.reason)),
            "name": (safe(place.reported_name), "warn" if other else "dim"),
            "at": formats.moment(at, self.app.zone, self.app.now()),
            "command": (receipt, "dim"),
        }
        return Row(place.terminal_id, cells, place)

    def copied(self, row: Row) -> str:
        """The serial."""
        return str(row.record.terminal_sn)

    def open_row(self, row: Row) -> None:
        """All there is to know of the user at that terminal."""
        place: Place = row.record
        zone, now = self.app.zone, self.app.now()
        rows = [
            (_("Terminal"), f"{place.terminal_sn} {place.terminal_name}"),
            (_("Shall be"), _(place.desired_state) if place.desired_state else ""),
            (_("Since"), formats.moment(place.desired_at, zone, now) if place.desired_at else ""),
            (_("Reported"), _(place.reported_state)),
            (_("Name there"), place.reported_name),
            (_("Seen"), formats.moment(place.reported_at, zone, now) if place.reported_at else ""),
            (_("Outcome"), _(place.result) if place.result else ""),
            (_("Reason"), sentence(place.reason)),
            (_("Settled"), formats.moment(place.result_at, zone, now) if place.result_at else ""),
            (_("Receipt"), "" if place.command_id is None else f"#{place.command_id} (8)"),
        ]
        self.app.push_screen(Notice(safe(place.terminal_name or place.terminal_sn, 60), facts(rows)))
