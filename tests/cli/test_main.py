"""The command line as a user meets it: exit codes, and one line for everything expected."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tm20tui import __version__
from tm20tui.cli.main import main
from tm20tui.store.engine import Database
from tm20tui.store.lock import exclusive_use


def run(tmp_path: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TM20_")}
    state = {"XDG_STATE_HOME": str(tmp_path), "TM20_TERMINALS__PORT": "0", "TM20_API__PORT": "0"}
    return subprocess.run(
        [sys.executable, "-m", "tm20tui", *arguments],
        cwd=tmp_path,
        env=kept | {"PYTHONPATH": str(Path(__file__).parents[2])} | state | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def database(tmp_path: Path) -> Path:
    return tmp_path / "tm20tui" / "tm20.db"


def test_version_answers_at_once(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")
    assert (done.returncode, done.stdout) == (0, f"tm20tui {__version__}\n")
    loaded = run(tmp_path, "--version", PYTHONPROFILEIMPORTTIME="1").stderr
    # What takes time is loading: none of these is needed to say who one is.
    for heavy in ("pydantic", "sqlalchemy", "fastapi", "textual", "rich", "trio", "httpx"):
        assert f" {heavy}\n" not in loaded


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nope"], "unrecognized arguments: --nope"),
        (["nope"], "no such command: nope"),
        (["db"], "the following arguments are required: COMMAND"),
        (["db", "backup"], "the following arguments are required: FILE"),
        (["simulate"], "the following arguments are required: COMMAND"),
        (["--seed", "x", "--demo"], "invalid int value: 'x'"),
        (["--seed", "1"], "tm20tui: --seed = 1: goes with --demo only"),
        (["--config", "nope.toml", "check"], "config = 'nope.toml': must be a file that can be read"),
        (["check", "--config", "nope.toml"], "config = 'nope.toml': must be a file that can be read"),
    ],
)
def test_wrong_usage_exits_2_without_a_traceback(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["check"], ["db", "version"], ["--headless"], []])
def test_a_wrong_value_is_one_line_and_exits_2(tmp_path: Path, arguments: list[str]) -> None:
    done = run(tmp_path, *arguments, TM20_TERMINALS__PORT="x")
    assert (done.returncode, done.stdout) == (2, "")
    words = "must be a whole number from 0 to 65535 (set in TM20_TERMINALS__PORT)"
    assert done.stderr == f"tm20tui: terminals.port = 'x': {words}\n"


def test_check_shows_what_is_in_force_and_where_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[process]\ndrain_seconds = 3\n")
    done = run(tmp_path, "check")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["process.drain_seconds", "3", "config.toml"] in rows
    assert ["terminals.port", "0", "TM20_TERMINALS__PORT"] in rows
    assert ["api.host", "127.0.0.1", "default"] in rows
    assert "no schema yet" in done.stdout
    assert "made at first start" in done.stdout
    assert rows[-1] == ["ready"]
    assert not database(tmp_path).exists()


def test_check_exits_1_when_a_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run(tmp_path, "check", TM20_API__PORT=port)
    assert done.returncode == 1
    assert f"http://127.0.0.1:{port}/: cannot be used (address already in use)" in done.stdout
    assert done.stdout.endswith("1 problem: see above\n")


def test_check_masks_the_password_and_exits_1_when_the_database_is_down(tmp_path: Path) -> None:
    done = run(tmp_path, "check", TM20_DATABASE__URL="postgresql://u:s3cr3t@127.0.0.1:1/n")
    assert done.returncode == 1
    assert "the database cannot be used" in done.stdout
    assert "s3cr3t" not in done.stdout + done.stderr


def test_check_knows_a_running_server_by_its_lock(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "upgrade").returncode == 0
    with exclusive_use(Database(f"sqlite:///{database(tmp_path)}")):
        done = run(tmp_path, "check")
    assert done.returncode == 0
    assert "one is running on this database" in done.stdout


def test_check_names_a_key_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "tm20tui" / "secret.key").mkdir(parents=True)
    done = run(tmp_path, "check")
    assert done.returncode == 1
    assert "secret.key: cannot be read" in done.stdout


def test_a_database_is_made_copied_and_put_back(tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert "none yet" in run(tmp_path, "db", "version").stdout
    assert "empty -> " in run(tmp_path, "db", "upgrade").stdout
    assert " is at " in run(tmp_path, "db", "upgrade").stdout
    assert run(tmp_path, "db", "backup", str(copy)).returncode == 0
    again = run(tmp_path, "db", "backup", str(copy))
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "a backup is never overwritten" in again.stderr
    refused = run(tmp_path, "db", "restore", str(copy))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "add --force" in refused.stderr
    assert run(tmp_path, "db", "restore", "--force", str(copy)).returncode == 0
    database(tmp_path).unlink()
    assert run(tmp_path, "db", "restore", str(copy)).returncode == 0


@pytest.mark.parametrize("arguments", [["db", "upgrade"], ["db", "restore", "--force", "copy.db"]])
def test_what_needs_the_database_alone_exits_3_while_a_server_has_it(
    tmp_path: Path, arguments: list[str]
) -> None:
    run(tmp_path, "db", "upgrade")
    run(tmp_path, "db", "backup", "copy.db")
    with exclusive_use(Database(f"sqlite:///{database(tmp_path)}")):
        done = run(tmp_path, *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "another tm20tui server uses the database" in done.stderr


def test_a_file_that_is_no_backup_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("no database")
    done = run(tmp_path, "db", "restore", "x.db")
    assert (done.returncode, done.stderr) == (
        1,
        "tm20tui: x.db is not a backup of this program's database\n",
    )


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("")
    done = run(tmp_path, "db", "upgrade", TM20_STATE_DIRECTORY=str(tmp_path / "blocked" / "x"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "cannot create the database file" in done.stderr


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("tm20tui.cli.main._check", interrupted)
    assert main(["check"]) == 130


def test_a_reader_that_leaves_is_no_traceback(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-u", "-m", "tm20tui", "check"],
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("what", ["terminals", "hr"])
def test_the_simulators_are_commands(tmp_path: Path, what: str) -> None:
    done = run(tmp_path, "simulate", what, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--seed" in done.stdout or "--fail" in done.stdout
