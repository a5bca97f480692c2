"""Every quirk of terminals in the reference (its section 11), as the text that shows it."""

from __future__ import annotations

import pytest

from tm20tui.protocol import (
    DevInfo,
    LogPage,
    LogRecord,
    Reg,
    Reply,
    SendLog,
    UserListPage,
    UserRow,
    decode,
    next_page,
    parse_reply,
)

ROW = '{"enrollid":7,"time":"2025-06-01 07:31:02","mode":1,"inout":0,"event":0}'
READ = LogRecord("7", "", "2025-06-01 07:31:02", 1, 0, 0, None, None, None, None)


def sendlog(text: str | bytes) -> SendLog:
    frame = decode(text)
    assert isinstance(frame, SendLog)
    return frame


def parsed(name: str, text: str) -> object:
    reply = decode(text)
    assert isinstance(reply, Reply)
    return parse_reply(name, reply)


def test_admin_as_string_in_list_rows() -> None:
    text = '{"ret":"getuserlist","sn":"Z1","result":true,"count":1,"from":0,"to":1,"record":[%s]}'
    row = '{"enrollid":7,"admin":"1","backupnum":0}'
    assert parsed("getuserlist", text.replace("%s", row)) == UserListPage(1, 0, 1, (UserRow("7", 1, 0),))


def test_enrollid_as_string() -> None:
    assert sendlog('{"cmd":"sendlog","record":[%s]}'.replace("%s", ROW.replace("7", '"7"', 1))).records == (
        READ,
    )


def test_count_that_is_not_the_number_of_rows() -> None:
    frame = sendlog(f'{{"cmd":"sendlog","count":9,"logindex":1,"record":[{ROW}]}}')
    assert (frame.count, len(frame.records)) == (9, 1)


def test_to_exclusive_instead_of_inclusive() -> None:
    for stop in (6, 5):
        rows = tuple(UserRow(str(n), 0, 0) for n in range(6))
        assert not next_page([UserListPage(6, 0, stop, rows)])


def test_logindex_missing_or_always_zero() -> None:
    assert sendlog(f'{{"cmd":"sendlog","count":1,"record":[{ROW}]}}').logindex is None
    assert sendlog(f'{{"cmd":"sendlog","count":1,"logindex":0,"record":[{ROW}]}}').logindex == 0


def test_sn_missing_in_later_frames() -> None:
    assert sendlog(f'{{"cmd":"sendlog","record":[{ROW}]}}').sn is None


@pytest.mark.parametrize(
    ("text", "devinfo"),
    [
        ('{"cmd":"reg","sn":"Z1"}', DevInfo()),
        ('{"cmd":"reg","sn":"Z1","devinfo":{"firmware":"V9"}}', DevInfo(firmware="V9")),
        (
            '{"cmd":"reg","sn":"Z1","firmware":"V9","usedlog":3}',
            DevInfo(firmware="V9", capacities={"usedlog": 3}),
        ),
    ],
)
def test_devinfo_absent_nested_or_flattened(text: str, devinfo: DevInfo) -> None:
    assert decode(text) == Reg("Z1", None, devinfo)


def test_cmd_instead_of_ret_in_a_reply() -> None:
    text = '{"cmd":"getnewlog","sn":"Z1","count":0,"from":0,"to":0,"record":[]}'
    assert parsed("getnewlog", text) == LogPage(0, 0, 0, ())


def test_trailing_commas() -> None:
    assert sendlog(f'{{"cmd":"sendlog","record":[{ROW[:-1]},}},]}}').records == (READ,)
    text = f'{{"cmd":"getnewlog","count":1,"from":0,"to":1,"record":[{ROW},]}}'
    assert parsed("getnewlog", text) == LogPage(1, 0, 1, (READ,))


def test_padded_keys_and_values() -> None:
    padded = ROW.replace('"enrollid"', '"enrollid "').replace('"time":"', '" time":" ')
    frame = sendlog(f'{{" cmd":" sendlog ","sn ":" Z1 ","count ":1,"record ":[{padded}]}}')
    assert (frame.sn, frame.count, frame.records) == ("Z1", 1, (READ,))
    assert decode('{"ret":" setdevlock ","result":true}') == Reply("setdevlock", result=True)


def test_duplicate_keys_the_last_wins() -> None:
    frame = decode('{"ret":"getquestionnaire","sn":"A1","result":true,"sn":"Z1"}')
    assert isinstance(frame, Reply)
    assert frame.sn == "Z1"


@pytest.mark.parametrize(
    "records",
    [f'"record":{ROW}', f'"records":[{ROW}]', f'"data":[{ROW}]', f'"log":[{ROW}]', f'"logs":[{ROW}]'],
)
def test_record_that_is_no_list_or_named_otherwise(records: str) -> None:
    assert sendlog(f'{{"cmd":"sendlog",{records}}}').records == (READ,)


def test_record_missing_or_text() -> None:
    assert sendlog('{"cmd":"sendlog","sn":"Z1","count":0}') == SendLog("Z1", 0, None)
    frame = sendlog('{"cmd":"sendlog","record":"7\\t2025-06-01 07:31:02\\t1"}')
    assert frame.records == ()
    assert [bad.field for bad in frame.bad] == ["record"]


@pytest.mark.parametrize(
    ("sent", "name"), [("", ""), ("Ann   ", "Ann"), ("Zoë Müller", "Zoë Müller"), ("张伟", "张伟")]
)
def test_names_empty_padded_and_non_ascii(sent: str, name: str) -> None:
    text = f'{{"cmd":"sendlog","record":[{ROW[:-1]},"name":"{sent}"}}]}}'
    for encoded in (text, text.encode()):
        assert sendlog(encoded).records == (READ._replace(name=name),)


def test_image_with_data_prefix() -> None:
    text = f'{{"cmd":"sendlog","record":[{ROW[:-1]},"image":"data:image/jpeg;base64,/9j/4AA="}}]}}'
    assert sendlog(text).records == (READ._replace(image=b"\xff\xd8\xff\xe0\x00"),)


def test_the_same_frame_many_times_reads_the_same() -> None:
    text = f'{{"cmd":"sendlog","count":1,"logindex":4,"record":[{ROW}]}}'
    assert len({sendlog(text) for _ in range(3)}) == 1


@pytest.mark.parametrize(
    "time",
    [
        "0000-00-00 00:00:00",
        "2000-01-01 00:00:00",
        "2099-01-01 00:00:00",
        "2025-06-01T07:31:02",
        "2025/6/1 7:31",
    ],
)
def test_times_that_are_wrong_or_odd_are_kept(time: str) -> None:
    text = f'{{"cmd":"sendlog","record":[{ROW.replace("2025-06-01 07:31:02", time)}]}}'
    assert sendlog(text).records == (READ._replace(time_raw=time),)


def test_byte_order_mark_trailing_nul_and_gbk() -> None:
    text = f'{{"cmd":"sendlog","record":[{ROW[:-1]},"name":"张伟"}}]}}'
    for sent in (f"\ufeff{text}\0", b"\xef\xbb\xbf" + text.encode() + b"\0\0", text.encode("gbk")):
        assert sendlog(sent).records == (READ._replace(name="张伟"),)


@pytest.mark.parametrize("temp", ["36.5", "365", "3650", '"36.5"'])
def test_temperatures_in_three_units(temp: str) -> None:
    text = f'{{"cmd":"sendlog","record":[{ROW[:-1]},"temp":{temp}}}]}}'
    assert sendlog(text).records == (READ._replace(temperature=36.5),)
