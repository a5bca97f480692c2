"""`tokens/` and `audit/`: who may ask, and who did what."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.paging import cut_by_id, show_page
from tm20tui.api.queries import IdQuery, Name, PathId, PeriodQuery
from tm20tui.api.views import Pagination, Utc, View
from tm20tui.operations import audit, tokens
from tm20tui.operations.call import Role

_EXAMPLE = {"name": "payroll", "role": "viewer", "expires_days": 365}


class NewTokenFields(Body):
    """A token to make. Without `expires_days` it does not end by itself."""

    name: str = Field(min_length=1)
    role: Role
    expires_days: int | None = Field(default=None, ge=1, le=3650)


class AuditQuery(PeriodQuery):
    """`GET audit/`."""

    operator: Name | None = Field(default=None, description="a whole name")
    operation: Name | None = Field(default=None, description="a whole name, such as terminals.approve")
    outcome: Literal["done", "refused", "failed"] | None = None


class TokenOut(View):
    """A token, without its secret; `prefix` is how it begins."""

    id: int
    name: str
    role: Role
    prefix: str
    created_at: Utc
    created_by: str
    last_used_at: Utc | None
    expires_at: Utc | None
    revoked_at: Utc | None


class TokensAnswer(View):
    """Tokens by id, those that ended included."""

    success: Literal[True] = True
    tokens: tuple[TokenOut, ...]
    pagination: Pagination


class TokenAnswer(View):
    """One token."""

    success: Literal[True] = True
    token: TokenOut


class NewTokenAnswer(TokenAnswer):
    """A token that was made just now; `secret` is never shown again."""

    secret: str


class AuditOut(View):
    """One thing that somebody did, or was refused; `correlation_id` is that of the request."""

    id: int
    at: Utc
    operator: str
    role: str
    origin: str
    address: str
    operation: str
    targets: dict[str, Any]
    arguments: dict[str, Any]
    outcome: Literal["done", "refused", "failed"]
    reason: str
    duration_seconds: float
    correlation_id: str


class AuditAnswer(View):
    """A page of the audit, newest first."""

    success: Literal[True] = True
    entries: tuple[AuditOut, ...]
    pagination: Pagination


def token_routes() -> APIRouter:
    """List, make, revoke."""
    router = APIRouter(prefix="/tokens", tags=["tokens"])

    @router.get("/")
    async def list_tokens(call: Caller, query: Annotated[IdQuery, Query()]) -> TokensAnswer:
        page, pagination = cut_by_id(await tokens.list_tokens(call), query)
        return TokensAnswer(tokens=tuple(map(TokenOut.model_validate, page)), pagination=pagination)

    @router.post("/", status_code=201, openapi_extra=documented_body(NewTokenFields, example=_EXAMPLE))
    async def create_token(call: Caller, body: JsonObject) -> NewTokenAnswer:
        fields = checked(NewTokenFields, body)
        made = await tokens.create_token(call, fields.name, fields.role, expires_days=fields.expires_days)
        return NewTokenAnswer(token=TokenOut.model_validate(made.token), secret=made.secret)

    @router.delete("/{token_id}/")
    async def revoke_token(call: Caller, token_id: PathId) -> TokenAnswer:
        return TokenAnswer(token=TokenOut.model_validate(await tokens.revoke_token(call, token_id)))

    return router


def audit_routes() -> APIRouter:
    """List."""
    router = APIRouter(prefix="/audit", tags=["audit"])

    @router.get("/")
    async def list_audit(call: Caller, query: Annotated[AuditQuery, Query()]) -> AuditAnswer:
        page = await audit.list_audit(
            call,
            operator=query.operator,
            operation=query.operation,
            outcome=query.outcome,
            from_at=query.from_,
            to_at=query.to,
            before_id=query.position(),
            limit=query.limit,
        )
        shown = tuple(_show_entry(entry) for entry in page.entries)
        return AuditAnswer(entries=shown, pagination=show_page(query, len(shown), page.next_before_id))

    return router


def _show_entry(entry: audit.AuditEntry) -> AuditOut:
    values = {name: getattr(entry, name) for name in AuditOut.model_fields}
    parsed = {name: json.loads(values[name] or "{}") for name in ("targets", "arguments")}
    return AuditOut(**(values | parsed))
