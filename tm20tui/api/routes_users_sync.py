"""`sync/users/` from a service and to a terminal; `terminals/{id}/users/`: what it holds of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.paging import show_page
from tm20tui.api.queries import Id, IdQuery, PathId
from tm20tui.api.views import Pagination, Utc, View
from tm20tui.operations import users_sync
from tm20tui.operations.users_sync import FetchReport

_SHOWN = 500


class FetchFields(Body):
    """Which config's users; the site of which terminal they belong to (null: every site the config serves).

    `confirm` takes a list over that lacks too many; `background` answers at once with a task.
    """

    config_id: Id
    terminal_id: Id | None = None
    confirm: bool = False
    background: bool = False


class PreviewFields(Body):
    """Which config's users; the site of which terminal they would belong to (null: every site)."""

    config_id: Id
    terminal_id: Id | None = None


class SendFields(Body):
    """Which users, by their `id` here and not by enrollid, go to which terminal; null is all of its site.

    `credentials` also puts there what is kept of them and fits; `remove_others` deletes who is
    no user of the site.
    """

    terminal_id: Id
    user_ids: list[Id] | None = None
    credentials: bool = False
    remove_others: bool = False


class TerminalUsersQuery(IdQuery):
    """`GET terminals/{id}/users/`."""

    result: Literal["pending", "confirmed", "refused", "not verified"] | None = None


class ClashOut(View):
    """An enrollid that was not taken over: the service's name of it, ours, and why."""

    enrollid: str
    theirs: str
    ours: str
    reason: str


class SkippedOut(View):
    """A record of the service that is not sound; `position` counts from 1."""

    position: int
    enrollid: str
    reason: str


class SiteChanges(View):
    """What a list makes of one site; `gone` are the enrollids that are disabled."""

    site_id: int
    added: int
    changed: int
    unchanged: int
    conflicts: tuple[ClashOut, ...]
    gone: tuple[str, ...]


class SiteOut(SiteChanges):
    """What the list made of one site."""

    receipts: int


class FetchAnswer(View):
    """What came of a fetch, or the task that does it. Lists are cut after 500."""

    success: Literal[True] = True
    message: str
    task_id: str | None = None
    config_id: int
    received: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    disabled: int = 0
    skipped: tuple[SkippedOut, ...] = ()
    conflicts: tuple[ClashOut, ...] = ()
    sites: tuple[SiteOut, ...] = ()


class SitePreviewOut(SiteChanges):
    """What the list would make of one site; `refusal` says why it would have to be confirmed."""

    refusal: str


class PreviewAnswer(View):
    """What a fetch would do now. Lists are cut after 500."""

    success: Literal[True] = True
    config_id: int
    received: int
    skipped: tuple[SkippedOut, ...]
    sites: tuple[SitePreviewOut, ...]


class SendAnswer(View):
    """Users on their way to a terminal: see `tasks/{task_id}/` and `terminals/{id}/users/`."""

    success: Literal[True] = True
    message: str
    task_id: str
    users: int


class LoadQuery(IdQuery):
    """`GET sync/users/loads/`."""

    terminal_id: Id | None = None
    status: Literal["running", "done", "failed", "cancelled"] | None = None


class LoadOut(View):
    """One bringing of users to a terminal: `done` of `total` are settled, `tally` says how.

    `resumed` counts the restarts of the server that it outlived.
    """

    id: int
    terminal_id: int
    task_id: str
    status: Literal["running", "done", "failed", "cancelled"]
    with_credentials: bool
    remove_others: bool
    operator: str
    total: int
    done: int
    tally: dict[str, Any]
    error: str
    resumed: int
    started_at: Utc
    finished_at: Utc | None


class LoadsAnswer(View):
    """Loads, newest first."""

    success: Literal[True] = True
    loads: tuple[LoadOut, ...]
    pagination: Pagination


class ReceiptQuery(IdQuery):
    """`GET sync/users/receipts/`."""

    user_id: Id | None = None
    terminal_id: Id | None = None
    result: Literal["pending", "confirmed", "refused", "not verified", "withdrawn"] | None = None


class ReceiptOut(View):
    """What a terminal was asked about a user who left or is back; times are null until it was."""

    id: int
    user_id: int
    enrollid: str
    name: str
    terminal_id: int
    terminal_sn: str
    action: Literal["disable", "remove", "enable"]
    result: Literal["pending", "confirmed", "refused", "not verified", "withdrawn"]
    reason: str
    requested_at: Utc
    sent_at: Utc | None
    confirmed_at: Utc | None
    command_id: int | None


class ReceiptsAnswer(View):
    """Receipts, newest first."""

    success: Literal[True] = True
    receipts: tuple[ReceiptOut, ...]
    pagination: Pagination


class TerminalUserOut(View):
    """What a user shall be on the terminal, what it reported, and what came of the last sending."""

    user_id: int
    enrollid: str
    name: str
    desired_state: Literal["present", "disabled", "absent"] | None
    desired_at: Utc | None
    reported_state: Literal["unknown", "present", "disabled", "absent"]
    reported_name: str
    reported_at: Utc | None
    result: Literal["", "pending", "confirmed", "refused", "not verified"]
    reason: str
    result_at: Utc | None


