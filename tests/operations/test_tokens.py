"""Tokens: shown once, kept as digests, found in no audit line, over when they end or are revoked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.ingest.frames import rows
from tests.operations.conftest import Desk
from tests.store.factories import NOON
from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.model import utc_now
from tm20tui.operations import tokens
from tm20tui.operations.registry import to_json
from tm20tui.store.tokens import digest_token, find_by_digest, is_touch_due, touch


async def test_a_token_is_shown_once_and_kept_as_a_digest(desk: Desk) -> None:
    made = await tokens.create_token(desk.call(), "payroll", "viewer", expires_days=2)
    assert re.fullmatch(r"tm20_[A-Za-z0-9_-]{32}", made.secret)
    assert made.secret not in repr(made)
    assert to_json(made)["secret"] == made.secret
    assert (made.token.role, made.token.created_by) == ("viewer", "ann")
    assert await tokens.list_tokens(desk.call()) == [made.token]
    for table in ("tokens", "audit"):
        assert made.secret not in str(await rows(desk.database, table))
    found = await desk.database.read(find_by_digest, digest_token(made.secret), utc_now())
    assert found == made.token
    assert await desk.database.read(find_by_digest, digest_token(made.secret + "x"), utc_now()) is None
    in_two_days = utc_now() + timedelta(days=2, seconds=1)
    assert await desk.database.read(find_by_digest, digest_token(made.secret), in_two_days) is None
    assert await desk.audited() == [("tokens.create", "done")]


async def test_a_revoked_token_lets_nobody_in_and_keeps_its_name(desk: Desk) -> None:
    made = await tokens.create_token(desk.call(), "payroll", "admin")
    revoked = await tokens.revoke_token(desk.call(), made.token.id)
    assert revoked.revoked_at is not None
    assert await tokens.revoke_token(desk.call(), made.token.id) == revoked
    assert await desk.database.read(find_by_digest, digest_token(made.secret), utc_now()) is None
    with pytest.raises(Conflict, match="revoked ones keep"):
        await tokens.create_token(desk.call(), "payroll", "admin")
    with pytest.raises(NotFound):
        await tokens.revoke_token(desk.call(), made.token.id + 1)


async def test_its_use_is_written_down_once_a_minute(desk: Desk) -> None:
    made = await tokens.create_token(desk.call(), "payroll", "viewer")
    for seconds, seen in ((0, 0), (59, 0), (60, 60), (119, 60)):
        await desk.database.write(touch, made.token.id, NOON + timedelta(seconds=seconds))
        (token,) = await tokens.list_tokens(desk.call())
        assert token.last_used_at == NOON + timedelta(seconds=seen)
    assert not is_touch_due(token, NOON + timedelta(seconds=119))
    assert is_touch_due(token, NOON + timedelta(seconds=120))
    assert is_touch_due(made.token, NOON)


@pytest.mark.parametrize(
    ("name", "role", "days", "field"),
    [("", "viewer", None, "name"), ("a", "root", None, "role"), ("a", "admin", 0, "expires_days")],
)
async def test_what_is_wrong_is_named(desk: Desk, name: str, role: str, days: int | None, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await tokens.create_token(desk.call(), name, role, expires_days=days)
    assert refused.value.field == field
