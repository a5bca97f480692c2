"""What is typed after `/`: words that must all be there, `!word` that must not, `field:value`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tm20tui.tui.safe import fold

_SPAN = re.compile(r"(\d{1,6})\s*(s|min|m|h|d|j)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "j": 86_400}

FIELDS = {
    "etat": "state",
    "état": "state",
    "depuis": "since",
    "jusque": "until",
    "nom": "name",
    "terminal": "terminal",
    "raison": "reason",
    "erreur": "reason",
    "utilisateur": "user",
    "qui": "operator",
    "who": "operator",
    "niveau": "level",
    "site": "site",
    "operation": "operation",
    "opération": "operation",
    "resultat": "outcome",
    "résultat": "outcome",
}
"""French names of fields; the English ones are always understood."""

VALUES = {
    "echec": "failed",
    "échec": "failed",
    "attente": "pending",
    "abandonne": "dead",
    "abandonné": "dead",
    "retenu": "held",
    "du": "owed",
    "dû": "owed",
    "envoye": "sent",
    "envoyé": "sent",
    "ligne": "online",
    "hors": "offline",
    "bloque": "blocked",
    "bloqué": "blocked",
    "approuver": "waiting",
    "fait": "done",
    "actif": "enabled",
    "inactif": "disabled",
    "refuse": "refused",
    "refusé": "refused",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """`words` and `without` are folded; `fields` by English name."""

    text: str = ""
    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.words or self.without or self.fields)

    def matches(self, text: str, fields: Mapping[str, str] = {}) -> bool:
        """Whether a row of this text, with these fields, is wanted."""
        folded = fold(text)
        return (
            all(word in folded for word in self.words)
            and not any(word in folded for word in self.without)
            and all(
                fold(value) in fold(fields[name])
                or fold(VALUES.get(fold(value), value)) in fold(fields[name])
                if name in fields
                else fold(value) in folded
                for name, value in self.fields
            )
        )

    def field(self, name: str) -> str | None:
        """The value of a field, in English where it is a state; None when it was not asked for."""
        value = dict(self.fields).get(name)
        return None if value is None else VALUES.get(fold(value), value)

    def since(self, now: datetime) -> datetime | None:
        """`since:2h` as a moment; None when it is not there or no span."""
        return _moment(self.field("since"), now)


def parse(text: str) -> Filter:
    """Read what was typed; anything is a filter."""
    words, without, fields = [], [], []
    for part in text.split():
        name, colon, value = part.partition(":")
        if colon and value and name.isalpha():
            fields.append((FIELDS.get(fold(name), fold(name)), value))
        elif part.startswith("!") and len(part) > 1:
            without.append(fold(part[1:]))
        else:
            words.append(fold(part))
    return Filter(text.strip(), tuple(words), tuple(without), tuple(fields))


def _moment(value: str | None, now: datetime) -> datetime | None:
    found = _SPAN.fullmatch(value or "")
    return now - timedelta(seconds=int(found[1]) * _SECONDS[found[2]]) if found else None
