"""What the server remembers of its events and its log, and who may see it."""

from __future__ import annotations

import io
import logging

import pytest

from tests.operations.conftest import Desk
from tm20tui import logs
from tm20tui.errors import Forbidden, InvalidInput
from tm20tui.operations import recent


async def test_events_are_remembered_newest_first_without_what_would_flood_them(desk: Desk) -> None:
    call = desk.call("operator")
    bus = call.gateway.events
    bus.publish("terminal.connected", sn="A")
    for _ in range(3):
        bus.publish("punches.stored", stored=1)
    bus.publish("operation", operation="x.y")
    bus.publish("terminal.disconnected", sn="A")
    found = await recent.list_recent_events(call)
    assert [one.kind for one in found.events] == ["terminal.disconnected", "operation", "terminal.connected"]
    newer = await recent.list_recent_events(call, after=found.events[-1].number, limit=1)
    assert [one.kind for one in newer.events] == ["terminal.disconnected"]
    assert newer.last_number == found.last_number
    whole = await recent.list_recent_events(call, limit=3)
    assert (found.more, newer.more, whole.more) == (False, True, False)
    assert (await recent.list_recent_events(call, limit=2)).more
    only = await recent.list_recent_events(call, kinds=["operation"])
    assert [one.kind for one in only.events] == ["operation"]
    with pytest.raises(InvalidInput, match="kinds"):
        await recent.list_recent_events(call, kinds=["gossip"])


async def test_viewers_do_not_see_what_operators_did(desk: Desk) -> None:
    call = desk.call("viewer")
    call.gateway.events.publish("operation", operation="x.y")
    assert (await recent.list_recent_events(call)).events == ()
    with pytest.raises(Forbidden):
        await recent.list_recent_lines(call)


async def test_the_log_is_remembered_without_secrets(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "TAIL", logs.Tail(3))
    monkeypatch.setattr(recent, "TAIL", logs.TAIL)
    log = logging.getLogger("tm20tui.test")
    with logs.configure("info", "json", io.StringIO()):
        for number in range(3):
            log.info("line %d", number, extra={"serial": "A 1"})
        log.warning("token=abcdef123456 \x1b[2J")
        try:
            raise ValueError("inside")
        except ValueError:
            log.exception("crashed")
    call = desk.call("operator")
    found = await recent.list_recent_lines(call)
    assert [one.level for one in found.lines] == ["error", "warning", "info"]
    assert "ValueError: inside" in found.lines[0].traceback
    assert "abcdef" not in found.lines[1].text
    assert "\x1b" not in found.lines[1].text
    assert found.lines[2].text == 'line 2 serial="A 1"'
    assert (found.more, (await recent.list_recent_lines(call, limit=2)).more) == (False, True)
    assert found.last_number == found.lines[0].number == 5
    assert [one.level for one in (await recent.list_recent_lines(call, level="warning")).lines] == [
        "error",
        "warning",
    ]
    assert (await recent.list_recent_lines(call, after=found.last_number)).lines == ()
    with pytest.raises(InvalidInput, match="level"):
        await recent.list_recent_lines(call, level="loud")
