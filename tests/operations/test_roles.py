"""Over the whole registry: who changes anything is more than a viewer, and refusals come first."""

from __future__ import annotations

import importlib
import pkgutil
from types import SimpleNamespace
from typing import Any

import pytest

from tests.ingest.frames import rows
from tm20tui import operations
from tm20tui.errors import Forbidden
from tm20tui.events import EventBus
from tm20tui.operations.call import Call, Operator
from tm20tui.operations.registry import REGISTRY
from tm20tui.store.engine import Database

for module in pkgutil.iter_modules(operations.__path__):
    importlib.import_module(f"{operations.__name__}.{module.name}")

EVERY = sorted(REGISTRY)
WRITING = [name for name in EVERY if REGISTRY[name].writes]
OBVIOUS = {
    f"{what}_id"
    for what in ("terminal", "service", "user", "site", "punch", "delivery", "quarantine", "token", "task")
} | {"config_id", "limit", "after", "after_id", "before_id", "name", "given", "filters", "direction_policy"}


class Untouchable(SimpleNamespace):
    """A gateway of which only what the audit needs is there: anything else would be an AttributeError."""


@pytest.mark.parametrize("name", EVERY)
async def test_whoever_has_too_small_a_role_is_refused_before_anything_runs(
    sqlite_database: Database, name: str
) -> None:
    found = REGISTRY[name]
    if found.role == "viewer":
        return
    gateway: Any = Untouchable(database=sqlite_database, events=EventBus())
    given = [None for argument in found.arguments if argument.required and not argument.is_keyword]
    named = {one.name: None for one in found.arguments if one.required and one.is_keyword}
    with pytest.raises(Forbidden, match=f"needs the role {found.role}"):
        await found.function(Call(gateway, Operator("eve", "viewer", "api")), *given, **named)
    (line,) = await rows(sqlite_database, "audit")
    assert (line["operator"], line["operation"], line["outcome"]) == ("eve", name, "refused")


@pytest.mark.parametrize("name", WRITING)
def test_no_viewer_changes_anything(name: str) -> None:
    assert REGISTRY[name].role in ("operator", "admin")


@pytest.mark.parametrize("name", EVERY)
def test_help_names_every_argument_that_is_not_obvious(name: str) -> None:
    found = REGISTRY[name]
    assert found.summary
    named = [one.name for one in found.arguments if one.name not in OBVIOUS]
    assert [one for one in named if one not in found.help] == []
