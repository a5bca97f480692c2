"""The panel above: how the server does, or, before the first terminal, how to begin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from textual.content import Content

from tm20tui.operations.overview import Overview
from tm20tui.tui import formats, paint
from tm20tui.tui.counted import counted
from tm20tui.tui.language import _
from tm20tui.tui.safe import clip, safe
from tm20tui.tui.states import FAILED, Totals, is_ascii

if TYPE_CHECKING:
    from tm20tui.tui.app import ConsoleApp


T = TypeVar("T")

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.-=+*#@"
_ROOM_FOR_SPARK = 64
"""Under this width two hours share a bar."""


def spark(values: Sequence[int | None], *, ascii_only: bool) -> str:
    """Small bars, one a value; a blank where nothing is known, the lowest where it was none."""
    bars = _ASCII_BARS if ascii_only else _BARS
    most = max((value for value in values if value), default=0)
    return "".join(
        " " if value is None else bars[0] if not value else bars[1 + round((value / most) * (len(bars) - 2))]
        for value in values
    )


def state_panel(app: ConsoleApp, view: Overview, width: int) -> tuple[str, Content]:
    """Title and six lines."""
    seen, totals = app.seen, Totals.of(app.seen)
    online = totals.online + totals.attention
    approved = online + totals.offline
    rates = view.rates
    pending, failed = totals.pending, totals.failed
    online_by_hour, punches_by_hour = view.online_by_hour, list(view.punches_by_hour)
    if width < _ROOM_FOR_SPARK:
        online_by_hour = tuple(_most(pair) for pair in _pairs(online_by_hour))
        punches_by_hour = [sum(pair) for pair in _pairs(punches_by_hour)]
    rows: list[tuple[str, str, str]] = [
        (
            _("Terminals"),
            _("{online} / {all} online").format(online=formats.number(online), all=formats.number(approved)),
            spark(online_by_hour, ascii_only=is_ascii()),
        ),
        (
            _("Punches"),
            _("{count} today · {rate}/min").format(
                count=formats.number(view.punches_today), rate=formats.number(rates.punches_per_minute)
            ),
            spark(punches_by_hour, ascii_only=is_ascii()),
        ),
        (_("Deliveries"), _waiting(app, view, pending), ""),
        (
            _("Failures"),
            f"{counted('failed', failed)} · {counted('in quarantine', seen.quarantined)} {_('(all time)')}",
            "",
        ),
        (_("Latency"), _latency(view), ""),
        (_("Database"), _database(app, view), ""),
    ]
    label = max(len(row[0]) for row in rows) + 2
    lines = []
    for name, text, bars in rows:
        tail: list[paint.Part] = [(f" {bars}", "accent"), (" 24 h", "dim")] if bars else []
        room = max(10, width - label - (len(bars) + 6 if bars else 0))
        lines.append(paint.line((name.ljust(label), "dim"), clip(text, room).ljust(room), *tail))
    return _("State"), paint.lines(*lines)


def _pairs(values: Sequence[T]) -> list[tuple[T, T]]:
    return list(zip(values[::2], values[1::2], strict=True))


def _most(pair: tuple[int | None, int | None]) -> int | None:
    return max((value for value in pair if value is not None), default=None)


def _waiting(app: ConsoleApp, view: Overview, pending: int) -> str:
    if not pending:
        return _("nothing waits")
    text = _("{count} waiting").format(count=formats.number(pending))
    if view.oldest_pending_at is not None:
        text += " · " + _("oldest {time}").format(time=formats.age(view.oldest_pending_at, app.now()))
    return text


def _latency(view: Overview) -> str:
    rates = view.rates
    if rates.ack_mean_seconds is None or rates.ack_p95_seconds is None:
        return _("no message in the last {time}").format(time=formats.span(max(60.0, rates.seconds)))
    return _("mean {mean} · 95 % ≤ {p95} · {rate} messages/s").format(
        mean=_milliseconds(rates.ack_mean_seconds),
        p95=_milliseconds(rates.ack_p95_seconds),
        rate=formats.decimal(rates.frames_per_second),
    )


def _database(app: ConsoleApp, view: Overview) -> str:
    well = f"{FAILED.mark()} {_('nothing can be written')}" if app.seen.store_trouble else _("OK")
    parts = [well, formats.size(view.database_bytes)]
    if view.rates.commit_p95_seconds is not None:
        parts.append(_("writing 95 % ≤ {p95}").format(p95=_milliseconds(view.rates.commit_p95_seconds)))
    return " · ".join(parts)


def _milliseconds(seconds: float) -> str:
    return f"{formats.decimal(seconds * 1000, 0 if seconds >= 0.01 else 1)} ms"


def checklist(app: ConsoleApp, view: Overview) -> tuple[str, Content]:
    """How to begin, with the addresses that a terminal can be given."""
    rows: list[Content] = []
    rows.append(paint.line(("1  ", "accent"), _("In the terminal's menu (network, server), enter:")))
    for address in view.addresses:
        scheme, _slashes, rest = address.partition("://")
        host, _colon, port = rest.rstrip("/").rpartition(":")
        secure = " · TLS" if scheme == "wss" else ""
        where = _("server {host} · port {port} · path /").format(host=safe(host, 60), port=port)
        rows.append(paint.line("     ", (f"{where}{secure}", "strong"), (f"   {safe(address, 80)}", "dim")))
    admission = app.backend.settings.terminals.admission
    then = {
        "approve": _("It appears here: 2 shows it, A lets it in."),
        "open": _("It is let in by itself: 2 shows it."),
        "closed": _("Unknown terminals are refused: set terminals.admission to approve first."),
    }[admission]
    rows.append(paint.line(("2  ", "accent"), then))
    rows.append(
        paint.line(("3  ", "accent"), _("7 adds the service that gets punches; until then they are kept."))
    )
    if (refusal := view.last_refusal) is not None:
        rows.append(
            paint.line(
                ("▲  " if not is_ascii() else "!  ", "warn"),
                _("last refusal {time}: {terminal} from {address} — {reason}").format(
                    time=formats.clock(refusal.at, app.zone),
                    terminal=safe(refusal.sn, 40),
                    address=safe(refusal.address, 50),
                    reason=safe(refusal.reason, 100),
                ),
            )
        )
    else:
        rows.append(paint.line(("   ", ""), (_("nobody has dialled in yet"), "dim")))
    rows.append(paint.line(("   ", ""), (_("To try it without a terminal: tm20tui --demo"), "dim")))
    return _("First steps"), paint.lines(*rows)
