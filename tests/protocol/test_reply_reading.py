from __future__ import annotations

from typing import Any

import pytest

from tests.protocol.strategies import as_json
from tm20tui.errors import FrameError
from tm20tui.protocol import (
    COMMANDS,
    Done,
    LogPage,
    Refused,
    Reply,
    UserListPage,
    UserRow,
    decode,
    is_reply_to,
    parse_reply,
)


def reply(name: str, /, **members: Any) -> Reply:
    message = decode(as_json({"ret": name, **members}))
    assert isinstance(message, Reply)
    return message


def read(name: str, /, **members: Any) -> Any:
    return parse_reply(name, reply(name, **members))


def test_a_plain_command_is_done_only_when_the_terminal_says_so() -> None:
    assert read("setdevlock", result=True) == Done("setdevlock")
    assert read("setdevlock", result=1, extra=2) == Done("setdevlock", {"extra": 2})
    assert read("setdevlock", result=False, reason=1) == Refused("setdevlock", "1")
    unclear: object
    for unclear in (None, "maybe", []):
        with pytest.raises(FrameError, match="the reply to setdevlock has no result"):
            read("setdevlock", result=unclear)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"getnewlog", "getalllog"}))
def test_any_command_can_be_refused(name: str) -> None:
    assert read(name, result=False, reason=1, msg="no") == Refused(name, "1", "no")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_reply_that_says_nothing_leaves_the_outcome_unknown(name: str) -> None:
    with pytest.raises(FrameError, match=f"the reply to {name} has"):
        read(name)


def test_replies_are_matched_by_name() -> None:
    assert is_reply_to("gettime", Reply("gettime"))
    assert not is_reply_to("gettime", Reply("settime"))
    assert is_reply_to("getdevlock", Reply("setdevlock", result=False))
    assert not is_reply_to("getdevlock", Reply("setdevlock", result=True))


def test_user_rows_that_cannot_be_read_are_counted() -> None:
    rows = [{"enrollid": "7", "admin": "1", "backupnum": 0}, {"admin": 1}, "x", {" enrollid ": 8}]
    assert read("getuserlist", result=True, count=4, **{"from": 0}, to=4, record=rows) == UserListPage(
        4, 0, 4, (UserRow("7", 1, 0), UserRow("8", 0, None)), unread=2
    )


def test_a_page_without_counters_is_counted() -> None:
    page = read("getuserlist", result=True, record=[{"enrollid": 7}])
    assert (page.count, page.start, page.stop) == (1, 0, 1)


@pytest.mark.parametrize("msg", ["have no data", "can not find logs", "Have no data!"])
def test_no_data_is_an_empty_page(msg: str) -> None:
    assert read("getnewlog", result=False, msg=msg) == LogPage(0, 0, 0, ())
    assert read("getalllog", result=False, reason=msg) == LogPage(0, 0, 0, (), command="getalllog")


def test_other_failures_of_a_log_are_failures() -> None:
    assert read("getnewlog", result=False, reason=1) == Refused("getnewlog", "1")


def test_a_bad_record_does_not_cost_the_page() -> None:
    page = read("getnewlog", result=True, count=2, record=[{"enrollid": 7, "time": "t"}, {"enrollid": "?"}])
    assert [record.enrollid for record in page.records] == ["7"]
    assert [bad.field for bad in page.bad] == ["enrollid"]


def test_a_name_is_found_under_either_key() -> None:
    assert read("getusername", result=True, record="Ann").name == "Ann"
    assert read("getusername", result=True, name="Ann").name == "Ann"


def test_settings_outside_of_the_reference_are_named_and_kept() -> None:
    info = read("getdevinfo", result=True, volume=99, language="10", devinfo={"modelname": "AiFace"})
    assert (info.settings.volume, info.settings.language, info.unread) == (None, 10, ("volume",))
    assert (info.devinfo.modelname, info.devinfo.raw["volume"]) == ("AiFace", 99)


def test_holidays_that_cannot_be_read_are_counted() -> None:
    days = read(
        "getholiday", result=True, holidays=[{"name": "x", "startday": "01-01", "endday": "01-02"}, {}, 7]
    )
    assert len(days.holidays) == 1
    assert days.unread == 2


def test_a_time_without_a_result_is_enough() -> None:
    assert read("gettime", time="2025-06-01 08:00:00").time == "2025-06-01 08:00:00"
