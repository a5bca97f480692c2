"""The detail of one terminal: what it is, and what came of it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tm20tui.operations.terminals import TerminalView
from tm20tui.tui import paint
from tm20tui.tui.language import N_, _
from tm20tui.tui.mode import ModeScreen
from tm20tui.tui.safe import safe


class TerminalDetail(ModeScreen):
    """One terminal."""

    MODE = "terminals"
    NUMBER = 2
    TITLE = N_("Terminals")

    def __init__(self, terminal_id: int) -> None:
        super().__init__()
        self.terminal_id = terminal_id
        self._view: TerminalView | None = None

    def body(self) -> ComposeResult:
        """A summary."""
        yield Static(id="summary", classes="panel", markup=False)

    async def look(self) -> None:
        """Ask for the terminal."""
        self._view = await self.call("terminals.get", terminal_id=self.terminal_id)
        terminal = self._view.terminal
        self.query_one("#summary", Static).update(
            paint.lines(
                paint.line((f"{_('Model')}  ", "dim"), safe(f"{terminal.model} {terminal.firmware}")),
                paint.line((f"{_('Address')}  ", "dim"), safe(terminal.last_address)),
            )
        )

    def trail(self) -> list[str]:
        """Which one."""
        return [] if self._view is None else [f"{self._view.terminal.sn} {self._view.terminal.name}"]
