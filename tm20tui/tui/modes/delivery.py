"""Mode 3: what services are owed and were sent, the queue of what was not, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult
from textual.content import Content

from tm20tui.operations.deliveries import DeliveryStory, DeliveryView
from tm20tui.operations.delivery_totals import ServiceTotals, Totals
from tm20tui.tui import formats, paint
from tm20tui.tui.actions import Action, Target
from tm20tui.tui.grid import Column, Grid, Row
from tm20tui.tui.language import N_, _, sentence
from tm20tui.tui.modes.delivery_acts import ABANDON, PUNCH, RELEASE, RETRY, DeliveryActs, target_of
from tm20tui.tui.modes.following import PAGE, FollowingTable
from tm20tui.tui.modes.querying import Asked, Query, delivery_query
from tm20tui.tui.modes.stories import attempt_line, direction, outlook, punch_time, state_of
from tm20tui.tui.rest import AtRest
from tm20tui.tui.safe import fold, safe
from tm20tui.tui.states import service_state
from tm20tui.tui.still import Still
from tm20tui.tui.table_mode import Page

STATES = (
    N_("pending"),
    N_("in flight"),
    N_("held"),
    N_("sent"),
    N_("duplicate"),
    N_("failed"),
    N_("owed"),
    N_("dead"),
)
_UNSENT = ("failed", "owed")
_TOTALS_SECONDS = 6.0
_PREVIEW_SECONDS = 0.15
_TOTALS_ROWS = 6


class DeliveryMode(DeliveryActs, FollowingTable):
    """Deliveries that were not sent, problems first, newest first."""

    MODE = "delivery"
    NUMBER = 3
    TITLE = N_("Delivery")
    HELP_TEXT = N_(
        "What each service is owed and was sent, and every delivery that was not sent: failed ones first, "
        "the newest first. Filter fields: service: state: reason: terminal: since: until: "
        "Words alone look in the reason."
    )
    COLUMNS = (
        Column("state", N_("S"), 2),
        Column("id", N_("No."), 7, right=True, level=1),
        Column("time", N_("Punch"), 12),
        Column("direction", N_("Dir."), 6, level=1),
        Column("terminal", N_("Terminal"), 8, grow=1),
        Column("name", N_("Name"), 10, grow=1),
        Column("service", N_("Service"), 9, level=1),
        Column("attempts", N_("Try"), 5, right=True),
        Column("next", N_("Next try"), 12, level=1),
        Column("received", N_("Received"), 14, level=2),
        Column("reason", N_("Reason"), 10, grow=6),
    )
    TOTALS = (
        Column("state", N_("State"), 11),
        Column("name", N_("Service"), 12, grow=2),
        Column("pending", N_("Pending"), 8, right=True),
        Column("retrying", N_("Retrying"), 8, right=True),
        Column("held", N_("Held"), 8, right=True, level=1),
        Column("dead", N_("Dead"), 9, right=True),
        Column("sent", N_("Sent 24 h"), 13, right=True),
        Column("success", N_("Answered 24 h"), 13, right=True, level=1),
        Column("last", N_("Last sent"), 14, level=1),
        Column("next", N_("Next"), 12, level=1),
    )
    ACTIONS = (
        RETRY,
        Action(
            "delivery.retry_filter",
            "R",
            N_("try the whole filter again"),
            N_("whole filter"),
            operation="deliveries.retry",
            do="retry_filter",
            needs_target=False,
            tier=1,
        ),
        ABANDON,
        PUNCH,
        RELEASE,
    )
    AUTO_FOCUS = "#table"
    DEFAULT_CSS = """
    DeliveryMode #totals { height: auto; max-height: 9; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.totals = Grid(self.TOTALS, id="totals")
        self.panel = Still(id="preview", classes="panel")
        self.panel.styles.height = 5  # whatever the story: the table above does not jump
        self._counts = Totals(24, ())
        self._counts_at = -1e9
        self._story: tuple[Any, DeliveryStory] | None = None
        self._rest = AtRest(self, _PREVIEW_SECONDS)
        self._asked: DeliveryView | None = None

    def body(self) -> ComposeResult:
        """Totals, the queue, what is known of the delivery under the cursor."""
        yield self.totals
        yield self.grid
        yield self.panel
        yield self.bar

    def on_mount(self) -> None:
        """As it will be laid out: to do it again would paint everything again."""
        self._lay_out_totals(len(self.app.seen.services))
        self.panel.display = self._has_room
        super().on_mount()

    @property
    def _has_room(self) -> bool:
        return self.app.size.height >= 24

    async def look(self) -> None:
        """Totals every few seconds, the queue at every look."""
        now = self.app.elapsed()
        if now - self._counts_at >= self.app.seconds_between(_TOTALS_SECONDS):
            self._counts_at = now
            self._counts = await self.call("deliveries.totals")
        self._show_totals()
        await super().look()

    def query_of_filter(self) -> Query:
        """What was typed, as the server's filters."""
        return delivery_query(self.filter, Asked(self.app.seen, self.app.now(), self.app.zone, STATES))

    async def page(self, start: Any) -> Page:
        """Failed ones first, then what is owed; or those of the state that was asked for."""
        query = self.query_of_filter()
        if query.trouble:
            return Page(())
        given = dict(query.arguments)
        asked = given.pop("status", None)
        statuses = _UNSENT if asked is None else (asked,)
        nowhere: Mapping[str, int] = {}
        place, before, pins = start or (0, None, nowhere)
        rows: list[Row] = []
        while place < len(statuses) and len(rows) < PAGE:
            status = statuses[place]
            if before is None:
                before = pins.get(status)
            page = await self.call(
                "deliveries.list", status=status, before_id=before, limit=PAGE - len(rows), **given
            )
            rows += map(self._row, page.deliveries)
            before = page.next_before_id
            if before is not None:
                break
            place += 1
        return Page(tuple(rows), (place, before, pins) if place < len(statuses) else None)

    def pinned_start(self) -> Any:
        """The first page of each status, before what would be the next id."""
        failed = self.last_shown(lambda view: view.status == "failed")
        others = self.last_shown(lambda view: view.status != "failed")
        pins = dict.fromkeys(("failed", "dead"), failed) | {
            status: others for status in STATES if status not in ("failed", "dead")
        }
        return 0, None, {status: last + 1 for status, last in pins.items() if last is not None}

    def _row(self, view: DeliveryView) -> Row:
        app, state = self.app, state_of(view)
        now = app.now()
        known = self._service(view.service_id)
        limit = f"/{known.service.retry_attempts}" if known is not None else ""
        return Row(
            view.id,
            {
                "state": (state.mark(), state.tone),
                "id": str(view.id),
                "time": punch_time(view, app.zone, now),
                "direction": direction(view.direction),
                "terminal": self._terminal(view),
                "name": safe(view.user_name) or safe(view.enrollid),
                "service": safe(view.service_name),
                "attempts": f"{view.attempts}{limit}",
                "next": self._due(view, known),
                "received": formats.moment(view.received_at, app.zone, now),
                "reason": safe(sentence(view.reason)),
            },
            view,
        )

    def _terminal(self, view: DeliveryView) -> str:
        line = self.app.terminal_line(view.terminal_id)
        return safe(line.name if line is not None and line.name else view.terminal_sn)

    def _service(self, service_id: int) -> ServiceTotals | None:
        return next((one for one in self._counts.services if one.service.id == service_id), None)

    def _due(self, view: DeliveryView, known: ServiceTotals | None) -> str:
        if view.status in ("sent", "duplicate", "held"):
            return formats.NONE
        at = view.next_attempt_at
        if view.status != "failed" and known is not None:
            if not known.service.is_active or known.service.health == "paused":
                return formats.NONE
            if known.service.health != "healthy":
                at = known.service.retry_at
            elif at is None or at <= self.app.now():
                at = known.next_round_at
        return formats.until(at, self.app.now(), self.app.zone)

    # Totals

    def _lay_out_totals(self, count: int) -> None:
        self.totals.display = self.app.size.height >= 20
        room = max(1, min(_TOTALS_ROWS, count, (self.app.size.height - 14) // 3))
        if self.totals.styles.height is None or self.totals.styles.height.value != room + 3:
            self.totals.styles.height = room + 3

    def _show_totals(self) -> None:
        self._lay_out_totals(len(self._counts.services))
        self.totals.empty = _("no service yet: 7, then n")
        self.totals.show(map(self._total_row, self._counts.services))
        self.totals.entitle(
            _("Services — sent: the last {hours} h, queue: now").format(hours=self._counts.hours)
        )

    def _total_row(self, one: ServiceTotals) -> Row:
        app, totals = self.app, one.totals
        state = service_state(one.service.health, one.service.is_active)
        dead, held = formats.number(totals.dead), formats.number(totals.held)
        return Row(
            one.service.id,
            {
                "state": (state.text(), state.tone),
                "name": safe(one.service.name),
                "pending": formats.number(totals.waiting + totals.in_flight),
                "retrying": formats.number(totals.retrying + totals.failed),
                "held": (held, "warn") if totals.held else held,
                "dead": (dead, "dead") if totals.dead else dead,
                "sent": formats.number(totals.sent),
                "success": formats.percent(totals.answered, totals.requests),
                "last": formats.age(one.service.last_attendance_sync_at, app.now()),
                "next": formats.until(one.next_round_at, app.now(), app.zone)
                if one.service.is_active and one.service.health == "healthy"
                else formats.until(one.service.retry_at, app.now(), app.zone),
            },
            one,
        )

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Enter on a service shows what it is owed."""
        if event.grid is self.totals:
            event.stop()
            event.prevent_default()
            found = self._service(int(str(event.key)))
            if found is not None:
                self.set_filter(f"service:{'_'.join(found.service.name.split())}")
                self.grid.focus()

    # The delivery under the cursor

    def preview(self, row: Row | None) -> None:
        """Its last attempt: nothing is asked while the cursor runs."""
        if not self.is_mounted:
            return
        self.panel.display = row is not None and self._has_room
        if row is None or not self.panel.display:
            return
        wanted = row.record
        if self._story is not None and self._story[0] == wanted:
            self._draw_preview(self._story[1])
        elif self._asked != wanted:
            self._asked = wanted
            self._rest.do(lambda: self.do_soon(lambda: self._tell_story(wanted), "preview"))

    async def _tell_story(self, wanted: DeliveryView) -> None:
        row = self.grid.cursor_row
        try:
            if row is not None and row.record == wanted:
                story = await self.call("deliveries.why", delivery_id=wanted.id)
                self._story = wanted, story
                self._draw_preview(story)
        finally:
            if self._asked == wanted:  # what went wrong is asked again at the next look
                self._asked = None

    def _draw_preview(self, story: DeliveryStory) -> None:
        app, now = self.app, self.app.now()
        rows = []
        if story.attempts:
            last = story.attempts[-1]
            line = attempt_line(last, app.zone, now)
            url = f"POST {safe(self.url_of(story), 70)} · " if app.size.width >= 100 else ""
            rows.append(Content.assemble(url, line, (f"  {safe(last.key, 40)}", "dim")))
            answer = safe(last.answer, 200) or safe(sentence(last.reason), 200)
            rows.append(paint.line((f"{_('Answer')}  ", "dim"), answer or formats.NONE))
        else:
            rows.append(paint.line((_("no attempt yet"), "dim")))
        rows.append(outlook(story, app.zone, now))
        state = state_of(story.delivery)
        named = f"{_('No.')} {story.delivery.id} · {safe(story.service.name, 40)} · "
        self.panel.entitle(paint.line(named, (state.text(), state.tone)))
        self.panel.show(paint.lines(*rows))

    def url_of(self, story: DeliveryStory) -> str:
        """Where its service takes punches, as it is set now."""
        known = self._service(story.service.id)
        if known is None:
            return ""
        return known.service.base_url.rstrip("/") + known.service.attendance_endpoint

    # Rows

    def target_of(self, row: Row) -> Target:
        """A delivery."""
        return target_of(row.record)

    def open_row(self, row: Row) -> None:
        """Every attempt, and what happens next."""
        from tm20tui.tui.modes.delivery_detail import DeliveryDetail

        self.app.push_screen(DeliveryDetail(row.record.id))

    async def retry_filter(self) -> None:
        """`R`."""
        await self.retry_query(self.query_of_filter())

    def heading(self) -> str:
        """Of what and in which order."""
        query = self.query_of_filter()
        if query.trouble:
            return f"{_('Queue')} — {query.trouble}"
        return f"{_('Queue')} — {', '.join(query.scope) or _('everything not sent, failures first')}"

    def empty_text(self) -> str:
        """That all is well, and since when."""
        if not self._counts.services:
            return _("no service yet: 7, then n creates one; punches are kept and go once there is one")
        text = _("nothing waits and nothing has failed")
        sent = [one.service for one in self._counts.services if one.service.last_attendance_sync_at]
        if sent:
            last = max(sent, key=lambda service: service.last_attendance_sync_at or service.created_at)
            when = formats.ago(last.last_attendance_sync_at, self.app.now())
            text += "\n" + _("last sent: {service}, {when}").format(service=safe(last.name, 60), when=when)
        return text

    def _nothing(self) -> str:
        trouble = self.query_of_filter().trouble
        return trouble or super()._nothing()

    def retranslate(self) -> None:
        """Both tables."""
        super().retranslate()
        self.totals.refresh()
        self._story = None

    def copied(self, row: Row) -> str:
        """Its number."""
        return str(row.record.id)

    def find(self, text: str) -> None:
        """Show what a filter finds: other modes lead here."""
        self.set_filter(fold(text) if text else "")
