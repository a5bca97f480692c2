"""What a commit tells: per terminal, and a few punches, however many there were."""

from __future__ import annotations

from tests.ingest.frames import log_frame, make_terminal, record
from tm20tui.events import EventBus
from tm20tui.ingest.announce import RECORDS_SHOWN, announce_stored
from tm20tui.ingest.frames import BrokenFrame, Receipt
from tm20tui.store.engine import Database


async def test_one_event_for_all_terminals_of_a_commit(sqlite_database: Database) -> None:
    bus = EventBus()
    first, second = await make_terminal(sqlite_database, "A"), await make_terminal(sqlite_database, "B")
    records = [record(enrollid=str(number)) for number in range(1, 16)]
    done = [
        (log_frame(first, *records), Receipt(stored=15)),
        (log_frame(second, *records), Receipt(stored=14, duplicates=1)),
        (log_frame(first, *records), Receipt(duplicates=15)),
    ]
    async with bus.subscribe() as events:
        announce_stored(bus, done)
        event = await anext(events)
    assert (event.kind, event.facts["stored"], event.facts["duplicates"]) == ("punches.stored", 29, 16)
    assert event.facts["terminals"] == [
        {"terminal_id": 1, "sn": "A", "stored": 15, "duplicates": 15},
        {"terminal_id": 2, "sn": "B", "stored": 14, "duplicates": 1},
    ]
    shown = event.facts["records"]
    assert isinstance(shown, list)
    assert len(shown) == RECORDS_SHOWN
    assert set(shown[0]) == {"sn", "enrollid", "time", "inout"}


async def test_quarantine_is_told_without_what_is_in_it(sqlite_database: Database) -> None:
    bus = EventBus()
    terminal = await make_terminal(sqlite_database, "A")
    broken = BrokenFrame(terminal, "A", log_frame(terminal, record()).received_at, "{secret", "not JSON")
    async with bus.subscribe() as events:
        announce_stored(bus, [(broken, Receipt(quarantined=1))])
        event = await anext(events)
    assert event.kind == "quarantine"
    assert event.facts == {"quarantined": 1, "terminals": [{"sn": "A", "quarantined": 1}]}


async def test_door_events_are_no_punches(sqlite_database: Database) -> None:
    bus = EventBus()
    frame = log_frame(await make_terminal(sqlite_database, "A"), record(enrollid=0))
    async with bus.subscribe() as events:
        announce_stored(bus, [(frame, Receipt(events=1))])
        bus.publish("quarantine")
        assert (await anext(events)).kind == "quarantine"
