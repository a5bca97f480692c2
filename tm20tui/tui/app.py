"""One console: a Textual application that shows one operator the server, and asks it for operations.

It lives in the consoles' thread and looks at snapshots at its own pace. Nothing that
happens in here, a crash included, reaches the server or another console.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.await_complete import AwaitComplete
from textual.binding import Binding
from textual.filter import LineFilter, NoColor
from textual.screen import Screen

from tm20tui.errors import Tm20Error, Unavailable
from tm20tui.locale import Voice
from tm20tui.locale import choose as choose_language
from tm20tui.model import utc_now
from tm20tui.operations.call import Operator
from tm20tui.snapshot import Snapshot, TerminalLine
from tm20tui.tui import formats, themes
from tm20tui.tui.actions import Action, Undo
from tm20tui.tui.ascii import AsciiFilter
from tm20tui.tui.bridge import Backend
from tm20tui.tui.console import Client, Host
from tm20tui.tui.dialogs import Notice
from tm20tui.tui.gate import Gate
from tm20tui.tui.help import help_of
from tm20tui.tui.keys import MODE_KEYS, name_of
from tm20tui.tui.language import N_, _
from tm20tui.tui.memory import Memory
from tm20tui.tui.messages import Messages
from tm20tui.tui.mode import ModeScreen, said_by
from tm20tui.tui.modes import MODES as ALL_MODES
from tm20tui.tui.palette import PLACEHOLDER, Commands, Palette
from tm20tui.tui.quitting import STOP, ask_to_quit, ask_to_stop
from tm20tui.tui.safe import safe
from tm20tui.tui.too_small import CLASS as TOO_SMALL
from tm20tui.tui.too_small import is_too_small

log = logging.getLogger(__name__)

_UNDO_SECONDS = 600.0
_SLOW_FPS = 0.5
PATIENCE_SECONDS = 4.0
"""After this long without an answer, as while the database is locked, an operator is told so."""


class ConsoleApp(App[int]):
    """The console of one client."""

    CSS_PATH = "console.tcss"
    TITLE = "tm20tui"
    COMMANDS: ClassVar = {Commands}
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    MODES: ClassVar = {mode.MODE: mode for mode in ALL_MODES}
    BINDINGS: ClassVar = [
        *(
            Binding(
                MODE_KEYS[mode.NUMBER - 1],
                f"show_mode('{mode.MODE}')",
                mode.TITLE,
                show=False,
                id=f"mode.{mode.MODE}",
            )
            for mode in ALL_MODES
        ),
        Binding("colon", "command_palette", N_("commands"), show=False, id="app.commands"),
        Binding("question_mark,f1", "help", N_("help"), show=False, id="app.help"),
        Binding("q", "back_or_quit", N_("back, or quit"), show=False, id="app.back"),
        Binding("ctrl+q", "quit_dialog", N_("quit…"), show=False, priority=True, id="app.quit"),
        Binding("ctrl+c", "copy_or_explain", N_("copy"), show=False, priority=True, id="app.copy"),
    ]

    def __init__(
        self,
        client: Client,
        host: Host,
        backend: Backend,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.client = client
        self.host = host
        self.backend = backend
        self.now = now
        self.settings = backend.settings.ui
        self.zone: tzinfo = formats.zone_of(backend.settings.resolved_timezone)
        """The zone that times are shown in: the default site's. The host's is read from files."""
        self.voice = Voice(choose_language(client.language or self.settings.language or None))
        keys = (self.settings.keys.get(f"mode.{mode.MODE}", MODE_KEYS[mode.NUMBER - 1]) for mode in ALL_MODES)
        self.mode_keys = frozenset(",".join(keys).split(","))
        """The keys that show a mode, as they are configured."""
        self.messages = Messages()
        self.memory = Memory(self._memory_path())
        self.last_reference = ""
        self.seen: Snapshot = backend.snapshot()
        self._lines: tuple[Sequence[TerminalLine], Mapping[int, TerminalLine]] = ((), {})
        self._tick_failure = ""
        self._undo: list[tuple[float, Undo]] = []
        self._gate = Gate()
        self._no_color = NoColor()
        self._ascii_filters = [AsciiFilter(keep_letters=client.unicode)] if self.ascii else []
        super().__init__()
        # Textual redirects them for the whole process; with several consoles that never ends well.
        self._capture_stdout, self._capture_stderr = sys.stdout, sys.stderr  # type: ignore[assignment]
        self.animation_level = "none"
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = themes.choose(
            client.theme, self.settings.theme, no_color=client.no_color, slow=client.slow
        )

    def _memory_path(self) -> Path | None:
        name = "".join(char for char in self.client.operator.name if char.isalnum() or char in "-_.")
        folder = self.backend.settings.resolved_state_directory
        return folder / "consoles" / f"{name or 'operator'}.toml"

    # What modes ask for

    @property
    def ascii(self) -> bool:
        """Whether only ASCII reaches this terminal whole."""
        return self.client.ascii or not self.client.unicode

    @property
    def modes(self) -> tuple[type[ModeScreen], ...]:
        """Every mode, by number."""
        return ALL_MODES

    @property
    def mode_screen(self) -> ModeScreen | None:
        """The mode or detail that is on top of the stack, dialogs aside."""
        return next(
            (screen for screen in reversed(self.screen_stack) if isinstance(screen, ModeScreen)), None
        )

    def terminal_line(self, terminal_id: int | None) -> TerminalLine | None:
        """A terminal as it was seen last, None when there is none."""
        seen = self.seen.terminals
        if self._lines[0] is not seen:
            self._lines = seen, {line.id: line for line in seen}
        return self._lines[1].get(terminal_id) if terminal_id is not None else None

    @property
    def label(self) -> str:
        """What kind of server this is, as configured: PROD, DEMO."""
        return safe(self.settings.label, 12)

    @property
    def node(self) -> str:
        """The name of the server."""
        return self.backend.settings.node

    def elapsed(self) -> float:
        """Seconds of a clock that never jumps."""
        return time.monotonic()

    def seconds_between(self, wanted: float) -> float:
        """How long to wait between two looks; longer on a slow line."""
        return wanted * 4 if self.client.slow else wanted

    async def call(self, name: str, /, **arguments: Any) -> Any:
        """The result of an operation, asked by this console's operator. Raises as it does."""
        self.last_reference = ""
        correlation = secrets.token_hex(8)
        patience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._tell_waiting, name)
        try:
            result = await self.backend.call(self.client.operator, name, arguments, correlation)
        finally:
            patience.cancel()
        if self.backend.registry[name].writes:
            self.last_reference = correlation[:6]
        return result

    def _tell_waiting(self, name: str) -> None:
        with self._context():
            text, called = _("no answer from the server yet"), self.label_of(name)
            self.tell("warn", f"{text}{_(': ')}{called}" if called else text)

    def label_of(self, operation: str) -> str:
        """What operators call it: its action, done to each target; "" where there is none."""
        actions = (action for mode in self.modes for action in mode.ACTIONS)
        found = (action.label for action in actions if action.operation == operation and action.arguments)
        return _(next(found, ""))

    def become(self, operator: Operator) -> None:
        """The operator has another role: what is open stays so, and is refused what needs more."""
        self.client = replace(self.client, operator=operator)
        self.tell("warn", _("your role is {role} from now on").format(role=_(operator.role)))
        if self.mode_screen is not None:
            self.mode_screen.look_soon()

    def role_refusal(self, operation: str) -> str:
        """Why this operator may not call it, "" if they may."""
        found = self.backend.registry.get(operation)
        if found is None or self.client.operator.may_act_as(found.role):
            return ""
        if self.client.read_only:
            return _("read-only: refused")
        role = _(self.client.operator.role)
        return _("refused: needs the role {needed}, yours is {role}").format(needed=_(found.role), role=role)

    def is_refused(self, operation: str, about: Mapping[str, Any]) -> bool:
        """Whether this operator may not call it; then that is told, and written down with what it was for."""
        reason = self.role_refusal(operation)
        if reason:
            correlation = secrets.token_hex(8)
            self.tell("bad", reason, ref=correlation[:6])
            work = self._audit_refusal(operation, about, correlation)
            self.run_worker(work, name="refusal", exit_on_error=False)
        return bool(reason)

    async def _audit_refusal(self, operation: str, about: Mapping[str, Any], correlation: str) -> None:
        needed = self.backend.registry[operation].role
        operator = self.client.operator
        words = f"{operation} needs the role {needed}; {operator.name} is {operator.role}"
        if self.client.read_only:
            words += " (read-only console)"
        try:
            await self.backend.refuse(operator, operation, words, about, correlation)
        except Tm20Error as error:  # the server is stopping
            self.tell_error(error)

    def tell(self, tone: str, text: str, *, ref: str = "") -> None:
        """Say something in the message line; `ref` finds it in the audit."""
        reference = _("ref. {reference}").format(reference=ref) if ref else ""
        self.messages.add(self.now(), tone, text, reference)
        if (mode := self.mode_screen) is not None and mode.is_current and mode.is_mounted:
            mode.draw_frame()

    def tell_error(self, error: Exception, about: str = "") -> None:
        """Say why something could not be done."""
        if isinstance(error, Unavailable) and "stopping" in str(error):
            self.tell("warn", _("the server is stopping"))
            return
        text = said_by(error)
        self.tell("bad", f"{about} — {text}" if about else text, ref=self.last_reference)

    def remember_undo(self, undo: Undo) -> None:
        """Offer to take a change back for ten minutes."""
        self._undo.append((self.elapsed(), undo))
        del self._undo[:-20]

    @property
    def next_undo(self) -> Undo | None:
        """What `z` would take back."""
        if self._undo and self.elapsed() - self._undo[-1][0] <= _UNDO_SECONDS:
            return self._undo[-1][1]
        return None

    async def undo_last(self) -> None:
        """Take the last change back."""
        undo = self.next_undo
        if undo is None:
            self.tell("warn", _("nothing to undo"))
            return
        await self.call(undo.operation, **undo.arguments)
        self._undo.pop()
        self.tell("good", undo.sentence, ref=self.last_reference)
        if self.mode_screen is not None:
            self.mode_screen.look_soon()

    def copy(self, text: str) -> None:
        """Put text on the operator's clipboard, as far as the terminal lets us."""
        clean = safe(text, 4000)
        self.copy_to_clipboard(clean)
        self.tell("good", _("copied (if your terminal allows it): {text}").format(text=safe(clean, 60)))

    def export_path(self, name: str) -> Path:
        """Where to write an export of this operator; the file is not there yet."""
        folder = self.backend.settings.resolved_state_directory / "exports"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / f"{name}-{self.now().astimezone(self.zone):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}.csv"

    # Keys

    def key_name(self, key: str) -> str:
        """A key as people call it."""
        return name_of(key, ascii_only=self.ascii)

    def key_of(self, action: Action) -> str:
        """The key of an action, as configured."""
        key = self.settings.keys.get(action.id, action.key)
        return self.key_name(key.partition(",")[0])

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's, the last gate, and the one for terminals that only have ASCII."""
        # Textual chose its own for NO_COLOR before it knew the theme, and paints greys.
        theirs = [self._no_color] if self.client.no_color else super().get_line_filters()
        return [*theirs, self._gate, *self._ascii_filters]

    def get_key_display(self, binding: Binding) -> str:
        """Used by Textual's own widgets."""
        return self.key_name(binding.key)

    # Life

    def on_mount(self) -> None:
        """Begin with the first mode, and look at the server from now on."""
        if self.settings.keys:
            self.set_keymap(dict(self.settings.keys))
        self.set_class(self.ascii, "-ascii")
        self.switch_mode(ALL_MODES[0].MODE)
        fps = min(self.settings.fps, _SLOW_FPS) if self.client.slow else self.settings.fps
        self.set_interval(1 / fps, self._tick)

    def on_resize(self, event: events.Resize) -> None:
        """Another size, which may be too small for anything."""
        self.set_class(is_too_small(event.size.width, event.size.height), TOO_SMALL)

    def has_open(self, screen: Screen[Any]) -> bool:
        """Whether a screen is shown, or will be again."""
        return any(screen in stack for stack in self._screen_stacks.values())

    def _tick(self) -> None:
        self.seen = self.backend.snapshot()
        if not self.screen_stack:  # closing
            return
        screen = self.screen
        if not isinstance(screen, ModeScreen) or not screen.is_mounted:
            return
        try:
            screen.tick(self.elapsed())
        except Exception as error:  # a defect of a screen must not end what others use
            if self._tick_failure != repr(error):
                self._tick_failure = repr(error)
                log.exception("drawing the mode %s crashed", screen.MODE)

    def show_mode(self, mode: str) -> None:
        """Go to a mode, which has everything in order then: nothing new waits for a key."""
        if mode != self.current_mode:
            for screen in self._screen_stacks.get(mode, ()):
                if isinstance(screen, ModeScreen):
                    screen.freshen()
        self.switch_mode(mode)

    def action_show_mode(self, mode: str) -> None:
        """A digit."""
        if not self.screen.is_modal:
            self.show_mode(mode)

    def open_terminal(self, terminal_id: int) -> None:
        """Show the detail of a terminal."""
        from tm20tui.tui.modes.terminal_detail import TerminalDetail

        self.switch_mode("terminals")
        self.push_screen(TerminalDetail(terminal_id))

    def act_on_terminal(self, terminal_id: int, action: Action) -> None:
        """Do something to one terminal, asked as in its detail."""
        from tm20tui.tui.modes.terminal_detail import TerminalDetail

        if self.is_refused(action.operation, {"terminal_id": terminal_id}):
            return
        detail = TerminalDetail(terminal_id)
        self.switch_mode("terminals")
        self.push_screen(detail)
        detail.call_after_refresh(detail.action_do, action.id)

    def ask_operation(self, name: str) -> None:
        """Fill in the arguments of any operation and run it."""
        from tm20tui.tui.operation_form import OperationForm

        if self.is_refused(name, {}):
            return
        if name == STOP:
            ask_to_stop(self)
        else:
            self.push_screen(OperationForm(name))

    def speak(self, language: str) -> None:
        """Use another language from now on."""
        self.voice.speak(language)
        for stack in self._screen_stacks.values():
            for screen in stack:
                if isinstance(screen, ModeScreen) and screen.is_mounted:
                    screen.retranslate()
                    screen.refresh_bindings()
                    if screen.is_current:
                        screen.draw_frame()
                        screen.look_soon()

    def use_theme(self, name: str) -> None:
        """Use another theme from now on."""
        self.theme = name

    def action_help(self) -> None:
        """The help of the mode."""
        mode = self.mode_screen
        if mode is not None and not self.screen.is_modal:
            title = _("Help: {mode}").format(mode=_(mode.TITLE))
            self.push_screen(Notice(title, help_of(self, mode)))

    def action_command_palette(self) -> None:
        """The palette, in the operator's language."""
        if not self.screen.is_modal:
            self.push_screen(Palette(placeholder=_(PLACEHOLDER)))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None of Textual's: ours are in `palette`."""
        return ()

    def pop_screen(self) -> AwaitComplete:
        """One screen back; a second click on what has just closed must not take the last one away."""
        return super().pop_screen() if len(self.screen_stack) > 1 else AwaitComplete()

    def action_back_or_quit(self) -> None:
        """`q`: one step back, at the top the question."""
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            self.action_quit_dialog()

    def action_quit_dialog(self) -> None:
        """Close the console, or stop the server: asked, never assumed."""
        if not self.screen.is_modal:
            ask_to_quit(self)

    async def action_quit(self) -> None:
        """Textual's own way to end: ours asks."""
        self.action_quit_dialog()

    def action_copy_or_explain(self) -> None:
        """Ctrl+C never stops anything."""
        if selected := self.screen.get_selected_text():
            self.copy(selected)
        else:
            self.tell("warn", _("Ctrl+C does not stop the server: q to quit"))

    def action_help_quit(self) -> None:
        """Textual's own answer to Ctrl+C."""
        self.action_copy_or_explain()

    # Ends

    def crash(self) -> None:
        """Crash as a defect would: the server and other consoles must not notice."""
        raise RuntimeError("this crash was asked for")

    def _fatal_error(self) -> None:
        # Textual would print the traceback with local variables, which may hold secrets.
        log.error("console %d crashed", self.client.number, exc_info=sys.exc_info()[1])
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        self._exit_renderables.clear()


def make_app(client: Client, host: Host, backend: Backend) -> ConsoleApp:
    """The application for one client."""
    return ConsoleApp(client, host, backend)
