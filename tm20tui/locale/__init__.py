"""French and English: sentences are written in English and looked up in a catalogue when shown.

`N_` marks a text that is translated later; `_` and `ngettext` translate. The
catalogues of a language are its .po files, read as they are when it is not English.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

LANGUAGES = ("en", "fr")
VARIABLE = "TM20_LANG"

_HOLE = re.compile(r"\\\{\w*\\\}")
_STRING = re.compile(r'(?:(msgid|msgid_plural|msgstr(?:\[\d\])?)\s+)?("(?:[^"\\]|\\.)*")\s*\Z')


def choose(asked: str | None = None) -> str:
    """The language to speak: asked for, else the environment's, else English."""
    candidates: Iterable[str | None] = (
        asked,
        os.environ.get(VARIABLE),
        os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG"),
    )
    first = next((text for text in candidates if text), "")
    code = first.partition(".")[0].partition("_")[0].lower()
    return code if code in LANGUAGES else "en"


class Voice:
    """Speaks one language, and another once it is told to: a console has one of its own."""

    def __init__(self, language: str = "en") -> None:
        self.speak(language)

    def speak(self, language: str) -> None:
        """Use this language from now on."""
        self.language = language
        self._catalogue: Mapping[str, str] = {} if language == "en" else read_catalogue(language)

    def text(self, message: str) -> str:
        """The message in this language."""
        return self._catalogue.get(message, message)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """The text for a count; both languages have one form for one and another for more."""
        is_one = count == 1 if self.language == "en" else count < 2
        return self.text(one if is_one else many)

    def sentence(self, text: str) -> str:
        """A whole sentence that holds values: matched against what has `{holes}` in the catalogue."""
        if not self._catalogue or text in self._catalogue:
            return self.text(text)
        for pattern, translated in _templates(tuple(self._catalogue.items())):
            if found := pattern.fullmatch(text):
                return translated.format(**found.groupdict())
        return text


_voice = Voice()


def install(language: str) -> None:
    """Speak this language from now on, on the command line."""
    _voice.speak(language)


def _(text: str) -> str:
    """The text in the language of now."""
    return _voice.text(text)


def ngettext(one: str, many: str, count: int) -> str:
    """The text for a count in the language of now."""
    return _voice.ngettext(one, many, count)


def N_(text: str) -> str:  # noqa: N802 - the name that tools and people know
    """Marks a text that `_` translates where it is shown."""
    return text


def sentence(text: str) -> str:
    """A whole sentence that holds values, in the language of now."""
    return _voice.sentence(text)


@lru_cache(maxsize=4)
def read_catalogue(language: str) -> dict[str, str]:
    """Message to translation; plural forms are two messages. What is not translated is left out."""
    import json  # not needed in English, where every millisecond of a start counts

    entries: dict[str, str] = {}
    entry: dict[str, str] = {}
    keyword = ""

    def finish() -> None:
        if entry.get("msgid"):
            plural = "msgid_plural" in entry
            entries[entry["msgid"]] = entry.get("msgstr[0]" if plural else "msgstr", "")
            if plural:
                entries[entry["msgid_plural"]] = entry.get("msgstr[1]", "")
        entry.clear()

    for path in sorted((Path(__file__).parent / language / "LC_MESSAGES").glob("*.po")):
        for line in path.read_text(encoding="utf-8").splitlines():
            found = _STRING.match(line)
            if found is None:
                if not line.startswith("#") and line.strip():
                    raise ValueError(f"{path.name}: not understood: {line}")
                continue
            if found[1] == "msgid":
                finish()
            keyword = found[1] or keyword
            entry[keyword] = entry.get(keyword, "") + json.loads(found[2])
        finish()
    return {message: text for message, text in entries.items() if text}


@lru_cache(maxsize=2)
def _templates(entries: tuple[tuple[str, str], ...]) -> list[tuple[re.Pattern[str], str]]:
    templates = []
    for message, translated in entries:
        if "{" in message:
            pattern = _HOLE.sub(lambda hole: f"(?P<{hole[0][2:-2]}>.+)", re.escape(message))
            templates.append((re.compile(pattern, re.DOTALL), translated))
    return templates
