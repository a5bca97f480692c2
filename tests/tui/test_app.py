"""The console on a real server: the frame, its keys, roles, languages, and how it fails."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from textual.command import CommandList

from tests.tui.world import Console, World, client, console
from tm20tui.locale import read_catalogue
from tm20tui.tui.app import ConsoleApp
from tm20tui.tui.dialogs import Choice, Confirm, Notice
from tm20tui.tui.help import help_of
from tm20tui.tui.mode import ModeScreen
from tm20tui.tui.modes.terminal_detail import TerminalDetail
from tm20tui.tui.modes.terminals import TerminalsMode
from tm20tui.tui.operation_form import OperationForm
from tm20tui.tui.palette import Palette
from tm20tui.tui.table_mode import FilterBar


@pytest.fixture(autouse=True)
def nothing_remembered(world: World) -> Iterator[None]:
    yield
    shutil.rmtree(world.gateway.settings.resolved_state_directory / "consoles", ignore_errors=True)


def look(world: World, body: Any, **options: Any) -> None:
    """Run `body` with a console that shows the terminals."""

    async def run() -> None:
        who = options.pop("who", None)
        async with console(world, who, **options) as seen:
            await seen.press("2")
            await seen.see("ZX01")
            await body(seen)

    asyncio.run(run())


def audited(world: World, operation: str) -> list[Any]:
    return list(world.operate("audit.list", operation=operation).entries)


def test_the_frame_says_who_where_and_how_many(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.see("tm20tui", "listens", "○1", "◆1", "ann (admin)", "EN", "[2 Terminals]", ": commands")
        assert seen.text().splitlines()[0].startswith(" tm20tui")
        assert "commands" in seen.text().splitlines()[-1]

    look(world, body)


def test_help_and_actions_are_named_however_many_keys_there_are(world: World) -> None:
    async def body(seen: Console) -> None:
        for digit, name in (("2", "Terminals"), ("3", "Delivery"), ("7", "Services")):
            await seen.press(digit)
            await seen.see(f"[{digit}] {name}")
            await seen.until(lambda: "a actions  ? help" in seen.text().splitlines()[-1])

    look(world, body, size=(80, 24))


def test_it_is_useful_in_eighty_columns_and_in_sixty(world: World) -> None:
    for size in ((80, 24), (60, 16)):

        async def body(seen: Console) -> None:
            await seen.see("[2] Terminals", "ZX01", "ann [admin]")

        look(world, body, size=size)


def test_french_operators_get_french_and_may_change_their_mind(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.see("[2 Terminaux]", "Dérive", "écoute", "commandes")
        seen.app.speak("en")
        await seen.see("[2 Terminals]", "Drift", "listens", "commands")

    look(world, body, who=client(language="fr"))


def test_two_consoles_speak_their_own_languages(world: World) -> None:
    async def run() -> None:
        async with console(world, client(language="fr")) as one, console(world, client()) as two:
            await one.press("2")
            await two.press("2")
            await one.see("Dérive")
            await two.see("Drift")

    asyncio.run(run())


@pytest.mark.parametrize("key", ["2", "é"])
def test_digits_and_the_french_top_row_go_to_modes(world: World, key: str) -> None:
    async def run() -> None:
        async with console(world) as seen:
            await seen.press(key)
            await seen.see("[2 Terminals]")

    asyncio.run(run())


def test_an_action_asks_does_and_tells(world: World) -> None:
    async def body(seen: Console) -> None:
        seen.grid.go_to(world.operate("terminals.list")[0].terminal.id)
        await seen.press("A")
        await seen.see("✓ approve: ZX01")
        assert world.operate("terminals.list")[0].terminal.admission == "approved"
        await seen.press("z")
        await seen.see("✓ blocked: ZX01")
        assert world.operate("terminals.list")[0].terminal.admission == "blocked"
        await seen.press("o")
        await seen.see("✗ ZX01")
        await seen.press("z")
        await seen.see("nothing to undo")

    look(world, body)


def test_a_key_that_can_do_nothing_says_so(world: World) -> None:
    async def body(seen: Console) -> None:
        for key in ("s", "S"):
            await seen.press("4")
            await seen.see("Punches — newest first")
            await seen.press(key)
            await seen.see("▲ this list has one order only")
            await seen.press("escape")
        await seen.press("9")
        await seen.see("[9 Log]")
        await seen.press("a")
        await seen.see("▲ nothing can be done here")

    look(world, body)


def test_the_end_of_a_long_message_is_read_in_eighty_columns(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.see("[2] Terminals")
        seen.app.tell("warn", "read the settings of the terminal: " + "Car park " * 4 + "— kept until then")
        await seen.see("— kept", "until then", ": commands")
        seen.app.tell("good", "done")
        await seen.until(lambda: seen.app.screen.query_one("#message").size.height == 1)
        assert "kept" not in seen.text()

    look(world, body, size=(80, 24))


def test_a_site_is_not_taken_for_a_model(world: World) -> None:
    async def body(seen: Console) -> None:
        seen.grid.go_to(world.operate("terminals.list")[1].terminal.id)
        await seen.press("enter")
        await seen.see("Terminals › ZX02", "Model     – · site ")

    look(world, body)


def test_what_cannot_be_done_says_why(world: World) -> None:
    async def body(seen: Console) -> None:
        seen.grid.go_to(world.operate("terminals.list")[1].terminal.id)
        await seen.press("o")
        await seen.see("✗ ZX02", "a door is never opened later")
        assert not isinstance(seen.app.screen, Confirm)
        await seen.press("a")
        assert isinstance(seen.app.screen, Choice)
        await seen.see("open the door — not connected")
        await seen.press("escape")
        await seen.press("question_mark")
        assert isinstance(seen.app.screen, Notice)
        await seen.see("open the door — not connected")

    look(world, body)


@pytest.mark.parametrize("way", ["key", "menu", "palette", "name"])
def test_a_viewer_is_refused_with_the_reason_and_it_is_audited(world: World, way: str) -> None:
    before = len(audited(world, "terminals.approve"))

    async def body(seen: Console) -> None:
        if way == "key":
            await seen.press("A")
        elif way == "menu":
            await seen.press("a")
            await seen.see("approve — refused: needs the role operator, yours is viewer")
            await seen.press("A")
        elif way == "palette":
            await seen.press("colon", *"terminals.approve")
            await seen.see("refused: needs the role operator, yours is viewer")
            await seen.press("down", "enter")
            await seen.until(lambda: isinstance(seen.app.screen, TerminalsMode))
        else:
            seen.app.ask_operation("terminals.approve")
        await seen.see("refused: needs the role operator, yours is viewer")
        await seen.until(lambda: len(audited(world, "terminals.approve")) > before)
        entry = audited(world, "terminals.approve")[0]
        assert (entry.outcome, entry.operator, entry.origin) == ("refused", "ann", "console")
        assert "A approve" not in seen.text()

    look(world, body, who=client("viewer"))


def test_a_read_only_console_says_that_it_is_one(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("A")
        await seen.see("read-only: refused")

    look(world, body, who=client("viewer", read_only=True))


def test_a_crash_of_a_look_is_told_and_logged_and_costs_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(seen: Console) -> None:
        with monkeypatch.context() as patch:

            async def crash(self: TerminalsMode, start: Any) -> Any:
                raise RuntimeError("secret details")

            patch.setattr(TerminalsMode, "page", crash)
            await seen.press("f5")
            await seen.see("this went wrong and was written to the log: RuntimeError")
            assert "secret details" not in seen.text()
        await seen.press("escape", "f5")
        await seen.see("ZX01")

    with caplog.at_level(logging.ERROR):
        look(world, body)
    assert "secret details" in caplog.text


def test_a_look_that_ends_after_its_screen_is_no_crash(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(seen: Console) -> None:
        async def close(self: TerminalDetail) -> None:
            seen.app.pop_screen()
            self.query_one("#gone")

        monkeypatch.setattr(TerminalDetail, "look", close)
        seen.app.open_terminal(world.operate("terminals.list")[0].terminal.id)
        await seen.until(lambda: isinstance(seen.app.screen, TerminalDetail))
        await seen.until(lambda: isinstance(seen.app.screen, TerminalsMode))
        await seen.press("f5")
        assert not seen.app.messages.all

    with caplog.at_level(logging.ERROR):
        look(world, body)
    assert not caplog.records


def test_a_crash_of_a_widget_ends_the_console_without_locals(
    world: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run() -> None:
        async with console(world) as seen:
            secret_of_a_frame = "hunter2"

            def crash() -> None:
                local = secret_of_a_frame
                raise ZeroDivisionError(f"{len(local)}")

            seen.app.call_later(crash)
            async with asyncio.timeout(30):
                while seen.app._exception is None:
                    await asyncio.sleep(0.01)

    with caplog.at_level(logging.ERROR), pytest.raises(ZeroDivisionError):
        asyncio.run(run())
    assert "console 1 crashed" in caplog.text
    printed = capsys.readouterr()
    assert "hunter2" not in caplog.text + printed.out + printed.err


def test_quitting_asks_and_closes_only_the_console(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("q")
        await seen.see("close the console, the server goes on", "stop the server")
        await seen.press("i")
        assert seen.host.closed == [(1, "")]

    look(world, body)


def test_a_viewer_cannot_stop_the_server(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("ctrl+q")
        await seen.see("stop the server… —")
        await seen.press("s")
        await seen.see("✗ refused: needs the role admin, yours is viewer")
        assert isinstance(seen.app.screen, ModeScreen)
        await seen.until(lambda: [entry.outcome for entry in audited(world, "server.stop")] == ["refused"])
        assert not seen.host.stopped

    look(world, body, who=client("viewer"))


def test_ctrl_c_stops_nothing(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("ctrl+c")
        await seen.see("Ctrl+C does not stop the server")
        assert seen.host.closed == []

    look(world, body)


def test_the_palette_finds_modes_terminals_and_operations_in_both_languages(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("colon")
        await seen.press(*"zx02")
        await seen.see("ZX02", "ouvrir le terminal")
        await seen.press("enter")
        await seen.see("Terminaux › ZX02")
        await seen.press("escape")
        await seen.press("colon")
        await seen.press(*"english")
        await seen.see("Language: English")
        await seen.press("enter")
        await seen.see("[2 Terminals]")

    look(world, body, who=client(language="fr"))


def test_the_help_is_french_too(world: World) -> None:
    async def body(seen: Console) -> None:
        for number in range(1, 10):
            await seen.press(str(number))
            bindings = seen.app.mode_screen.active_bindings.values()  # type: ignore[union-attr]
            help_text = help_of(seen.app, seen.app.mode_screen).plain  # type: ignore[arg-type]
            catalogue = read_catalogue("fr")
            for found in bindings:
                words = found.binding.description
                if words and "super+" not in found.binding.key:
                    assert words in catalogue, words
            assert "ouvrir la ligne" in help_text
            assert not set(re.findall(r"super|Scroll|Focus|shift", help_text))

    look(world, body, who=client(language="fr"))


def test_the_palette_says_in_french_that_it_found_nothing(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("colon", *"qqqqzzz")
        await seen.see("rien ne porte ce nom")
        await asyncio.sleep(0.7)
        assert "No matches" not in seen.text()

    look(world, body, who=client(language="fr"))


@pytest.mark.parametrize("key", ["pageup", "pagedown", "home", "end", "up", "down"])
def test_the_palette_takes_every_key_before_it_has_found_anything(world: World, key: str) -> None:
    async def body(seen: Console) -> None:
        seen.app.action_command_palette()
        await seen.until(lambda: isinstance(seen.app.screen, Palette))
        seen.app.screen.query_one(CommandList).clear_options()
        await seen.press(key)
        assert isinstance(seen.app.screen, Palette)

    look(world, body)


def test_any_operation_can_be_asked_for_by_name(world: World) -> None:
    async def body(seen: Console) -> None:
        seen.app.ask_operation("terminals.get")
        await seen.see("terminal_id")
        await seen.press(*"nope", "enter")
        await seen.see("a whole number")
        await seen.press(*["backspace"] * 4, *"999", "enter")
        await seen.see("no terminal with id 999")
        await seen.press(*["backspace"] * 3, *str(world.operate("terminals.list")[1].terminal.id), "enter")
        await seen.see('"sn": "ZX02"')

    look(world, body)


def test_a_hostile_name_is_found_and_obeyed_nowhere(world: World) -> None:
    terminal = world.operate("terminals.list")[0].terminal
    world.operate("terminals.change", terminal_id=terminal.id, name="Dupont [/x] [bold]")

    async def body(seen: Console) -> None:
        await seen.until(lambda: "Dupont" in seen.text())
        await seen.press("colon", *"dupont")
        await seen.see("Dupont [/x] [bold]", "open the terminal")
        await seen.press("escape", "slash")
        seen.app.screen.query_one(FilterBar).value = "a\x1b[31m\u202eb\u9580"
        await seen.until(lambda: "31m" in seen.text())
        assert not {"\x1b", "\u202e"} & set(seen.text())

    try:
        look(world, body)
    finally:
        world.operate("terminals.change", terminal_id=terminal.id, name=terminal.name)


def test_who_waits_for_the_server_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tm20tui.tui.app.PATIENCE_SECONDS", 0.05)

    class Slow:
        registry, settings, snapshot = world.bridge.registry, world.bridge.settings, world.bridge.snapshot

        async def call(self, operator: Any, name: str, arguments: Any, correlation_id: str) -> Any:
            await asyncio.sleep(0.2 if name == "terminals.approve" else 0)
            return await world.bridge.call(operator, name, arguments, correlation_id)

    async def body(seen: Console) -> None:
        await seen.app.call("terminals.approve", terminal_id=world.operate("terminals.list")[1].terminal.id)
        assert any("no answer from the server yet: approve" in said.text for said in seen.app.messages.all)

    look(world, body, backend=Slow())


def test_what_changes_something_is_asked_about_also_by_name(world: World) -> None:
    terminal = world.operate("terminals.list")[1].terminal

    async def body(seen: Console) -> None:
        seen.app.ask_operation("terminals.change")
        await seen.see("terminal_id")
        await seen.press(*str(terminal.id), "tab", *"Porte", "enter")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.see("Porte")
        await seen.press("enter")
        await seen.until(lambda: isinstance(seen.app.screen, OperationForm))
        await seen.press("enter", "y")
        await seen.until(lambda: isinstance(seen.app.screen, Notice))

    before = len(audited(world, "terminals.change"))
    look(world, body)
    assert len(audited(world, "terminals.change")) == before + 1
    world.operate("terminals.change", terminal_id=terminal.id, name=terminal.name)


@pytest.mark.parametrize("name", ["server.stop", "deliveries.discard"])
def test_what_is_grave_wants_a_word_also_by_name(world: World, name: str) -> None:
    async def body(seen: Console) -> None:
        seen.app.ask_operation(name)
        if name != "server.stop":
            await seen.press(*"why", "enter")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.press("enter")

    before = len(audited(world, name))
    look(world, body)
    assert len(audited(world, name)) == before


def test_only_ascii_reaches_a_terminal_without_unicode(world: World) -> None:
    async def body(seen: Console) -> None:
        for keys in (
            ("j",),
            ("a",),
            ("escape",),
            ("question_mark",),
            ("escape",),
            ("q",),
            ("escape",),
            ("colon",),
        ):
            await seen.press(*keys)
            text = seen.text()
            assert text.isascii(), sorted({char for char in text if not char.isascii()})
        await seen.press("escape")
        await seen.see("Derive")

    look(world, body, who=client(unicode=False, language="fr"))


def test_letters_keep_their_accents_where_only_signs_are_unwanted(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.see("Dérive", "+-", "o1")
        assert not set("●○◆▲╭│›…") & set(seen.text())

    look(world, body, who=client(ascii=True, language="fr"))


def test_without_colours_nothing_depends_on_them(world: World) -> None:
    async def body(seen: Console) -> None:
        assert seen.app.theme == "ansi-dark"
        await seen.see("○", "◆", "›")
        for keys in ((), ("a",), ("escape", "colon")):
            await seen.press(*keys)
            strips = seen.app.screen._compositor.render_strips()
            styles = [segment.style for strip in strips for segment in strip if segment.style]
            colours = [colour for style in styles for colour in (style.color, style.bgcolor) if colour]
            assert all(colour.is_default for colour in colours)

    look(world, body, who=client(no_color=True))


def test_the_last_screen_is_never_taken_away(world: World) -> None:
    async def body(seen: Console) -> None:
        seen.app.pop_screen()
        seen.app.pop_screen()
        await seen.press("3")
        await seen.see("[3 Delivery]")

    look(world, body)


def test_marks_filter_and_escape_in_order(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("space", "space")
        await seen.see("2 marked")
        await seen.press("slash")
        await seen.press(*"zx0")
        await seen.press("enter")
        await seen.see("filter: zx0", "2 marked")
        await seen.press("slash")
        await seen.press(*"none")
        await seen.see("no match — Esc clears the filter “none”", "2 marked (2 hidden)")
        await seen.press("escape", "escape")
        await seen.see("ZX01", "ZX02", "ZX03", "Terminals · 3")
        await seen.press("escape")
        await seen.until(lambda: "marked" not in seen.text())

    look(world, body)
    look(world, lambda seen: seen.see("Terminals · 3"))


def test_choices_are_remembered_and_a_broken_memory_only_forgets(world: World) -> None:
    async def order(seen: Console) -> None:
        await seen.press("s")
        await seen.press("2")
        await seen.press("S")
        await seen.until(lambda: seen.grid.sorted_by == ("sn", True))

    async def again(seen: Console) -> None:
        await seen.until(lambda: seen.grid.sorted_by == ("sn", True))
        assert [row.record[0].sn for row in seen.grid.rows] == ["ZX03", "ZX02", "ZX01"]

    look(world, order)
    look(world, again)
    path = world.gateway.settings.resolved_state_directory / "consoles" / "ann.toml"
    path.write_text("= broken")
    look(world, lambda seen: seen.see("ZX01"))
    path.unlink()


def test_an_export_holds_what_is_shown_and_no_formula(world: World) -> None:
    terminal = world.operate("terminals.list")[2].terminal
    world.operate("terminals.change", terminal_id=terminal.id, name="=cmd|'/c calc'!A1")

    async def body(seen: Console) -> None:
        await seen.see("=cmd")
        await seen.press("x")
        await seen.see("3 rows written to")

    look(world, body)
    folder = world.gateway.settings.resolved_state_directory / "exports"
    files = sorted(folder.glob("terminals-*.csv"))
    text = files[-1].read_text(encoding="utf-8")
    assert "ZX02" in text
    assert "\"'=cmd" in text or ",'=cmd" in text
    assert files[-1].stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "name", ["Dupont [/x]", "[bold]x[/bold] \x1b]0;owned\x07", "n" * 200, "\u202egnp.exe"]
)
def test_hostile_names_are_shown_literally(world: World, name: str) -> None:
    from tm20tui.store.terminals import update_terminal

    terminal = world.operate("terminals.list")[1].terminal
    world.write(update_terminal, terminal.id, {"name": name})

    async def body(seen: Console) -> None:
        seen.grid.go_to(terminal.id)
        await seen.press("t")
        await seen.press("a", "escape", "enter", "escape", "c", "question_mark", "escape")
        await seen.see(name[:7].replace("\u202e", "·"))
        text = seen.text()
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert isinstance(seen.app, ConsoleApp)

    try:
        look(world, body, size=(160, 40))
    finally:
        world.write(update_terminal, terminal.id, {"name": ""})


def test_a_terminal_that_is_too_small_is_told_so_and_gets_everything_back(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("question_mark")
        await seen.see("Help")
        await seen.pilot.resize_terminal(59, 16)
        await seen.see("This terminal is too small", "60x16")
        assert "Help" not in seen.text()
        await seen.pilot.resize_terminal(60, 16)
        await seen.see("Help")
        assert "too small" not in seen.text()

    look(world, body)


def test_the_palette_takes_a_verb_and_a_terminal_in_both_languages(world: World) -> None:
    world.operate("terminals.approve", terminal_id=world.operate("terminals.list")[0].terminal.id)

    async def body(seen: Console) -> None:
        for verb in ("porte", "door"):
            await seen.press("colon", *verb, "space", *"zx01")
            await seen.see("ouvrir la porte : ZX01")
            await seen.press("escape")
        await seen.press("colon", *"bloquer", "space", *"zx01")
        await seen.see("bloquer : ZX01")
        found = seen.app.screen.query_one(CommandList)
        await seen.until(lambda: found.highlighted is not None, "a line to choose")
        await seen.press("enter")
        await seen.see("Terminaux › ZX01", "expire dans 15 s")

    look(world, body, who=client(language="fr"))


def test_a_role_that_is_lowered_holds_for_what_is_open_and_is_shown(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.see("ann (operator)", "A approve")
        terminal = world.operate("terminals.list")[1].terminal
        # A test before may have called it something else until now.
        await seen.until(lambda: (row := seen.grid.find(terminal.id)) and row.record[0].name == terminal.name)
        seen.grid.go_to(terminal.id)
        await seen.press("W")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        seen.app.become(client("viewer").operator)
        await seen.press("y")
        await seen.see(
            "ann (viewer)", "✗ block: ZX02 — terminals.block needs the role operator; ann is viewer"
        )
        assert "A approve" not in seen.text()
        assert world.operate("terminals.list")[1].terminal.admission == "approved"
        await seen.press("W")
        await seen.see("✗ refused: needs the role operator, yours is viewer")
        told = [said.text for said in seen.app.messages.all]
        assert "your role is viewer from now on" in told
        await seen.until(lambda: len(audited(world, "terminals.block")) >= 2)
        assert {entry.outcome for entry in audited(world, "terminals.block")[:2]} == {"refused"}
        seen.app.become(client("operator").operator)
        await seen.see("ann (operator)", "A approve")

    look(world, body, who=client("operator"))
