"""How well what was typed fits the name of something: by its words, as people begin them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tm20tui.tui.safe import fold

LEAST_OF_BEST = 0.5
"""What fits less than so much of what the best does is not what is meant."""
_HIDDEN_WORDS = 0.7
_BEGUN = 0.9
_EXACT = 0.5
_OF_STEM = 0.8
_WITHIN = 0.5
_ABBREVIATED = 0.35
_SHORTEST = 3
_SHORTEST_STEM = 5
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The words of a text, without case and accents."""
    return _WORD.findall(fold(text))


def fit(query: str, title: Sequence[str], more: Iterable[str]) -> float:
    """0 to 1.5: how well every word of a query fits the words that are shown, else `more` of them.

    Of two that fit as well the shorter title is the better one.
    """
    wanted = words_of(query)
    if not wanted:
        return 0.0
    total = 0.0
    for one in wanted:
        shown = max((_fit(one, word) for word in title), default=0.0)
        # Of the many words of a description only those count that begin as was typed.
        hidden = max((_begins(one, word) for word in more), default=0.0) if shown < 1 else 0.0
        if not (best := max(shown, _HIDDEN_WORDS * hidden)):
            return 0.0
        total += best
    return total / len(wanted) + 0.05 / (1 + len(title)) + _EXACT * (wanted == list(title))


def _begins(typed: str, word: str) -> float:
    if typed == word:
        return 1.0
    if word.startswith(typed):
        return _BEGUN
    # Of one stem: `supprimer` and `supprime`, `terminaux` and `terminal`.
    stem = max(_SHORTEST_STEM, len(typed) - 2, len(word) - 2)
    return _OF_STEM if len(typed) >= stem and word.startswith(typed[:stem]) else 0.0


def _fit(typed: str, word: str) -> float:
    if (begun := _begins(typed, word)) or len(typed) < _SHORTEST:
        return begun
    if typed in word:
        return _WITHIN
    # `trmnl`: letters left out of one word, never gathered from all over a sentence.
    is_short_for = word[0] == typed[0] and len(word) <= 2 * len(typed) and _is_within(typed, word)
    return _ABBREVIATED if is_short_for else 0.0


def _is_within(typed: str, word: str) -> bool:
    letters = iter(word)
    return all(letter in letters for letter in typed)
