"""No input makes the protocol raise anything but FrameError, or take memory out of proportion."""

from __future__ import annotations

import contextlib
import json
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.strategies import any_text, as_json, frames, names, values
from tm20tui.errors import FrameError
from tm20tui.protocol import (
    COMMANDS,
    BadRecord,
    Reply,
    SendLog,
    decode,
    decode_command,
    decode_server_frame,
    parse_reply,
    salvage,
)

pieces = st.lists(
    st.sampled_from(
        [
            '{"cmd":"sendlog",',
            '"record":[',
            "{",
            "}",
            "[",
            "]",
            ",",
            '"',
            "\\",
            '"enrollid":7',
            '"time":"x"',
            "},{",
            '"count":3',
            "1e999",
            "NaN",
            "\0",
            "\ufeff",
            "9" * 5000,
            '"\\ud800"',
            "\n",
            '"sn":"Z"',
        ]
    ),
    max_size=25,
).map("".join)
texts = st.one_of(any_text, pieces, values.map(as_json), frames().map(as_json))


def every_reading(data: str | bytes) -> None:
    for read in (decode, decode_command, decode_server_frame):
        try:
            message = read(data)
        except FrameError as error:
            refused = error
        else:
            encoded(message)
            continue
        assert refused.reason
        refused.excerpt.encode()
    salvaged = salvage(data)
    if salvaged is not None:
        storable(salvaged.records, salvaged.bad)


def encoded(message: Any) -> None:
    """What was read can be written, unless it is nested too deeply for that."""
    if isinstance(message, SendLog):
        storable(message.records, message.bad)
    if hasattr(message, "encode"):
        with contextlib.suppress(ValueError):
            message.encode()


def storable(records: Any, bad: Any) -> None:
    for record in records:
        assert 1 <= len(record.enrollid) <= 30
        assert record.enrollid == str(int(record.enrollid))
        assert 0 < len(record.time_raw) <= 64
        assert len(record.name) <= 200
        for number in (record.mode, record.inout, record.event):
            assert -(2**31) <= number < 2**31
        if record.temperature is not None:
            assert 0 < record.temperature <= 100
        for text in (record.name, record.time_raw):
            assert "\0" not in text
            text.encode()
        if record.note is not None:
            assert len(record.note) <= 1000
            record.note.encode()
            assert isinstance(json.loads(record.note), dict)
    for row in bad:
        assert isinstance(row, BadRecord)
        assert len(row.raw) <= 4096
        assert "\0" not in row.raw
        row.raw.encode()


@settings(max_examples=120, deadline=None)
@given(texts)
def test_any_text_is_read_or_refused(text: str) -> None:
    every_reading(text)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80) | texts.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    every_reading(data)


@settings(max_examples=120, deadline=None)
@given(frames())
def test_any_members_are_read_or_refused(frame: dict[str, Any]) -> None:
    every_reading(as_json(frame))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(COMMANDS)) | names, frames())
def test_any_reply_is_read_or_refused(name: str, frame: dict[str, Any]) -> None:
    frame.pop("cmd", None)
    reply = decode(as_json({**frame, "ret": name}))
    assert isinstance(reply, Reply)
    try:
        result = parse_reply(name, reply)
    except FrameError:
        return
    encoded(result)


@settings(max_examples=100, deadline=None)
@given(frames())
def test_a_decoded_frame_decodes_to_itself(frame: dict[str, Any]) -> None:
    try:
        first = decode(as_json(frame))
        text = first.encode()
    except (FrameError, ValueError):
        return
    again = decode(text)
    if isinstance(first, SendLog):
        # A bad row that was cut is not sent again.
        assert isinstance(again, SendLog)
        assert again.records == first.records
    else:
        assert again == first or getattr(first, "problem", None)


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"cmd":"sendlog","record":[[', '{"cmd":"x","y":'])
@pytest.mark.parametrize("depth", [900, 5000, 150_000])
def test_deep_nesting_is_read_or_refused(opening: str, depth: int) -> None:
    every_reading(opening * depth)
    closing = "".join({"[": "]", "{": "}"}.get(char, "") for char in reversed(opening))
    every_reading(opening * depth + "1" + closing * depth)


def test_a_deep_record_does_not_cost_its_frame() -> None:
    deep = "[" * 300 + "]" * 300
    rows = f'{{"enrollid":7,"time":"t","note":{deep}}},{{"enrollid":8,"time":{deep}}}'
    frame = decode(f'{{"cmd":"sendlog","record":[{rows}]}}')
    assert isinstance(frame, SendLog)
    assert [record.enrollid for record in frame.records] == ["7"]
    assert [bad.field for bad in frame.bad] == ["time"]


@pytest.mark.parametrize("digits", [31, 400, 401, 4300, 4301, 1_000_000])
def test_a_huge_integer_is_one_bad_record(digits: int) -> None:
    number = "9" * digits
    frame = decode(
        f'{{"cmd":"sendlog","count":{number},"logindex":-{number},"record":['
        f'{{"enrollid":{number},"time":"t"}},{{"enrollid":1,"time":"t","mode":{number}}},'
        f'{{"enrollid":2,"time":"t","temp":{number},"verifymode":{number},"note":{number}}}]}}'
    )
    assert isinstance(frame, SendLog)
    echoed = (int(number), -int(number)) if digits == 31 else (None, None)
    assert (frame.count, frame.logindex) == echoed
    assert [bad.field for bad in frame.bad] == ["enrollid", "mode"]
    assert [record.enrollid for record in frame.records] == ["2"]


HOSTILE: dict[str, Callable[[int], str]] = {
    "empty objects": lambda n: '{"cmd":"sendlog","record":[' + "{}," * (n // 3) + "{}]}",
    "empty lists": lambda n: "[" + "[]," * (n // 3) + "[]]",
    "bad records": lambda n: '{"cmd":"sendlog","record":[' + '{"a":1},' * (n // 8) + "{}]}",
    "scalars": lambda n: '{"cmd":"sendlog","record":[' + "1," * (n // 2) + "1]}",
    "escapes": lambda n: '{"cmd":"x","a":"' + '\\"' * (n // 2),
    "quotes": lambda n: '"\\"' * (n // 3),
    "commas": lambda n: '{"cmd":"sendlog","record":[' + "," * n,
    "gaps": lambda n: '{"cmd":"sendlog","record":[{' + "},{" * (n // 3),
    "names": lambda n: '{"cmd":"x",' + ",".join(f'"{i}":{i}' for i in range(n // 14)) + "}",
    "digits": lambda n: '{"cmd":"x","a":' + "1" * n + "}",
    "one long name": lambda n: '{"cmd":"senduser","name":"' + " " * n + '"}',
    "one image": lambda n: '{"cmd":"sendlog","record":{"enrollid":1,"time":"t","image":"' + "A" * n + '"}}',
}


@pytest.mark.parametrize("shape", HOSTILE)
def test_memory_is_in_proportion_to_the_input(shape: str) -> None:
    def peak(size: int) -> float:
        text = HOSTILE[shape](size)
        tracemalloc.start()
        try:
            for read in (decode, salvage):
                try:
                    read(text)
                except FrameError:
                    pass
            return tracemalloc.get_traced_memory()[1] / len(text)
        finally:
            tracemalloc.stop()

    factor = peak(100_000)
    assert factor < 60, f"{factor:.0f} bytes for each character"


def test_the_recursion_limit_is_left_alone() -> None:
    before = sys.getrecursionlimit()
    every_reading("[" * 100_000)
    assert sys.getrecursionlimit() == before
