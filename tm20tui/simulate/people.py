"""The staff of the simulated site: the same people on every terminal and in the HR service."""

from __future__ import annotations

import random
from dataclasses import dataclass

_FIRST = [
    "Ann",
    "Bob",
    "Chloé",
    "Daniel",
    "Esther",
    "Fatou",
    "Grace",
    "Hervé",
    "Inès",
    "Jean",
    "Kabongo",
    "Léa",
    "Moïse",
    "Nadia",
    "Olivier",
    "Patience",
    "Queenie",
    "Rachel",
    "Samuel",
    "Thérèse",
    "Urbain",
    "Véronique",
    "Wen",
    "Xavier",
    "Yasmine",
    "Zoé",
]
_LAST = [
    "Abena",
    "Bakari",
    "Cissé",
    "Diallo",
    "Elonga",
    "Fofana",
    "Gomes",
    "Haddad",
    "Ilunga",
    "Joubert",
    "Kasongo",
    "Lukusa",
    "Mbuyi",
    "Ngoma",
    "Okafor",
    "Pereira",
    "Quist",
    "Rossi",
    "Santos",
    "Tshibanda",
    "Uwase",
    "Vidal",
    "Walker",
    "Xu",
    "Yeboah",
    "Zola",
]


@dataclass(frozen=True, slots=True)
class Person:
    """One member of staff. `admin` is the terminal's role number, 0 for nearly everybody."""

    enrollid: int
    name: str
    admin: int


def make_roster(count: int, seed: int | None) -> tuple[Person, ...]:
    """The first `count` people of the site, enrollids 1..count; the same for the same seed."""
    rng = random.Random(f"roster/{seed}")
    return tuple(
        Person(n, f"{rng.choice(_FIRST)} {rng.choice(_LAST)}", 1 if n == 1 else 0)
        for n in range(1, count + 1)
    )
