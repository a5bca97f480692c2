"""Mode 7: the services that punches go to, how they are, and what can be done to them."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult

from tm20tui.operations.delivery_totals import ServiceTotals
from tm20tui.tui import formats, paint
from tm20tui.tui.actions import Target
from tm20tui.tui.grid import Column, Row
from tm20tui.tui.language import N_, _, sentence
from tm20tui.tui.modes.service_acts import ACTIONS, ServiceActs, terminals_text
from tm20tui.tui.safe import safe
from tm20tui.tui.states import service_state
from tm20tui.tui.still import Still
from tm20tui.tui.table_mode import Page, TableMode


class ServicesMode(ServiceActs, TableMode):
    """Every service."""

    MODE = "services"
    NUMBER = 7
    TITLE = N_("Services")
    HELP_TEXT = N_("The HR services that punches go to and users come from. Enter or e edits, Ctrl+T tests.")
    EMPTY = N_("no service yet: n creates one; punches are kept and go once there is one")
    LOOK_SECONDS = 4.0
    COLUMNS = (
        Column("state", N_("State"), 11),
        Column("name", N_("Name"), 11, grow=2),
        Column("pending", N_("Pending"), 8, right=True),
        Column("dead", N_("Dead"), 10, right=True),
        Column("last", N_("Last sent"), 14),
        Column("url", N_("Address"), 20, grow=3, level=1),
        Column("interval", N_("Interval"), 10, right=True, level=1),
        Column("success", N_("Answered 24 h"), 13, right=True, level=1),
        Column("auth", N_("Credentials"), 12, level=2),
        Column("terminals", N_("Terminals"), 14, level=2),
        Column("users", N_("Users taken over"), 20, level=2),
    )
    SORTS: ClassVar = {
        "state": lambda row: (
            service_state(row.record.service.health, row.record.service.is_active).rank,
            row.record.service.name.casefold(),
        ),
        "name": lambda row: row.record.service.name.casefold(),
        "pending": lambda row: -row.record.totals.owed,
        "dead": lambda row: -row.record.totals.dead,
    }
    ACTIONS = ACTIONS
    DEFAULT_CSS = "ServicesMode #preview { height: 5; }"

    def __init__(self) -> None:
        super().__init__()
        self.panel = Still(id="preview", classes="panel")
        self.panel.display = False

    def body(self) -> ComposeResult:
        """The table, and how the one under the cursor is."""
        yield self.grid
        yield self.panel
        yield self.bar

    def on_screen_resume(self) -> None:
        """What was made in a form is shown at once."""
        self._is_settled = False

    async def page(self, start: Any) -> Page:
        """Everything: services are few."""
        totals = await self.call("deliveries.totals")
        return Page(tuple(map(self._row, totals.services)))

    def _row(self, one: ServiceTotals) -> Row:
        service, totals, now = one.service, one.totals, self.app.now()
        state = service_state(service.health, service.is_active)
        dead = formats.number(totals.dead)
        minutes = service.sync_interval_minutes
        return Row(
            service.id,
            {
                "state": (state.text(), state.tone),
                "name": safe(service.name),
                "pending": formats.number(totals.owed),
                "dead": (dead, "dead") if totals.dead else dead,
                "last": formats.age(service.last_attendance_sync_at, now),
                "url": safe(service.base_url + service.attendance_endpoint),
                "interval": f"{minutes} min" if minutes else _("at once"),
                "success": formats.percent(totals.answered, totals.requests),
                "auth": _(service.auth_type),
                "terminals": terminals_text(service.terminal_ids),
                "users": formats.age(service.last_users_sync_at, now),
            },
            one,
        )

    def target_of(self, row: Row) -> Target:
        """A service."""
        service = row.record.service
        state = service_state(service.health, service.is_active)
        return Target(
            row.key, safe(service.name, 40), word=str(service.id), state=state.text(), record=row.record
        )

    def fields_of(self, row: Row) -> dict[str, str]:
        """`state:`, `name:`."""
        service = row.record.service
        state = service_state(service.health, service.is_active)
        return {"state": f"{service.health} {state.word}", "name": service.name, "service": service.name}

    def open_row(self, row: Row) -> None:
        """The form, or why not."""
        self.action_do("services.edit")

    def preview(self, row: Row | None) -> None:
        """Why it is as it is, and when it goes on."""
        if not self.is_mounted:
            return
        self.panel.display = row is not None and self.app.size.height >= 24
        if row is None:
            return
        one: ServiceTotals = row.record
        service, app = one.service, self.app
        state = service_state(service.health, service.is_active)
        reason = f"{_(': ')}{safe(sentence(service.health_reason), 200)}" if service.health_reason else ""
        at = service.retry_at if service.health != "healthy" else one.next_round_at
        limit = (
            _("as fast as it answers")
            if service.requests_per_minute is None
            else _("{count} requests a minute").format(count=service.requests_per_minute)
        )
        content = paint.lines(
            paint.line((state.text(), state.tone), reason),
            paint.line(
                (f"{_('Next')}  ", "dim"),
                formats.until(at, app.now(), app.zone),
                (f"   {_('Terminals')}  ", "dim"),
                terminals_text(service.terminal_ids),
                (f"   {_('Pace')}  ", "dim"),
                limit,
            ),
            paint.line(
                (f"{_('Credentials')}  ", "dim"),
                f"{_(service.auth_type)}{' · ' + _('token set') if service.has_auth_token else ''}",
                (f"   {_('Headers')}  ", "dim"),
                safe(", ".join(service.extra_header_names), 80) or formats.NONE,
                (f"   {_('Signed')}  ", "dim"),
                _("yes") if service.has_signing_secret else _("no"),
            ),
        )
        self.panel.entitle(safe(service.name, 60))
        self.panel.show(content)

    def copied(self, row: Row) -> str:
        """Where punches go."""
        return str(row.record.service.base_url + row.record.service.attendance_endpoint)
