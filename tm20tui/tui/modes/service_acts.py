"""What can be done to a service: send now, take its users over, choose its terminals, test, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from tm20tui.model import Service
from tm20tui.operations.doctor import ServiceTest
from tm20tui.tui import formats, paint
from tm20tui.tui.actions import Action, Plan, Target, Undo
from tm20tui.tui.counted import counted
from tm20tui.tui.dialogs import Confirm, Notice
from tm20tui.tui.field_words import in_words
from tm20tui.tui.language import N_, _, ngettext, sentence
from tm20tui.tui.mode import ModeScreen
from tm20tui.tui.modes.task_end import task_end
from tm20tui.tui.modes.terminal_choice import TerminalChoice
from tm20tui.tui.safe import safe
from tm20tui.tui.states import glyph

_STEPS = {"ok": ("✓", "good"), "warning": ("▲", "warn"), "failed": ("✗", "bad"), "skipped": ("–", "dim")}


def _service(target: Target) -> Service:
    found = target.record.service
    assert isinstance(found, Service)
    return found


def _id(target: Target) -> Mapping[str, Any]:
    return {"service_id": _service(target).id}


def _config(target: Target) -> Mapping[str, Any]:
    return {"config_id": _service(target).id}


def _with_active(is_active: bool) -> Any:
    def arguments(target: Target) -> Mapping[str, Any]:
        return {"service_id": _service(target).id, "given": {"is_active": is_active}}

    def undo(target: Target, result: Any) -> Undo:
        said = _("inactive again: {target}") if is_active else _("active again: {target}")
        back = {"service_id": _service(target).id, "given": {"is_active": not is_active}}
        return Undo("services.change", back, said.format(target=target.label))

    return {"operation": "services.change", "arguments": arguments, "undo": undo}


def _is_active(target: Target) -> str:
    return N_("it is active already") if _service(target).is_active else ""


def _is_inactive(target: Target) -> str:
    return "" if _service(target).is_active else N_("it is not active")


def _not_paused(target: Target) -> str:
    if reason := _is_inactive(target):
        return reason
    return N_("it is not paused") if _service(target).health == "healthy" else ""


def _no_users(target: Target) -> str:
    if reason := _is_inactive(target):
        return reason
    return "" if _service(target).users_endpoint else N_("it has no path for users: e")


ACTIONS = (
    Action(
        "services.new",
        "n",
        N_("new service"),
        N_("new"),
        operation="services.add",
        do="new",
        needs_target=False,
    ),
    Action(
        "services.edit", "e", N_("edit"), N_("edit"), operation="services.change", arguments=_id, do="edit"
    ),
    Action(
        "services.test",
        "ctrl+t",
        N_("test the connection"),
        N_("test"),
        operation="services.test",
        arguments=_id,
        do="test",
        letter="t",
    ),
    Action(
        "services.sync",
        "r",
        N_("send what waits now"),
        N_("send now"),
        operation="attendance.manual_sync",
        arguments=_config,
        do="sync",
        why_not=_is_inactive,
    ),
    Action(
        "services.resume",
        "",
        N_("resume: try one batch now"),
        operation="attendance.manual_sync",
        arguments=_config,
        do="sync",
        why_not=_not_paused,
        letter="p",
    ),
    Action(
        "services.terminals",
        "m",
        N_("choose its terminals"),
        N_("terminals"),
        operation="services.change",
        arguments=_id,
        do="map_terminals",
    ),
    Action(
        "services.users",
        "I",
        N_("take its users over…"),
        N_("users…"),
        operation="users.fetch_in_background",
        arguments=_config,
        do="fetch",
        tier=1,
        why_not=_no_users,
    ),
    Action(
        "services.activate", "A", N_("activate"), N_("activate"), why_not=_is_active, **_with_active(True)
    ),
    Action(
        "services.deactivate",
        "W",
        N_("deactivate"),
        tier=1,
        effect=N_("nothing is sent to it any more; its punches wait until it is active again"),
        why_not=_is_inactive,
        **_with_active(False),
    ),
    Action(
        "services.delete",
        "delete",
        N_("delete…"),
        N_("delete…"),
        operation="services.delete",
        arguments=_id,
        do="delete",
        tier=1,
        letter="x",
    ),
)


class ServiceActs(ModeScreen):
    """What the actions above ask before they act; the record of a target is a `ServiceTotals`."""

    async def new(self) -> None:
        """An empty form."""
        from tm20tui.tui.modes.service_form import ServiceForm

        self.app.push_screen(ServiceForm())

    async def edit(self, plan: Plan) -> None:
        """The form of one service."""
        from tm20tui.tui.modes.service_form import ServiceForm

        self.app.push_screen(ServiceForm(_service(plan.eligible[0])))

    async def test(self, plan: Plan) -> None:
        """Step by step, as it is saved."""
        target = plan.eligible[0]
        self.app.tell("accent", _("testing {target}…").format(target=target.label))
        self.draw_frame()
        found: ServiceTest = await self.call("services.test", service_id=_service(target).id)
        tell_test(self, found, target.label)
        self.app.push_screen(Notice(_("Test: {target}").format(target=target.label), test_lines(found)))

    async def sync(self, plan: Plan) -> None:
        """Send now, and say what came of it once it is over."""
        for target in plan.eligible:
            about = f"{_('send what waits now')}{_(': ')}{target.label}"
            record = await self.call("attendance.manual_sync", config_id=_service(target).id)
            reference = self.app.last_reference
            record = await task_end(self, record, about)
            report = _first(record.result)
            if record.status != "done" or "error" in report:
                words = record.error or str(report.get("error", record.status))
                self.app.tell("bad", f"{about} — {safe(sentence(words), 200)}", ref=reference)
                continue
            text = ", ".join(counted(word, report.get(word, 0)) for word in ("sent", "failed", "left"))
            if reason := report.get("reason"):
                text += f": {safe(sentence(str(reason)), 120)}"
            is_bad = report.get("failed") or report.get("reason")
            self.app.tell("bad" if is_bad else "good", f"{about} — {text}", ref=reference)
        self.after(plan, [])

    async def fetch(self, plan: Plan) -> None:
        """Ask, take over, and ask again where the server wants to be sure."""
        target = plan.eligible[0]
        about = f"{_('users')}{_(': ')}{target.label}"
        rows = [
            (_("Service"), target.label),
            (_("Effect"), _("its users are taken over at every site it serves; who left is disabled")),
        ]
        title = _("take its users over…").rstrip("…")
        if not await self.app.push_screen_wait(Confirm(title, rows, title)):
            self.app.tell("dim", _("nothing was done: {action}").format(action=title))
            return
        for confirm in (False, True):
            record = await self.call(
                "users.fetch_in_background", config_id=_service(target).id, confirm=confirm
            )
            reference = self.app.last_reference
            record = await task_end(self, record, about)
            if record.status == "done":
                self.app.tell("good", f"{about} — {_fetched(record.result)}", ref=reference)
                break
            self.app.tell("bad", f"{about} — {safe(sentence(record.error), 200)}", ref=reference)
            if confirm or "confirm" not in record.error:
                break
            sure = [(_("Refused"), sentence(record.error)), (_("Effect"), _("it is taken over all the same"))]
            if not await self.app.push_screen_wait(Confirm(title, sure, _("all the same"))):
                break
        self.after(plan, [])

    async def map_terminals(self, plan: Plan) -> None:
        """Ticks, then one change; undoable."""
        target = plan.eligible[0]
        service = _service(target)
        dialog = TerminalChoice(
            _("Terminals of {target}").format(target=target.label),
            self.app.seen.terminals,
            service.terminal_ids,
        )
        chosen = await self.app.push_screen_wait(dialog)
        if chosen is None or chosen.terminal_ids == service.terminal_ids:
            self.app.tell("dim", _("nothing was changed"))
            return
        given = {"terminal_ids": None if chosen.terminal_ids is None else list(chosen.terminal_ids)}
        await self.call("services.change", service_id=service.id, given=given)
        before = None if service.terminal_ids is None else list(service.terminal_ids)
        self.app.remember_undo(
            Undo(
                "services.change",
                {"service_id": service.id, "given": {"terminal_ids": before}},
                _("terminals as before: {target}").format(target=target.label),
            )
        )
        text = terminals_text(chosen.terminal_ids)
        self.app.tell("good", f"{target.label}{_(': ')}{text}", ref=self.app.last_reference)
        self.look_soon()

    async def delete(self, plan: Plan) -> None:
        """Delete one; when something is owed to it, the count is typed."""
        target = plan.eligible[0]
        service = _service(target)
        totals = await self.call("deliveries.totals")
        owed = next((one.totals.owed for one in totals.services if one.service.id == service.id), 0)
        rows = [
            (_("Service"), target.label),
            (_("Owed"), formats.number(owed)),
            (
                _("Effect"),
                _("what it is still owed is given up, and waits for another service; cannot be undone")
                if owed
                else _("it is gone; what it was sent stays in the history; cannot be undone"),
            ),
            (_("Trace"), _("audit, in the name of {operator}").format(operator=self._who())),
        ]
        dialog = Confirm(_("Delete a service"), rows, _("Delete"), word=str(owed) if owed else "")
        if not await self.app.push_screen_wait(dialog):
            self.app.tell("dim", _("nothing was done: {action}").format(action=_(plan.action.label)))
            return
        gone = await self.call("services.delete", service_id=service.id)
        text = _("deleted: {target}").format(target=target.label)
        if gone.given_up:
            text += " · " + counted("given up", gone.given_up)
        self.app.tell("good", text, ref=self.app.last_reference)
        self.after(plan, [])

    def _who(self) -> str:
        return safe(self.app.client.operator.name, 40)


def terminals_text(terminal_ids: tuple[int, ...] | None) -> str:
    """`every terminal`, or how many."""
    if terminal_ids is None:
        return _("every terminal")
    count = len(terminal_ids)
    return ngettext("{count} terminal", "{count} terminals", count).format(count=count)


def test_lines(found: ServiceTest) -> Content:
    """Each step: what was found, how long it took, what to do about it; then what would be sent."""
    rows: list[Content] = []
    for step in found.steps:
        mark, tone = _STEPS[step.state]
        took = f"{formats.decimal(step.seconds, 2)} s" if step.state != "skipped" else ""
        rows.append(
            paint.line(
                (f"{glyph(mark)} ", tone),
                f"{safe(_(step.name), 24):<13} ",
                (f"{took:>8}  ", "dim"),
                safe(in_words(sentence(step.reason)), 300),
            )
        )
        if step.hint:
            rows.append(paint.line((" " * 26 + safe(in_words(sentence(step.hint)), 300), "dim")))
    return paint.lines(*rows)


def tell_test(mode: ModeScreen, found: ServiceTest, label: str) -> None:
    """The result in the message line; what is in doubt is not told as if it worked."""
    about = next((step for step in found.steps if step.state == "failed"), None)
    doubt = next((step for step in reversed(found.steps) if step.state == "warning"), None)
    if about is not None:
        tone, text = "bad", _("{target}: {step} — {reason}")
    elif doubt is not None:
        tone, text, about = "warn", _("{target}: it can be reached, but {step} — {reason}"), doubt
    else:
        mode.app.tell(
            "good", _("{target}: the connection works").format(target=label), ref=mode.app.last_reference
        )
        return
    text = text.format(
        target=label, step=safe(_(about.name), 24), reason=safe(in_words(sentence(about.reason)), 200)
    )
    mode.app.tell(tone, text, ref=mode.app.last_reference)


def _first(result: object) -> Mapping[str, Any]:
    configs = result.get("configs", ()) if isinstance(result, dict) else ()
    return configs[0] if configs else {}


def _fetched(result: object) -> str:
    report = result if isinstance(result, dict) else {}
    sites = report.get("sites", ())
    added, changed = (sum(site[name] for site in sites) for name in ("added", "changed"))
    gone = sum(len(site["gone"]) for site in sites)
    counts = (counted("new", added), counted("changed", changed), counted("gone", gone))
    text = f"{counted('received', report.get('received', 0))}{_(': ')}{', '.join(counts)}"
    if skipped := len(report.get("skipped", ())):
        text += " · " + counted("not sound", skipped)
    return text
