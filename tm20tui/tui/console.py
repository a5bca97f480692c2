"""One console between its host and its application: who looks through it, and what the host can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tm20tui.attached import AttachedConsole as AttachedConsole
from tm20tui.operations.call import Operator


@dataclass(frozen=True, slots=True)
class Client:
    """What the client said in its hello, and who the socket proved it to be.

    `number` counts consoles from 1. `operator` has the role viewer when `read_only`.
    `language` and `theme` are None where the client asked for none. `unicode` is False
    when its locale is not UTF-8.
    """

    number: int
    operator: Operator
    is_local: bool = False
    columns: int = 80
    rows: int = 24
    term: str = "xterm-256color"
    colorterm: str = ""
    no_color: bool = False
    unicode: bool = True
    mouse: bool = True
    language: str | None = None
    theme: str | None = None
    slow: bool = False
    ascii: bool = False
    read_only: bool = False


class Host(Protocol):
    """What a console may ask of its host. Every call may come from any thread and waits for nothing."""

    def attached(self) -> tuple[AttachedConsole, ...]:
        """Every console that is open, by number."""

    def close(self, number: int, reason: str) -> None:
        """End a console; its client is told the reason, "" for none."""

    def stop_server(self) -> None:
        """Drain the server."""
