"""What must stay out of a process, seen in a process: import-linter reads sources, this runs them."""

from __future__ import annotations

import subprocess
import sys

import pytest


def loaded_after(statement: str) -> set[str]:
    script = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


def test_a_headless_server_never_loads_the_console() -> None:
    loaded = loaded_after("import tm20tui.cli.main, tm20tui.cli.serve, tm20tui.gateway")
    assert "trio" in loaded
    assert "textual" not in loaded


@pytest.mark.parametrize("module", ["tm20tui.cli.main", "tm20tui"])
def test_the_command_line_loads_nothing_heavy_before_it_knows_the_command(module: str) -> None:
    heavy = {
        "textual",
        "rich",
        "fastapi",
        "sqlalchemy",
        "alembic",
        "trio",
        "httpx",
        "pydantic",
        "cryptography",
    }
    assert not loaded_after(f"import {module}") & heavy


def test_checking_and_database_commands_load_no_server() -> None:
    loaded = loaded_after("import tm20tui.cli.check, tm20tui.cli.db")
    assert not loaded & {"textual", "fastapi", "httpx", "trio_websocket"}
