"""API tokens: kept as SHA-256 digests, found by them, never shown again.

A token is 32 random characters: a plain digest of it can be looked up and not guessed.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from tm20tui.errors import Conflict, NotFound
from tm20tui.store.schema import tokens

_TOUCH = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token. `prefix` is its beginning, for people to tell it from others.

    `last_used_at` is at most a minute behind; `expires_at` None means never.
    """

    id: int
    name: str
    role: str
    prefix: str
    created_at: datetime
    created_by: str
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        """Whether it still lets anybody in."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def digest_token(secret: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def add_token(
    connection: Connection,
    secret: str,
    *,
    name: str,
    role: str,
    created_by: str,
    expires_at: datetime | None,
    now: datetime,
) -> Token:
    """Keep a new token; `Conflict` when the name is taken, by a revoked one too: the audit names it."""
    if connection.scalar(select(tokens.c.id).where(tokens.c.name == name)) is not None:
        raise Conflict(f"there is already a token named {name!r} (revoked ones keep theirs)", field="name")
    values = {
        "name": name,
        "role": role,
        "digest": digest_token(secret),
        "prefix": secret[:10],
        "created_at": now,
        "created_by": created_by,
        "expires_at": expires_at,
    }
    return get_token(
        connection, connection.execute(insert(tokens).returning(tokens.c.id), values).scalar_one()
    )


def get_token(connection: Connection, token_id: int) -> Token:
    """One token; `NotFound` when there is none."""
    row = connection.execute(_TOKEN.where(tokens.c.id == token_id)).first()
    if row is None:
        raise NotFound("token", token_id, field="token_id")
    return _token(row)


def list_tokens(connection: Connection) -> list[Token]:
    """Every token by id, those that no longer let anybody in included."""
    return [_token(row) for row in connection.execute(_TOKEN.order_by(tokens.c.id))]


def find_by_digest(connection: Connection, digest: str, now: datetime) -> Token | None:
    """The token of this digest, None when there is none or it lets nobody in any more."""
    row = connection.execute(_TOKEN.add_columns(tokens.c.digest).where(tokens.c.digest == digest)).first()
    # The index compares early; this compares whole.
    if row is None or not hmac.compare_digest(row.digest, digest):
        return None
    token = _token(row)
    return token if token.is_valid(now) else None


def count_valid(connection: Connection, now: datetime) -> int:
    """How many tokens let somebody in."""
    return sum(token.is_valid(now) for token in list_tokens(connection))


def is_touch_due(token: Token, now: datetime) -> bool:
    """Whether a use of it now is worth writing down: at most once a minute."""
    return token.last_used_at is None or now - token.last_used_at >= _TOUCH


def touch(connection: Connection, token_id: int, now: datetime) -> None:
    """Note that a token was used, unless that was done within the last minute."""
    last = tokens.c.last_used_at
    connection.execute(
        update(tokens)
        .where(tokens.c.id == token_id, or_(last.is_(None), last <= now - _TOUCH))
        .values(last_used_at=now)
    )


def revoke(connection: Connection, token_id: int, now: datetime) -> Token:
    """End a token for good; `NotFound`. One that was revoked before keeps its time."""
    connection.execute(
        update(tokens).where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    return get_token(connection, token_id)


_TOKEN = select(
    tokens.c.id,
    tokens.c.name,
    tokens.c.role,
    tokens.c.prefix,
    tokens.c.created_at,
    tokens.c.created_by,
    tokens.c.last_used_at,
    tokens.c.expires_at,
    tokens.c.revoked_at,
)


def _token(row: Row[*tuple[Any, ...]]) -> Token:
    return Token(*row[:9])
