"""What can be done to a user, in the list and in the detail of one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from tm20tui.operations.users import User
from tm20tui.tui.actions import Action, Plan, Target, Undo
from tm20tui.tui.language import N_, _
from tm20tui.tui.mode import ModeScreen
from tm20tui.tui.modes.user_acts import ask_to_push, named, open_form

_YET = N_("noted; each terminal has yet to confirm it")


def user_target(user: User, key: Hashable) -> Target:
    """A user as what an action is done to."""
    word = _("enabled") if user.is_enabled else _("disabled")
    return Target(key, named(user), word=user.enrollid, state=word, record=user)


def _not_disabled(target: Target) -> str:
    return N_("enabled already") if target.record.is_enabled else ""


def _not_enabled(target: Target) -> str:
    return "" if target.record.is_enabled else N_("disabled already")


def _id(target: Target) -> Mapping[str, Any]:
    return {"user_id": target.record.id}


def _ids(target: Target) -> Mapping[str, Any]:
    return {"user_ids": [target.record.id]}


def _standing(is_enabled: bool) -> Callable[[Target], Mapping[str, Any]]:
    return lambda target: {"user_id": target.record.id, "is_enabled": is_enabled}


def _undo(is_enabled: bool) -> Callable[[Target, Any], Undo | None]:
    def undo(target: Target, result: Any) -> Undo | None:
        word = _("enabled again: {target}") if is_enabled else _("disabled again: {target}")
        arguments = {"user_id": target.record.id, "is_enabled": is_enabled}
        return Undo("users.change", arguments, word.format(target=target.label))

    return undo


PUSH = Action(
    "users.push",
    "p",
    N_("bring to terminals…"),
    N_("bring…"),
    operation="users.send",
    arguments=_ids,
    do="push",
)
EDIT = Action(
    "users.edit",
    "e",
    N_("change the user"),
    N_("change"),
    operation="users.change",
    arguments=_id,
    do="edit",
)
ENABLE = Action(
    "users.enable",
    "A",
    N_("enable"),
    operation="users.change",
    arguments=_standing(True),
    yet=_YET,
    why_not=_not_disabled,
    undo=_undo(False),
)
DISABLE = Action(
    "users.disable",
    "W",
    N_("disable"),
    operation="users.change",
    arguments=_standing(False),
    tier=1,
    yet=_YET,
    effect=N_("refused here at once; every terminal that knows the user is asked, and confirms"),
    why_not=_not_enabled,
    undo=_undo(True),
)


class UserActions(ModeScreen):
    """What the actions above ask before they act; the record of a target is a `User`."""

    def __init__(self) -> None:
        super().__init__()
        self._sites: dict[int, str] = {}
        self._site_users: dict[int, int] = {}

    async def edit(self, plan: Plan) -> None:
        """A form of the user under the cursor, or the one that is marked."""
        open_form(self, plan.eligible[0].record, (), self.app.zone)

    async def push(self, plan: Plan) -> None:
        """Bring the marked to terminals."""
        await self._learn_sites()
        terminals = [view.terminal for view in await self.call("terminals.list")]
        ask_to_push(self, [target.record for target in plan.eligible], terminals, self._site_users)

    async def _learn_sites(self) -> None:
        sites = await self.call("sites.list")
        self._sites = {one.id: one.name for one in sites}
        self._site_users = {one.id: one.users for one in sites}
