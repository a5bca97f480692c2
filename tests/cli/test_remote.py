"""The command line against a running server, as scripts use it: lines, JSON, exit codes."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from tests.cli.shell import HOSTILE, Shell
from tests.process.server import until

# ---------------------------------------------------------------- for scripts


def test_lists_are_lines_with_tabs_without_a_terminal(shell: Shell) -> None:
    rows = [line.split("\t") for line in shell.ok("terminals", "list").splitlines()]
    assert rows[0][:3] == ["id", "sn", "state"]
    assert [row[:3] for row in rows[1:]] == [["1", "ZX1", "waiting"], ["2", "ZX2", "waiting"]]
    assert rows[2][3] == "Porte \\x1b[31m\\u202enord"
    assert len(shell.ok("terminals", "list", "--no-header").splitlines()) == 2
    assert shell.ok("terminals") == shell.ok("terminals", "list") == shell.ok("terminal", "list")


def test_everything_is_json_when_asked(shell: Shell) -> None:
    found = json.loads(shell.ok("terminals", "list", "--json"))
    assert [row["terminal"]["sn"] for row in found] == ["ZX1", "ZX2"]
    assert found[1]["terminal"]["name"] == HOSTILE
    assert json.loads(shell.ok("--json", "terminals", "show", "ZX2"))["terminal"]["id"] == 2
    assert json.loads(shell.ok("status", "--json"))["role"] == "admin"


def test_terminals_are_named_by_serial_or_id(shell: Shell) -> None:
    assert (
        json.loads(shell.ok("terminals", "approve", "zx1", "--json"))["terminal"]["admission"] == "approved"
    )
    assert (
        json.loads(shell.ok("terminals", "change", "1", "--name", "Gate", "--json"))["view"]["terminal"][
            "name"
        ]
        == "Gate"
    )
    assert shell.ok("punches", "list", "--terminal", "ZX1", "--no-header") == ""


def test_services_are_given_by_fields_and_secrets_by_files(shell: Shell, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cr3t\n")
    added = shell.ok(
        *("services", "add", "name=HR", "base_url=http://127.0.0.1:1", "sync_interval_minutes=30"),
        *("auth_type=bearer", f"auth_token=@{secret}", "--json"),
    )
    service = json.loads(added)
    assert (service["name"], service["sync_interval_minutes"]) == ("HR", 30)
    assert service["has_auth_token"] is True
    ident = str(service["id"])
    changed = json.loads(shell.ok("services", "change", ident, "is_active=false", "--json"))
    assert changed["is_active"] is False
    assert shell.run("services", "sync", "--service", ident).returncode == 1
    shell.ok("services", "delete", ident, "--yes")
    assert "s3cr3t" not in shell.ok("audit", "--json")


def test_the_audit_says_who_and_how(shell: Shell) -> None:
    shell.ok("terminals", "approve", "ZX1")
    entry = json.loads(shell.ok("audit", "--limit", "1", "--json"))["entries"][0]
    assert (entry["operation"], entry["origin"]) == ("terminals.approve", "socket")


def test_pages_follow_each_other_with_all(shell: Shell) -> None:
    for number in range(5):
        shell.ok("sites", "add", f"Site {number}", "Europe/Paris")
    for number in range(5):
        shell.ok("users", "add", "1", str(100 + number))
    done = shell.run("users", "list", "--limit", "2")
    assert (len(done.stdout.splitlines()), done.stderr) == (3, "there is more: --all shows everything\n")
    assert len(shell.ok("users", "list", "--limit", "2", "--all", "--no-header").splitlines()) == 5
    shown = shell.ok("users", "list", "--limit", "2", "--all", "--json")
    assert [row["enrollid"] for row in json.loads(shown)] == ["100", "101", "102", "103", "104"]


def test_all_of_nothing_is_an_empty_array(shell: Shell) -> None:
    for verb in ("list", "export"):
        asked = ["punches", verb, "--from", "7d", "--to", "now", "--json"]
        assert json.loads(shell.ok(*asked, *(["--all"] if verb == "list" else []))) == []


def test_an_export_is_read_page_by_page(shell: Shell) -> None:
    assert shell.ok("punches", "export", "--from", "7d", "--to", "now") == ""


def test_events_are_followed_as_lines(shell: Shell) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tm20tui",
            "events",
            "--follow",
            "--json",
            "--kind",
            "operation",
            "--count",
            "1",
        ],
        cwd=shell.server.folder,
        env=shell.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None:
        shell.ok("terminals", "approve", "ZX1")
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.3)
    assert process.stdout is not None
    event = json.loads(process.stdout.read())
    process.stdout.close()
    assert (event["kind"], event["facts"]["operation"]) == ("operation", "terminals.approve")


def test_who_follows_a_server_that_stops_is_told_and_exits_3(alone: Shell) -> None:
    alone.server.prepare()
    alone.server.spawn()
    trio.run(alone.server.ready)
    trio.run(until, lambda: (alone.server.folder / "control.sock").exists())
    process = subprocess.Popen(
        [sys.executable, "-m", "tm20tui", "events", "--follow", "--plain"],
        cwd=alone.server.folder,
        env=alone.environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while not select.select([process.stdout], [], [], 0.3)[0]:
        alone.run("tasks", "run-now", "nothing")
    trio.run(alone.server.stop)
    assert process.wait(30) == 3
    assert process.stderr is not None
    assert process.stderr.read() == "tm20tui: the server closed the connection\n"
    process.stdout.close()
    process.stderr.close()


def test_dangerous_things_need_a_yes_where_nobody_can_be_asked(shell: Shell) -> None:
    done = shell.run("terminals", "block", "ZX2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tm20tui: this is dangerous and there is nobody to ask: add --yes to do it\n"
    assert json.loads(shell.ok("terminals", "show", "ZX2", "--json"))["state"] != "blocked"
    shell.ok("terminals", "block", "ZX2", "--yes")
    assert json.loads(shell.ok("terminals", "show", "ZX2", "--json"))["state"] == "blocked"


# ---------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["terminals", "show", "nobody"], 1, "tm20tui: no terminal with id nobody"),
        (["terminals", "list", "--admission", "x"], 2, "admission must be one of"),
        (["users", "list", "--limit", "many"], 2, "tm20tui: limit must be a whole number"),
        (["terminals", "show"], 2, "the following arguments are required: TERMINAL"),
        (["terminals", "fly"], 2, "invalid choice: 'fly'"),
        (["terminals", "list", "--nope"], 2, "unrecognized arguments: --nope"),
        (["nope"], 2, "no such command: nope"),
        (["nope", "--help"], 2, "no such command: nope"),
        (["users", "list", "--limit", "0"], 2, "tm20tui: limit must be from 1 to 500"),
        (["punches", "why", "x"], 2, "must be a whole number"),
        (["deliveries", "retry"], 2, "tm20tui: name deliveries by id, or give at least one filter"),
        (["services", "add"], 2, "name is required"),
        (["services", "add", "name=HR"], 2, "base_url is required"),
        (["status", "--socket"], 2, "tm20tui: --socket needs a value"),
        (["status", "--socket", "--json"], 2, "tm20tui: --socket needs a value"),
        (["status", "--config="], 2, "tm20tui: --config needs a value"),
        (["events", "--count", "0"], 2, "must be 1 or more"),
        (["services", "add", "name"], 2, "name: fields are given as FIELD=VALUE"),
        (["audit", "--from", "whenever"], 2, "whenever: a time is 2026-11-22"),
        (["--config", "nope.toml", "terminals"], 2, "config = 'nope.toml': must be a file that can be read"),
        (["events", "--kind", "nope"], 2, "argument --kind: invalid choice: 'nope'"),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(
    shell: Shell, arguments: list[str], code: int, said: str
) -> None:
    done = shell.run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("noun", ["status", "events", "terminals", "terminal", "audit"])
def test_without_a_server_it_is_said_and_exits_3(alone: Shell, noun: str) -> None:
    done = alone.run(noun)
    path = alone.server.folder / "control.sock"
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"tm20tui: no server answers at {path} (is it running?)\n"


def test_help_is_remembered_for_when_no_server_answers(shell: Shell, alone: Shell) -> None:
    shell.ok("terminals", "list")
    helped = shell.ok("terminals", "approve", "--help")
    assert "serial or id" in helped
    done = alone.run("terminals", "approve", "--help", XDG_CACHE_HOME=shell.environment["XDG_CACHE_HOME"])
    assert (done.returncode, done.stdout) == (3, helped)


def test_a_socket_may_be_named(shell: Shell, alone: Shell) -> None:
    path = shell.server.folder / "control.sock"
    assert "ZX1" in alone.ok("--socket", str(path), "terminals", "list")
    assert "ZX1" in alone.ok("terminals", "list", f"--socket={path}")
    assert "ZX1" in alone.ok("terminals", "list", TM20_CONTROL__PATH=str(path))


def test_a_second_server_is_refused_and_exits_3(shell: Shell) -> None:
    done = shell.run("--headless", TM20_TERMINALS__PORT="0", TM20_API__PORT="0")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("tm20tui: ")


def test_what_does_not_exist_yet_does_not_appear(shell: Shell) -> None:
    helped = shell.ok("terminals", "--help")
    assert "approve" in helped
    assert " attendance" not in shell.run("nope").stderr
