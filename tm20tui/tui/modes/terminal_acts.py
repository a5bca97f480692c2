"""What can be done to terminals, in the list of them and in the detail of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tm20tui.errors import Tm20Error
from tm20tui.model import DIRECTION_POLICIES
from tm20tui.snapshot import TerminalLine
from tm20tui.tui import formats
from tm20tui.tui.actions import Action, Plan, Target, Undo
from tm20tui.tui.bulk import run_plan
from tm20tui.tui.command_words import follow, outcome
from tm20tui.tui.counted import counted
from tm20tui.tui.dialogs import Ask, Choice, Confirm
from tm20tui.tui.language import N_, _, sentence
from tm20tui.tui.modes.terminal_facts import named
from tm20tui.tui.safe import safe
from tm20tui.tui.states import State

if TYPE_CHECKING:
    from tm20tui.tui.mode import ModeScreen

    _Base = ModeScreen
else:
    _Base = object

_FINGERS = 10
_ENROL_POLL_SECONDS = 2.0
_ENROL_SECONDS = 120.0

N_("terminal")
N_("alternate")
N_("fixed-in")
N_("fixed-out")


def target_of(line: TerminalLine, state: State) -> Target:
    """A terminal as what an action is done to."""
    return Target(line.id, named(line), word=line.sn, state=state.text(), record=line)


def _id(target: Target) -> Mapping[str, Any]:
    return {"terminal_id": target.record.id}


def _serial(target: Target) -> Mapping[str, Any]:
    return {"terminal_id": target.record.id, "confirm": target.record.sn}


def _all_users(target: Target) -> Mapping[str, Any]:
    return {"terminal_id": target.record.id, "credentials": True}


def _offline_door(target: Target) -> str:
    return "" if target.record.state == "online" else N_("not connected: a door is never opened later")


def _offline(target: Target) -> str:
    return "" if target.record.state == "online" else N_("not connected, and this is not kept for later")


def _not_approved(target: Target) -> str:
    if target.record.state == "waiting":
        return N_("not approved yet: A approves it")
    return N_("blocked: A approves it") if target.record.state == "blocked" else ""


def _not_approvable(target: Target) -> str:
    return N_("approved already") if target.record.state in ("online", "offline") else ""


def _not_blockable(target: Target) -> str:
    return N_("blocked already") if target.record.state == "blocked" else ""


def _undo_approval(target: Target, result: Any) -> Undo | None:
    # What waited cannot be made to wait again.
    said = _("blocked again: {target}") if target.record.state == "blocked" else _("blocked: {target}")
    what = _("blocks {target}").format(target=target.label)
    return Undo("terminals.block", _id(target), said.format(target=target.label), what)


def _undo_block(target: Target, result: Any) -> Undo | None:
    if target.record.state == "waiting":
        return None
    said = _("approved again: {target}").format(target=target.label)
    what = _("approves {target} again").format(target=target.label)
    return Undo("terminals.approve", _id(target), said, what)


def _command(name: str, key: str, label: str, hint: str = "", **more: Any) -> Action:
    more.setdefault("why_not", _not_approved)
    return Action(f"terminals.{name}", key, label, hint, operation=f"terminals.{name}", arguments=_id, **more)


def _form(name: str, label: str, *, why_not: Callable[[Target], str] = _not_approved) -> Action:
    return Action(
        f"terminals.{name}",
        "",
        label,
        operation=f"terminals.{name}",
        arguments=_id,
        do="fill_in",
        why_not=why_not,
    )


TERMINAL_ACTIONS: tuple[Action, ...] = (
    Action(
        "terminals.approve",
        "A",
        N_("approve"),
        N_("approve"),
        operation="terminals.approve",
        arguments=_id,
        why_not=_not_approvable,
        undo=_undo_approval,
    ),
    _command(
        "door",
        "o",
        N_("open the door"),
        N_("door"),
        tier=1,
        effect=N_("at once, for as long as is set at the terminal; cannot be undone"),
        why_not=_offline_door,
    ),
    _command(
        "time",
        "t",
        N_("set the clock"),
        N_("clock"),
        tier_many=1,
        effect=N_("the terminal's clock is set to the time of its site"),
    ),
    _command("pull_new", "l", N_("pull new logs"), N_("logs"), why_not=_offline),
    Action(
        "users.send",
        "p",
        N_("push the site's users"),
        N_("push"),
        operation="users.send",
        arguments=_all_users,
        tier=1,
        effect=N_("users and credentials that differ are sent and read back; nobody is deleted"),
        why_not=_not_approved,
    ),
    Action(
        "schedules.sync",
        "P",
        N_("push schedules"),
        operation="schedules.sync",
        arguments=_id,
        tier=1,
        effect=N_("the schedules in effect are sent; firmware that does not know them says so"),
        why_not=_not_approved,
    ),
    _command("info", "i", N_("read the terminal's settings")),
    _command(
        "pull_all",
        "L",
        N_("pull all logs"),
        tier=1,
        effect=N_("every record is asked for again; what is stored already is not stored twice"),
        why_not=_offline,
    ),
    Action(
        "terminals.block",
        "W",
        N_("block"),
        operation="terminals.block",
        arguments=_id,
        tier=1,
        effect=N_("it is disconnected and refused; it keeps its punches until it is approved again"),
        why_not=_not_blockable,
        undo=_undo_block,
    ),
    _command(
        "reboot",
        "",
        N_("reboot"),
        tier=1,
        tier_many=2,
        effect=N_("off for about a minute; what it holds stays"),
        letter="b",
        why_not=_offline,
    ),
    Action(
        "terminals.cleanlog",
        "",
        N_("erase its logs"),
        operation="terminals.cleanlog",
        arguments=_serial,
        do="erase_logs",
        letter="v",
        why_not=_offline,
    ),
    Action(
        "terminals.cleanuser",
        "",
        N_("erase its users"),
        operation="terminals.cleanuser",
        arguments=_serial,
        tier=2,
        effect=N_("every user and credential on it is gone; nobody can pass until users are pushed"),
        why_not=_offline,
    ),
    Action(
        "terminals.initsys",
        "",
        N_("erase users and logs"),
        operation="terminals.initsys",
        arguments=_serial,
        tier=2,
        effect=N_("every user and record on it is gone"),
        why_not=_offline,
    ),
    Action(
        "terminals.delete",
        "",
        N_("delete the terminal"),
        operation="terminals.delete",
        arguments=_serial,
        tier=2,
        effect=N_(
            "off every list and disconnected; its punches stay and are delivered; "
            "if it dials in again it waits for approval"
        ),
        letter="x",
    ),
    Action(
        "terminals.rename",
        "",
        N_("rename"),
        operation="terminals.change",
        arguments=_id,
        do="rename",
        letter="n",
    ),
    Action(
        "terminals.move",
        "",
        N_("move to a site"),
        operation="terminals.move",
        arguments=_id,
        do="move",
        letter="m",
    ),
    Action(
        "terminals.direction",
        "",
        N_("how in and out are told apart"),
        operation="terminals.change",
        arguments=_id,
        do="direct",
        letter="d",
    ),
    _command(
        "disable_keypad",
        "",
        N_("lock the keypad"),
        tier=1,
        effect=N_("nobody can punch there until it is unlocked"),
        letter="k",
    ),
    _command("enable_keypad", "", N_("unlock the keypad"), letter="K"),
    Action(
        "terminals.enrol",
        "",
        N_("enrol a user"),
        operation="terminals.enrol",
        arguments=_id,
        do="enrol",
        letter="e",
        why_not=_offline,
    ),
    _form("hold_door", N_("hold the door open or closed…"), why_not=_offline),
    _form("configure", N_("change its settings…")),
    _form("lock", N_("read the door's settings…")),
    _form("set_lock", N_("change the door's settings…")),
    _form("holidays", N_("read its holidays…")),
    _form("set_holidays", N_("set its holidays…")),
    _form("questionnaire", N_("read its question…")),
    _form("set_questionnaire", N_("set its question…")),
    _form("bells", N_("read its bells…")),
    _form("set_bells", N_("set its bells…")),
    _form("shifts", N_("read its shifts…")),
    _form("set_shifts", N_("set its shifts…")),
    _form("completeness", N_("is everything here, by day…")),
)

_DANGEROUS = frozenset({"terminals.cleanuser", "terminals.initsys", "terminals.cleanlog"})


class TerminalActs(_Base):
    """The actions that ask for something first."""

    def unavailable(self, action: Action) -> str:
        """Also what the configuration does not allow."""
        is_off = action.id in _DANGEROUS and not self.app.backend.settings.security.allow_dangerous
        if is_off and not self.role_refusal(action):
            return _("off: security.allow_dangerous is not set")
        return super().unavailable(action)

    def action_do(self, ident: str) -> None:
        """What the configuration does not allow is refused before anything is asked."""
        action = self.action_of(ident)
        if action is not None and action.id in _DANGEROUS and not self.role_refusal(action):
            reason = self.unavailable(action)
            if reason and not self.app.backend.settings.security.allow_dangerous:
                self.app.tell("bad", reason)
                return
        super().action_do(ident)

    def only_one(self, plan: Plan) -> Target | None:
        """The target of what cannot be done to several."""
        if len(plan.eligible) == 1:
            return plan.eligible[0]
        self.app.tell("warn", _("for one terminal at a time: {action}").format(action=_(plan.action.label)))
        return None

    async def fill_in(self, plan: Plan) -> None:
        """A form of the operation, the terminal filled in."""
        from tm20tui.tui.operation_form import OperationForm

        if (target := self.only_one(plan)) is not None:
            given = {"terminal_id": str(target.record.id)}
            self.app.push_screen(OperationForm(plan.action.operation, given))

    async def erase_logs(self, plan: Plan) -> None:
        """Refused while a record on it may not be here; else the serial is typed."""
        target = self.only_one(plan)
        if target is None:
            return
        found = await self.call("terminals.erasable", terminal_id=target.record.id)
        held = _("{held} on the terminal").format(held=formats.number(found.held))
        held += f", {counted('received', found.stored)}"
        if found.refusal:
            self.app.tell("bad", f"{target.label}{_(': ')}{safe(sentence(found.refusal), 160)} · {held}")
            return
        rows = [
            (_("Target"), target.label),
            (_("State"), target.state),
            (_("Records"), held),
            (_("Effect"), _("its records are erased; they stay here")),
            (_("Trace"), _("audit, in the name of {operator}").format(operator=self._operator)),
        ]
        label = _(plan.action.label)

        def answered(accepted: bool | None) -> None:
            if accepted:
                self.do_soon(lambda: run_plan(self, plan), plan.action.id, outlives=True)
            else:
                self.app.tell("dim", _("nothing was done: {action}").format(action=label))

        self.app.push_screen(Confirm(label, rows, label, word=target.word), answered)

    async def rename(self, plan: Plan) -> None:
        """Another name."""
        target = self.only_one(plan)
        if target is None:
            return
        line = target.record

        def renamed(name: str | None) -> None:
            if name is not None and name != line.name:
                said = _("{terminal} is called {name} again").format(
                    terminal=safe(line.sn, 30), name=safe(line.name, 40) or formats.NONE
                )
                self._change(target, {"name": name}, {"name": line.name}, said)

        self.app.push_screen(
            Ask(_("Rename {terminal}").format(terminal=safe(line.sn, 30)), _("Name"), line.name), renamed
        )

    async def direct(self, plan: Plan) -> None:
        """How in and out are told apart."""
        target = self.only_one(plan)
        if target is None:
            return
        now = target.record.direction_policy
        options = [
            (word, str(place + 1), _(word), _("it is so already") if word == now else "")
            for place, word in enumerate(DIRECTION_POLICIES)
        ]

        def chosen(policy: str | None) -> None:
            if policy is not None:
                said = _("{terminal}: in and out as before").format(terminal=target.label)
                self._change(target, {"direction_policy": policy}, {"direction_policy": now}, said)

        self.app.push_screen(Choice(_("In and out"), options), chosen)

    async def move(self, plan: Plan) -> None:
        """To another site."""
        target = self.only_one(plan)
        if target is None:
            return
        sites = await self.call("sites.list")
        options = [
            (
                str(site.id),
                str(place + 1) if place < 9 else "",
                f"{safe(site.name, 40)} ({site.timezone})",
                _("it is there already") if site.id == target.record.site_id else "",
            )
            for place, site in enumerate(sites)
        ]

        def chosen(ident: str | None) -> None:
            if ident is None:
                return
            back = {"terminal_id": target.record.id, "site_id": target.record.site_id}
            said = _("{terminal} is back at {site}").format(
                terminal=target.label, site=safe(target.record.site, 40)
            )
            there = {"terminal_id": target.record.id, "site_id": int(ident)}
            self._do(target, plan.action, "terminals.move", there, Undo("terminals.move", back, said))

        self.app.push_screen(Choice(_("Move to a site"), options), chosen)

    async def enrol(self, plan: Plan) -> None:
        """Who, what, and then how far it is."""
        target = self.only_one(plan)
        if target is None:
            return
        kinds = [("0", "f", _("fingerprint"), ""), ("50", "v", _("face"), "")]
        kinds += [("11", "c", _("card"), ""), ("10", "p", _("password"), "")]
        kinds += [
            (str(slot), str(slot), _("finger {slot}").format(slot=slot), "") for slot in range(1, _FINGERS)
        ]

        def asked(enrollid: str | None) -> None:
            if not enrollid:
                return

            def chosen(kind: str | None) -> None:
                if kind is not None:
                    work = lambda: self._enrol(target, enrollid.strip(), int(kind))  # noqa: E731
                    self.do_soon(work, "enrol", outlives=True)

            self.app.push_screen(Choice(_("What to enrol"), kinds), chosen)

        self.app.push_screen(
            Ask(_("Enrol at {terminal}").format(terminal=target.label), _("Number of the user (enrollid)")),
            asked,
        )

    async def _enrol(self, target: Target, enrollid: str, kind: int) -> None:
        app = self.app
        about = _("enrolment of {user}: {terminal}").format(user=safe(enrollid, 30), terminal=target.label)
        ident = target.record.id
        begun = await app.call(
            "terminals.enrol", terminal_id=ident, enrollid=enrollid, backupnum=kind, wait_seconds=0
        )
        reference = app.last_reference
        begun = await follow(app, about, begun)
        if begun.status != "confirmed":
            tone, words = outcome(begun)
            app.tell(tone, f"{about} — {words}", ref=reference)
            return
        started, shown = app.elapsed(), ""
        while app.elapsed() - started < _ENROL_SECONDS:
            asked = await app.call("terminals.enrol_status", terminal_id=ident)
            if asked.status != "confirmed":
                tone, words = outcome(asked)
                app.tell(tone, f"{about} — {words}", ref=reference)
                return
            status = asked.result.get("status")
            step = status if isinstance(status, int) else 0
            if step >= 100:
                app.tell("good", _("{about} — done").format(about=about), ref=reference)
                return
            if step < 0:
                app.tell("bad", _("{about} — the terminal gave up ({step})").format(about=about, step=step))
                return
            words = _("{about} — step {step} of 3, at the terminal").format(about=about, step=step)
            if words != shown:
                shown = words
                app.tell("accent", words)
            await asyncio.sleep(_ENROL_POLL_SECONDS)
        await app.call("terminals.enrol_cancel", terminal_id=ident)
        app.tell("warn", _("{about} — stopped, nobody came").format(about=about), ref=reference)

    @property
    def _operator(self) -> str:
        return safe(self.app.client.operator.name, 40)

    def _change(self, target: Target, new: Mapping[str, Any], old: Mapping[str, Any], said: str) -> None:
        ident = {"terminal_id": target.record.id}
        action = Action("", "", N_("change"))
        undo = Undo("terminals.change", {**ident, **old}, said)
        self._do(target, action, "terminals.change", {**ident, **new}, undo)

    def _do(
        self, target: Target, action: Action, operation: str, arguments: Mapping[str, Any], undo: Undo
    ) -> None:
        async def work() -> None:
            try:
                await self.app.call(operation, **arguments)
            except Tm20Error as error:
                self.app.tell_error(error, about=target.label)
                return
            self.app.remember_undo(undo)
            label = _(action.label)
            self.app.tell("good", f"{label}{_(': ')}{target.label}", ref=self.app.last_reference)
            if self.is_mounted:
                self.look_soon()

        self.do_soon(work, operation, outlives=True)
