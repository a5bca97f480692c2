"""One company, the same at every run: what the pictures of the modes show.

Everything is put into the store as long before now as written here; `still` takes the
clock out of a picture, since ages and layouts are what it is about.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, insert, update

from tests.store.factories import add_deliveries, add_user
from tests.tui.world import World
from tm20tui.model import utc_now
from tm20tui.operations.call import Operator
from tm20tui.snapshot import Snapshot
from tm20tui.store.schema import deliveries, punches
from tm20tui.store.terminals import add_terminal, update_terminal

DOORS = ("Entrée nord", "Entrée sud", "Atelier", "Dépôt", "Parking")
PEOPLE = ("Fatou Ndiaye", "Moussa Diop", "Awa Sow", "Ibrahima Fall", "Jean Mendy", "Dupont [/x]")
PUNCHES = 40
_ADDRESSES = "10.4.0.1{}:5100{}"
_CAPACITY = {"usersize": 3000, "useduser": 412, "logsize": 100_000, "usedlog": 18_204, "usednewlog": 0}


def set_up(world: World) -> None:
    """Five terminals, six people, two services, forty punches of which some failed, a week of hours."""
    world.write(_doors, world.gateway.site_id)
    for name in ("API RH", "Paie SA"):
        world.operate(
            "services.add",
            given={
                "name": name,
                "base_url": "https://hr.example",
                "users_endpoint": "/api/v1/employees",
                "attendance_endpoint": "/api/v1/attendance",
                "auth_type": "bearer",
                "auth_token": "S3CRET-of-the-service",
                "is_active": False,
                "sync_interval_minutes": 15,
            },
        )
    world.write(_passages)
    for weekday, hours in enumerate((("08:00", "17:00"), ("08:00", "17:00"), ("08:00", "12:30"))):
        given: dict[str, Any] = {"name": "Standard", "weekday": weekday}
        given |= {"check_in_time": hours[0], "check_out_time": hours[1], "tolerance_minutes": 15}
        world.operate("schedules.add", terminal_id=5, given=given)
    world.do(_raise_alarm, world)


async def _raise_alarm(world: World) -> None:
    world.gateway.alarms.set("drift:4", "the clock of ZX0006827504 (Dépôt) is 220 s fast")


def _doors(connection: Connection, site_id: int) -> None:
    now = utc_now()
    for number, name in enumerate((*DOORS, ""), 1):
        terminal = add_terminal(
            connection,
            f"ZX000682750{number}",
            site_id=site_id,
            admission="approved" if name else "pending",
            direction_policy="terminal",
            now=now - timedelta(days=9),
        )
        changes: dict[str, Any] = {
            "name": name,
            "model": "tfs30",
            "firmware": "th600w v6.1",
            "mac": f"00-01-A9-01-00-0{number}",
            "capacity": _CAPACITY,
            "last_seen_at": now - timedelta(minutes=72 if number == 5 else 0, seconds=5),
            "last_address": _ADDRESSES.format(number, number),
            "drift_seconds": 220.0 if number == 4 else 0.0,
            "drift_at": now,
        }
        update_terminal(connection, terminal.id, changes)


def _passages(connection: Connection) -> None:
    now = utc_now().replace(microsecond=0)
    for number, name in enumerate(PEOPLE, 1):
        add_user(connection, str(number), name, site="Default")
    ids = []
    for number in range(PUNCHES):
        at = now - timedelta(hours=30, minutes=7 * (PUNCHES - number))
        row = {
            "terminal_id": number % 4 + 1,
            "enrollid": str(number % len(PEOPLE) + 1),
            "time_raw": at.strftime("%Y-%m-%d %H:%M:%S"),
            "time_utc": at,
            "timezone": "UTC",
            "mode": number % 3,
            "inout": number % 2,
            "event": 0,
            "received_at": at + timedelta(seconds=1),
            "sync_status": "pending",
        }
        ids.append(connection.execute(insert(punches).returning(punches.c.id), row).scalar_one())
    add_deliveries(connection, [(punch, 1, False) for punch in ids])
    refused = {"status": "failed", "attempts": 5, "last_error": "422 from the service: enrollid unknown"}
    connection.execute(update(deliveries).where(deliveries.c.id <= 2).values(**refused))


class Posed:
    """The bridge, with terminals posing as connected."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.registry = world.bridge.registry
        self.settings = world.bridge.settings

    def snapshot(self) -> Snapshot:
        """As it is, but for whom it shows as connected."""
        real = self._world.bridge.snapshot()
        lines = tuple(
            dataclasses.replace(line, state="online") if line.state == "offline" and line.id != 5 else line
            for line in real.terminals
        )
        return dataclasses.replace(real, terminals=lines, listener_address="ws://0.0.0.0:7788/")

    async def call(
        self, operator: Operator, name: str, arguments: Mapping[str, Any], correlation_id: str
    ) -> Any:
        """As the bridge."""
        return await self._world.bridge.call(operator, name, arguments, correlation_id)

    async def refuse(
        self, operator: Operator, name: str, reason: str, about: Mapping[str, Any], correlation_id: str
    ) -> None:
        """As the bridge."""
        await self._world.bridge.refuse(operator, name, reason, about, correlation_id)


_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_MOVING = (
    (re.compile(r"\d\d:\d\d:\d\d"), "hh:mm:ss"),
    (re.compile(r"(?<!\d)\d\d:\d\d(?!\d)"), "hh:mm"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "yyyy-mm-dd"),
    (re.compile(rf"(?:{_MONTHS}) \d\d?"), "Mmm d"),
    (re.compile(r"(?<![\d ]\d)(?<!\d)\d\d/\d\d(?:/\d{4})?(?![\dk])"), "dd/mm"),
    (re.compile(r"\b\d\d:…"), "hh:…"),
    (re.compile(r"\b\d+ h \d\d\b"), "n h"),
    (re.compile(r"(?:< )?\b\d+ min\b"), "n min"),
    # Which punches are judged depends on the weekday: hours are of Monday to Wednesday.
    (re.compile(r"on time(?!\?)|(?:early|late|avance|retard) n min|(?<=  )à l'heure(?=  )"), ""),
    (re.compile(r"\b\d+ s\b"), "n s"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:port"),
    (re.compile(r"\b\d+(?:[.,]\d+)? ms\b"), "n ms"),
    (re.compile(r"\b\d+(?:[.,]\d+)? [kMG]?(?:o|B)\b"), "n kB"),
    (re.compile(r"\b[0-9a-f]{6,16}\b(?=\s|$)"), "ref"),
    (re.compile(r"/\S*/tm20\.db"), "tm20.db"),
)


def still(picture: str) -> str:
    """A picture without what the clock and the machine put into it; runs of blanks count as one."""
    lines = []
    for line in picture.splitlines():
        for pattern, word in _MOVING:
            line = pattern.sub(word, line)
        # Where a scroll bar stands, and how long a run of blanks is, depends on what is left out.
        line = re.sub(r"[▁▂▃▄▅▆▇█▔ ]+│", "│", line)
        lines.append(re.sub(r" {2,}|─{2,}|-{3,}", lambda run: run[0][0] * 2, line).rstrip())
    return "\n".join(lines) + "\n"
