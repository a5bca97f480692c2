"""Every text that the command line and the console translate, found in its source and in the registry."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tm20tui.cli.parsing import summary_of
from tm20tui.control.describe import describe
from tm20tui.operations import load_operations

PACKAGE = Path(__file__).parents[2] / "tm20tui"
MARKS = {"_": 1, "N_": 1, "ngettext": 2}


def marked() -> Iterator[str]:
    """Literal arguments of `_`, `N_` and `ngettext`."""
    for path in sorted(
        [
            *(PACKAGE / "cli").glob("*.py"),
            *(PACKAGE / "tui").rglob("*.py"),
            PACKAGE / "operations" / "fields.py",
            PACKAGE / "simulate" / "cli.py",
        ]
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS:
                for argument in node.args[: MARKS[node.func.id]]:
                    if isinstance(argument, ast.Constant):
                        yield str(argument.value)


def summaries() -> Iterator[str]:
    """What each operation says of itself."""
    for told in describe(load_operations()):
        yield summary_of(told)


def all_messages() -> list[str]:
    """Every message once."""
    return list(dict.fromkeys([*marked(), *summaries()]))


if __name__ == "__main__":
    for message in all_messages():
        print(repr(message))
