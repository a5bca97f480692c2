"""Mode 9: messages, events, the server's log and the audit, searched, frozen, wrapped and filtered."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.tui.world import Console, World, client, console
from tm20tui import logs
from tm20tui.model import utc_now
from tm20tui.store.audit import AuditEntry, add_entry
from tm20tui.tui.dialogs import Notice

HOSTILE = "Dupont [/x] \x1b[2J \u202e" + "é" * 200
log = logging.getLogger("tm20tui.test")


@pytest.fixture(autouse=True)
def logged(world: World) -> Iterator[None]:
    with logs.configure("info", "json", io.StringIO()):
        yield
    for file in (world.gateway.settings.resolved_state_directory / "consoles").glob("*"):
        file.unlink()


def look(world: World, body: Callable[[Console], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        async with console(world, options.pop("who", None), **options) as seen:
            await seen.press("9")
            await seen.see("no message" if seen.app.voice.language == "en" else "aucun message")
            await body(seen)

    asyncio.run(run())


def publish(world: World, kind: Any, **facts: object) -> None:
    async def tell() -> None:
        world.gateway.events.publish(kind, **facts)

    world.do(tell)


def entry(number: int, **values: Any) -> AuditEntry:
    facts: dict[str, Any] = {
        "at": utc_now(),
        "operator": "bob",
        "role": "operator",
        "origin": "socket",
        "address": "",
        "operation": "terminals.door",
        "targets": f'{{"terminal_id":{number}}}',
        "arguments": "{}",
        "outcome": "done",
        "reason": "",
        "duration_seconds": 0.1,
        "correlation_id": f"c{number}",
    }
    return AuditEntry(**facts | values)


def test_messages_of_this_console_are_all_kept_and_copied(world: World) -> None:
    async def body(seen: Console) -> None:
        seen.app.tell("bad", f"failed: {HOSTILE}", ref="7f3c")
        seen.app.tell("good", "all is well")
        await seen.see("all is well", "failed: Dupont [/x] ·[2J ·é", "ref. 7f3c")
        await seen.press("down", "enter")
        await seen.until(lambda: isinstance(seen.app.screen, Notice))
        await seen.see("Trace", "ref. 7f3c")
        await seen.press("escape", "c")
        assert seen.app.clipboard.startswith("failed: Dupont")

    look(world, body)


def test_events_are_sentences_in_both_languages(world: World) -> None:
    publish(world, "terminal.connected", terminal_id=1, sn=HOSTILE, address="10.0.0.9")
    publish(world, "service.health", service="API RH", health="paused", reason="", retry_at=None)
    publish(world, "new.kind", what=1)

    async def english(seen: Console) -> None:
        await seen.press("right")
        await seen.see("Dupont [/x]", "API RH: paused", "new.kind what=1")

    async def french(seen: Console) -> None:
        await seen.press("right")
        await seen.see("[Événements]", "API RH : suspendu")

    look(world, english)
    look(world, french, who=client(language="fr"))


def test_every_kind_of_event_has_words() -> None:
    from tm20tui.events import EVENT_KINDS, Event
    from tm20tui.tui.event_words import told

    shown_elsewhere = {"punches.stored"}
    for kind in EVENT_KINDS:
        _state, text = told(Event(1, utc_now(), kind, {}))
        assert text.startswith(kind) == (kind in shown_elsewhere), kind


@pytest.mark.parametrize(
    ("facts", "glyph", "words"),
    [
        ({"sent": 25, "failed": 0}, "✓", "hr: 25 sent"),
        ({"sent": 1, "failed": 2, "outcome": "said no"}, "✗", "hr: 1 sent, 2 failed, said no"),
        ({"sent": 0, "failed": 0, "outcome": "no answer in 5 s"}, "…", "hr: no answer in 5 s"),
        ({"sent": 0, "failed": 0, "outcome": "split"}, "…", "hr: split in two, to find what is refused"),
        ({"sent": 0, "failed": 0}, "…", "hr: nothing sent"),
    ],
)
def test_of_a_settled_batch_only_what_there_was_is_said(
    facts: dict[str, Any], glyph: str, words: str
) -> None:
    from tm20tui.events import Event
    from tm20tui.tui.event_words import told

    state, text = told(Event(1, utc_now(), "delivery.settled", {"service": "hr", **facts}))
    assert (state.glyph, text) == (glyph, words)


def test_the_server_log_is_searched_from_match_to_match(world: World) -> None:
    for number in range(40):
        log.info("line %d %s", number, "needle" if number % 10 == 5 else "hay")
    log.error("level of its own")

    async def body(seen: Console) -> None:
        await seen.press("right", "right")
        await seen.see("level of its own", "line 39 hay")
        await seen.press("slash", *"needle", "enter")
        await seen.see("4 found", "line 35 needle")
        rows = seen.grid.rows
        assert len(rows) > 40, "a search hides nothing"
        await seen.until(lambda: "line 35" in str(seen.grid.cursor_row.cells["text"]))
        await seen.press("n")
        assert "line 25" in str(seen.grid.cursor_row.cells["text"])
        await seen.press("N", "N")
        assert "line 5 needle" in str(seen.grid.cursor_row.cells["text"]), "from the first on to the last"
        await seen.press("escape", "slash", *"level:error", "enter")
        await seen.until(lambda: {row.record.level for row in seen.grid.rows} == {"error"})

    look(world, body)


def test_frozen_lines_stand_still_and_long_ones_are_wrapped(world: World) -> None:
    log.info("begin %s end", "x " * 200)

    async def body(seen: Console) -> None:
        await seen.press("right", "right")
        await seen.see("begin x x")
        assert " end " not in seen.text()
        await seen.press("w")
        await seen.see(" end ")
        await seen.press("f")
        log.info("while frozen")
        await seen.see("‖ frozen", "1 new")
        assert "while frozen" not in seen.text()
        await seen.press("f")
        await seen.see("while frozen")

    look(world, body, size=(80, 24))


def test_the_audit_is_paged_and_filtered_by_the_server(world: World) -> None:
    for number in range(450):
        world.write(add_entry, entry(number))
    world.write(
        add_entry, entry(999, operator="eve", outcome="refused", reason=HOSTILE, operation="tokens.add")
    )

    async def body(seen: Console) -> None:
        await seen.press("left")
        await seen.see("eve", "refused", "Dupont [/x]")
        assert len(seen.grid.rows) == 200
        await seen.press("end", "pagedown")
        await seen.see("page 2")
        await seen.press("end", "pagedown")
        await seen.see("page 3")
        await seen.press("slash", *"who:eve", "enter")
        await seen.until(lambda: {row.record.operator for row in seen.grid.rows} == {"eve"})
        await seen.press("enter")
        await seen.see("Audit #", "tokens.add", "c999")
        await seen.press("escape", "escape")
        seen.app.screen.set_filter("operation:terminals. 449 !refused outcome:done since:1h")
        await seen.until(lambda: [row.record.correlation_id for row in seen.grid.rows] == ["c449"])
        seen.app.screen.set_filter("resultat:refusé qui:eve")
        await seen.until(lambda: [row.record.correlation_id for row in seen.grid.rows] == ["c999"])
        await seen.press("x")
        await seen.see("1 row written to")

    look(world, body)


def test_viewers_see_messages_and_events_and_are_told_why_not_the_rest(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("right", "right")
        await seen.see("[Server]", "needs the role operator, yours is viewer")
        await seen.press("right")
        await seen.see("[Audit]", "needs the role operator, yours is viewer")
        assert not seen.grid.rows

    look(world, body, who=client("viewer"))


def test_each_tab_keeps_its_own_filter_and_place(world: World) -> None:
    for number in range(3):
        log.warning("warned %d", number)

    async def body(seen: Console) -> None:
        await seen.press("right", "right")
        await seen.see("warned 2")
        await seen.press("down", "slash", *"level:warning", "enter")
        await seen.until(lambda: len(seen.grid.rows) >= 3 and "hay" not in seen.text())
        await seen.press("right")
        await seen.see("[Audit]")
        assert not seen.app.screen.filter
        await seen.press("left")
        await seen.see("[Server]", "level:warning", "warned 0")

    look(world, body, size=(60, 16))
