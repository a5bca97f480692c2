"""Quitting: closing the console leaves the server alone; stopping it takes more than a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tm20tui.tui.dialogs import Choice, Confirm
from tm20tui.tui.language import _, ngettext
from tm20tui.tui.safe import safe
from tm20tui.tui.states import Totals

if TYPE_CHECKING:
    from tm20tui.tui.app import ConsoleApp

STOP = "server.stop"


def ask_to_quit(app: ConsoleApp) -> None:
    """Offer to close the console, or to stop the server."""
    others = len(app.host.attached()) - 1
    close = _("close the console, the server goes on")
    if others > 0:
        close += " " + ngettext("({count} other stays)", "({count} others stay)", others).format(count=others)
    options = [
        ("close", "i", close, ""),
        ("stop", "s", _("stop the server…"), app.role_refusal(STOP)),
    ]

    def chosen(ident: str | None) -> None:
        if ident == "close":
            app.host.close(app.client.number, "")
        elif ident == "stop":
            app.ask_operation(STOP)

    app.push_screen(Choice(_("Quit"), options, answered=("stop",)), chosen)


def ask_to_stop(app: ConsoleApp) -> None:
    """Stop the server once its operator means it: with terminals connected, their number is typed."""
    totals = Totals.of(app.seen)
    connected = totals.online + totals.attention
    rows = [
        (_("Server"), safe(app.node, 40)),
        (_("Effect"), _("work in flight is finished, then the server ends; terminals keep their punches")),
        (
            _("Connected"),
            ngettext("{count} terminal", "{count} terminals", connected).format(count=connected),
        ),
        (
            _("Trace"),
            _("audit, in the name of {operator}").format(operator=safe(app.client.operator.name, 40)),
        ),
    ]
    word = str(connected) if connected else ""

    def answered(accepted: bool | None) -> None:
        if accepted:
            app.run_worker(_stop(app), exit_on_error=False)

    app.push_screen(Confirm(_("Stop the server"), rows, _("Stop the server"), word=word), answered)


async def _stop(app: ConsoleApp) -> None:
    try:
        await app.call(STOP)
    except Exception as error:  # noqa: BLE001 - told, whatever it is
        app.tell_error(error)
