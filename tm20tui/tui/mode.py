"""What every mode has: the frame, its actions, and looking at the server time and again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.message import Message
from textual.screen import Screen

from tm20tui.errors import OperationError, Tm20Error
from tm20tui.tui.actions import Action, Plan, Target
from tm20tui.tui.bulk import run_plan
from tm20tui.tui.dialogs import Choice, Confirm
from tm20tui.tui.field_words import in_words
from tm20tui.tui.frame import Banner, KeyHints, MessageLine, StatusRow, TabsRow
from tm20tui.tui.language import N_, _, sentence
from tm20tui.tui.safe import safe
from tm20tui.tui.too_small import TooSmall

if TYPE_CHECKING:
    from tm20tui.tui.app import ConsoleApp

log = logging.getLogger(__name__)


class ModeScreen(Screen[Any]):
    """One mode, or a detail that was opened from one. Subclasses give `body` and `look`."""

    MODE: ClassVar[str] = ""
    NUMBER: ClassVar[int] = 0
    TITLE: ClassVar[str] = ""
    HELP_TEXT: ClassVar[str] = ""
    """What the mode is for, in a few lines: a message."""
    ACTIONS: ClassVar[tuple[Action, ...]] = ()
    LOOK_SECONDS: ClassVar[float] = 1.0
    """How often `look` is called while the mode is shown, at most once a frame."""
    AUTO_FOCUS: ClassVar[str | None] = "Grid"

    BINDINGS: ClassVar = [
        Binding("escape", "step_out", N_("back"), show=False, id="mode.back"),
        Binding("f5,ctrl+r", "refresh_now", N_("refresh"), show=False, id="mode.refresh"),
        Binding("a", "menu", N_("actions"), show=False, id="mode.menu"),
        Binding("z", "undo", N_("undo the last change"), show=False, id="mode.undo"),
    ]

    app: ConsoleApp

    def __init_subclass__(cls, **kwargs: Any) -> None:
        own = cls.__dict__.get("BINDINGS", [])
        made = [binding for action in cls.__dict__.get("ACTIONS", ()) if (binding := action.binding())]
        cls.BINDINGS = [*own, *made]
        super().__init_subclass__(**kwargs)

    def __init__(self) -> None:
        super().__init__()
        self._is_looking = False
        self._looked_at = 0.0
        self._has_looked = False
        self._status, self._tabs = StatusRow(id="status"), TabsRow(id="tabs")
        self._banner = Banner(id="banner")
        self._message, self._hints = MessageLine(id="message"), KeyHints(id="hints")

    # For subclasses

    @property
    def offered(self) -> Sequence[Action]:
        """The actions of what is shown now."""
        return self.ACTIONS

    def body(self) -> ComposeResult:
        """What is between the frame."""
        raise NotImplementedError

    async def look(self) -> None:
        """Ask for what is to be shown and show it. Called again and again; an error is told."""

    def trail(self) -> Sequence[str]:
        """Where one is below the mode: safe texts. Empty at the top."""
        return ()

    def tabs_right(self) -> str:
        """What the tabs row says on its right."""
        return ""

    def targets(self) -> Sequence[Target]:
        """What an action would be done to now."""
        return ()

    def subject(self) -> Mapping[str, Any]:
        """What everything here is about, as the audit tells it: `{"terminal_id": 7}`."""
        return {}

    def steps_out(self) -> Iterable[Callable[[], bool]]:
        """What Escape undoes, first to last; each says whether there was something to undo."""
        return ()

    def freshen(self) -> None:
        """It is about to be shown again, after another mode."""

    def retranslate(self) -> None:
        """The language changed: titles that were drawn once are drawn again."""

    # The frame

    def compose(self) -> ComposeResult:
        """The frame around the body."""
        yield self._status
        yield self._tabs
        yield self._banner
        yield from self.body()
        yield self._message
        yield self._hints
        yield TooSmall()

    def draw_frame(self) -> None:
        """Show the frame as it is now; what is equal is not painted."""
        if not self.is_mounted:
            return
        app = self.app
        self._status.draw(app)
        self._tabs.draw(app, self.MODE, [safe(step, 40) for step in self.trail()], self.tabs_right())
        self._banner.draw(app)
        self._message.show(app.messages.line(app.size.width))
        hints, general = self.hints(), {app.key_name("a"), app.key_name("question_mark")}
        self._hints.draw(hints, (":", _("commands")), sum(key in general for key, _text in hints[-2:]))

    def hints(self) -> list[tuple[str, str]]:
        """The keys worth showing here, most important first."""
        app = self.app
        found = [
            (app.key_of(action), _(action.hint))
            for action in self.offered
            if action.hint and action.key and not self.role_refusal(action)
        ]
        if any(action.needs_target for action in self.offered):
            found.append((app.key_name("a"), _("actions")))
        return [*self.first_hints(), *found, (app.key_name("question_mark"), _("help"))]

    def first_hints(self) -> list[tuple[str, str]]:
        """Keys of the mode that are no actions."""
        return []

    def on_mount(self) -> None:
        """Nothing is shown before it was asked for once."""
        self.draw_frame()

    def on_screen_resume(self) -> None:
        """Shown (again)."""
        self.call_after_refresh(self.look_soon)

    def on_resize(self) -> None:
        """Other widths."""
        self.draw_frame()

    def _compositor_refresh(self) -> None:
        # Textual paints a new layout, and where everything is to be painted, everything again.
        if not (self._layout_required and self._repaint_required):
            super()._compositor_refresh()

    # Looking

    def tick(self, now: float) -> None:
        """A frame of the app went by while this is shown."""
        self.draw_frame()
        if now - self._looked_at >= self.app.seconds_between(self.LOOK_SECONDS):
            self.look_soon()

    def look_soon(self) -> None:
        """Call `look` once, unless it runs."""
        if not self._is_looking and self.is_mounted:
            self._is_looking = True
            self.do_soon(self._look, "look")

    async def _look(self) -> None:
        try:
            self._looked_at = self.app.elapsed()
            await self.look()
        finally:
            self._is_looking, self._has_looked = False, True
        if self.is_current:
            self.draw_frame()

    def takes(self, message: Message) -> bool:
        """Whether a key that was typed ahead has something to act on; one that shows a mode needs nothing."""
        return self._has_looked or (isinstance(message, events.Key) and message.key in self.app.mode_keys)

    def do_soon(
        self, work: Callable[[], Coroutine[Any, Any, None]], name: str, *, outlives: bool = False
    ) -> None:
        """Run work of this screen; what goes wrong is told, and never ends the console.

        With `outlives` it goes on when the screen is closed.
        """

        async def guarded() -> None:
            try:
                await work()
            except Tm20Error as error:
                self.app.tell_error(error)
            except Exception as error:  # a defect of a screen must not end what others use
                if not outlives and not self.app.has_open(self):
                    return  # it was closed while it asked: there is nothing left to show anything in
                log.exception("%s of the mode %s crashed", name, self.MODE)
                self.app.tell_error(error)
            if self.is_current:
                self.draw_frame()

        owner = self.app if outlives else self
        owner.run_worker(guarded(), name=name, group=name, exit_on_error=False)

    async def call(self, name: str, /, **arguments: Any) -> Any:
        """An operation, asked by the operator of this console."""
        return await self.app.call(name, **arguments)

    # Acting

    def action_of(self, ident: str) -> Action | None:
        """The action of that id."""
        return next((action for action in self.offered if action.id == ident), None)

    def role_refusal(self, action: Action) -> str:
        """Why this operator may not, "" if they may."""
        return self.app.role_refusal(action.operation) if action.operation else ""

    def action_do(self, ident: str) -> None:
        """A key, the menu or the palette asks for an action."""
        action = self.action_of(ident)
        if action is None:
            return
        if action.operation and self.app.is_refused(action.operation, self._about(action)):
            return
        if not action.needs_target:
            self.do_soon(getattr(self, action.do), action.id)
            return
        targets = self.targets()
        if not targets:
            self.app.tell("warn", _("nothing is selected for: {action}").format(action=_(action.label)))
            self.draw_frame()
            return
        plan = Plan.of(action, targets)
        if not plan.eligible:
            target, why = plan.skipped[0]
            self.app.tell("bad", _("{target}: {reason}").format(target=target.label, reason=_(why)))
            self.draw_frame()
            return
        if action.do:
            self.do_soon(lambda: getattr(self, action.do)(plan), action.id)
        else:
            self.begin(plan)

    def _about(self, action: Action) -> dict[str, Any]:
        return {**self.subject(), **action.about(self.targets() if action.needs_target else ())}

    def begin(self, plan: Plan) -> None:
        """Ask what has to be asked, then act; its targets are those of now."""
        if plan.action.tier_for(len(plan.eligible)) == 0:
            self.do_soon(lambda: run_plan(self, plan), plan.action.id, outlives=True)
            return

        def answered(accepted: bool | None) -> None:
            if accepted:
                self.do_soon(lambda: run_plan(self, plan), plan.action.id, outlives=True)
            else:
                self.app.tell("dim", _("nothing was done: {action}").format(action=_(plan.action.label)))
            self.draw_frame()

        self.app.push_screen(Confirm.of(plan, safe(self.app.client.operator.name, 40)), answered)

    def after(self, plan: Plan, failed: Sequence[Target]) -> None:
        """A plan was carried out; `failed` are the targets it was not done to."""
        self.look_soon()

    def unavailable(self, action: Action) -> str:
        """Why an action cannot be done now, "" if it can."""
        if reason := self.role_refusal(action):
            return reason
        if not action.needs_target:
            return ""
        plan = Plan.of(action, self.targets())
        if plan.eligible:
            return ""
        return _(plan.skipped[0][1]) if plan.skipped else _("nothing is selected")

    def action_menu(self) -> None:
        """Every action there is here, each with its letter, and why it cannot be done.

        Who may not do one is refused as by its key: told, and written down.
        """
        options = []
        taken: set[str] = set()
        for action in self.offered:
            letter = next(
                (
                    key
                    for key in (action.letter, action.key.partition(",")[0])
                    if len(key) == 1 and key not in taken
                ),
                "",
            )
            taken.add(letter)
            options.append((action.id, letter, _(action.label), self.unavailable(action)))
        if not options:
            self.app.tell("warn", _("nothing can be done here"))
            return
        refused = {action.id for action in self.offered if self.role_refusal(action)}
        self.app.push_screen(Choice(_("Actions"), options, answered=refused), self._chosen)

    def _chosen(self, ident: str | None) -> None:
        if ident:
            self.action_do(ident)

    def action_undo(self) -> None:
        """Take the last change of this console back."""
        self.do_soon(self.app.undo_last, "undo")

    def action_refresh_now(self) -> None:
        """Look now."""
        self.look_soon()

    def action_step_out(self) -> None:
        """One step out: what the mode has open, then the detail; at the top an error that is shown."""
        for step in self.steps_out():
            if step():
                self.draw_frame()
                return
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        else:
            self.app.messages.dismiss()
            self.draw_frame()


def said_by(error: Exception) -> str:
    """What to tell an operator of an error: the sentence of an expected one, else where to look."""
    if isinstance(error, OperationError):
        return in_words(sentence(str(error)), error.field)
    if isinstance(error, Tm20Error):
        return sentence(str(error))
    return _("this went wrong and was written to the log: {kind}").format(kind=type(error).__name__)
