"""The plain live status of a server on the terminal it was started from.

Drawn by a thread of its own from immutable snapshots: a terminal that stalls or
goes away stops the drawing, never the server. All text from outside passes `clean`.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tm20tui.locale import N_, _, sentence

if TYPE_CHECKING:
    from tm20tui.snapshot import ServiceLine, Snapshot, TerminalLine

DRAW_SECONDS = 1.0
LOG_LINES = 6
STOP_SECONDS = 1.0
_YIELDING = ("name", "address", "health", "service")
"""Columns that are cut first on a narrow terminal."""
_TERMINALS = (
    N_("terminal"),
    N_("name"),
    N_("state"),
    N_("last seen"),
    "punches>",
    "drift>",
    N_("address"),
)
_SERVICES = (N_("service"), N_("health"), "pending>", "sent>", "failed>", N_("next round"))
"""Titles; a `>` puts the numbers below to the right."""
_ORDER = {"online": 0, "waiting": 1, "offline": 2, "blocked": 3}
_STYLES = {"online": "green", "waiting": "yellow", "offline": "red", "blocked": "dim"}
_STYLES |= {"healthy": "green", "paused": "red"}


class LogTail(io.TextIOBase):
    """A stream that keeps the last lines of the log, for a screen that both would fight over."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LOG_LINES)

    def write(self, text: str) -> int:
        """Keep the lines of `text`."""
        self._lines.extend(text.splitlines())
        return len(text)

    def isatty(self) -> bool:
        """True: the lines are for people."""
        return True

    def lines(self) -> tuple[str, ...]:
        """The last lines, oldest first."""
        return tuple(self._lines)


class StatusDisplay:
    """Draws once a second until stopped or until the terminal is gone."""

    def __init__(self, log_lines: Callable[[], Sequence[str]], notes: Callable[[], Sequence[str]]) -> None:
        self._log_lines = log_lines
        self._notes = notes
        self._snapshot: Callable[[], Snapshot] | None = None
        self._hint = _("Ctrl+C stops the server")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._draw_until_stopped, name="status", daemon=True)

    def watch(self, snapshot: Callable[[], Snapshot]) -> None:
        """Draw what `snapshot` returns from now on; it is called by the thread that draws."""
        self._snapshot = snapshot

    def say_draining(self) -> None:
        """Tell that the server finishes its work."""
        self._hint = _("Stopping: finishing what is in flight. Ctrl+C again ends at once")

    def stop(self) -> None:
        """Stop drawing; does not wait for a terminal that stalls."""
        self._stopping.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.join(STOP_SECONDS)

    def _draw_until_stopped(self) -> None:
        # A file of its own: nobody else ever waits for the lock of a stalled one, not even Python's end.
        try:
            file = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding=sys.stdout.encoding)
            console = Console(file=file, markup=False, highlight=False, emoji=False)
            with Live(
                console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
            ) as live:
                while True:
                    ended = self._stopping.wait(DRAW_SECONDS)
                    if self._snapshot is not None:
                        live.update(self._picture(self._snapshot(), console.height), refresh=True)
                    if ended:
                        return
        except (OSError, ValueError):  # the terminal is gone: the server goes on
            return

    def _picture(self, snapshot: Snapshot, height: int) -> RenderableType:
        return render(
            snapshot,
            now=datetime.now(UTC),
            height=height,
            log_lines=self._log_lines(),
            notes=self._notes(),
            hint=self._hint,
        )


def render(
    snapshot: Snapshot,
    *,
    now: datetime,
    height: int,
    log_lines: Sequence[str] = (),
    notes: Sequence[str] = (),
    hint: str = "",
) -> RenderableType:
    """The picture of a snapshot, in at most `height` lines as long as services and alarms leave room."""
    up = _span((now - snapshot.started_at).total_seconds())
    parts: list[RenderableType] = [
        _line(_("tm20tui  up {time}  {database}").format(time=up, database=snapshot.database), "bold"),
        _line(
            _("terminals dial {listener}  API {api}").format(
                listener=snapshot.listener_address, api=snapshot.api_address or _("off")
            )
        ),
        _line(
            _("punches stored {stored}  duplicates {duplicates}  quarantined {quarantined}").format(
                stored=snapshot.punches_stored,
                duplicates=snapshot.duplicates,
                quarantined=snapshot.quarantined,
            )
        ),
        *(_line(note) for note in notes),
        *(_line(f"{_('ALARM')} {sentence(alarm)}", "bold red") for alarm in snapshot.alarms),
        _services(snapshot.services, now),
    ]
    fixed = 3 + len(notes) + len(snapshot.alarms) + 2 + max(1, len(snapshot.services)) + len(log_lines) + 4
    parts.append(_terminals(snapshot.terminals, now, max(3, height - fixed)))
    parts.extend(_line(line, "dim") for line in log_lines)
    parts.append(_line(hint, "bold"))
    return Group(*parts)


def clean(text: str, limit: int = 200) -> str:
    """Foreign text as one short line without anything that a terminal would obey."""
    shown = "".join(char if char.isprintable() else "·" for char in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _terminals(rows: Sequence[TerminalLine], now: datetime, room: int) -> Table:
    table = _table(*_TERMINALS)
    ordered = sorted(rows, key=lambda row: (_ORDER.get(row.state, 9), row.sn))
    shown = ordered if len(ordered) <= room else ordered[: room - 1]
    for row in shown:
        table.add_row(
            *_cells(row.sn, row.name),
            _line(_(row.state), _STYLES.get(row.state, "")),
            _line(_("never") if row.last_seen_at is None else _ago(row.last_seen_at, now)),
            str(row.punches),
            "" if row.drift_seconds is None else f"{row.drift_seconds:+.0f} s",
            _line(clean(row.address, 45)),
        )
    if len(shown) < len(ordered):
        table.add_row(_line(_("and {count} more").format(count=len(ordered) - len(shown)), "dim"))
    if not rows:
        table.add_row(_line(_("none has connected yet"), "dim"))
    return table


def _services(rows: Sequence[ServiceLine], now: datetime) -> Table:
    table = _table(*_SERVICES)
    for row in rows:
        health = f"{_(row.health)}: {row.health_reason}" if row.health_reason else _(row.health)
        wait = None if row.next_round_at is None else (row.next_round_at - now).total_seconds()
        table.add_row(
            *_cells(row.name),
            _line(clean(health, 60), _STYLES.get(row.health, "yellow")),
            str(row.pending),
            str(row.sent),
            str(row.failed),
            "" if wait is None else _("in {time}").format(time=_span(max(0.0, wait))),
        )
    if not rows:
        table.add_row(_line(_("none yet"), "dim"))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        right = column.endswith(">")
        narrowest = 4 if column in _YIELDING else 7
        table.add_column(
            _(column.rstrip(">")), justify="right" if right else "left", min_width=narrowest, no_wrap=True
        )
    return table


def _cells(*texts: str) -> Iterator[Text]:
    return (_line(clean(text, 24)) for text in texts)


def _line(text: str, style: str = "") -> Text:
    return Text(clean(text), style=style, no_wrap=True, overflow="ellipsis")


def _ago(moment: datetime, now: datetime) -> str:
    return _("{time} ago").format(time=_span(max(0.0, (now - moment).total_seconds())))


def _span(seconds: float) -> str:
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    days = whole // 86_400
    return f"{whole // 3600} h" if whole < 172_800 else _("{days} d").format(days=days)
