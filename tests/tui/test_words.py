"""Counts in the right number, results and refusals without the names of fields, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tm20tui.errors import InvalidInput, NotFound, OperationError
from tm20tui.operations.why import AttemptRun
from tm20tui.tui import language
from tm20tui.tui.counted import counted
from tm20tui.tui.field_words import in_words
from tm20tui.tui.mode import said_by
from tm20tui.tui.modes.stories import attempt_line
from tm20tui.tui.modes.task_words import task_result


@pytest.fixture
def french() -> Iterator[None]:
    language._FALLBACK.speak("fr")
    yield
    language._FALLBACK.speak("en")


def test_counts_are_in_the_right_number_also_where_english_has_one_form(french: None) -> None:
    assert [counted("sent", count) for count in (0, 1, 2)] == ["0 envoyé", "1 envoyé", "2 envoyés"]
    assert counted("on their way", 1) == "1 utilisateur en route"
    language._FALLBACK.speak("en")
    assert [counted("on their way", count) for count in (1, 2)] == [
        "1 user on the way",
        "2 users on their way",
    ]
    assert [counted("sent", count) for count in (1, 2)] == ["1 sent", "2 sent"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotFound("terminal", 7, field="terminal_id"), "no terminal with id 7"),
        (InvalidInput("name must be one line", field="name"), "“Name” must be one line"),
        (
            InvalidInput("auth_token must be entered again when base_url changes its host", field="x"),
            "“Token” must be entered again when “Base URL” changes its host",
        ),
        (
            InvalidInput("a is private: set delivery.allow_private_hosts", field="base_url"),
            "a is private: set delivery.allow_private_hosts",
        ),
        (InvalidInput("a name is taken", field="config_id"), "a name is taken"),
    ],
)
def test_a_refusal_calls_fields_as_people_do(error: OperationError, said: str) -> None:
    assert said_by(error) == said


def test_a_refusal_is_in_the_language_of_the_console(french: None) -> None:
    assert said_by(InvalidInput("name must be one line of at most 100 characters", field="name")) == (
        "« Nom » doit être une seule ligne d'au plus 100 caractères"
    )
    assert in_words("to_terminal_ids, enrollid") == "« Terminaux », enrollid"


def test_an_attempt_says_in_words_what_came_of_it(french: None) -> None:
    at = datetime(2026, 11, 27, 18, tzinfo=UTC)
    run = AttemptRun(1, None, "msg_1", 3, "split", at, at, 1, 0.02, 422, "split", "", "")
    assert "coupé en deux" in attempt_line(run, UTC, at).plain


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (None, ""),
        ({"sent": 2044, "failed": 2}, "2 044 sent, 2 failed"),
        ({"retried": 0}, "0 tried again"),
        ({"terminal_id": 2, "punches": 202}, "202 punches"),
        ({"matched": 2, "changed": 1, "service_ids": [1]}, "2 found, 1 changed"),
        (
            {"terminal_sn": "A", "outcome": "3 records read, 0 of them were missing here", "stored": 0},
            "3 records read, 0 of them were missing here",
        ),
        (
            {"terminal_id": 2, "terminal_sn": "A", "held": 1, "usual": 50, "drifted": 0, "remark": ""},
            "1 user",
        ),
        (
            {"users": 3, "confirmed": 1, "refused": 0, "not_verified": 2, "failed": [{"user_id": 1}]},
            "3 users, 1 confirmed, 2 not verified",
        ),
        (
            {"configs": [{"config_id": 1, "name": "HR", "sent": 1, "failed": 0, "left": 0, "reason": ""}]},
            "HR: 1 sent",
        ),
        (
            {
                "received": 3,
                "sites": [{"site_id": 1, "added": 2, "changed": 1, "gone": ["7"], "receipts": 1}],
            },
            "3 received, 2 new, 1 changed, 1 gone",
        ),
    ],
)
def test_the_result_of_work_is_told_in_words(result: Any, said: str) -> None:
    assert task_result(result) == said
    assert "_" not in said
