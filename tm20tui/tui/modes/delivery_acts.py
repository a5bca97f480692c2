"""What can be done to deliveries: try again, abandon with a reason, release what is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tm20tui.operations.deliveries import DeadLettersChanged
from tm20tui.tui import formats
from tm20tui.tui.actions import Action, Plan, Target
from tm20tui.tui.dialogs import Ask, Confirm
from tm20tui.tui.language import N_, _, ngettext, sentence
from tm20tui.tui.mode import ModeScreen
from tm20tui.tui.modes.querying import Query
from tm20tui.tui.modes.stories import is_discarded
from tm20tui.tui.modes.task_end import task_end
from tm20tui.tui.safe import safe


def _not_retryable(target: Target) -> str:
    status = target.record.status
    if status == "failed":
        return ""
    if status == "held":
        return N_("held: release it instead")
    if status in ("sent", "duplicate"):
        return N_("the service has it")
    return N_("it goes by itself")


def _not_discardable(target: Target) -> str:
    if target.record.status not in ("failed", "held"):
        return N_("only failed and held ones can be abandoned")
    return N_("abandoned already") if is_discarded(target.record) else ""


def _not_held(target: Target) -> str:
    return "" if target.record.status == "held" else N_("it is not held")


def _delivery(target: Target) -> Mapping[str, Any]:
    return {"delivery_id": target.record.id}


def _punch(target: Target) -> Mapping[str, Any]:
    return {"punch_id": target.record.punch_id}


RETRY = Action(
    "delivery.retry",
    "r",
    N_("try again"),
    N_("try again"),
    operation="deliveries.retry",
    arguments=_delivery,
    effect=N_("goes to the service at once, as if it had never failed"),
    yet=N_("waits to be sent again"),
    why_not=_not_retryable,
)
ABANDON = Action(
    "delivery.abandon",
    "delete",
    N_("abandon…"),
    N_("abandon…"),
    operation="deliveries.discard",
    arguments=_delivery,
    do="abandon",
    tier=2,
    why_not=_not_discardable,
    letter="x",
)
RELEASE = Action(
    "delivery.release",
    "",
    N_("release: send it with the time it has"),
    operation="attendance.release",
    arguments=_punch,
    tier=1,
    effect=N_("every service that is owed it gets it with a time that is not trusted"),
    why_not=_not_held,
    letter="l",
)
PUNCH = Action("delivery.punch", "w", N_("the whole way of the punch"), N_("whole way"), do="show_punch")


class DeliveryActs(ModeScreen):
    """What the actions above ask before they act."""

    async def show_punch(self, plan: Plan) -> None:
        """From the frame to every service, on one screen."""
        from tm20tui.tui.modes.punch_detail import PunchDetail

        self.app.push_screen(PunchDetail(plan.eligible[0].record.punch_id, self.MODE))

    async def abandon(self, plan: Plan) -> None:
        """Ask for a reason, then for the count."""
        count = len(plan.eligible)
        title = ngettext("Abandon {count} delivery", "Abandon {count} deliveries", count).format(
            count=formats.number(count)
        )
        reason = await self.app.push_screen_wait(
            Ask(title, _("Why? The reason stays visible on them, with your name:"))
        )
        if not (reason or "").strip():
            self.app.tell("dim", _("nothing was done: abandoning needs a reason"))
            return
        assert reason is not None
        rows = [
            *_targets(plan.eligible),
            *((_("Skipped"), f"{target.label}{_(': ')}{_(why)}") for target, why in plan.skipped[:3]),
            (_("Reason"), safe(reason, 120)),
            (_("Effect"), _("never sent by itself any more; r tries them again by hand")),
            (_("Trace"), _("audit, in the name of {operator}").format(operator=self._who())),
        ]
        word = str(count) if count > 1 else plan.eligible[0].word
        if not await self.app.push_screen_wait(Confirm(title, rows, _("Abandon"), word=word)):
            self.app.tell("dim", _("nothing was done: {action}").format(action=_(plan.action.label)))
            return
        ids = [target.record.id for target in plan.eligible]
        changed = await self.call("deliveries.discard", reason=reason, delivery_ids=ids)
        await self._tell_changed(changed, "abandoned")
        self.after(plan, [])

    async def retry_query(self, query: Query, most: Sequence[str] = ("failed", "dead")) -> None:
        """Count what a filter finds, say it with its scope, and try all of it again."""
        given = dict(query.arguments)
        if query.trouble:
            self.app.tell("bad", query.trouble)
            return
        if given.get("status") not in (None, *most):
            self.app.tell("bad", _("only failed deliveries can be tried again: state:failed or state:dead"))
            return
        wanted: dict[str, Any] = given or {"everything": True}
        counted = await self.call("deliveries.retry", dry_run=True, **wanted)
        if not counted.matched:
            self.app.tell("warn", _("nothing has failed in: {scope}").format(scope=scope_of(query)))
            return
        count = formats.number(counted.matched)
        rows = [
            (_("Count"), _("{count}, counted by the server now").format(count=count)),
            (_("Scope"), scope_of(query)),
            (_("Effect"), _("they go to their services at once; their tries are counted on")),
            (_("Not among them"), _("what an operator abandoned")),
            (_("Trace"), _("audit, in the name of {operator}").format(operator=self._who())),
        ]
        title = ngettext(
            "Try {count} delivery again", "Try {count} deliveries again", counted.matched
        ).format(count=count)
        if not await self.app.push_screen_wait(Confirm(title, rows, _("Try again"))):
            self.app.tell(
                "dim", _("nothing was done: {action}").format(action=_("try the whole filter again"))
            )
            return
        await self._tell_changed(await self.call("deliveries.retry", **wanted), "retried")
        self.look_soon()

    async def _tell_changed(self, changed: DeadLettersChanged, word: str) -> None:
        count, matched, reference = changed.changed, changed.matched, self.app.last_reference
        if changed.task is not None:
            record = await task_end(self, changed.task, _("try the whole filter again"))
            if record.status != "done" or not isinstance(record.result, dict):
                words = sentence(record.error) or _(record.status)
                self.app.tell("bad", _("not finished: {reason}").format(reason=words), ref=reference)
                return
            count, matched = int(record.result["changed"]), int(record.result["matched"])
        shown = formats.number(count)
        text = (
            ngettext("{count} delivery abandoned", "{count} deliveries abandoned", count)
            if word == "abandoned"
            else ngettext("{count} delivery is tried again", "{count} deliveries are tried again", count)
        ).format(count=shown)
        if matched > count:
            moved = ngettext("{count} moved on meanwhile", "{count} moved on meanwhile", matched - count)
            text += " · " + moved.format(count=formats.number(matched - count))
        self.app.tell("good" if count else "warn", text, ref=reference)

    def _who(self) -> str:
        return safe(self.app.client.operator.name, 40)


def scope_of(query: Query) -> str:
    """What a filter leaves, in words; without one: everything."""
    given = query.arguments
    parts = list(query.scope)
    for key, words in (
        ("service_id", _("all services")),
        ("terminal_id", _("all terminals")),
        ("from_at", "" if "to_at" in given else _("all dates")),
    ):
        if key not in given and words:
            parts.append(words)
    return ", ".join(parts)


def target_of(record: Any) -> Target:
    """A delivery, a record of `deliveries.list`, as a target."""
    label = f"{_('No.')} {record.id} · {safe(record.user_name or record.enrollid, 30)} · " + safe(
        record.service_name, 30
    )
    return Target(record.id, label, word=str(record.id), state=safe(_(record.status), 30), record=record)


def _targets(targets: Sequence[Target]) -> list[tuple[str, str]]:
    shown = [("", target.label) for target in targets[:5]]
    shown[0] = (ngettext("Target", "Targets", len(targets)), targets[0].label)
    if len(targets) > 5:
        shown.append(("", _("and {count} more").format(count=len(targets) - 5)))
    return shown
