"""French and English: nothing is left untranslated, and who asks for which."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.messages import all_messages
from tm20tui import locale
from tm20tui.locale import choose, install, ngettext, read_catalogue, sentence

CATALOGUES = Path(locale.__file__).parent / "fr" / "LC_MESSAGES"


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    install("en")


def test_every_message_has_its_french() -> None:
    catalogue = read_catalogue("fr")
    missing = [message for message in all_messages() if message not in catalogue]
    assert not missing, "not in tm20tui/locale/fr/LC_MESSAGES/tm20tui.po:\n" + "\n".join(missing)


def test_no_message_has_two_translations() -> None:
    found: dict[str, set[str]] = {}
    for path in CATALOGUES.glob("*.po"):
        for block in path.read_text("utf-8").split("\n\n"):
            said = re.search(r'^msgid ((?:".*"\s*)+)(.*)', block, re.MULTILINE | re.DOTALL)
            if said and (message := "".join(re.findall(r'"(.*)"', said[1]))):
                found.setdefault(message, set()).add(" ".join(said[2].split()))
    assert not [message for message, texts in found.items() if len(texts) > 1]


def test_translations_keep_the_holes_of_their_message() -> None:
    hole = re.compile(r"\{\w*\}|%\(\w+\)[sr]|%s")
    for message, text in read_catalogue("fr").items():
        assert set(hole.findall(message)) == set(hole.findall(text)), message


@pytest.mark.parametrize(
    ("asked", "environment", "language"),
    [
        (None, {}, "fr"),
        (None, {"LANG": "C"}, "fr"),
        (None, {"LANG": "C.UTF-8"}, "fr"),
        (None, {"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, "fr"),
        (None, {"LANG": "fr_FR.UTF-8"}, "fr"),
        (None, {"LANG": "fr_SN@euro"}, "fr"),
        (None, {"LANG": "en-GB"}, "en"),
        (None, {"LANG": "de_DE.UTF-8"}, "en"),
        (None, {"LANG": "en_GB.UTF-8", "LC_ALL": "C"}, "fr"),
        (None, {"LANG": "en_GB", "LC_MESSAGES": "fr"}, "fr"),
        (None, {"LANG": "en_GB", "TM20_LANG": "fr"}, "fr"),
        ("en", {"TM20_LANG": "fr"}, "en"),
        ("de", {"LANG": "fr"}, "en"),
    ],
)
def test_the_language_is_chosen_in_this_order(
    monkeypatch: pytest.MonkeyPatch, asked: str | None, environment: dict[str, str], language: str
) -> None:
    for name in ("TM20_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert choose(asked) == language


def test_sentences_with_values_are_translated_around_them() -> None:
    said = "terminals.block needs the role operator; ann is viewer"
    assert sentence(said) == said
    install("fr")
    assert sentence(said) == "terminals.block demande le rôle operator ; ann est viewer"
    assert sentence("no terminal with id ZX {1}") == "pas de terminal ZX {1}"
    assert sentence("nobody knows this one") == "nobody knows this one"


def test_french_has_one_form_for_none_and_one() -> None:
    assert [ngettext("one", "many", count) for count in (0, 1, 2)] == ["many", "one", "many"]
    install("fr")
    assert [ngettext("one", "many", count) for count in (0, 1, 2)] == ["one", "one", "many"]


def test_a_catalogue_is_read_with_its_escapes_plurals_and_long_lines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    path = folder / "xx" / "LC_MESSAGES" / "tm20tui.po"
    path.parent.mkdir(parents=True)
    path.write_text(
        '# note\nmsgid ""\nmsgstr "Language: xx\\n"\n\nmsgid "a \\"b\\"\\n"\n"c"\nmsgstr "A"\n" B"\n\n'
        'msgid "one"\nmsgid_plural "many"\nmsgstr[0] "un"\nmsgstr[1] "des"\n\nmsgid "later"\nmsgstr ""\n'
    )
    monkeypatch.setattr(locale, "__file__", str(folder / "__init__.py"))
    read_catalogue.cache_clear()
    assert read_catalogue("xx") == {'a "b"\nc': "A B", "one": "un", "many": "des"}
    read_catalogue.cache_clear()
