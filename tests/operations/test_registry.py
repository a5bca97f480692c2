"""Roles and audit are one place's business: what may be done, and what is written down of it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tests.ingest.frames import rows
from tm20tui.errors import Conflict, Forbidden, InvalidInput
from tm20tui.events import EventBus
from tm20tui.operations import registry
from tm20tui.operations.call import ROLES, Call, Operator, Role
from tm20tui.operations.registry import REGISTRY, operation, to_json
from tm20tui.store.engine import Database


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operations of these tests are not those of the product."""
    monkeypatch.setattr(registry, "REGISTRY", {})


def call_as(database: Database, role: Role) -> Call:
    gateway: Any = SimpleNamespace(database=database, events=EventBus())
    return Call(gateway, Operator("ann", role, "api", "127.0.0.1:4242"), "c0ffee")


@pytest.mark.parametrize("needed", ROLES)
@pytest.mark.parametrize("role", ROLES)
async def test_a_role_includes_those_before_it(sqlite_database: Database, role: Role, needed: Role) -> None:
    @operation("test.do", needed)
    async def do(call: Call) -> str:
        return "done"

    call = call_as(sqlite_database, role)
    if ROLES.index(role) >= ROLES.index(needed):
        assert await do(call) == "done"
    else:
        with pytest.raises(Forbidden, match=f"needs the role {needed}"):
            await do(call)
    (entry,) = await rows(sqlite_database, "audit")
    assert entry["outcome"] == ("done" if ROLES.index(role) >= ROLES.index(needed) else "refused")


async def test_what_is_done_is_written_down_without_secrets(database: Database) -> None:
    @operation("services.add", "operator", hide=("auth_token",))
    async def add(call: Call, terminal_id: int, fields: dict[str, Any], *, auth_token: str = "") -> None:
        """Add a service."""

    await add(call_as(database, "admin"), 7, {"name": "HR", "auth_token": "s3cret"}, auth_token="s3cret")
    (entry,) = await rows(database, "audit")
    assert json.loads(entry["targets"]) == {"terminal_id": 7}
    assert json.loads(entry["arguments"]) == {
        "fields": {"name": "HR", "auth_token": "***"},
        "auth_token": "***",
    }
    expected = {
        "operator": "ann",
        "role": "admin",
        "origin": "api",
        "address": "127.0.0.1:4242",
        "operation": "services.add",
        "outcome": "done",
        "correlation_id": "c0ffee",
    }
    assert {name: entry[name] for name in expected} == expected


async def test_secrets_that_were_typed_in_the_wrong_place_are_not_written_down(
    sqlite_database: Database,
) -> None:
    @operation("services.add", "operator")
    async def add(call: Call, given: dict[str, Any]) -> None:
        raise InvalidInput("unknown field", field="password")

    given = {
        "password": "S3CRET",
        "auth_tokn": "S3CRET",
        "base_url": "http://u:S3CRET@hr.example/?api_key=S3CRET",
        "description": "password=S3CRET",
        "terminal_ids": [1],
    }
    with pytest.raises(InvalidInput):
        await add(call_as(sqlite_database, "admin"), given)
    (entry,) = await rows(sqlite_database, "audit")
    assert "S3CRET" not in json.dumps(entry, default=str)
    assert '"terminal_ids":[1]' in entry["arguments"]


async def test_refusals_and_crashes_are_written_down_too(sqlite_database: Database) -> None:
    @operation("test.refuse", "viewer")
    async def refuse(call: Call) -> None:
        raise Conflict("the service is not active")

    @operation("test.crash", "viewer")
    async def crash(call: Call) -> None:
        raise RuntimeError("token abc")

    call = call_as(sqlite_database, "viewer")
    with pytest.raises(Conflict):
        await refuse(call)
    with pytest.raises(RuntimeError):
        await crash(call)
    found = [(entry["outcome"], entry["reason"]) for entry in await rows(sqlite_database, "audit")]
    assert found == [("refused", "the service is not active"), ("failed", "unexpected RuntimeError")]


async def test_looking_is_not_written_down_but_being_refused_to_look_is(sqlite_database: Database) -> None:
    @operation("test.look", "operator", writes=False)
    async def look(call: Call) -> str:
        return "seen"

    assert await look(call_as(sqlite_database, "operator")) == "seen"
    assert await rows(sqlite_database, "audit") == []
    with pytest.raises(Forbidden):
        await look(call_as(sqlite_database, "viewer"))
    assert len(await rows(sqlite_database, "audit")) == 1


def test_front_ends_can_see_names_arguments_and_help() -> None:
    @operation("terminals.rename", "operator")
    async def rename(call: Call, terminal_id: int, *, name: str = "none") -> None:
        """Give a terminal a name.

        Longer help.
        """

    found = registry.REGISTRY["terminals.rename"]
    assert (found.role, found.writes, found.summary) == ("operator", True, "Give a terminal a name.")
    described = [
        (one.name, one.annotation, one.required, one.default, one.is_keyword) for one in found.arguments
    ]
    assert described == [("terminal_id", int, True, None, False), ("name", str, False, "none", True)]
    assert REGISTRY is not registry.REGISTRY


def test_results_become_json() -> None:
    assert to_json(Operator("ann", "admin", "api")) == {
        "name": "ann",
        "role": "admin",
        "origin": "api",
        "address": "",
    }
    assert to_json({1: (True, None, 2.5)}) == {"1": [True, None, 2.5]}
