"""Foreign text: nothing in it is obeyed, nothing of it is lost without a sign."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tm20tui.tui.safe import clip, fold, is_hidden, safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Dupont [/x]", "Dupont [/x]"),
        ("a\x1b[31mred", "a·[31mred"),
        ("a\nb\tc", "a·b·c"),
        ("left\u202eright", "left·right"),
        ("zero\u200bwidth", "zero·width"),
        ("lone \ud800", "lone ·"),
        ("no\u00a0break", "no break"),
        (None, "None"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text: object, shown: str) -> None:
    assert safe(text) == shown


@given(st.text(max_size=300), st.integers(0, 60))
def test_it_is_one_line_of_at_most_the_width(text: str, width: int) -> None:
    shown = safe(text, width)
    assert cell_len(shown) <= width
    assert not any(char < " " or char in "\x7f\x9b\u202e\u2066" for char in shown)


def test_long_and_wide_text_ends_in_a_sign() -> None:
    assert clip("abcdef", 4) == "abc…"
    assert clip("漢字漢字", 5) == "漢字…"
    assert clip("abc", 3) == "abc"
    assert clip("abc", 0) == ""


def test_comparing_forgets_case_and_accents() -> None:
    assert fold("Dépôt") == fold("depot")


def test_what_is_printable_hides_nothing() -> None:
    every = filter(str.isprintable, map(chr, range(sys.maxunicode + 1)))
    assert not [char for char in every if is_hidden(char) or (char.isspace() and char != " ")]
