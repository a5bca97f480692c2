"""`users/` and `credentials/`: who is known where, and how many credentials there are."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.paging import cut_by_key, show_page
from tm20tui.api.queries import Id, IdQuery, KeyQuery, Moment, PathId, Text
from tm20tui.api.views import Pagination, Utc, View
from tm20tui.operations import users

_EXAMPLE = {"site_id": 1, "enrollid": "123", "name": "John Doe"}


class UserQuery(IdQuery):
    """`GET users/`."""

    site_id: Id | None = None
    terminal_id: Id | None = Field(default=None, description="enrolled at this terminal")
    q: Text | None = Field(default=None, description="how the enrollid or a word of the name begins")
    is_enabled: bool | None = None


class CredentialQuery(KeyQuery):
    """`GET credentials/`."""

    site_id: Id | None = None
    terminal_id: Id | None = None


class NewUser(Body):
    """A user to add by hand. A validity that is null or left out is open-ended."""

    site_id: Id
    enrollid: str = Field(description="digits, without zeros in front")
    name: str = Field(default="", max_length=200)
    is_enabled: bool = True
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    weekzone: int = Field(default=1, ge=0, le=255)
    user_group: int = Field(default=0, ge=0, le=255)


class UserChanges(Body):
    """What may be changed of a user; what is left out stays, a validity of null becomes open-ended."""

    name: str | None = Field(default=None, max_length=200)
    is_enabled: bool | None = None
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    weekzone: int | None = Field(default=None, ge=0, le=255)
    user_group: int | None = Field(default=None, ge=0, le=255)


class UserOut(View):
    """A user; `enrollments` counts terminals, `credentials` what is kept, sealed."""

    id: int
    site_id: int
    site: str
    enrollid: str
    name: str
    admin: int
    is_enabled: bool
    weekzone: int
    user_group: int
    valid_from: Utc | None
    valid_until: Utc | None
    source: str
    created_at: Utc
    updated_at: Utc
    enrollments: int
    credentials: int


class EnrollmentOut(View):
    """A terminal that knows the user, and by which name."""

    terminal_id: int
    terminal_sn: str
    terminal_name: str
    reported_name: str
    reported_at: Utc
    has_other_name: bool


class KindOut(View):
    """How many credentials of a kind."""

    kind: str
    count: int


class CredentialOut(View):
    """How many credentials of a kind a terminal told of a site's users."""

    site_id: int
    terminal_id: int
    kind: str
    count: int


class UsersAnswer(View):
    """Users by id."""

    success: Literal[True] = True
    users: tuple[UserOut, ...]
    pagination: Pagination


class UserAnswer(View):
    """One user, where it is enrolled, what it has."""

    success: Literal[True] = True
    user: UserOut
    enrollments: tuple[EnrollmentOut, ...]
    credentials: tuple[KindOut, ...]
    has_name_conflict: bool


class CredentialsAnswer(View):
    """Counts of credentials."""

    success: Literal[True] = True
    credentials: tuple[CredentialOut, ...]
    pagination: Pagination


def user_routes() -> APIRouter:
    """List, add, show, change; count credentials."""
    router = APIRouter(tags=["users"])

    @router.get("/users/")
    async def list_users(call: Caller, query: Annotated[UserQuery, Query()]) -> UsersAnswer:
        page = await users.list_users(
            call,
            site_id=query.site_id,
            terminal_id=query.terminal_id,
            q=query.q,
            is_enabled=query.is_enabled,
            after_id=query.position(),
            limit=query.limit,
        )
        shown = tuple(map(UserOut.model_validate, page.users))
        return UsersAnswer(users=shown, pagination=show_page(query, len(shown), page.next_after_id))

    @router.post("/users/", status_code=201, openapi_extra=documented_body(NewUser, example=_EXAMPLE))
    async def add_user(call: Caller, body: JsonObject) -> UserAnswer:
        return _answer(await users.add_user(call, **dict(checked(NewUser, body))))

    @router.get("/users/{user_id}/")
    async def get_user(call: Caller, user_id: PathId) -> UserAnswer:
        return _answer(await users.get_user(call, user_id))

    @router.patch("/users/{user_id}/", openapi_extra=documented_body(UserChanges))
    async def change_user(call: Caller, user_id: PathId, body: JsonObject) -> UserAnswer:
        fields = checked(UserChanges, body)
        return _answer(
            await users.change_user(
                call,
                user_id,
                **dict(fields),
                no_valid_from=_is_null(fields, "valid_from"),
                no_valid_until=_is_null(fields, "valid_until"),
            )
        )

    @router.get("/credentials/")
    async def count_credentials(
        call: Caller, query: Annotated[CredentialQuery, Query()]
    ) -> CredentialsAnswer:
        found = await users.count_credentials(call, site_id=query.site_id, terminal_id=query.terminal_id)
        page, pagination = cut_by_key(found, query, lambda one: f"{one.site_id}-{one.terminal_id}-{one.kind}")
        return CredentialsAnswer(
            credentials=tuple(map(CredentialOut.model_validate, page)), pagination=pagination
        )

    return router


def _answer(detail: users.UserDetail) -> UserAnswer:
    return UserAnswer.model_validate(detail)


def _is_null(fields: UserChanges, name: str) -> bool:
    """Whether null was given, rather than nothing."""
    return name in fields.model_fields_set and getattr(fields, name) is None
