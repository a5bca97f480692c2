from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "XDG_STATE_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}


@contextmanager
def server(tmp_path: Path, mode: str, *arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.fake_server", mode, *arguments],
        cwd=ROOT,
        env=environment(tmp_path) | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until_serving(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "serving\n"


@pytest.mark.parametrize("mode", ["serves", "drains-slowly", "stops-early"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_exits_0(tmp_path: Path, mode: str, number: signal.Signals) -> None:
    with server(tmp_path, mode, "--headless") as process:
        until_serving(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "drained\n")
    assert number.name in err
    assert "Traceback" not in err


def test_sighup_never_stops_it(tmp_path: Path) -> None:
    with server(tmp_path, "serves", "--headless") as process:
        until_serving(process)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "drained\n")
    assert "SIGHUP" in err


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    with server(tmp_path, "never-drains", "--headless") as process:
        until_serving(process)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "SIGINT" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("mode", "code", "said"),
    [
        ("already-running", 3, "tm20tui: port 7788 belongs to another server"),
        ("broken-store", 1, "tm20tui: the database cannot be used: disk full"),
    ],
)
def test_expected_errors_are_one_line(tmp_path: Path, mode: str, code: int, said: str) -> None:
    with server(tmp_path, mode, "--headless") as process:
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.splitlines()) == (code, "", [said])


def test_an_unexpected_error_leaves_its_traceback_in_the_log(tmp_path: Path) -> None:
    with server(tmp_path, "crashes", "--headless") as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "nobody expected this" in err
    assert err.splitlines()[-1] == "tm20tui: the server crashed; the log says where"


def test_without_a_terminal_it_runs_as_headless_with_a_note(tmp_path: Path) -> None:
    with server(tmp_path, "serves") as process:
        until_serving(process)
        process.terminate()
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "drained\n")
    assert "without a console on it" in err
