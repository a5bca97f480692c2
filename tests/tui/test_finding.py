"""What the palette finds: what was begun is first, what only shares letters with it is absent."""

from __future__ import annotations

import pytest

from tm20tui.tui.finding import fit, words_of
from tm20tui.tui.palette import Command, rank


def command(text: str, words: str = "", *, is_near: bool = True) -> Command:
    return Command(words, text, "", lambda: None, is_near=is_near)


COMMANDS = [
    command("2 Terminaux", "terminals Terminals"),
    command("3 Envois", "delivery Delivery"),
    command("ouvrir la porte", "terminals.door open the door"),
    command("mettre à l'heure", "terminals.time set the clock"),
    command("supprimer le terminal", "terminals.delete delete the terminal"),
    command("terminals.delete", "Delete a terminal. Supprime un terminal", is_near=False),
    command("terminals.door", "Open the door now. Ouvre la porte tout de suite", is_near=False),
    command("deliveries.retry", "Try deliveries again. Relance des envois", is_near=False),
    command("quarantine.discard", "Throw texts away. Jette des textes", is_near=False),
    command("Aide", "aide help ?"),
]


def found(query: str) -> list[str]:
    return [one.text for _score, one in rank(query, COMMANDS)]


@pytest.mark.parametrize(
    ("query", "first", "also", "absent"),
    [
        ("porte", "ouvrir la porte", "terminals.door", "supprimer le terminal"),
        ("door", "ouvrir la porte", "terminals.door", "terminals.delete"),
        ("HEURE", "mettre à l'heure", "mettre à l'heure", "terminals.door"),
        ("term", "2 Terminaux", "supprimer le terminal", "deliveries.retry"),
        ("env", "3 Envois", "3 Envois", "terminals.delete"),
        ("supprimer term", "supprimer le terminal", "supprimer le terminal", "2 Terminaux"),
        ("terminals.delete", "terminals.delete", "supprimer le terminal", "terminals.door"),
        ("trmnx", "2 Terminaux", "2 Terminaux", "deliveries.retry"),
        ("relancer", "deliveries.retry", "deliveries.retry", "terminals.delete"),
        ("?", "Aide", "Aide", "3 Envois"),
    ],
)
def test_what_is_meant_is_first_and_nothing_far_fetched_is_there(
    query: str, first: str, also: str, absent: str
) -> None:
    names = found(query)
    assert names[0] == first
    assert also in names
    assert absent not in names


@pytest.mark.parametrize("query", ["dtr", "qx", "arte", "zzz", "", "opnr"])
def test_letters_from_all_over_find_nothing(query: str) -> None:
    assert found(query) == []


def test_every_word_has_to_fit() -> None:
    assert fit("open door", words_of("open the door"), ()) > fit("open door", words_of("door"), ["open"]) > 0
    assert fit("open window", words_of("open the door"), ()) == 0
