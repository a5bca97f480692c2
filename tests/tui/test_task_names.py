"""Background work is called what operators call it: every name that the server gives has its French."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tm20tui.locale import Voice, matched, read_catalogue
from tm20tui.tui import task_names
from tm20tui.tui.task_names import NAMES, task_name

PACKAGE = Path(task_names.__file__).parents[1]
CATALOGUE = read_catalogue("fr")


def named() -> Iterator[str]:
    """The names of periodic loops, and of tasks where they are written at the call."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = ast.unparse(node.func)
            if called == "every" or called.endswith(("tasks.start", "tasks.every")):
                name = node.args[0]
                if isinstance(name, ast.Constant):
                    yield name.value
                elif isinstance(name, ast.JoinedStr):
                    yield "".join(
                        part.value if isinstance(part, ast.Constant) else "X1" for part in name.values
                    )


def is_known(name: str) -> bool:
    """Whether what is said for it in French is of a name, and not of another sentence that it resembles."""
    found = matched(name, "fr")
    return name in NAMES or (
        found is not None and found[0] in {CATALOGUE[one] for one in NAMES if "{" in one}
    )


def test_every_name_in_the_source_is_known() -> None:
    found = {name for name in named() if name not in ("X1", "X1 ×X1")}
    assert {"retention", "clocks", "manual sync", "inventory of X1", "X1 of X1"} <= found
    # What is pulled is put together elsewhere.
    found = found - {"X1 of X1"} | {"new records of X1", "all records of X1", "records of X1 to X2 of X1"}
    found |= {"retry sweep", "deliveries to X1", "users from X1"}
    assert [name for name in sorted(found) if not is_known(name)] == []
    assert not is_known("something else of X1")


@pytest.mark.parametrize(
    ("name", "french"),
    [
        ("inventories of users", "inventaires des utilisateurs"),
        ("users from a service", "utilisateurs d'un service"),
        ("deliveries to Paie of SA", "envois à Paie of SA"),
        ("records of 2026-01-01 to 2026-01-31 of ZX01", "logs du 2026-01-01 au 2026-01-31 de ZX01"),
        ("deliveries to \x1b[2J{x}", "envois à ·[2J{x}"),
        ("terminals.open_door ×3", "terminals.open_door ×3"),
    ],
)
def test_names_in_french(monkeypatch: pytest.MonkeyPatch, name: str, french: str) -> None:
    monkeypatch.setattr(task_names, "sentence", Voice("fr").sentence)
    assert task_name(name) == french
