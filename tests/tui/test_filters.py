"""The filter language, in both languages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tm20tui.tui.filters import parse

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "text", "wanted"),
    [
        ("", "anything", True),
        ("depot", "Dépôt nord", True),
        ("depot nord", "nord du dépôt", True),
        ("depot sud", "Dépôt nord", False),
        ("!nord", "Dépôt nord", False),
        ("!sud", "Dépôt nord", True),
        ("!", "a ! b", True),
        ("12:30", "at 12:30 sharp", True),
        ("[/x]", "Dupont [/x]", True),
    ],
)
def test_words(typed: str, text: str, wanted: bool) -> None:
    assert parse(typed).matches(text) is wanted


def test_fields_are_understood_in_both_languages() -> None:
    fields = {"state": "failed", "sn": "ZX7507"}
    for typed in ("state:failed", "etat:echec", "état:échec", "sn:7507", "etat:échec sn:zx"):
        assert parse(typed).matches("row", fields), typed
    assert not parse("etat:attente").matches("row", fields)
    assert parse("etat:échec").field("state") == "failed"
    assert parse("word").field("state") is None


def test_a_field_that_a_table_lacks_is_looked_for_in_the_text() -> None:
    assert parse("service:rh").matches("API RH")
    assert not parse("service:paie").matches("API RH")


@pytest.mark.parametrize(
    ("typed", "span"),
    [
        ("depuis:2h", timedelta(hours=2)),
        ("since:30min", timedelta(minutes=30)),
        ("depuis:3j", timedelta(days=3)),
    ],
)
def test_spans_are_moments(typed: str, span: timedelta) -> None:
    assert parse(typed).since(NOW) == NOW - span


def test_what_is_no_span_is_no_moment() -> None:
    assert parse("since:yesterday").since(NOW) is None
