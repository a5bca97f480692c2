from __future__ import annotations

import pytest

from tm20tui.errors import FrameError
from tm20tui.protocol import text


@pytest.mark.parametrize(
    "sent",
    [
        '{"cmd":"x"}',
        '  {"cmd":"x"}\r\n',
        '\ufeff{"cmd":"x"}',
        '{"cmd":"x"}\0\0',
        b'\xef\xbb\xbf{"cmd":"x"}\0',
        '{"cmd":"x",}',
        '{ "cmd " : "x" }',
        '{"cmd":"y","cmd":"x"}',
        '{"cmd ":"y"," cmd":"x"}',
    ],
)
def test_what_can_be_repaired_is_read(sent: str | bytes) -> None:
    assert text.read_object(sent) == {"cmd": "x"}


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("", "empty"),
        (" \0\ufeff", "empty"),
        ("[1]", "a list, not an object"),
        ("7", "a number, not an object"),
        ("true", "true or false, not an object"),
        ("null", "null, not an object"),
        ('"x"', "a string, not an object"),
        ('{"cmd":"x"', "broken JSON at character"),
        ("{'cmd':'x'}", "broken JSON at character"),
        ('{"cmd":"x"}{"cmd":"y"}', "goes on after the JSON, at character 11"),
        ("[" * 100_000, "nested too deeply"),
        ("[" + "{}," * 200_000 + "{}]", "more than 200000 objects"),
    ],
)
def test_what_cannot_be_read_says_why(sent: str, reason: str) -> None:
    with pytest.raises(FrameError, match=reason) as caught:
        text.read_object(sent)
    assert len(caught.value.excerpt) <= 200


def test_commas_inside_strings_are_left_alone() -> None:
    assert text.read_object('{"a":",]\\",}","b":[1,],}') == {"a": ',]",}', "b": [1]}


def test_nan_and_infinity_are_null() -> None:
    assert text.read_object('{"a":NaN,"b":-Infinity,"c":Infinity}') == {"a": None, "b": None, "c": None}


def test_control_characters_inside_strings_are_accepted() -> None:
    assert text.read_object('{"a":"x\ty\n"}') == {"a": "x\ty\n"}


def test_bytes_in_gbk_are_read() -> None:
    assert text.read_object('{"name":"张伟"}'.encode("gbk")) == {"name": "张伟"}
    assert text.read_object('{"name":"联通"}'.encode("gbk")) == {"name": "联通"}


def test_a_name_cut_in_the_middle_of_a_character_does_not_turn_the_frame_into_gbk() -> None:
    cut = '{"a":"Zoë Müller","b":"José"}'.encode().replace("é".encode(), b"\xc3")
    assert text.read_object(cut) == {"a": "Zoë Müller", "b": "Jos\ufffd"}


def test_bytes_that_are_neither_are_marked() -> None:
    assert text.read_object(b'{"a":"\xff\xff"}') == {"a": "\ufffd\ufffd"}


def test_integers_too_long_for_python_are_kept_as_bounded_text() -> None:
    value = text.read_object('{"a":%s}' % ("9" * 5000))["a"]
    assert value == "9" * 400


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), (-1, -1), (True, 1), (7.0, 7), (" 7 ", 7), ("7.0", 7), ("-3", -3), (2**31 - 1, 2**31 - 1)],
)
def test_integers_are_read_from_numbers_and_text(value: object, number: int) -> None:
    assert text.as_int(value) == number


@pytest.mark.parametrize("value", [None, "", "x", 7.5, float("inf"), 2**31, "7 8", "1e3", [], {}, "٧"])
def test_what_is_no_integer_is_none(value: object) -> None:
    assert text.as_int(value) is None


@pytest.mark.parametrize(
    ("value", "enrollid"),
    [
        (0, "0"),
        (17, "17"),
        ("0017", "17"),
        (" 17 ", "17"),
        (17.0, "17"),
        ("000", "0"),
        (10**30 - 1, "9" * 30),
    ],
)
def test_enrollids_are_canonical_decimal_text(value: object, enrollid: str) -> None:
    assert text.as_enrollid(value) == enrollid


@pytest.mark.parametrize(
    "value", [None, "", "x", -1, "-1", 1.5, 10**30, "9" * 31, True, [], "1 7", "٧", 1e300]
)
def test_what_is_no_enrollid_is_none(value: object) -> None:
    assert text.as_enrollid(value) is None


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (1, True),
        (0, False),
        (True, True),
        ("true", True),
        ("0", False),
        (" False ", False),
        (2, None),
        (None, None),
    ],
)
def test_flags_are_read_in_their_usual_spellings(value: object, flag: bool | None) -> None:
    assert text.as_flag(value) is flag


def test_clean_text_can_be_stored_and_shown() -> None:
    assert text.clean_text("  Ann\0\x1b[31m\u2028 \x85", 200) == "Ann[31m"
    assert text.clean_text("a\ud800b", 200) == "a\ufffdb"
    assert text.clean_text("Zoë 张伟 😀", 200) == "Zoë 张伟 😀"
    assert text.clean_text("abc def", 4) == "abc"


def test_storable_text_is_verbatim_but_for_what_no_database_takes() -> None:
    assert text.storable(" a(12)\n") == " a(12)\n"
    assert text.storable("a\0\ud800é") == "a\ufffd\ufffdé"


def test_shown_json_is_bounded_and_hides_passwords_and_templates() -> None:
    shown = text.shown_json({"pwd": "1234", "image": "A" * 5000, "n": {"Password": 1}, "e": "é"}, 4096)
    assert "1234" not in shown
    assert '"Password":"***"' in shown
    assert "é" in shown
    assert len(shown) < 300
    assert len(text.shown_json(["x" * 300] * 100, 4096)) == 4096


def test_dump_refuses_what_json_cannot_carry() -> None:
    assert text.dump({"a": "é", "b": [1]}) == '{"a":"é","b":[1]}'
    for value in (float("nan"), b"x"):
        with pytest.raises(ValueError):
            text.dump(value)
