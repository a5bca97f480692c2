"""A few users brought to what they shall be on a terminal: told in packets, read back, judged one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from tm20tui.protocol import (
    Command,
    EnableUser,
    GetUserInfo,
    GetUserName,
    SetUserInfo,
    SetUserLock,
    SetUserName,
    UserInfo,
    UserName,
    UserNameInfo,
)
from tm20tui.protocol.values import credential_name
from tm20tui.store.enrollments import EnrollmentResult, ReportedState, Settled
from tm20tui.users.asking import Asker, Told
from tm20tui.users.credentials import is_same
from tm20tui.users.planning import Steps, lock_row

PACKET: Final = 40
"""Users at a time: a setuserlock takes 40 rows, a setusername 49."""

R = TypeVar("R")
Records = Mapping[tuple[int, int], str]
"""Contents of credentials by user id and slot."""


@dataclass(slots=True)
class _Standing:
    """What is known so far of one user."""

    steps: Steps
    refused: list[str] = field(default_factory=list)
    unverified: list[str] = field(default_factory=list)
    is_named: bool = False
    read_name: str | None = None
    lock: str | None = None
    is_absent: bool = False

    def note(self, told: Told, what: str) -> None:
        """What the terminal said to something that should have been done."""
        if told.is_refused:
            self.refused.append(f"{what}: {told.reason}")
        elif not told.is_confirmed:
            self.unverified.append(f"{what}: {told.reason or told.status}")

    def settled(self) -> Settled:
        """As it is to be written down."""
        user = self.steps.user
        result: EnrollmentResult = "confirmed"
        if self.refused or self.unverified:
            result = "refused" if self.refused else "not verified"
        reason = "; ".join([*self.refused, *self.unverified])
        state: ReportedState | None = None
        if self.is_absent:
            state, reason = "absent", reason or "is not on the terminal"
        elif result == "confirmed":
            state = "disabled" if user.desired_state == "disabled" else "present"
        elif self.read_name is not None and user.reported_state != "disabled":
            state = "present"
        return Settled(user.user_id, user.desired_state, result, reason, state, self.read_name, self.lock)


class Bringing:
    """Brings users to where they shall be on the terminal that `asker` asks."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._tells_enabled = True

    async def bring(self, packet: Sequence[Steps], records: Records) -> list[Settled]:
        """At most `PACKET` users; `records` are the contents of the credentials that they need."""
        standings = [_Standing(steps) for steps in packet]
        for one in standings:
            one.is_absent = one.steps.is_absent
            if one.steps.look_first:
                await self._look(one)
        await self._set_names([one for one in standings if _needs_name(one)])
        for one in standings:
            await self._set_credentials(one, records)
            if one.steps.enable is not None:
                await self._enable(one, one.steps.enable)
        await self._set_locks([one for one in standings if one.steps.lock is not None and not one.refused])
        for one in standings:
            await self._read_back(one, records)
            one.refused += one.steps.refusals
        return [one.settled() for one in standings]

    async def _look(self, one: _Standing) -> None:
        """Whether the terminal still has the name that it confirmed before."""
        one.read_name = await self._name_of(one.steps.user.enrollid)
        one.is_named = one.read_name == one.steps.name

    async def _set_names(self, standings: Sequence[_Standing]) -> None:
        rows = self._rows(standings, lambda one: UserName(one.steps.user.enrollid, one.steps.name))
        if not self._asker.lacks(SetUserName.name):
            told = await self._send(rows, lambda packet: SetUserName(tuple(packet)))
        if self._asker.lacks(SetUserName.name):
            told = []
            for one, row in rows:
                # Firmware without setusername takes a user without credentials.
                told.append((one, await self._asker.ask(SetUserInfo(row.enrollid, row.name))))
        for one, answer in told:
            one.note(answer, "name")

    async def _set_credentials(self, one: _Standing, records: Records) -> None:
        user = one.steps.user
        for slot in one.steps.credentials:
            record = records.get((user.user_id, slot))
            name = credential_name(slot)
            if record is None:
                one.refused.append(f"{name}: what is kept of it cannot be opened")
                continue
            try:
                command = SetUserInfo(user.enrollid, one.steps.name, slot, user.admin, record)
            except ValueError:
                # Its words may quote the credential.
                one.refused.append(f"{name}: what is kept of it is not what terminals take")
                continue
            one.note(await self._asker.ask(command), name)

    async def _enable(self, one: _Standing, enable: bool) -> None:
        enrollid = one.steps.user.enrollid
        told = await self._asker.ask(EnableUser(enrollid, enflag=enable))
        if told.is_refused and not enable and not self._asker.lacks(EnableUser.name):
            found = await self._asker.ask(GetUserName(enrollid))
            if found.is_refused and not self._asker.lacks(GetUserName.name):
                one.is_absent = True
                return
        one.note(told, "enable" if enable else "disable")
        if told.is_confirmed and self._tells_enabled:
            await self._read_enabled(one, enable)

    async def _read_enabled(self, one: _Standing, enable: bool) -> None:
        told = await self._asker.ask(GetUserInfo(one.steps.user.enrollid))
        if isinstance(told.result, UserInfo):
            if told.result.is_enabled is None:
                self._tells_enabled = False
            elif told.result.is_enabled != enable:
                one.unverified.append(f"the terminal still says {'disabled' if enable else 'enabled'}")

    async def _set_locks(self, standings: Sequence[_Standing]) -> None:
        rows = self._rows(standings, lambda one: lock_row(one.steps.user.enrollid, one.steps.lock or ",,,"))
        for one, told in await self._send(rows, lambda packet: SetUserLock(tuple(packet))):
            # A terminal without access zones has nothing to limit.
            if not self._asker.lacks(SetUserLock.name):
                one.note(told, "access zone")
            if told.is_confirmed:
                one.lock = one.steps.lock

    async def _read_back(self, one: _Standing, records: Records) -> None:
        user = one.steps.user
        if _needs_name(one) and not one.refused:
            one.read_name = await self._name_of(user.enrollid)
            if one.read_name is None:
                one.unverified.append("the terminal does not show the user")
            elif one.read_name != one.steps.name:
                one.unverified.append(f"the terminal shows the name {one.read_name!r}")
        for slot in one.steps.credentials:
            if (user.user_id, slot) not in records or one.refused:
                continue
            told = await self._asker.ask(GetUserInfo(user.enrollid, slot))
            found = told.result.record if isinstance(told.result, UserInfo) else None
            if not is_same(slot, records[user.user_id, slot], found):
                what = "does not show it" if found is None else "shows another"
                one.unverified.append(f"{credential_name(slot)}: the terminal {what}")

    async def _name_of(self, enrollid: str) -> str | None:
        """The name at the terminal; None when it shows no such user."""
        told = await self._asker.ask(GetUserName(enrollid))
        if self._asker.lacks(GetUserName.name):
            told = await self._asker.ask(GetUserInfo(enrollid))
        if isinstance(told.result, UserNameInfo | UserInfo):
            return told.result.name
        return None

    def _rows(
        self, standings: Sequence[_Standing], make: Callable[[_Standing], R]
    ) -> list[tuple[_Standing, R]]:
        """A row for each; who cannot have one is refused."""
        rows = []
        for one in standings:
            try:
                rows.append((one, make(one)))
            except ValueError as error:
                one.refused.append(str(error))
        return rows

    async def _send(
        self, rows: Sequence[tuple[_Standing, R]], make: Callable[[Sequence[R]], Command]
    ) -> list[tuple[_Standing, Told]]:
        """One packet; one that is refused is halved until the culprit is alone."""
        if not rows:
            return []
        command = make([row for _, row in rows])
        told = await self._asker.ask(command)
        if not told.is_refused or len(rows) == 1 or self._asker.lacks(command.name):
            return [(one, told) for one, _ in rows]
        middle = len(rows) // 2
        return [*await self._send(rows[:middle], make), *await self._send(rows[middle:], make)]


def _needs_name(one: _Standing) -> bool:
    steps = one.steps
    return (steps.set_name or (steps.look_first and not one.is_named)) and not one.is_absent
