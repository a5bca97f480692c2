"""The story of a punch that failed twice and then was sent is on one screen."""

from __future__ import annotations

from typing import Any

import pytest

from tm20tui.cli.show import Output
from tm20tui.cli.story import tell


def attempt(
    minute: int, code: int | None, outcome: str, reason: str = "", answer: str = ""
) -> dict[str, Any]:
    return {
        "started_at": f"2026-11-24T08:{minute:02}:00Z",
        "duration_seconds": 0.25,
        "status_code": code,
        "outcome": outcome,
        "reason": reason,
        "answer": answer,
        "record_count": 3,
    }


STORY: dict[str, Any] = {
    "log": {
        "id": 7,
        "enrollid": "42",
        "user_name": "Zoé\x1b[2J",
        "terminal_sn": "ZX1",
        "time_raw": "2026-11-24 09:00:00",
        "timezone": "Europe/Paris",
        "time_problem": None,
        "received_at": "2026-11-24T08:00:01Z",
    },
    "frame": {"received_at": "2026-11-24T08:00:01Z", "text": "{}", "record": '{"enrollid":42}'},
    "frame_note": "",
    "note": "",
    "deliveries": [
        {
            "delivery": {"id": 9, "service_name": "HR", "status": "sent"},
            "service": {"health": "healthy", "health_reason": ""},
            "attempts": [
                attempt(1, None, "outage", "timed out"),
                attempt(2, 503, "outage", "HTTP 503", "busy"),
                attempt(3, 200, "sent"),
            ],
            "next": {"code": "done", "sentence": "nothing: it was sent", "at": None},
        }
    ],
}


def test_it_tells_the_whole_way(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    tell(STORY, Output("table", width=80))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "\x1b" not in text
    places = [
        text.index(part)
        for part in (
            "punch 7: 42 Zoé",
            "received:",
            "stored,",
            "HR: sent",
            "no answer",
            "503",
            "200",
            "next:",
        )
    ]
    assert places == sorted(places)


def test_attempts_in_a_row_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    first = attempt(1, None, "backing off", "timed out")
    run = first | {"times": 300, "last_started_at": "2026-11-24T09:59:00Z"}
    days = first | {"times": 7, "last_started_at": "2026-11-26T09:59:00Z"}
    tell(STORY["deliveries"][0] | {"attempts": [run, days]}, Output("table", width=100))
    text = capsys.readouterr().out
    assert " to " in text
    assert "300 attempts: no answer, backing off (3 records)" in text
    assert text.count("2026-11-24") == 2
    assert "to 2026-11-26" in text


def test_what_is_not_kept_and_not_owed_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    tell(
        STORY | {"frame": None, "frame_note": "not kept", "note": "no service was owed it", "deliveries": []},
        Output("table", width=80),
    )
    text = capsys.readouterr().out
    assert "not kept" in text
    assert "no service was owed it" in text


def test_a_delivery_alone_is_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    story = STORY["deliveries"][0]
    paused = {"health": "paused", "health_reason": "401"}
    tell(story | {"service": paused}, Output("table", width=80))
    assert "the service: paused: 401" in capsys.readouterr().out
