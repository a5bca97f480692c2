"""The command palette: modes, actions, terminals, settings, and every operation there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.markup import escape

from tm20tui.tui.finding import LEAST_OF_BEST, fit, words_of
from tm20tui.tui.language import N_, _
from tm20tui.tui.modes.terminal_acts import TERMINAL_ACTIONS
from tm20tui.tui.safe import fold, safe
from tm20tui.tui.themes import NAMES

if TYPE_CHECKING:
    from tm20tui.tui.app import ConsoleApp

_MOST_TERMINALS = 20
_MOST_HITS = 30
_SHORTEST_VERB = 3
_NEAR = 0.35


class Command(NamedTuple):
    """One line of the palette; `words` are searched too, and never shown.

    `is_first` is shown before anything is typed; `is_near` is what people mean more often than the others.
    """

    words: str
    text: str
    help: str
    run: Callable[[], object]
    is_first: bool = False
    is_near: bool = True


class Commands(Provider):
    """Everything that can be done from anywhere; both languages are understood."""

    @property
    def _console(self) -> ConsoleApp:
        app = self.app
        assert hasattr(app, "voice")
        return app  # type: ignore[return-value]

    async def discover(self) -> Hits:
        """What is shown before anything is typed."""
        for command in self._commands(""):
            if command.is_first:
                yield DiscoveryHit(Content(command.text), command.run, help=escape(command.help))

    async def search(self, query: str) -> Hits:
        """What fits, without case and accents."""
        found = rank(query, self._commands(query))
        for score, command in found:
            # A name may look like markup.
            yield Hit(score, Content(command.text), command.run, help=escape(command.help))
        if not found:
            # Textual would say so itself, but in English.
            yield Hit(0.01, _("nothing is called that"), lambda: None)

    def _commands(self, query: str) -> list[Command]:
        app = self._console
        found = [
            Command(
                f"{mode.MODE} {mode.TITLE}",
                f"{mode.NUMBER} {_(mode.TITLE)}",
                _("go there"),
                partial(app.show_mode, mode.MODE),
                True,
            )
            for mode in app.modes
        ]
        found += self._actions(app)
        found += self._settings(app)
        found += self._operations(app)
        if query:
            found += self._verbs(app, fold(query))
            found += self._terminals(app, fold(query))
        return found

    def _actions(self, app: ConsoleApp) -> list[Command]:
        mode = app.mode_screen
        if mode is None:
            return []
        return [
            Command(
                f"{action.id} {action.label}",
                _(action.label),
                mode.unavailable(action) or (app.key_of(action) if action.key else ""),
                partial(mode.action_do, action.id),
                True,
            )
            for action in mode.offered
        ]

    def _settings(self, app: ConsoleApp) -> list[Command]:
        found = [
            Command("langue language fr francais", "Langue : français", "", partial(app.speak, "fr"), True),
            Command("langue language en english", "Language: English", "", partial(app.speak, "en"), True),
            Command("aide help ?", _("Help"), _("every key of this mode"), app.action_help, True),
            Command("quitter quit q", _("Quit…"), "", app.action_quit_dialog, True),
        ]
        if app.settings.crash_command:
            found.append(Command("crash", _("Crash this console (to try it)"), "", app.crash))
        found += [
            Command(
                f"theme {name}",
                _("Theme: {name}").format(name=name),
                "",
                partial(app.use_theme, name),
            )
            for name in NAMES
        ]
        return found

    def _operations(self, app: ConsoleApp) -> list[Command]:
        return [
            Command(
                f"{operation.summary} {_(operation.summary)}",
                operation.name,
                app.role_refusal(operation.name) or _summary(_(operation.summary)),
                partial(app.ask_operation, operation.name),
                is_near=False,
            )
            for operation in app.backend.registry.values()
        ]

    def _terminals(self, app: ConsoleApp, query: str) -> list[Command]:
        words = query.split()
        found = []
        for line in app.seen.terminals:
            text = fold(f"{line.sn} {line.name}")
            if any(word in text for word in words):
                title = f"{safe(line.sn, 40)} {safe(line.name, 40)}".strip()
                found.append(
                    Command(title, title, _("open the terminal"), partial(app.open_terminal, line.id))
                )
        return found[:_MOST_TERMINALS]

    def _verbs(self, app: ConsoleApp, query: str) -> list[Command]:
        """`door SN`: a verb of terminals, and the beginning or the end of a serial, or a name."""
        verb, _space, which = query.partition(" ")
        if not (which := which.strip()) or len(verb) < _SHORTEST_VERB:
            return []
        named = [
            action
            for action in TERMINAL_ACTIONS
            if any(
                word.startswith(verb)
                for word in fold(f"{action.id.partition('.')[2]} {action.label} {_(action.label)}").split()
            )
        ]
        lines = [line for line in app.seen.terminals if which in fold(f"{line.sn} {line.name}")]
        return [
            Command(
                f"{query} {action.label}",
                f"{_(action.label)}{_(': ')}{safe(line.sn, 40)} {safe(line.name, 40)}".strip(),
                app.role_refusal(action.operation),
                partial(app.act_on_terminal, line.id, action),
            )
            for action in named
            for line in lines[:_MOST_TERMINALS]
        ]


class Palette(CommandPalette):
    """Textual's; a page key before it has found anything does nothing, where Textual's would fail."""

    def _action_command_list(self, action: str) -> None:
        with suppress(KeyError):
            super()._action_command_list(action)


def rank(query: str, commands: Iterable[Command]) -> list[tuple[float, Command]]:
    """What is meant, best first: what can be done here before operations by name; nothing far-fetched."""
    if not words_of(query):
        text = query.strip()
        return [(1.0, one) for one in commands if text and text in f"{one.words} {one.text}"][:_MOST_HITS]
    scores = ((fit(query, words_of(one.text), words_of(one.words)), one) for one in commands)
    found = [(score + _NEAR * one.is_near, one) for score, one in scores if score]
    found.sort(key=lambda hit: -hit[0])
    least = found[0][0] * LEAST_OF_BEST if found else 0.0
    return [hit for hit in found if hit[0] >= least][:_MOST_HITS]


def _summary(text: str) -> str:
    return text.replace("`", "").strip()


PLACEHOLDER = N_("a mode, a verb, a terminal…")
