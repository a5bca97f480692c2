"""Titles of columns have room for their words, in French too, and for the mark of the order."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pytest

from tm20tui.locale import Voice
from tm20tui.tui.grid import Column
from tm20tui.tui.modes import MODES, terminals
from tm20tui.tui.modes.terminal_detail import TerminalDetail
from tm20tui.tui.tabbed import TabbedMode
from tm20tui.tui.table_mode import TableMode


def tables(kind: type[TableMode] = TableMode) -> Iterator[tuple[str, Collection[Column], Collection[str]]]:
    """Every table by name, with its columns and those that it can be sorted by."""
    for one in kind.__subclasses__():
        yield from tables(one)
        yield one.__name__, one.COLUMNS, one.SORTS
        for tab in getattr(one, "TABS", ()):
            yield f"{one.__name__} {tab.key}", tab.columns, tab.sorts


@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_title_is_cut(language: str) -> None:
    voice = Voice(language)
    assert len(MODES) == 9
    assert TerminalDetail in TabbedMode.__subclasses__()
    found = [*tables()]
    for name, columns in (("narrow", terminals._NARROW), ("wide", terminals._WIDE)):
        found.append((f"terminals {name}", columns, terminals.TerminalsMode.SORTS))
    assert len(found) > 15
    cut = [
        f"{name}: {shown} in {column.width}"
        for name, columns, sorts in found
        for column in columns
        if len(shown := voice.text(column.short or column.title)) + (column.key in sorts) > column.width
    ]
    assert not cut
