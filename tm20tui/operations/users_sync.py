"""Users taken over from a service, and brought to a terminal; what each terminal holds of what it should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.loads import start_load
from tm20tui.model import utc_now
from tm20tui.operations.call import Call
from tm20tui.operations.checks import check_limit, check_word
from tm20tui.operations.registry import operation, to_json
from tm20tui.operations.users import RESULTS
from tm20tui.store import people, services
from tm20tui.store.enrollments import TerminalUser as TerminalUser
from tm20tui.store.enrollments import count_results, list_terminal_users, want_users
from tm20tui.store.loads import UserLoad as UserLoad
from tm20tui.store.loads import add_load, list_loads, set_total
from tm20tui.store.receipts import Receipt as Receipt
from tm20tui.store.receipts import list_receipts
from tm20tui.store.terminals import get_terminal
from tm20tui.tasks import new_task_id
from tm20tui.users.fetching import FetchPreview as FetchPreview
from tm20tui.users.fetching import FetchReport as FetchReport
from tm20tui.users.fetching import SiteReport as SiteReport

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.model import Terminal
    from tm20tui.tasks import TaskRecord

LOAD_STATUSES = ("running", "done", "failed", "cancelled")
_MOST_USERS = 50_000


@dataclass(frozen=True, slots=True)
class Sending:
    """Users on their way to a terminal: the task that brings them, and how many they are."""

    task: TaskRecord
    users: int


@dataclass(frozen=True, slots=True)
class TerminalUserPage:
    """Some users of a terminal by id, and counts of all by result; `next_after_id` None after the last."""

    users: tuple[TerminalUser, ...]
    counts: dict[str, int]
    next_after_id: int | None


@dataclass(frozen=True, slots=True)
class LoadPage:
    """Some loads, newest first; the next page is before `next_before_id`, None after the last."""

    loads: tuple[UserLoad, ...]
    next_before_id: int | None


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """Some receipts, newest first; the next page is before `next_before_id`, None after the last."""

    receipts: tuple[Receipt, ...]
    next_before_id: int | None


@operation("users.preview", "operator", writes=False)
async def preview_users(call: Call, config_id: int, *, terminal_id: int | None = None) -> FetchPreview:
    """What `users.fetch` would do now, site by site; nothing is changed.

    At the site of `terminal_id`, or at every site the service serves. Where it would be refused
    without being confirmed, the site's `refusal` says why.

    Raises:
        NotFound, InvalidInput, Conflict
        Unavailable: the service does not give its users.
    """
    await call.gateway.database.read(_check_service, config_id)
    return await call.gateway.users.preview(config_id, terminal_id)


@operation("users.fetch", "operator")
async def fetch_users(
    call: Call, config_id: int, *, terminal_id: int | None = None, confirm: bool = False
) -> FetchReport:
    """Take over the users of a service now: at the site of `terminal_id`, or at every site it serves.

    Unsound records, and enrollids that are another person's here, are listed and left alone. Who
    came from the service and is not listed any more is disabled, here and on the terminals. A list
    without users, or that lacks too many, is refused unless `confirm`.

    Raises:
        NotFound, InvalidInput, Conflict
        Unavailable: the service does not give its users.
    """
    await call.gateway.database.read(_check_service, config_id)
    return await call.gateway.users.fetch(config_id, terminal_id, confirm=confirm)


@operation("users.fetch_in_background", "operator")
async def fetch_users_in_background(
    call: Call, config_id: int, *, terminal_id: int | None = None, confirm: bool = False
) -> TaskRecord:
    """Start `users.fetch`: the task's result says what came of it. `confirm` as there.

    Raises:
        NotFound: no such service.
    """
    await call.gateway.database.read(_check_service, config_id)

    async def work() -> object:
        return to_json(await call.gateway.users.fetch(config_id, terminal_id, confirm=confirm))

    return call.gateway.tasks.start("users from a service", work)


@operation("users.send", "operator")
async def send_users(
    call: Call,
    terminal_id: int,
    *,
    user_ids: Sequence[int] | None = None,
    credentials: bool = False,
    remove_others: bool = False,
) -> Sending:
    """Bring users to a terminal in the background: `user_ids`, ids of ours, or all of its site.

    Only what differs is sent, and is read back; with `credentials` also what is kept of them and fits
    the terminal. `remove_others` deletes from the terminal whoever is no user of its site, which
    needs all users to be sent. A terminal that is away is waited for, a day at most; a server
    that restarts goes on where it was.

    Raises:
        NotFound: no such terminal or user.
        InvalidInput: a user is of another site.
        Conflict: the terminal is not approved, or users are being sent to it already.
    """
    if remove_others and user_ids is not None:
        raise InvalidInput("remove_others needs all users: give no user_ids", field="remove_others")
    if user_ids is not None and len(user_ids) > _MOST_USERS:
        raise InvalidInput(f"user_ids must be at most {_MOST_USERS}", field="user_ids")
    gateway = call.gateway

    def begin(connection: Connection) -> UserLoad:
        terminal = get_terminal(connection, terminal_id)
        if terminal.admission != "approved":
            raise Conflict(f"the terminal {terminal.sn} is {terminal.admission}", field="terminal_id")
        load = add_load(
            connection,
            terminal_id,
            task_id=new_task_id(),
            with_credentials=credentials,
            remove_others=remove_others,
            operator=call.operator.name,
            correlation_id=call.correlation_id,
            now=utc_now(),
        )
        return set_total(connection, load.id, len(_want(connection, terminal, user_ids, load.id)))

    load = await gateway.database.write(begin)
    return Sending(start_load(gateway, load), load.total)


@operation("users.loads", "viewer", writes=False)
async def list_user_loads(
    call: Call,
    *,
    terminal_id: int | None = None,
    status: str | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> LoadPage:
    """Every bringing of users to a terminal, newest first, and how far it is: it outlives a restart.

    Those of `terminal_id`, whose `status` is `running`, `done`, `failed` or `cancelled`, older
    than the load `before_id`.

    Raises:
        NotFound: no such terminal.
        InvalidInput
    """
    check_limit(limit)
    check_word(status, "status", LOAD_STATUSES)
    database = call.gateway.database
    if terminal_id is not None:
        await database.read(get_terminal, terminal_id)
    found = await database.read(
        list_loads, terminal_id=terminal_id, status=status, before_id=before_id, limit=limit + 1
    )
    page = tuple(found[:limit])
    return LoadPage(page, page[-1].id if len(found) > limit else None)


@operation("users.receipts", "viewer", writes=False)
async def list_user_receipts(
    call: Call,
    *,
    user_id: int | None = None,
    terminal_id: int | None = None,
    result: str | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> ReceiptPage:
    """What each terminal was asked about users who left or are back, and what it said, newest first.

    Of one user (`user_id`) or terminal, whose `result` is `pending`, `confirmed`, `refused`,
    `not verified` or `withdrawn`, older than the receipt `before_id`.

    Raises:
        NotFound: no such user or terminal.
        InvalidInput
    """
    check_limit(limit)
    check_word(result, "result", (*RESULTS, "withdrawn"))
    database = call.gateway.database
    if user_id is not None:
        await database.read(people.get_user, user_id)
    if terminal_id is not None:
        await database.read(get_terminal, terminal_id)
    found = await database.read(
        list_receipts,
        user_id=user_id,
        terminal_id=terminal_id,
        result=result,
        before_id=before_id,
        limit=limit + 1,
    )
    page = tuple(found[:limit])
    return ReceiptPage(page, page[-1].id if len(found) > limit else None)


@operation("terminals.users", "viewer", writes=False)
async def list_users_of_terminal(
    call: Call, terminal_id: int, *, result: str | None = None, after_id: int | None = None, limit: int = 100
) -> TerminalUserPage:
    """Users that a terminal shall hold beside what it reported, by user id.

    All, or those whose `result` is `pending`, `confirmed`, `refused` or `not verified`.

    Raises:
        NotFound: no such terminal.
        InvalidInput
    """
    check_limit(limit)
    check_word(result, "result", RESULTS)
    found, counts = await call.gateway.database.read(_list, terminal_id, result, after_id, limit + 1)
    page = tuple(found[:limit])
    return TerminalUserPage(page, counts, page[-1].user_id if len(found) > limit else None)


def _check_service(connection: Connection, config_id: int) -> None:
    try:
        services.get_service(connection, config_id)
    except NotFound as error:
        error.field = "config_id"
        raise


def _want(
    connection: Connection, terminal: Terminal, user_ids: Sequence[int] | None, load_id: int
) -> list[int]:
    chosen = want_users(connection, terminal.id, user_ids, utc_now(), load_id=load_id)
    for user_id in sorted(set(user_ids or ()) - set(chosen)):
        try:
            user = people.get_user(connection, user_id)
        except NotFound as error:
            error.field = "user_ids"
            raise
        if user.site_id != terminal.site_id:
            words = f"user {user_id} belongs to {user.site}, the terminal to {terminal.site}"
            raise InvalidInput(words, field="user_ids")
    return chosen


def _list(
    connection: Connection, terminal_id: int, result: str | None, after_id: int | None, limit: int
) -> tuple[list[TerminalUser], dict[str, int]]:
    get_terminal(connection, terminal_id)
    found = list_terminal_users(connection, terminal_id, result=result, after_id=after_id, limit=limit)
    return found, count_results(connection, terminal_id)
