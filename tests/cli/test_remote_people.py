"""The command line against a running server, as people use it: tables, questions, French, completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tm20tui.cli import nouns

# ---------------------------------------------------------------- for people


@pytest.mark.parametrize("columns", [80, 120])
def test_a_table_fits_the_terminal_and_obeys_nobody(shell: Shell, columns: int) -> None:
    code, seen = shell.on_a_terminal("terminals", "list", columns=columns, NO_COLOR="1")
    assert code == 0
    assert "\x1b" not in seen
    assert "\u202e" not in seen
    lines = seen.splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[0].split()[:4] == ["id", "serial", "state", "name"]
    assert "Porte ·[31m·nord" in seen


def test_one_thing_is_shown_field_by_field(shell: Shell) -> None:
    code, seen = shell.on_a_terminal("terminals", "show", "ZX1")
    assert code == 0
    assert any(line.split()[-1:] == ["ZX1"] for line in seen.splitlines())


def test_status_is_one_screen(shell: Shell) -> None:
    code, seen = shell.on_a_terminal("status", NO_COLOR="1")
    assert code == 0
    for part in ("punches stored", "services", "terminals", "ZX1"):
        assert part in seen


@pytest.mark.parametrize(("typed", "code", "count"), [(b"n\n", 1, 1), (b"\n", 1, 1), (b"y\n", 0, 0)])
def test_dangerous_things_are_asked_about_on_a_terminal(
    shell: Shell, typed: bytes, code: int, count: int
) -> None:
    name = f"Doomed {typed!r}"
    added = shell.ok("services", "add", f"name={name}", "base_url=http://127.0.0.1:1", "--json")
    ended, seen = shell.on_a_terminal("services", "delete", str(json.loads(added)["id"]), typed=typed)
    assert (ended, "Do it? [y/N]" in seen) == (code, True)
    assert ("nothing was done" in seen) == bool(code)
    names = [service["name"] for service in json.loads(shell.ok("services", "list", "--json"))]
    assert names.count(name) == count


def test_a_terminal_is_deleted_once_its_serial_is_typed(shell: Shell) -> None:
    done = shell.run("terminals", "delete", "ZX2")
    assert (done.returncode, "add --confirm SERIAL" in done.stderr) == (2, True)
    ended, seen = shell.on_a_terminal("terminals", "delete", "ZX2", typed=b"ZX1\n")
    assert (ended, "confirm must be the terminal's serial, ZX2" in seen) == (2, True)
    ended, seen = shell.on_a_terminal("terminals", "delete", "ZX2", "--help")
    assert (ended, "--confirm" in seen) == (0, True)
    assert json.loads(shell.ok("terminals", "show", "ZX2", "--json"))["state"] == "waiting"


def test_the_help_of_what_takes_fields_lists_them(shell: Shell) -> None:
    helped = shell.ok("services", "add", "--help").splitlines()
    names = [line.split()[0] for line in helped[helped.index("fields:") + 1 :]]
    assert names[:2] == ["name", "base_url"]
    assert {"signing_secret", "auth_token", "terminal_ids"} <= set(names)
    assert "  batch_size              punches in one request, 1 to 1000" in helped


def test_a_status_of_a_program_is_a_value_a_line(shell: Shell) -> None:
    lines = dict(line.split("\t") for line in shell.ok("status").splitlines())
    assert {lines["terminals.0.sn"], lines["terminals.1.sn"]} == {"ZX1", "ZX2"}
    assert not any(value.startswith(("[", "{")) for value in lines.values())


def test_french_is_spoken_throughout(shell: Shell) -> None:
    code, seen = shell.on_a_terminal("terminals", "list", "--lang", "fr", NO_COLOR="1")
    assert code == 0
    assert seen.splitlines()[0].split()[:2] == ["id", "n°"]
    helped = shell.ok("terminals", "approve", "--help", TM20_LANG="fr")
    assert "Admet un terminal" in helped
    assert "numéro de série ou id" in helped
    assert "usage : tm20tui" in helped
    assert "show this help" not in helped
    done = shell.run("terminals", "show", "nobody", LANG="fr_FR.UTF-8")
    assert done.stderr == "tm20tui: pas de terminal nobody\n"
    done = shell.run("terminals", "show", LC_ALL="fr_FR.UTF-8")
    assert "arguments obligatoires manquants" in done.stderr
    done = shell.run("--lang", "fr", "terminals", "block", "ZX1")
    assert "ajoutez --yes" in done.stderr


# ---------------------------------------------------------------- completion and speed


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed_without_a_server(alone: Shell, name: str) -> None:
    assert "tm20tui __complete" in alone.ok("completion", name)


@pytest.mark.parametrize(
    ("words", "found", "absent"),
    [
        ([""], {"terminals", "punches", "status", "events", "check"}, "attendance"),
        (["ter"], {"terminals"}, "punches"),
        (["terminals", ""], {"approve", "list", "show"}, "fly"),
        (["terminals", "show", ""], {"ZX1", "ZX2"}, "1"),
        (["terminals", "show", "ZX1"], {"ZX1"}, "ZX2"),
        (["punches", "list", "--t"], {"--terminal"}, "--limit"),
        (["punches", "list", "--terminal", ""], {"ZX1"}, "--limit"),
        (["terminals", "list", "--l"], {"--lang"}, "list"),
        (["terminals", "list", "--lang", ""], {"en", "fr"}, "list"),
        (["terminals", "list", "--socket", ""], set(), "list"),
        (["events", "--kind", "term"], {"terminal.connected"}, "operation"),
        (["db", ""], {"backup"}, "list"),
    ],
)
def test_words_are_completed(shell: Shell, words: list[str], found: set[str], absent: str) -> None:
    candidates = set(shell.ok("__complete", *words).splitlines())
    assert found <= candidates
    assert absent not in candidates


@pytest.mark.skipif(not Path("/bin/bash").exists(), reason="needs bash")
def test_bash_completes(shell: Shell, tmp_path: Path) -> None:
    command = tmp_path / "tm20tui"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tm20tui "$@"\n')
    command.chmod(0o755)
    script = (
        "source <(tm20tui completion bash); COMP_WORDS=(tm20tui terminals show Z); COMP_CWORD=3; "
        '_tm20tui; echo "${COMPREPLY[@]}"'
    )
    environment = shell.environment | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["/bin/bash", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["ZX1", "ZX2"]


def test_a_client_loads_nothing_of_a_server(shell: Shell) -> None:
    script = (
        "import sys; from tm20tui.cli.main import main; main(['terminals', 'list'])\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=shell.environment, capture_output=True, text=True, check=True
    )
    heavy = {"textual", "rich", "fastapi", "sqlalchemy", "trio", "pydantic", "httpx", "cryptography"}
    assert "ZX1" in done.stdout
    assert not set(done.stderr.split()) & heavy


def test_known_nouns_are_those_of_the_product() -> None:
    from tm20tui.control.describe import describe
    from tm20tui.operations import load_operations

    commands = nouns.commands_of(describe(load_operations()))
    assert set(commands) <= set(nouns.KNOWN_NOUNS)


def test_what_erases_is_confirmed_by_the_serial(shell: Shell) -> None:
    done = shell.run("terminals", "cleanlog", "ZX1", "--yes")
    assert (done.returncode, "add --confirm SERIAL" in done.stderr) == (2, True)
    code, seen = shell.on_a_terminal("terminals", "cleanlog", "ZX1", typed=b"\n")
    assert (code, "Type the serial" in seen, "nothing was done" in seen) == (1, True, True)
    code, seen = shell.on_a_terminal("terminals", "cleanlog", "ZX1", typed=b"ZX9\n")
    assert (code, "tm20tui: " in seen) == (1, True)
