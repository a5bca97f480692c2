"""French and English: sentences are written in English and looked up in a catalogue when shown.

`N_` marks a text that is translated later; `_` and `ngettext` translate, `sentence` also what
holds values already. The catalogues of a language are its .po files, read as they are when it
is not English.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

LANGUAGES = ("en", "fr")
DEFAULT = "fr"
VARIABLE = "TM20_LANG"
WORDED = frozenset({"reason", "state", "words"})
"""Holes of a message whose values are sentences or words themselves."""

_MANY = "\0"
"""After a message whose plural is the same in English: it has a translation of its own."""
_HOLE = re.compile(r"\{(\w*)\}")
_LONGEST_SENTENCE = 1500
_NAMES_NOTHING = ("", "c", "posix")
_STRING = re.compile(r'(?:(msgid|msgid_plural|msgstr(?:\[\d\])?)\s+)?("(?:[^"\\]|\\.)*")\s*\Z')


def choose(asked: str | None = None) -> str:
    """The language to speak: asked for, else the environment's, else French.

    `C` and `POSIX` name no language. One that is named and that we do not have is English.
    """
    candidates: Iterable[str | None] = (
        asked,
        os.environ.get(VARIABLE),
        os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG"),
    )
    first = next((text for text in candidates if text), "")
    code = re.split(r"[._@-]", first.strip().lower())[0]
    if code in _NAMES_NOTHING:
        return DEFAULT
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
        if count == 1 if self.language == "en" else count < 2:
            return self.text(one)
        return self._catalogue.get(many + _MANY) or self.text(many)

    def sentence(self, text: str) -> str:
        """A whole sentence that holds values: matched against what has `{holes}` in the catalogue."""
        if not self._catalogue or text in self._catalogue or len(text) > _LONGEST_SENTENCE:
            return self.text(text)
        found = matched(text, self.language)
        if found is None:
            return text
        translated, values = found
        return _HOLE.sub(
            lambda hole: self.sentence(values[hole[1]]) if hole[1] in WORDED else values[hole[1]], translated
        )


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


@lru_cache(maxsize=1000)
def matched(text: str, language: str) -> tuple[str, Mapping[str, str]] | None:
    """The translation with holes for a sentence, and what goes into them; None when there is none."""
    for template in _templates(language):
        if (values := template.values_in(text)) is not None:
            return template.translated, values
    return None


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
                is_same = entry["msgid_plural"] == entry["msgid"]
                entries[entry["msgid_plural"] + _MANY * is_same] = entry.get("msgstr[1]", "")
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
def _templates(language: str) -> list[_Template]:
    """What has holes; first what says most itself, as it is the likeliest to be meant."""
    entries = read_catalogue(language).items()
    found = [_Template(*entry) for entry in entries if "{" in entry[0] and _MANY not in entry[0]]
    return sorted(found, key=lambda template: -template.said)


class _Template:
    """A message with holes; compiled when the longest text between them is found in a sentence."""

    def __init__(self, message: str, translated: str) -> None:
        self.translated = translated
        self._message = message
        between = _HOLE.sub("\0", message).split("\0")
        self._longest = max(between, key=len)
        self.said = sum(map(len, between))
        self._pattern: re.Pattern[str] | None = None

    def values_in(self, text: str) -> Mapping[str, str] | None:
        if self._longest not in text:
            return None
        if self._pattern is None:
            self._pattern = self._compile()
        found = self._pattern.fullmatch(text)
        return None if found is None else found.groupdict()

    def _compile(self) -> re.Pattern[str]:
        pattern, end, known = "", 0, set()
        for hole in _HOLE.finditer(self._message):
            pattern += re.escape(self._message[end : hole.start()])
            pattern += f"(?P={hole[1]})" if hole[1] in known else f"(?P<{hole[1]}>.+?)"
            known.add(hole[1])
            end = hole.end()
        return re.compile(pattern + re.escape(self._message[end:]), re.DOTALL)
