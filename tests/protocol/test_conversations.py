"""The worked conversations of the reference, frame by frame: what came in, and the exact answer."""

from __future__ import annotations

from tm20tui.protocol import (
    GetUserList,
    Page,
    Reg,
    Reply,
    SendLog,
    UserListPage,
    UserRow,
    decode,
    log_accepted,
    next_page,
    parse_reply,
    reg_accepted,
)


def test_a_th_terminal_registers() -> None:
    reg = decode(
        '{"cmd":"reg","sn":"ZXAB21004711","cpusn":"00aa11bb22cc33dd","devinfo":{"modelname":"tfs30",'
        '"usersize":3000,"fpsize":3000,"cardsize":3000,"pwdsize":3000,"logsize":231424,"useduser":41,'
        '"usersize":3000,"fpsize":3000,"cardsize":3000,"pwdsize":3000,"logsize":231424,'
        '"useduser":41,"usedfp":58,"usedcard":12,"usedpwd":3,"usedlog":902,"usednewlog":902,'
        '"fpalgo":"thbio3.0","firmware":"TH600 V9.9",'
        '"time":"2025-06-01 07:59:12","mac":"00-01-A9-12-34-56"}}'
    )
    assert isinstance(reg, Reg)
    assert (reg.sn, reg.cpusn) == ("ZXAB21004711", "00aa11bb22cc33dd")
    info = reg.devinfo
    assert (info.modelname, info.firmware, info.fpalgo) == ("tfs30", "TH600 V9.9", "thbio3.0")
    assert (info.mac, info.time) == ("00-01-A9-12-34-56", "2025-06-01 07:59:12")
    assert info.capacities["logsize"] == 231424
    assert info.capacities["usednewlog"] == 902
    assert len(info.capacities) == 11
    assert reg_accepted("2025-06-01 08:00:00", nosenduser=False) == (
        '{"ret":"reg","result":true,"cloudtime":"2025-06-01 08:00:00","nosenduser":false}'
    )


def test_a_backlog_with_a_door_event_in_between() -> None:
    frame = decode(
        '{"cmd":"sendlog","sn":"ZXAB21004711","count":3,"logindex":900,"record":['
        '{"enrollid":17,"time":"2025-06-01 07:31:02","mode":1,"inout":0,"event":0},'
        '{"enrollid":0,"time":"2025-06-01 07:31:03","mode":0,"inout":1,"event":1},'
        '{"enrollid":23,"time":"2025-06-01 07:40:10","mode":3,"inout":0,"event":0}]}'
    )
    assert isinstance(frame, SendLog)
    assert [record.is_door_event for record in frame.records] == [False, True, False]
    assert log_accepted(frame.count, frame.logindex, "2025-06-01 08:00:01") == (
        '{"ret":"sendlog","result":true,"count":3,"logindex":900,"cloudtime":"2025-06-01 08:00:01"}'
    )


def test_a_live_punch_in_server_mode_is_denied() -> None:
    frame = decode(
        '{"cmd":"sendlog","sn":"AYXX01002003","count":1,"logindex":0,"record":[{"enrollid":30517,"name":"Ann",'
        '"time":"2025-06-01 08:02:11","mode":8,"inout":0,"event":0,"image":"\\/9j\\/4AA="}]}'
    )
    assert isinstance(frame, SendLog)
    (record,) = frame.records
    assert (record.enrollid, record.name, record.image) == ("30517", "Ann", b"\xff\xd8\xff\xe0\x00")
    assert log_accepted(frame.count, frame.logindex, "2025-06-01 08:02:11", 0, "Not allowed now") == (
        '{"ret":"sendlog","result":true,"count":1,"logindex":0,"cloudtime":"2025-06-01 08:02:11",'
        '"access":0,"message":"Not allowed now"}'
    )


def test_an_unknown_face() -> None:
    frame = decode(
        '{"cmd":"sendlog","sn":"AYXX01002003","count":1,"logindex":0,"record":[{"enrollid":99999999,"name":"",'
        '"time":"2025-06-01 08:03:00","mode":8,"inout":0,"event":2,"image":"…"}]}'
    )
    assert isinstance(frame, SendLog)
    (record,) = frame.records
    assert record.is_stranger
    assert (record.image, record.event) == (None, 2)


def test_a_listing_of_55_credentials_with_exclusive_ends() -> None:
    def answer(count: int, start: int, stop: int) -> str:
        rows = tuple(UserRow(str(n), 0, 0) for n in range(start + 1, stop + 1))
        return UserListPage(count, start, stop, rows).encode("ZXAB21004711")

    answers = iter([answer(55, 0, 40), answer(55, 40, 55), answer(0, 0, 0)])
    sent: list[str] = []
    pages: list[Page] = []
    while next_page(pages):
        sent.append(GetUserList(stn=not pages).encode())
        reply = decode(next(answers))
        assert isinstance(reply, Reply)
        page = parse_reply("getuserlist", reply)
        assert isinstance(page, UserListPage)
        pages.append(page)
    assert sent == ['{"cmd":"getuserlist","stn":true}', '{"cmd":"getuserlist","stn":false}']
    assert [len(page.rows) for page in pages if isinstance(page, UserListPage)] == [40, 15]
