"""What the demo plays: a company with fifteen doors, two services, one of them ill, and a fortnight past."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tm20tui.ingest.frames import LogFrame
from tm20tui.model import Terminal, utc_now
from tm20tui.protocol import LogRecord
from tm20tui.simulate.people import Person
from tm20tui.store import terminals

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.gateway import Gateway

UNKNOWN_EMPLOYEE = 4471
"""Whom the demo's HR service refuses, with a 422."""
DRIFT_SECONDS = 220.0
AWAY = "ZX0006827513"
"""The terminal that is not connected any more."""
_PLACES = (
    "Entrée nord",
    "Entrée sud",
    "Atelier",
    "Dépôt",
    "Bureaux",
    "Cantine",
    "Quai A",
    "Quai B",
    "Laboratoire",
    "Direction",
    "Accueil",
    "Magasin",
    "Garage",
)
_FRAME_RECORDS = 200
_DAYS = 14
_HOURS = ((8, 0), (12, 2), (12, 58), (17, 4))


async def set_stage(gateway: Gateway, serials: list[str]) -> list[Terminal]:
    """Make terminals known by name, as if approved long ago, and one more that is away; returns the first."""
    names = [_name(n) for n in range(len(serials))]
    named = list(zip(serials, names, strict=True))
    return await gateway.database.write(_add_terminals, gateway.site_id, named)


def _name(number: int) -> str:
    again = number // len(_PLACES)
    return _PLACES[number % len(_PLACES)] + (f" {again + 1}" if again else "")


def _add_terminals(connection: Connection, site_id: int, named: list[tuple[str, str]]) -> list[Terminal]:
    now = utc_now()
    found = []
    for sn, name in [*named, (AWAY, "Parking")]:
        terminal = terminals.add_terminal(
            connection,
            sn,
            site_id=site_id,
            admission="approved",
            direction_policy="terminal",
            now=now - timedelta(days=_DAYS),
        )
        changes: dict[str, object] = {"name": name}
        if sn == AWAY:
            changes["last_seen_at"] = now - timedelta(minutes=72)
        found.append(terminals.update_terminal(connection, terminal.id, changes))
    return found[:-1]


async def write_history(
    gateway: Gateway, doors: list[Terminal], people: tuple[Person, ...], punches: int, seed: int | None
) -> None:
    """Store a fortnight of punches by the way that every punch goes."""
    rng = random.Random(f"history/{seed}")
    for frame in _frames(doors, people, punches, rng):
        await gateway.writer.submit(frame)


def _frames(
    doors: list[Terminal], people: tuple[Person, ...], punches: int, rng: random.Random
) -> Iterator[LogFrame]:
    zone = ZoneInfo(doors[0].timezone)
    today = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    passages: list[tuple[datetime, Person, int]] = []
    for number in range(punches):
        person = people[number % len(people)]
        day = today - timedelta(days=1 + number // len(_HOURS) // len(people) % _DAYS)
        hour, minute = _HOURS[number // len(people) % len(_HOURS)]
        at = day.replace(hour=hour, minute=minute) + timedelta(seconds=rng.randrange(-900, 900))
        passages.append((at, person, number // len(people) % 2))
    passages += [(today - timedelta(hours=6 + n), Person(UNKNOWN_EMPLOYEE, "", 0), 1) for n in range(2)]
    passages.sort(key=lambda passage: passage[0])
    for start in range(0, len(passages), _FRAME_RECORDS):
        part = passages[start : start + _FRAME_RECORDS]
        yield LogFrame(
            terminal=doors[start // _FRAME_RECORDS % len(doors)],
            zone=zone,
            received_at=utc_now(),
            records=tuple(_record(at, person, inout, rng) for at, person, inout in part),
            bad=(),
            raw="",
            is_live=False,
        )


def _record(at: datetime, person: Person, inout: int, rng: random.Random) -> LogRecord:
    return LogRecord(
        enrollid=str(person.enrollid),
        name="",
        time_raw=f"{at:%Y-%m-%d %H:%M:%S}",
        mode=rng.choice((1, 1, 1, 3, 2, 8)),
        inout=inout,
        event=0,
        temperature=None,
        verifymode=None,
        image=None,
        note=None,
    )
