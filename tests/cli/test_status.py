from __future__ import annotations

import io
import types
from datetime import timedelta

import pytest
from rich.console import Console

from tests.cli.fake_server import line, snapshot
from tm20tui.cli.status import LogTail, clean, render


def drawn(shot: types.SimpleNamespace, *, width: int = 120, height: int = 36, **more: object) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, markup=False, emoji=False)
    now = shot.started_at + timedelta(minutes=5)
    console.print(render(shot, now=now, height=height, **more))  # type: ignore[arg-type]
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def terminal(number: int, **fields: object) -> types.SimpleNamespace:
    known = {"name": "", "state": "online", "punches": 0, "drift_seconds": None, "address": ""}
    return line(**{"sn": f"TM20-{number:03}", "last_seen_at": None, **known, **fields})


def test_shows_terminals_services_totals_alarms_and_how_to_stop() -> None:
    text = drawn(snapshot(), hint="Ctrl+C stops the server", notes=("Demo HR has 3",))
    for part in (
        "up 5 min",
        "ws://0.0.0.0:7788/",
        "punches stored 8",
        "duplicates 1",
        "online",
        "5 min ago",
        "-3 s",
        "192.0.2.7:4000",
        "paused: 401",
        "ALARM",
        "Demo HR has 3",
        "Ctrl+C stops the server",
    ):
        assert part in text


def test_foreign_text_is_neither_obeyed_nor_read_as_markup() -> None:
    text = drawn(snapshot())
    assert "\x1b" not in text
    assert "[bold]Gate[/bold]" in text


def test_states_stay_readable_at_80_columns() -> None:
    shot = snapshot()
    shot.terminals = (terminal(1, name="n" * 90, address="2001:db8::1234:5678:9abc:def0", punches=1234567),)
    text = drawn(shot, width=80)
    assert "online" in text
    assert "1234567" in text
    assert max(len(row) for row in text.splitlines()) <= 80


@pytest.mark.parametrize("height", [24, 36])
def test_many_terminals_fit_the_screen_and_the_rest_is_counted(height: int) -> None:
    shot = snapshot()
    shot.terminals = tuple(terminal(number) for number in range(500))
    text = drawn(shot, height=height, log_lines=("a", "b"), hint="stop")
    assert len(text.splitlines()) <= height
    assert "more" in text


def test_nothing_yet_is_said_in_words() -> None:
    shot = line(**{**vars(snapshot()), "terminals": (), "services": (), "alarms": (), "api_address": ""})
    text = drawn(shot)
    assert "none has connected yet" in text
    assert "none yet" in text
    assert "API off" in text


def test_next_round_is_shown_as_a_wait() -> None:
    shot = snapshot()
    shot.services[0].next_round_at = shot.started_at + timedelta(hours=1)
    assert "in 55 min" in drawn(shot)


def test_clean_replaces_what_a_terminal_would_obey_and_cuts() -> None:
    assert clean("a\x1b[2J\r\n\u202eb\u200b") == "a·[2J···b·"
    assert clean("x" * 300, 10) == "x" * 9 + "…"


def test_the_log_tail_keeps_the_last_lines() -> None:
    tail = LogTail()
    tail.write("".join(f"{number}\n" for number in range(20)))
    assert tail.lines() == ("14", "15", "16", "17", "18", "19")
