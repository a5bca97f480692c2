"""What an operator asks of terminals, against the three firmware families: true outcomes, clear refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ingest.frames import make_terminal
from tests.operations.terminals import running_site
from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.operations import commands, doors, enrolment, terminal_commands, terminals
from tm20tui.operations.asking import make_command
from tm20tui.protocol import COMMANDS, GetTime
from tm20tui.simulate.firmware import FAMILIES

every_family = pytest.mark.parametrize("family", list(FAMILIES))


@every_family
async def test_what_every_family_does(sqlite_url: str, tmp_path: Path, family: str) -> None:
    async with running_site(sqlite_url, tmp_path, (family,)) as site:
        call, ident, device = site.call("operator"), await site.terminal_id(family), site.devices[family]
        opened = await doors.open_door(call, ident, doornum=2)
        assert (opened.status, opened.operator, device.device.doors_opened) == ("confirmed", "ann", 1)
        assert opened.correlation_id == call.correlation_id
        clock = await terminal_commands.set_time(call, ident)
        assert (clock.command.status, clock.drift_seconds) == ("confirmed", 0)
        configured = await terminal_commands.configure(call, ident, {"volume": 3, "language": 1})
        assert (configured.status, device.device.settings["volume"]) == ("confirmed", 3)
        assert (await terminal_commands.read_info(call, ident)).result["volume"] == 3
        await doors.set_lock(call, ident, {"opendelay": 9})
        assert (await doors.read_lock(call, ident)).result["opendelay"] == 9
        named = await commands.ask_command(call, ident, "getusername", arguments={"enrollid": "999999"})
        expected = "can not find the user" if family == "AiFace" else "reason 1"
        assert (named.status, named.reason) == ("refused", expected)
        assert (await terminal_commands.reboot(call, ident)).status == "confirmed"
        page = await commands.list_commands(call, terminal_id=ident, status="refused")
        assert [one.name for one in page.commands] == ["getusername"]
        assert (await commands.get_command(call, opened.id)).status == "confirmed"
        assert ("terminals.door", "done") in await site.audited()


async def test_what_only_newer_firmware_has(sqlite_url: str, tmp_path: Path) -> None:
    async with running_site(sqlite_url, tmp_path, ("AiFace",)) as site:
        call, ident = site.call(), await site.terminal_id("AiFace")
        clock = await terminal_commands.read_time(call, ident)
        assert clock.command.status == "confirmed"
        assert clock.drift_seconds is not None
        assert abs(clock.drift_seconds) < 30
        day = {"name": "New Year", "startday": "01-01", "endday": "01-01", "dayzone": 2}
        assert (await doors.set_holidays(call, ident, [day])).status == "confirmed"
        assert (await doors.read_holidays(call, ident)).result["holidays"][0]["name"] == "New Year"
        asked = await doors.set_questionnaire(call, ident, {"title": "Why", "items": ["in", "out"]})
        assert asked.status == "confirmed"
        assert (await doors.read_questionnaire(call, ident)).result["title"] == "Why"
        shift = {"name": "Day", "sections": [{"start": "08:00", "end": "12:00"}]}
        assert (await doors.set_shifts(call, ident, [shift])).status == "confirmed"
        assert (await doors.read_shifts(call, ident)).result["shifts"][0]["name"] == "Day"
        assert (await doors.set_bells(call, ident, [{"time": "08:00"}])).status == "confirmed"
        assert (await doors.read_bells(call, ident)).status == "confirmed"
        assert (await doors.hold_door(call, ident, "open")).arguments == {"ctrl": 1}
        assert (await enrolment.set_profile(call, ident, "0", "Hello")).status == "confirmed"
        assert (await enrolment.read_profile(call, ident, "0")).result["record"] == "Hello"
        assert (await terminal_commands.disable_keypad(call, ident)).status == "confirmed"
        assert site.devices["AiFace"].device.keypad_locked
        assert (await terminal_commands.enable_keypad(call, ident)).status == "confirmed"
        started = await enrolment.start_enrolment(call, ident, "900", 0, user_name="Bob")
        assert (started.status, started.arguments["flag"]) == ("confirmed", 10)
        steps = [(await enrolment.read_enrolment(call, ident)).result["status"] for _ in range(3)]
        assert steps == [1, 2, 100]
        assert (await enrolment.cancel_enrolment(call, ident)).status == "confirmed"


async def test_silence_is_said_and_not_waited_for_longer_than_asked(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_site(sqlite_url, tmp_path, ("TH600",)) as site:
        call, ident = site.call(), await site.terminal_id("TH600")
        soon = await terminal_commands.read_time(call, ident, wait_seconds=0.3)
        assert soon.command.status in ("queued", "sent")
    monkeypatch.setattr(GetTime, "timeout_seconds", 0.3)
    async with running_site(sqlite_url, tmp_path, ("TH600",)) as site:
        clock = await terminal_commands.read_time(site.call(), ident)
        assert (clock.command.status, clock.command.reason) == ("timed out", "no answer within 0 s")


async def test_a_terminal_that_is_away(sqlite_url: str, tmp_path: Path) -> None:
    async with running_site(sqlite_url, tmp_path, ("TH900",)) as site:
        call = site.call()
        away = (await make_terminal(site.gateway.database, "AWAY")).id
        for refused in (
            doors.open_door(call, away),
            doors.hold_door(call, away, "open"),
            enrolment.start_enrolment(call, away, "7", 0),
        ):
            with pytest.raises(Conflict, match="AWAY is not connected, and"):
                await refused
        queued = await terminal_commands.configure(call, away, {"volume": 1})
        assert (queued.status, queued.attempts) == ("queued", 0)
        assert queued.expires_at is not None
        assert (await commands.cancel_command(call, queued.id)).status == "cancelled"
        with pytest.raises(Conflict, match="cancelled"):
            await commands.cancel_command(call, queued.id)
        await terminals.block_terminal(call, away)
        with pytest.raises(Conflict, match="AWAY is blocked"):
            await terminal_commands.read_info(call, away)
        with pytest.raises(NotFound):
            await terminal_commands.read_info(call, 999)


BAD: list[tuple[str, dict[str, Any], str, str]] = [
    # command, arguments, field, what the error must say
    ("opendoor", {"doornum": 9}, "doornum", "must be 1 to 4, not 9"),
    ("opendoor", {"door": 1}, "door", "opendoor has no 'door': known are doornum"),
    ("opendoor", {"doornum": "left"}, "doornum", "whole number, 1 to 4"),
    ("reboot", {"now": True}, "now", "known are none"),
    ("setdevinfo", {}, None, "needs at least one setting"),
    ("setdevinfo", {"volume": 11}, "volume", "must be 0 to 10"),
    ("setdevinfo", {"volume": "loud"}, "volume", "whole number"),
    ("getusername", {}, "enrollid", "enrollid is required"),
    ("getusername", {"enrollid": "x"}, "enrollid", "digits"),
    ("enableuser", {"enrollid": 7, "enflag": "perhaps"}, "enflag", "true or false"),
    ("setdevlock", {"dayzone": [{"day": [{"section": "9-17"}]}]}, "dayzone", "HH:MM~HH:MM"),
    ("setdevlock", {"weekzone": [[1, 2]]}, "weekzone", "exactly 7 items"),
    ("setdevlock", {"dayzone": "all"}, "dayzone", "must be a list"),
    ("setuserlock", {"record": [{"enrollid": 7, "group": 10}]}, "record", "row 1: group must be 0 to 9"),
    ("setuserlock", {"record": [{"group": 1}]}, "record", "enrollid is required"),
    ("setuserlock", {"record": [{"enrollid": 7, "zone": 1}]}, "record", "has no 'zone'"),
    ("setuserlock", {"record": 7}, "record", "list of objects"),
    ("setusername", {"record": [{"enrollid": n, "name": "A"} for n in range(1, 60)]}, "record", "1 to 49"),
    ("setholiday", {"holidays": []}, "holidays", "1 to 30 rows"),
    ("setholiday", {"holidays": [{"name": "A", "startday": "32-01"}]}, "holidays", "endday is missing"),
    ("setquestionnaire", {"schedules": ["8-9"]}, "schedules", "HH:MM-HH:MM*N"),
    ("setquestionnaire", {"radio": False, "items": ["x"] * 9}, "items", "at most 8"),
    ("setuserprofile", {"enrollid": 0, "profile": "é" * 150}, "profile", "200 bytes"),
    ("adduser", {"enrollid": 7, "backupnum": 13}, "backupnum", "one of 0, 1"),
    ("lockctrl", {"ctrl": 3}, "ctrl", "must be 0 to 2"),
]


@pytest.mark.parametrize(("name", "arguments", "field", "says"), BAD)
def test_a_wrong_argument_is_named_with_what_is_allowed(
    name: str, arguments: dict[str, Any], field: str | None, says: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        make_command(COMMANDS[name], arguments)
    assert says in str(caught.value)
    assert caught.value.field == field


async def test_names_that_cannot_be_asked(sqlite_url: str, tmp_path: Path) -> None:
    async with running_site(sqlite_url, tmp_path, ("TH900",)) as site:
        call, ident = site.call(), await site.terminal_id("TH900")
        for name, says in (
            ("cleanlog", "terminals.cleanlog"),
            ("getnewlog", "one of"),
            ("setuserinfo", "one of"),
            ("format", "one of"),
        ):
            with pytest.raises(InvalidInput, match=says) as caught:
                await commands.ask_command(call, ident, name)
            assert caught.value.field == "name"
        with pytest.raises(InvalidInput, match="takes no arguments"):
            await commands.ask_command(call, ident, "settime", arguments={"cloudtime": "2020-01-01 00:00:00"})
        with pytest.raises(InvalidInput, match="wait_seconds must be from 0 to 300"):
            await doors.open_door(call, ident, wait_seconds=301)
        assert (await commands.ask_command(call, ident, "settime")).status == "confirmed"
        assert site.devices["TH900"].device.doors_opened == 0
