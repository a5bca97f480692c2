"""Enrolling a credential at a terminal from afar, and the texts it shows to users.

Each waits up to `wait_seconds` and returns the command as it stands. The credential itself
arrives later, as what the terminal tells of a user.
"""

from __future__ import annotations

from tm20tui.operations.asking import WAIT_SECONDS, ask, make_command
from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation
from tm20tui.protocol import AddUser, CancelAddUser, CheckRegStatus, GetUserProfile, SetUserProfile
from tm20tui.store.commands import CommandRecord


@operation("terminals.enrol", "operator")
async def start_enrolment(
    call: Call,
    terminal_id: int,
    enrollid: str,
    backupnum: int,
    *,
    user_name: str | None = None,
    admin: int = 0,
    wait_seconds: float = WAIT_SECONDS,
) -> CommandRecord:
    """Have the terminal take a credential of a user: confirmed means that it started asking for it.

    `enrollid` is who, as digits; `backupnum` what: 0 to 9 a finger, 10 a password, 11 a card, 50 a face.
    `user_name` is shown at the terminal; `admin` 0 user, 1 administrator, 2 super user. Waits up to
    `wait_seconds`.

    Raises:
        NotFound, InvalidInput
        Conflict: the terminal is not connected.
    """
    given = {"enrollid": enrollid, "backupnum": backupnum, "name": user_name, "admin": admin}
    command = make_command(AddUser, given)
    return await ask(call, terminal_id, command, wait_seconds=wait_seconds, needs_connection=True)


@operation("terminals.enrol_status", "operator")
async def read_enrolment(
    call: Call, terminal_id: int, *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """How far an enrolment is: `status` 0 to 3 a step, 100 done, below 0 failed; waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput
        Conflict: the terminal is not connected.
    """
    return await ask(call, terminal_id, CheckRegStatus(), wait_seconds=wait_seconds, needs_connection=True)


@operation("terminals.enrol_cancel", "operator")
async def cancel_enrolment(
    call: Call, terminal_id: int, *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Stop an enrolment; waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput
        Conflict: the terminal is not connected.
    """
    return await ask(call, terminal_id, CancelAddUser(), wait_seconds=wait_seconds, needs_connection=True)


@operation("terminals.profile", "operator")
async def read_profile(
    call: Call, terminal_id: int, enrollid: str, *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Ask for the text shown to a user by `enrollid`, "0" for everybody; waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    command = make_command(GetUserProfile, {"enrollid": enrollid})
    return await ask(call, terminal_id, command, wait_seconds=wait_seconds)


@operation("terminals.set_profile", "operator")
async def set_profile(
    call: Call, terminal_id: int, enrollid: str, profile: str, *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Set the text `profile` (200 bytes) shown to a user by `enrollid`, "0" for everybody.

    Waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    command = make_command(SetUserProfile, {"enrollid": enrollid, "profile": profile})
    return await ask(call, terminal_id, command, wait_seconds=wait_seconds)
