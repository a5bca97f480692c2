"""What the server says with values in it: there is French for each, and the values come through."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.cli.sentences import SAMPLE, all_sentences
from tm20tui import locale
from tm20tui.locale import install, matched, sentence

CODE = re.compile(rf"{SAMPLE}|[\w./:@<>=\[\]'#,()*-]*[_./:=\d][\w./:@<>=\[\]'#,()*-]*|[\s,;:.()'\"#+-]+")
"""What is no word of a language: values, names of settings and fields, signs."""


@pytest.fixture(autouse=True)
def in_french() -> Iterator[None]:
    install("fr")
    yield
    install("en")


def untranslated(text: str, *, is_value: bool = False) -> list[str]:
    """The pieces of a sentence that stay English."""
    if text in locale.read_catalogue("fr") or not CODE.sub("", text):
        return []
    if is_value and " " not in text.strip():
        return []  # one word of the wire: a name of a field, of a command
    found = matched(text, "fr")
    if found is None:
        return [text]
    _translated, values = found
    return [
        piece
        for name, value in values.items()
        for piece in untranslated(value, is_value=name not in locale.WORDED)
    ]


def test_every_sentence_of_the_server_has_its_french() -> None:
    said = all_sentences()
    missing = [f"{one.where}: {one.text} -- {piece}" for one in said for piece in untranslated(one.text)]
    assert not missing, "no French in tm20tui/locale/fr/LC_MESSAGES/sentences.po:\n" + "\n".join(missing)


def test_sentences_are_found_in_the_source() -> None:
    said = {one.text for one in all_sentences()}
    assert {
        f"no terminal with id {SAMPLE}",  # NotFound
        f"the clock of {SAMPLE} is {SAMPLE} s fast",  # one branch of a condition within
        "it waits until an operator acts: the service is paused",  # a suffix that may be absent
        "a proxy asks for credentials (answered X1: X1)",  # the values of a table; what a function returns
        f"{SAMPLE} must be a time of day HH:MM",
    } <= said
    assert len(said) > 250


@pytest.mark.parametrize(
    ("said", "french"),
    [
        (
            "deliveries to Paie {x} are paused: the service refuses our credentials (answered 401: no)",
            "les envois vers Paie {x} sont suspendus : "
            "le service refuse nos identifiants (a répondu 401 : no)",
        ),
        (
            "it is tried again once the service works, now paused: no reason given",
            "il est retenté dès que le service marche, à présent suspendu : sans raison donnée",
        ),
        (
            "discarded by ann: in the books (may have arrived before it was refused: answered 409)",
            "abandonné par ann : in the books (est peut-être arrivé avant d'être refusé : a répondu 409)",
        ),
        ("discarded by ann: left", "abandonné par ann : left"),
        (
            "cannot connect to 127.0.0.1 port 9: Connection refused",
            "connexion impossible à 127.0.0.1, port 9 : connexion refusée",
        ),
        ("limit must be from 1 to 500", "limit doit aller de 1 à 500"),
        ("name must be a text, not null", "name doit être un texte, pas null"),
        ("ZX1 has no role \n here", "ZX1 has no role \n here"),
        ("", ""),
    ],
)
def test_values_go_into_the_french_as_they_are_and_reasons_translated(said: str, french: str) -> None:
    assert sentence(said) == french


def test_hostile_values_cost_no_time_and_reach_no_format() -> None:
    assert sentence("no terminal with id {0.__class__}") == "pas de terminal {0.__class__}"
    long = "check_in_time to check_out_time overlaps schedule " + "1 '' (): " * 200
    assert sentence(long) == long
    install("en")
    assert sentence("no terminal with id 1") == "no terminal with id 1"
