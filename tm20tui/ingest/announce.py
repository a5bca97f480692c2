"""Tells what a commit stored: one event for all its terminals, however many punches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tm20tui.events import EventBus
from tm20tui.ingest.frames import Frame, LogFrame, Receipt, RegFrame
from tm20tui.model import DOOR_ENROLLID

RECORDS_SHOWN = 20


def announce_stored(events: EventBus, done: Sequence[tuple[Frame, Receipt]]) -> None:
    """Publish `punches.stored` and `quarantine` for the frames of one commit.

    `records` names a few punches (terminal, enrollid, time as printed) of messages that
    stored something; one that was there before may be among them.
    """
    stored: Counter[tuple[int, str]] = Counter()
    duplicates: Counter[tuple[int, str]] = Counter()
    bad: Counter[str] = Counter()
    records: list[dict[str, object]] = []
    for frame, receipt in done:
        if isinstance(frame, RegFrame):
            continue
        if receipt.quarantined:
            bad["" if frame.terminal is None else frame.terminal.sn] += receipt.quarantined
        if isinstance(frame, LogFrame) and receipt.stored + receipt.duplicates:
            who = frame.terminal.id, frame.terminal.sn
            stored[who] += receipt.stored
            duplicates[who] += receipt.duplicates
            if receipt.stored and len(records) < RECORDS_SHOWN:
                records += _some(frame)
    if stored:
        events.publish(
            "punches.stored",
            stored=stored.total(),
            duplicates=duplicates.total(),
            terminals=[
                {"terminal_id": ident, "sn": sn, "stored": count, "duplicates": duplicates[ident, sn]}
                for (ident, sn), count in stored.items()
            ],
            records=records[:RECORDS_SHOWN],
        )
    if bad:
        terminals = [{"sn": sn, "quarantined": count} for sn, count in bad.items()]
        events.publish("quarantine", quarantined=bad.total(), terminals=terminals)


def _some(frame: LogFrame) -> list[dict[str, object]]:
    return [
        {"sn": frame.terminal.sn, "enrollid": one.enrollid, "time": one.time_raw, "inout": one.inout}
        for one in frame.records[:RECORDS_SHOWN]
        if one.enrollid != DOOR_ENROLLID and not one.is_stranger
    ]
