from __future__ import annotations

import io
import json
import logging
import os
import time

import pytest

from tm20tui import logs

log = logging.getLogger("tm20tui.test")


def written(level: str = "info", format: str = "json", emit: object = None) -> str:
    stream = io.StringIO()
    with logs.configure(level, format, stream):  # type: ignore[arg-type]
        emit()  # type: ignore[operator]
    return stream.getvalue()


def test_a_json_line_carries_the_extras_as_fields() -> None:
    line = written(emit=lambda: log.warning("punch %s stored", 7, extra={"serial": "TM20-001", "rows": 3}))
    entry = json.loads(line)
    assert (entry["message"], entry["level"], entry["logger"]) == (
        "punch 7 stored",
        "warning",
        "tm20tui.test",
    )
    assert (entry["serial"], entry["rows"]) == ("TM20-001", 3)


def test_text_shows_level_message_and_fields_on_one_line() -> None:
    line = written(
        format="text", emit=lambda: log.info("connected", extra={"serial": "A 1", "service": "HR"})
    )
    assert line.endswith(' info     connected serial="A 1" service=HR\n')


def test_auto_is_json_when_the_stream_is_no_terminal() -> None:
    assert json.loads(written(format="auto", emit=lambda: log.info("x")))["message"] == "x"


def test_records_below_the_level_are_left_out() -> None:
    assert written("warning", emit=lambda: log.info("quiet")) == ""


@pytest.mark.parametrize("name", ["httpx", "alembic", "trio-websocket", "anycorn", "wsproto"])
def test_third_parties_speak_only_from_warning_on(name: str) -> None:
    def both() -> None:
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("trouble")

    assert [json.loads(line)["message"] for line in written("debug", emit=both).splitlines()] == ["trouble"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer s3cr3t.value", "Authorization: ***"),
        ("headers {'Authorization': 'Basic czNjcjN0'}", "headers {'Authorization': '***'}"),
        ("(b'authorization', b's3cr3t')", "(b'authorization', b'***')"),
        ("sent Bearer s3cr3tvalue to it", "sent Bearer *** to it"),
        ("auth_token=s3cr3t next=1", "auth_token=*** next=1"),
        ('{"auth_token": "s3 cr3t", "a": 1}', '{"auth_token": ***, "a": 1}'),
        ("X-Api-Key: s3cr3t", "X-Api-Key: ***"),
        ("password='s3 cr3t'", "password=***"),
        ("postgresql://tm20:s3cr3t@db/tm20", "postgresql://tm20:***@db/tm20"),
        ("https://u:p@s3cr3t@host/path", "https://u:***@host/path"),
        ("token s of no kind", "token s of no kind"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, shown: str) -> None:
    assert logs.redact(text) == shown


def test_secrets_are_masked_in_arguments_fields_and_tracebacks() -> None:
    def emit() -> None:
        try:
            raise ValueError("cannot open postgresql://u:s3cr3t@h/n")
        except ValueError:
            log.exception(
                "with %s", "auth_token=s3cr3t", extra={"auth_token": "s3cr3t", "url": "x://u:s3cr3t@h"}
            )

    for format in ("json", "text"):
        line = written(format=format, emit=emit)
        assert "s3cr3t" not in line
        assert "ValueError" in line
        assert "u:***@h/n" in line


def test_control_characters_of_foreign_text_are_shown_not_obeyed() -> None:
    line = written(
        format="text",
        emit=lambda: log.info("name %s", "\x1b[2Ja\r\nb\x9b\u202e", extra={"serial": "\x1b]0;x\x07"}),
    )
    assert line.count("\n") == 1
    assert "\\x1b[2Ja\\r\\nb\\x9b\\u202e" in line
    assert not any(ord(c) < 32 and c != "\n" for c in line)


def test_a_forged_line_stays_inside_its_traceback() -> None:
    def emit() -> None:
        try:
            raise ValueError("x\n00:00:00.000 info    forged\x1b[2J")
        except ValueError:
            log.exception("failed")

    lines = written(format="text", emit=emit).splitlines()
    assert all(line.startswith("    ") for line in lines[1:])
    assert not any("\x1b" in line for line in lines)


def test_arguments_that_do_not_fit_the_message_are_still_logged() -> None:
    assert json.loads(written(emit=lambda: log.info("%d items", "many")))["message"] == "%d items ('many',)"


def test_a_very_long_message_is_cut_and_costs_no_time() -> None:
    started = time.process_time()
    entry = json.loads(written(emit=lambda: log.info("a-" * 2_000_000)))
    assert len(entry["message"]) == logs.LONGEST_MESSAGE + 1
    assert time.process_time() - started < 10


def test_a_stalled_reader_never_blocks_and_the_loss_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "QUEUE_SIZE", 50)
    monkeypatch.setattr(logs, "STOP_SECONDS", 0.05)
    reader, writer = os.pipe()
    with open(writer, "w") as stream:
        handle = logs.configure("info", "json", stream)
        for number in range(2000):  # never ends where one of them waits for the reader
            log.info("%s", f"{number} " + "x" * 200)
        assert handle.dropped > 1000
        handle.stop()
        os.close(reader)


def test_a_terminal_that_went_away_does_not_end_the_logs() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stream, logs.configure("info", "json", stream):
        log.info("into the void")
        log.info("again")


def test_stop_restores_what_was_before_and_may_be_called_twice() -> None:
    before = list(logging.getLogger().handlers)
    handle = logs.configure("info", "json", io.StringIO())
    handle.stop()
    handle.stop()
    assert logging.getLogger().handlers == before
