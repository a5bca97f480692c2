"""The table: cursor and marks by key, columns by width, and only what differs is painted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region

from tm20tui.tui.grid import MOST_ROWS, Column, Grid, Row

COLUMNS = (
    Column("a", "A", 4),
    Column("b", "B", 10, grow=1),
    Column("c", "C", 12, level=1),
    Column("d", "D", 20, level=2),
)


class Table(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.grid = Grid(COLUMNS, with_marks=True, empty="nothing")
        self.painted: list[Region] = []
        self.moved: list[object] = []

    def compose(self) -> ComposeResult:
        yield self.grid

    def on_grid_moved(self, event: Grid.Moved) -> None:
        self.moved.append(event.key)


def rows(*keys: int, **changed: str) -> list[Row]:
    return [
        Row(key, {"a": str(key), "b": changed.get(f"b{key}", "same"), "c": "x", "d": "y"}) for key in keys
    ]


def with_table(
    body: Callable[[Table, Any], Coroutine[Any, Any, None]], size: tuple[int, int] = (80, 12)
) -> None:
    async def run() -> None:
        app = Table()
        async with app.run_test(size=size) as pilot:
            app.grid.focus()
            await pilot.pause()
            await body(app, pilot)

    asyncio.run(run())


def watch(app: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    real = app.grid.refresh

    def refresh(*regions: Region, **kwargs: Any) -> Grid:
        app.painted += regions or (app.grid.size.region,)
        return real(*regions, **kwargs)

    monkeypatch.setattr(app.grid, "refresh", refresh)


def test_equal_rows_paint_nothing_and_one_cell_paints_one_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(app: Table, pilot: Any) -> None:
        app.grid.show(rows(1, 2, 3))
        await pilot.pause()
        watch(app, monkeypatch)
        app.grid.show(rows(1, 2, 3))
        assert app.painted == []
        app.grid.show(rows(1, 2, 3, b2="other"))
        assert len(app.painted) == 1
        assert app.painted[0].y == 2
        assert app.painted[0].height == 1
        assert app.painted[0].width < app.grid.size.width

    with_table(body)


def test_what_is_said_of_no_rows_is_painted_when_it_comes_late() -> None:
    async def body(app: Table, pilot: Any) -> None:
        app.grid.show([])
        await pilot.pause()
        app.grid.empty = "not one"
        app.grid.show([])
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        assert any("not one" in strip.text for strip in strips)

    with_table(body)


def test_cursor_and_marks_stay_with_their_rows() -> None:
    async def body(app: Table, pilot: Any) -> None:
        app.grid.show(rows(1, 2, 3))
        await pilot.press("down")
        app.grid.mark(3, True)
        app.grid.show(rows(9, 8, 3, 2, 1))
        assert app.grid.cursor_row is not None
        assert app.grid.cursor_row.key == 2
        assert app.grid.marks == {3}
        app.grid.show(rows(9, 8))
        assert app.grid.marks == set()
        assert app.grid.cursor_row.key == 8
        app.grid.show([])
        assert app.grid.cursor_row is None
        await pilot.pause()
        assert app.moved[-1] is None

    with_table(body)


def test_it_never_holds_more_than_it_should() -> None:
    async def body(app: Table, pilot: Any) -> None:
        app.grid.show(rows(*range(MOST_ROWS + 100)))
        assert len(app.grid.rows) == MOST_ROWS
        await pilot.press("end")
        assert app.grid.cursor_index == MOST_ROWS - 1
        assert app.grid.scroll_offset.y > 400

    with_table(body)


@pytest.mark.parametrize(
    ("width", "titles"), [(60, "AB"), (80, "AB"), (110, "ABC"), (160, "ABCD"), (12, "A")]
)
def test_columns_that_do_not_fit_are_dropped(width: int, titles: str) -> None:
    async def body(app: Table, pilot: Any) -> None:
        app.grid.show(rows(1))
        await pilot.pause()
        header = app.grid.render_line(0).text
        assert "".join(header.split()) == titles

    with_table(body, (width, 12))


def test_text_is_cut_never_wrapped_and_markup_is_text() -> None:
    async def body(app: Table, pilot: Any) -> None:
        app.grid.show([Row(1, {"a": "[/x]longer", "b": ("漢字" * 50, "bad")})])
        await pilot.pause()
        line = app.grid.render_line(1)
        assert "[/x…" in line.text
        assert line.cell_length == app.grid.size.width

    with_table(body)


def test_a_click_moves_and_a_double_click_opens() -> None:
    opened: list[object] = []

    async def body(app: Table, pilot: Any) -> None:
        app.grid.show(rows(1, 2, 3))
        await pilot.pause()
        await pilot.click(Grid, offset=(3, 2))
        assert app.grid.cursor_row is not None
        assert app.grid.cursor_row.key == 2
        await pilot.click(Grid, offset=(3, 2), times=2)

    Table.on_grid_opened = lambda self, event: opened.append(event.key)  # type: ignore[attr-defined]
    try:
        with_table(body)
    finally:
        del Table.on_grid_opened  # type: ignore[attr-defined]
    assert opened == [2]


def test_page_keys_tell_when_they_are_at_an_edge() -> None:
    edges: list[int] = []

    async def body(app: Table, pilot: Any) -> None:
        app.grid.show(rows(*range(5)))
        await pilot.press("pageup", "pagedown", "pagedown")

    Table.on_grid_edge_reached = lambda self, event: edges.append(event.direction)  # type: ignore[attr-defined]
    try:
        with_table(body)
    finally:
        del Table.on_grid_edge_reached  # type: ignore[attr-defined]
    assert edges == [-1, 1]


def test_columns_leave_room_for_the_bar_from_the_first_painting_on() -> None:
    async def body(app: Table, pilot: Any) -> None:
        whole = app.grid.room_of("b")
        app.grid.show(rows(*range(50)))
        assert app.grid.show_vertical_scrollbar
        assert app.grid.room_of("b") < whole
        app.grid.show(rows(1, 2))
        assert not app.grid.show_vertical_scrollbar
        assert app.grid.room_of("b") == whole

    with_table(body)
