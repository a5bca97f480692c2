"""Mode 4: every punch, newest first, where it went, and whether somebody was late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding

from tm20tui.model import SYNC_STATUSES, AttendanceLog
from tm20tui.operations.attendance import Position
from tm20tui.operations.punch_details import Judgement, PunchDelivery
from tm20tui.store.attendance import LARGEST_ID
from tm20tui.tui import formats
from tm20tui.tui.actions import Action, Target
from tm20tui.tui.grid import Column, Row
from tm20tui.tui.language import N_, _, ngettext, sentence
from tm20tui.tui.modes.following import PAGE, FollowingTable
from tm20tui.tui.modes.punch_words import shares_text, verdict_text
from tm20tui.tui.modes.querying import Asked, Query, punch_query
from tm20tui.tui.punch_cells import direction_of, identified_by, sync_state
from tm20tui.tui.safe import safe
from tm20tui.tui.table_mode import Page


def _not_held(target: Target) -> str:
    log = target.record
    held = log.sync_status == "pending" and log.sync_error.startswith("held:")
    return "" if held else N_("it is not held")


def _punch_id(target: Target) -> Mapping[str, Any]:
    return {"punch_id": target.record.id}


RELEASE_PUNCH = Action(
    "punches.release",
    "",
    N_("release: send it with the time it has"),
    operation="attendance.release",
    arguments=_punch_id,
    tier=1,
    effect=N_("every service that is owed it gets it with a time that is not trusted"),
    why_not=_not_held,
    letter="l",
)


class PunchesMode(FollowingTable):
    """The history of punches."""

    MODE = "punches"
    NUMBER = 4
    TITLE = N_("Punches")
    HELP_TEXT = N_(
        "Every punch, newest first. Filter fields: user: service: state: terminal: since: until: "
        "Words alone look in names, digits alone are a user's number. → shows the quarantine."
    )
    COLUMNS = (
        Column("state", N_("S"), 2),
        Column("id", N_("No."), 8, right=True, level=1),
        Column("time", N_("Time"), 12),
        Column("terminal", N_("Terminal"), 8, grow=1),
        Column("name", N_("Name"), 10, grow=2),
        Column("direction", N_("Dir."), 6),
        Column("mode", N_("Mode"), 11, level=1),
        Column("access", N_("Access"), 7, level=2),
        Column("verdict", N_("On time?"), 14, level=1),
        Column("temperature", N_("Temp."), 6, right=True, level=2),
        Column("received", N_("Received"), 14, level=2),
        Column("shares", N_("Delivery"), 12, grow=3),
    )
    ACTIONS = (
        RELEASE_PUNCH,
        Action(
            "punches.quarantine",
            "right",
            N_("what could not be read (quarantine)"),
            N_("quarantine"),
            do="show_quarantine",
            needs_target=False,
        ),
    )
    WITH_MARKS = True
    BINDINGS: ClassVar = [Binding("left", "nothing", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self._shares: Mapping[int, tuple[PunchDelivery, ...]] = {}
        self._judged: dict[int, Judgement] = {}
        self._judged_for: tuple[int, ...] = ()

    def body(self) -> ComposeResult:
        """The table alone: there is much of it."""
        yield self.grid
        yield self.bar

    def first_hints(self) -> list[tuple[str, str]]:
        """Freezing is what one does here."""
        return [(self.app.key_name("f"), _("freeze"))]

    def counted(self) -> int:
        """Punches of all time."""
        return self.app.seen.punches_stored

    def query_of_filter(self) -> Query:
        """What was typed, as the server's filters."""
        return punch_query(self.filter, Asked(self.app.seen, self.app.now(), self.app.zone, SYNC_STATUSES))

    async def page(self, start: Any) -> Page:
        """Punches behind a position, with each service's share and who was late."""
        query = self.query_of_filter()
        if query.trouble:
            return Page(())
        given = query.arguments
        after: Position | None = start
        page = await self.call(
            "punches.list",
            **given,
            after_id=None if after is None else after.id,
            after_time=None if after is None else after.time_utc,
            limit=PAGE,
        )
        ids = tuple(log.id for log in page.logs)
        shares = await self.call("punches.deliveries", punch_ids=ids) if ids else {}
        if ids != self._judged_for:
            self._judged = await self.call("punches.judge", punch_ids=ids) if ids else {}
            self._judged_for = ids
        return Page(tuple(self._row(log, shares.get(log.id, ())) for log in page.logs), page.next)

    def pinned_start(self) -> Any:
        """Behind a punch that would come right before the newest that is shown."""
        given = self.query_of_filter().arguments
        last = self.last_shown()
        newest = next((row.record for row in self._all if row.key == last), None)
        if newest is None or self._is_queue(given):
            return None
        if not given.keys() & {"from_at", "to_at"}:
            return Position(newest.id + 1)
        # In a period the order is that of the punches' own times.
        latest = max(log.time_utc for log in (row.record for row in self._all) if log.time_utc)
        return Position(LARGEST_ID, latest)

    def _is_queue(self, given: Mapping[str, Any]) -> bool:
        return given.get("status") in ("pending", "failed") and not given.keys() & {"from_at", "to_at"}

    def _row(self, log: AttendanceLog, shares: tuple[PunchDelivery, ...]) -> Row:
        app, state = self.app, sync_state(log)
        now = app.now()
        line = app.terminal_line(log.terminal_id)
        at = formats.moment(log.time_utc, app.zone, now) if log.time_utc else safe(log.time_raw, 24)
        return Row(
            log.id,
            {
                "state": (state.mark(), state.tone),
                "id": str(log.id),
                "time": (at, "warn") if log.time_problem else at,
                "terminal": safe(line.name if line is not None and line.name else log.terminal_sn),
                "name": safe(log.user_name) or safe(log.enrollid),
                "direction": direction_of(log),
                "mode": safe(identified_by(log)),
                "access": "" if log.access_granted else (_("refused"), "bad"),
                "verdict": verdict_text(self._judged.get(log.id)),
                "temperature": formats.decimal(log.temperature) if log.temperature else "",
                "received": formats.moment(log.received_at, app.zone, now),
                "shares": shares_text(shares),
            },
            log,
        )

    def target_of(self, row: Row) -> Target:
        """A punch."""
        log = row.record
        label = f"{_('No.')} {log.id} · {safe(log.user_name or log.enrollid, 40)}"
        return Target(row.key, label, word=str(log.id), state=safe(sentence(log.sync_error), 120), record=log)

    def open_row(self, row: Row) -> None:
        """The whole way of a punch."""
        from tm20tui.tui.modes.punch_detail import PunchDetail

        self.app.push_screen(PunchDetail(row.record.id, self.MODE))

    async def show_quarantine(self) -> None:
        """`→`: what terminals sent and nobody could read."""
        from tm20tui.tui.modes.quarantine import QuarantineScreen

        self.app.push_screen(QuarantineScreen())

    def action_nothing(self) -> None:
        """`←`: this is the first of the two."""

    def heading(self) -> str:
        """Of what, in which order, in which zone."""
        query = self.query_of_filter()
        if query.trouble:
            return f"{_('Punches')} — {query.trouble}"
        order = _("oldest first") if self._is_queue(query.arguments) else _("newest first")
        return f"{_('Punches')} — {', '.join((*query.scope, order))} ({safe(str(self.app.zone), 30)})"

    def tabs_right(self) -> str:
        """How much is in quarantine."""
        count = self.app.seen.quarantined
        shown = formats.number(count)
        return ngettext("→ quarantine: {count}", "→ quarantine: {count}", count).format(count=shown)

    def empty_text(self) -> str:
        """That none came, and what to do about it."""
        return _("no punch has come yet: mode 2 shows which terminals are connected")

    def _nothing(self) -> str:
        return self.query_of_filter().trouble or super()._nothing()

    def copied(self, row: Row) -> str:
        """Its number."""
        return str(row.record.id)
