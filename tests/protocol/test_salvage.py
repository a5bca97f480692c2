from __future__ import annotations

import pytest

from tm20tui.protocol import LogRecord, Salvaged, salvage

HEAD = '{"cmd":"sendlog","sn":"ZXAB21004711","count":3,"logindex":900,"record":['
ROWS = [f'{{"enrollid":{n},"time":"2025-06-01 07:31:0{n}","mode":1,"inout":0,"event":0}}' for n in (1, 2, 3)]


def found(text: str | bytes) -> Salvaged:
    result = salvage(text)
    assert result is not None
    return result


def ids(records: tuple[LogRecord, ...]) -> list[str]:
    return [record.enrollid for record in records]


def test_a_text_cut_off_in_the_middle() -> None:
    result = found(HEAD + ",".join(ROWS)[:-20])
    assert (result.cmd, result.sn, result.count, result.logindex) == ("sendlog", "ZXAB21004711", 3, 900)
    assert ids(result.records) == ["1", "2"]
    assert [bad.reason for bad in result.bad] == ["broken JSON"]
    assert '"enrollid":3' in result.bad[0].raw


def test_a_missing_quote_costs_one_record() -> None:
    rows = [ROWS[0], ROWS[1].replace('07:31:02"', "07:31:02"), ROWS[2]]
    result = found(HEAD + ",".join(rows) + "]}")
    assert ids(result.records) == ["1", "3"]
    assert len(result.bad) == 1


def test_a_record_with_a_nested_note_is_cut_whole() -> None:
    row = ROWS[0][:-1] + ',"note":{"msg":"4g on"}}'
    result = found(HEAD + row + " , " + ROWS[1] + ",{]}")
    assert ids(result.records) == ["1", "2"]
    assert result.records[0].note == '{"note":{"msg":"4g on"}}'


def test_members_after_the_records_are_found() -> None:
    for last in (ROWS[1], ROWS[1][:-1]):
        result = found(
            '{"cmd":"sendlog","record":[' + ROWS[0] + "," + last + '],"count":2,"logindex":5,"sn":"Z1'
        )
        assert (result.count, result.logindex, result.sn) == (2, 5, "Z1")


def test_members_of_a_record_are_not_taken_for_those_of_the_frame() -> None:
    row = '{"enrollid":7,"time":"t","count":77,"sn":"other"}'
    result = found('{"cmd":"sendlog","record":[' + row + ",{")
    assert (result.count, result.sn, ids(result.records)) == (None, None, ["7"])


def test_a_bad_record_stays_bad() -> None:
    result = found(HEAD + '{"enrollid":"?","time":"t"},' + ROWS[0] + "]")
    assert ids(result.records) == ["1"]
    assert result.bad[0].field == "enrollid"


def test_any_broken_push_is_at_least_named() -> None:
    assert found('{"cmd":"senduser","sn":"Z1","name":"A"b"}') == Salvaged("senduser", "Z1", None, None)
    assert found(b'\xff{"cmd" : "sendlog", ').cmd == "sendlog"


@pytest.mark.parametrize("text", ["", "hello", "{", '{"ret":"x"', b"\xff\xfe", '{"cmd":7'])
def test_without_a_name_there_is_nothing_to_answer(text: str | bytes) -> None:
    assert salvage(text) is None


def test_a_flood_of_pieces_is_cut_short() -> None:
    result = found('{"cmd":"sendlog","record":[{' + "},{" * 400_000 + '],"count":9')
    assert result.count == 9
    assert result.bad[-1].reason == "broken JSON with more than 50000 records"
    result = found('{"cmd":"sendlog","record":[{' + '"},{' * 20_000 + '],"count":9')
    assert result.count == 9
    assert result.bad[-1].reason.startswith("broken JSON, as in ")