class TerminalUsersAnswer(View):
    """Users of a terminal by id, and how many have which result."""

    success: Literal[True] = True
    users: tuple[TerminalUserOut, ...]
    counts: dict[str, int]
    pagination: Pagination


S = TypeVar("S", bound=SiteChanges)


def user_sync_routes() -> APIRouter:
    """From a service, to a terminal, and what there is."""
    router = APIRouter(tags=["users"])

    @router.post(
        "/sync/users/from-third-party/",
        openapi_extra=documented_body(FetchFields, example={"terminal_id": 1, "config_id": 1}),
    )
    async def fetch(call: Caller, body: JsonObject) -> FetchAnswer:
        fields = checked(FetchFields, body)
        where, confirm = fields.terminal_id, fields.confirm
        if fields.background:
            task = await users_sync.fetch_users_in_background(
                call, fields.config_id, terminal_id=where, confirm=confirm
            )
            return FetchAnswer(
                message="the synchronisation has started", task_id=task.id, config_id=fields.config_id
            )
        report = await users_sync.fetch_users(call, fields.config_id, terminal_id=where, confirm=confirm)
        return _fetched(report)

    @router.post(
        "/sync/users/from-third-party/preview/",
        openapi_extra=documented_body(PreviewFields, example={"terminal_id": 1, "config_id": 1}),
    )
    async def preview(call: Caller, body: JsonObject) -> PreviewAnswer:
        fields = checked(PreviewFields, body)
        found = await users_sync.preview_users(call, fields.config_id, terminal_id=fields.terminal_id)
        return PreviewAnswer(
            config_id=found.config_id,
            received=found.received,
            skipped=tuple(map(SkippedOut.model_validate, found.skipped[:_SHOWN])),
            sites=tuple(_shortened(SitePreviewOut.model_validate(site)) for site in found.sites),
        )

    @router.post(
        "/sync/users/to-terminal/",
        openapi_extra=documented_body(SendFields, example={"terminal_id": 1, "user_ids": [1, 2, 3]}),
    )
    async def send(call: Caller, body: JsonObject) -> SendAnswer:
        fields = dict(checked(SendFields, body))
        sending = await users_sync.send_users(call, fields.pop("terminal_id"), **fields)
        return SendAnswer(
            message="the users are being sent to the terminal", task_id=sending.task.id, users=sending.users
        )

    @router.get("/sync/users/loads/")
    async def list_loads(call: Caller, query: Annotated[LoadQuery, Query()]) -> LoadsAnswer:
        page = await users_sync.list_user_loads(
            call,
            terminal_id=query.terminal_id,
            status=query.status,
            before_id=query.position(),
            limit=query.limit,
        )
        shown = tuple(map(LoadOut.model_validate, page.loads))
        return LoadsAnswer(loads=shown, pagination=show_page(query, len(shown), page.next_before_id))

    @router.get("/sync/users/receipts/")
    async def list_receipts(call: Caller, query: Annotated[ReceiptQuery, Query()]) -> ReceiptsAnswer:
        page = await users_sync.list_user_receipts(
            call,
            user_id=query.user_id,
            terminal_id=query.terminal_id,
            result=query.result,
            before_id=query.position(),
            limit=query.limit,
        )
        shown = tuple(map(ReceiptOut.model_validate, page.receipts))
        return ReceiptsAnswer(receipts=shown, pagination=show_page(query, len(shown), page.next_before_id))

    @router.get("/terminals/{terminal_id}/users/")
    async def list_users_of_terminal(
        call: Caller, terminal_id: PathId, query: Annotated[TerminalUsersQuery, Query()]
    ) -> TerminalUsersAnswer:
        page = await users_sync.list_users_of_terminal(
            call, terminal_id, result=query.result, after_id=query.position(), limit=query.limit
        )
        shown = tuple(map(TerminalUserOut.model_validate, page.users))
        pagination = show_page(query, len(shown), page.next_after_id)
        return TerminalUsersAnswer(users=shown, counts=page.counts, pagination=pagination)

    return router


def _fetched(report: FetchReport) -> FetchAnswer:
    sites = report.sites
    conflicts = [clash for site in sites for clash in site.conflicts]
    created, updated, unchanged = (
        sum(getattr(site, name) for site in sites) for name in ("added", "changed", "unchanged")
    )
    return FetchAnswer(
        message=f"{created} users created, {updated} updated, {unchanged} unchanged",
        config_id=report.config_id,
        received=report.received,
        created=created,
        updated=updated,
        unchanged=unchanged,
        disabled=sum(len(site.gone) for site in sites),
        skipped=tuple(map(SkippedOut.model_validate, report.skipped[:_SHOWN])),
        conflicts=tuple(map(ClashOut.model_validate, conflicts[:_SHOWN])),
        sites=tuple(_shortened(SiteOut.model_validate(site)) for site in sites),
    )


def _shortened(shown: S) -> S:
    return shown.model_copy(update={"conflicts": shown.conflicts[:_SHOWN], "gone": shown.gone[:_SHOWN]})
