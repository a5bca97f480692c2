from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulate.conftest import Rig
from tm20tui.simulate.commands import _HANDLERS
from tm20tui.simulate.firmware import FAMILIES

MakeRig = Callable[..., Rig]


def registered(make_rig: MakeRig, family: str, **options: Any) -> Rig:
    rig = make_rig(family, **options)
    rig.register()
    return rig


def read_pages(rig: Rig, name: str, /, **fields: Any) -> list[dict[str, Any]]:
    pages = [rig.command(name, stn=True, **fields)]
    while pages[-1] and pages[-1].get("record"):
        pages.append(rig.command(name, stn=False))
    return [page for page in pages if page is not None]


def test_every_command_of_every_family_has_a_handler() -> None:
    known = set(_HANDLERS) | {"reboot", "gettime"}
    for family in FAMILIES.values():
        assert family.commands <= known


def test_user_list_pages_count_the_total_and_th_ends_exclusively_with_admin_as_text(
    make_rig: MakeRig,
) -> None:
    rig = registered(make_rig, "TH600", users=46)
    pages = read_pages(rig, "getuserlist")
    assert [(page["count"], page["from"], page["to"]) for page in pages] == [
        (56, 0, 40),
        (56, 40, 56),
        (0, 0, 0),
    ]
    assert pages[0]["record"][0] == {"enrollid": 1, "admin": "1", "backupnum": 0}
    rig = registered(make_rig, "AiFace", users=46)
    pages = read_pages(rig, "getuserlist")
    assert [(page["from"], page["to"]) for page in pages] == [(0, 39), (40, 55), (0, 0)]
    assert pages[0]["record"][0]["admin"] == 1


def test_user_commands_change_what_is_read_back(make_rig: MakeRig) -> None:
    rig = registered(make_rig, "TH900")
    card = {"enrollid": 9, "name": "Zoé", "backupnum": 11, "admin": 0, "record": 1234567}
    assert rig.command("setuserinfo", **card) == {"ret": "setuserinfo", "sn": "TH9SIM000001", "result": True}
    assert rig.command("getuserinfo", enrollid=9, backupnum=11) == {
        "ret": "getuserinfo",
        "sn": "TH9SIM000001",
        "result": True,
        **card,
    }
    rig.command("setusername", count=1, record=[{"enrollid": 9, "name": "Zo"}])
    assert rig.command("getusername", enrollid=9)["record"] == "Zo"  # type: ignore[index]
    rig.command("enableuser", enrollid=9, enflag=0)
    assert rig.terminal.device.users.rows[9].enabled is False
    rig.command("setuserlock", count=1, record=[{"enrollid": 9, "weekzone": 2}])
    assert rig.command("getuserlock", enrollid=9)["weekzone"] == 2  # type: ignore[index]
    rig.command("deleteuser", enrollid=9, backupnum=13)
    missing = {"ret": "getuserinfo", "sn": "TH9SIM000001", "result": False, "reason": 1}
    assert rig.command("getuserinfo", enrollid=9, backupnum=11) == missing
    rig.command("cleanuser")
    assert rig.command("getuserlist", stn=True)["count"] == 0  # type: ignore[index]


def test_what_a_firmware_does_not_know_is_silence_on_th_and_a_message_on_aiface(make_rig: MakeRig) -> None:
    for family in ("TH600", "TH900"):
        assert registered(make_rig, family).command("setschedule", weekday=0) is None
    assert registered(make_rig, "TH600").command("gettime") is None
    reply = registered(make_rig, "AiFace").command("setschedule", weekday=0)
    assert reply is not None
    assert (reply["result"], reply["msg"]) == (False, "can not find this command")


def test_gettime_has_no_result_and_settime_takes_only_cloudtime(make_rig: MakeRig) -> None:
    rig = registered(make_rig, "TH900")
    assert rig.command("settime", time="2030-01-01 00:00:00")["result"] is False  # type: ignore[index]
    assert rig.command("settime", cloudtime="2030-01-01 00:00:00")["result"] is True  # type: ignore[index]
    reply = rig.command("gettime")
    assert reply is not None
    assert "result" not in reply
    assert reply["time"].startswith("2030-01-01 00:00:")


def test_reboot_has_no_reply_and_drops_the_connection(make_rig: MakeRig) -> None:
    rig = registered(make_rig, "TH600")
    assert rig.command("reboot") is None
    assert rig.terminal.wants_close


def test_new_logs_are_read_once_and_all_logs_by_date(make_rig: MakeRig) -> None:
    rig = make_rig("TH600", users=70)
    rig.terminal.punch(rig.now, 60)
    rig.register()
    pages = read_pages(rig, "getnewlog")
    assert [(page["count"], page["from"], page["to"]) for page in pages] == [
        (60, 0, 50),
        (60, 50, 60),
        (0, 0, 0),
    ]
    assert rig.command("getnewlog", stn=True)["count"] == 0  # type: ignore[index]
    day = pages[0]["record"][0]["time"][:10]
    assert read_pages(rig, "getalllog", **{"from": day, "to": day})[0]["count"] == 60
    year, month, number = day.split("-")
    assert rig.command("getalllog", stn=True, **{"from": f"{year}-{int(month)}-{int(number)}"})["count"] == 60  # type: ignore[index]
    assert rig.command("getalllog", stn=True, to="2001-01-01")["count"] == 0  # type: ignore[index]
    face = registered(make_rig, "AiFace")
    assert face.command("getnewlog", stn=True)["msg"] == "have no data"  # type: ignore[index]


def test_settings_are_kept_and_partial_arrays_change_only_the_leading_groups(make_rig: MakeRig) -> None:
    rig = registered(make_rig, "TH900")
    zone = {"day": [{"section": "08:00~12:00"}]}
    rig.command("setdevlock", opendelay=9, dayzone=[zone], InputAlarm=2)
    rig.terminal.disconnected()
    rig.register()
    lock = rig.command("getdevlock")
    assert lock is not None
    assert (lock["opendelay"], lock["InputAlarm"], lock["dayzone"][0], len(lock["dayzone"])) == (
        9,
        2,
        zone,
        8,
    )
    rig.command("setdevinfo", volume=3)
    assert rig.command("getdevinfo")["volume"] == 3  # type: ignore[index]
    rig.command("setholiday", holidays=[{"name": "New Year"}])
    assert rig.command("getholiday", stn=True)["holidays"] == [{"name": "New Year"}]  # type: ignore[index]


def test_remote_enrolment_ends_with_a_senduser(make_rig: MakeRig) -> None:
    rig = registered(make_rig, "AiFace")
    reply = rig.command("adduser", enrollid=77, backupnum=0, admin=0, name="Ann", flag=10)
    assert reply is not None
    assert (reply["result"], reply["enrollid"]) == (True, 77)
    states = [rig.command("checkregstatus")["status"] for _ in range(3)]  # type: ignore[index]
    assert states == [1, 2, 100]
    assert any(
        frame.get("cmd") == "senduser" and frame["enrollid"] == 77 for frame in [*rig.sent, *rig.later(6)]
    )


@pytest.mark.parametrize("name", sorted(_HANDLERS))
def test_a_malformed_command_is_refused_and_never_kills_the_terminal(make_rig: MakeRig, name: str) -> None:
    rig = registered(make_rig, "AiFace")
    for junk in (
        {},
        {"enrollid": "x", "record": 5, "stn": True, "from": 3},
        {"record": [1], "enrollid": [], "admin": "q"},
    ):
        reply = rig.command(name, **junk)
        assert reply is not None
        assert reply["result"] in {True, False}
