"""Tokens of the HTTP API: made once, shown once, revoked."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from tm20tui.errors import InvalidInput
from tm20tui.model import utc_now
from tm20tui.operations.call import ROLES, Call
from tm20tui.operations.checks import check_line, check_word
from tm20tui.operations.registry import operation
from tm20tui.store import tokens
from tm20tui.store.tokens import Token as Token

_LONGEST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made. `secret` is shown this once: only its digest is kept."""

    token: Token
    secret: str = field(repr=False)


@operation("tokens.create", "admin")
async def create_token(call: Call, name: str, role: str, *, expires_days: int | None = None) -> NewToken:
    """Make a token: its `name` appears in the audit, `role` is viewer, operator or admin.

    It ends after `expires_days` days; without them it does not end by itself.

    Raises:
        InvalidInput, Conflict: the name is taken.
    """
    name = check_line(name, "name", 100, needed=True)
    check_word(role, "role", ROLES)
    if expires_days is not None and not 1 <= expires_days <= _LONGEST_DAYS:
        raise InvalidInput(f"expires_days must be from 1 to {_LONGEST_DAYS}", field="expires_days")
    now = utc_now()
    secret = f"tm20_{secrets.token_urlsafe(24)}"
    token = await call.gateway.database.write(
        tokens.add_token,
        secret,
        name=name,
        role=role,
        created_by=call.operator.name[:100],
        expires_at=None if expires_days is None else now + timedelta(days=expires_days),
        now=now,
    )
    return NewToken(token, secret)


@operation("tokens.list", "admin", writes=False)
async def list_tokens(call: Call) -> list[Token]:
    """Every token, by id: who made it, when it was used last, whether it ended."""
    return await call.gateway.database.read(tokens.list_tokens)


@operation("tokens.revoke", "admin")
async def revoke_token(call: Call, token_id: int) -> Token:
    """End a token for good; what was done with it stays in the audit.

    Raises:
        NotFound
    """
    return await call.gateway.database.write(tokens.revoke, token_id, utc_now())
