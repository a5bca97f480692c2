"""What terminals sent and could not be read: read it again, or throw it away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding

from tm20tui.operations.quarantine import Quarantined, QuarantineRetry
from tm20tui.tui import formats, paint
from tm20tui.tui.actions import Action, Plan, Target
from tm20tui.tui.dialogs import Confirm, Notice
from tm20tui.tui.grid import Column, Row
from tm20tui.tui.language import N_, _, ngettext, sentence
from tm20tui.tui.modes.following import PAGE, FollowingTable
from tm20tui.tui.modes.querying import Asked, Query, delivery_query
from tm20tui.tui.safe import safe
from tm20tui.tui.still import Still
from tm20tui.tui.table_mode import Page


def _item(target: Target) -> Mapping[str, Any]:
    return {"quarantine_id": target.record.id}


class QuarantineScreen(FollowingTable):
    """Texts that could not be stored, newest first."""

    MODE = "punches"
    NUMBER = 4
    TITLE = N_("Quarantine")
    HELP_TEXT = N_(
        "What terminals sent and could not be stored, kept as it came: r reads it again. "
        "Filter fields: reason: terminal: since: until:"
    )
    EMPTY = N_("the quarantine is empty: everything that came could be read")
    COLUMNS = (
        Column("id", N_("No."), 7, right=True),
        Column("received", N_("Received"), 14),
        Column("terminal", N_("Terminal"), 14, grow=1),
        Column("reason", N_("Reason"), 24, grow=2),
        Column("raw", N_("Text"), 16, grow=3, level=1),
    )
    ACTIONS = (
        Action(
            "quarantine.retry",
            "r",
            N_("read it again"),
            N_("read again"),
            operation="quarantine.retry",
            arguments=_item,
            do="retry",
        ),
        Action(
            "quarantine.discard",
            "delete",
            N_("throw it away…"),
            N_("discard…"),
            operation="quarantine.discard",
            arguments=_item,
            do="discard",
            tier=2,
        ),
    )
    BINDINGS: ClassVar = [Binding("left", "step_out", N_("back to the punches"), show=False)]
    DEFAULT_CSS = "QuarantineScreen #preview { height: 6; }"

    def __init__(self) -> None:
        super().__init__()
        self.panel = Still(id="preview", classes="panel")
        self.panel.display = False

    @property
    def memory_name(self) -> str:
        """Its filter is not that of the punches."""
        return "quarantine"

    def body(self) -> ComposeResult:
        """The table, and the text under the cursor."""
        yield self.grid
        yield self.panel
        yield self.bar

    def counted(self) -> int:
        """What is in it."""
        return self.app.seen.quarantined

    def _query(self) -> Query:
        query = delivery_query(self.filter, Asked(self.app.seen, self.app.now(), self.app.zone, ()))
        if "service_id" in query.arguments:
            return Query(trouble=_("no such field here: {field}").format(field="service"))
        return query

    async def page(self, start: Any) -> Page:
        """Texts before an id."""
        query = self._query()
        if query.trouble:
            return Page(())
        page = await self.call("quarantine.list", **query.arguments, before_id=start, limit=PAGE)
        return Page(tuple(map(self._row, page.items)), page.next_before_id)

    def pinned_start(self) -> Any:
        """Before what would be the next id."""
        last = self.last_shown()
        return None if last is None else last + 1

    def _row(self, item: Quarantined) -> Row:
        line = self.app.terminal_line(item.terminal_id)
        reason = sentence(item.reason)
        return Row(
            item.id,
            {
                "id": str(item.id),
                "received": formats.moment(item.received_at, self.app.zone, self.app.now()),
                "terminal": safe((line.name or line.sn) if line is not None else item.sn or "?"),
                "reason": safe(f"{item.field}{_(': ')}{reason}" if item.field else reason),
                "raw": safe(item.raw),
            },
            item,
        )

    def target_of(self, row: Row) -> Target:
        """A text."""
        item = row.record
        label = f"{_('No.')} {item.id} · {safe(item.sn, 30)}"
        return Target(row.key, label, word=str(item.id), state=safe(sentence(item.reason), 80), record=item)

    def preview(self, row: Row | None) -> None:
        """The beginning of the text."""
        if not self.is_mounted:
            return
        self.panel.display = row is not None and self.app.size.height >= 24
        if row is not None:
            text = paint.lines(safe(row.record.reason, 200), safe(row.record.raw, 400))
            self.panel.entitle(f"{_('No.')} {row.record.id}")
            self.panel.show(text)

    def open_row(self, row: Row) -> None:
        """The whole text."""
        item = row.record
        text = paint.lines(
            paint.line((f"{_('Reason')}  ", "dim"), safe(sentence(item.reason), 400)),
            "",
            safe(item.raw, 20_000),
        )
        self.app.push_screen(Notice(f"{_('Quarantine')} {_('No.')} {item.id}", text))

    async def retry(self, plan: Plan) -> None:
        """Read again, one after the other, and say what came of it."""
        stored = left = 0
        reason = ""
        for target in plan.eligible:
            result: QuarantineRetry = await self.call("quarantine.retry", **_item(target))
            stored += result.stored + result.duplicates + result.events + result.users
            if not result.is_removed:
                left += 1
                reason = reason or result.reason
        text = ngettext("{count} record stored", "{count} records stored", stored).format(count=stored)
        if left:
            text += " · " + ngettext(
                "{count} text stays: {reason}", "{count} texts stay: {reason}", left
            ).format(count=left, reason=safe(sentence(reason), 120))
        self.app.tell("bad" if left else "good", text, ref=self.app.last_reference)
        self.after(plan, [])

    async def discard(self, plan: Plan) -> None:
        """Gone for good: the count is typed."""
        count = len(plan.eligible)
        title = ngettext("Throw {count} text away", "Throw {count} texts away", count).format(count=count)
        who = safe(self.app.client.operator.name, 40)
        rows = [(_("Target"), target.label) for target in plan.eligible[:5]]
        if count > 5:
            rows.append(("", _("and {count} more").format(count=count - 5)))
        rows += [
            (_("Effect"), _("gone for good: what is in it is never stored; cannot be undone")),
            (_("Trace"), _("audit, in the name of {operator}").format(operator=who)),
        ]
        word = plan.eligible[0].word if count == 1 else str(count)
        if not await self.app.push_screen_wait(Confirm(title, rows, _("Throw away"), word=word)):
            self.app.tell("dim", _("nothing was done: {action}").format(action=_(plan.action.label)))
            return
        for target in plan.eligible:
            await self.call("quarantine.discard", **_item(target))
        text = ngettext("{count} text thrown away", "{count} texts thrown away", count).format(count=count)
        self.app.tell("good", text, ref=self.app.last_reference)
        self.after(plan, [])

    def trail(self) -> list[str]:
        """Below the punches."""
        return [_("Quarantine")]

    def heading(self) -> str:
        """What it is."""
        return f"{_('Quarantine')} — {self._query().trouble or _('newest first')}"

    def _nothing(self) -> str:
        return self._query().trouble or super()._nothing()

    def copied(self, row: Row) -> str:
        """The text."""
        return str(row.record.raw)
