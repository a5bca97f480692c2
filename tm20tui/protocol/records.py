"""The rows of `sendlog`, `getnewlog` and `getalllog`: one record, or why it could not be read.

A bad record never costs its frame: it becomes a `BadRecord` beside the good
ones, so that the server can quarantine it and acknowledge the whole.
"""

from __future__ import annotations

import binascii
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from tm20tui.protocol.text import (
    Fields,
    as_enrollid,
    as_int,
    as_text,
    clean_text,
    dump,
    parse_piece,
    shown_json,
    shrunk,
    trimmed_names,
)
from tm20tui.protocol.values import NON_USER, STRANGER

MAX_NAME: Final = 200
MAX_TIME: Final = 64
MAX_NOTE: Final = 1000
MAX_RAW: Final = 4096
MAX_BAD_RECORDS: Final = 1000
"""Bad records of one frame kept one by one; those beyond it are counted in one more."""


class LogRecord(NamedTuple):
    """One passage, door event or stranger as the terminal stored it."""

    enrollid: str
    """Decimal text without leading zeros, 1 to 30 digits; "0" is a door event, "99999999" a stranger."""
    name: str
    """As the terminal knows the user (AiFace only); "" where it does not say."""
    time_raw: str
    """The terminal's wall clock, as sent; may be no time at all."""
    mode: int
    """How the user identified; the meaning depends on the firmware family."""
    inout: int
    event: int
    """A function key, or the door code where enrollid is "0"."""
    temperature: float | None
    """Degrees Celsius."""
    verifymode: int | None
    """Only 13 (QR code) is documented."""
    image: bytes | None
    """The JPEG taken at the passage; None also when it could not be decoded."""
    note: str | None
    """JSON object of what else came along: note, aliasid, card, workcode. Never a password."""

    @property
    def is_door_event(self) -> bool:
        return self.enrollid == NON_USER

    @property
    def is_stranger(self) -> bool:
        return self.enrollid == STRANGER

    def as_row(self) -> Fields:
        """Return the members of this record as a terminal sends them."""
        row: Fields = {"enrollid": int(self.enrollid)}
        if self.name:
            row["name"] = self.name
        row.update(time=self.time_raw, mode=self.mode, inout=self.inout, event=self.event)
        if self.temperature is not None:
            row["temp"] = self.temperature
        if self.verifymode is not None:
            row["verifymode"] = self.verifymode
        if self.image is not None:
            row["image"] = b64encode(self.image).decode("ascii")
        if self.note is not None:
            extra, _ = parse_piece(self.note)
            if isinstance(extra, dict):
                row.update(extra)
        return row


class BadRecord(NamedTuple):
    """One row of a frame that is no record: what it looked like and what is wrong with it."""

    raw: str
    """Its JSON text, images and passwords cut, at most 4096 characters."""
    field: str
    """The member that is wrong; "record" when the row as a whole is."""
    reason: str
    """One sentence for the operator."""


def read_records(rows: Iterable[object]) -> tuple[tuple[LogRecord, ...], tuple[BadRecord, ...]]:
    """Return the good and the bad of `rows`, each in the order received."""
    good: list[LogRecord] = []
    bad: list[BadRecord] = []
    uncounted = 0
    for row in rows:
        # The plain TH row, five known members of the right types, skips everything that tolerates.
        if type(row) is dict and len(row) == 5:
            try:
                enrollid, time = row["enrollid"], row["time"]
                mode, inout, event = row["mode"], row["inout"], row["event"]
                if (
                    type(enrollid) is type(mode) is type(inout) is type(event) is int
                    and 0 <= enrollid < 10**18
                    and 0 <= mode < 256
                    and 0 <= inout < 256
                    and 0 <= event < 256
                    and type(time) is str
                    and len(time) == 19
                    and time.isascii()
                    and time.isprintable()
                    and time[0] > " " < time[18]
                ):
                    values = (str(enrollid), "", time, mode, inout, event, None, None, None, None)
                    good.append(_new(LogRecord, values))
                    continue
            except KeyError:
                pass
        record = _read_record(row)
        if isinstance(record, LogRecord):
            good.append(record)
        elif len(bad) < MAX_BAD_RECORDS:
            bad.append(BadRecord(shown_json(row, MAX_RAW), *record))
        else:
            uncounted += 1
    if uncounted:
        bad.append(BadRecord("", "record", f"{uncounted} more unreadable records in the same frame"))
    return tuple(good), tuple(bad)


def find_rows(fields: Mapping[str, object]) -> list[object]:
    """Return the rows of a frame under any of the names seen, a single object as one row."""
    for name in ("record", "records", "data", "log", "logs"):
        rows = fields.get(name)
        if type(rows) is list:
            if rows:
                return rows
        elif rows is not None and rows != "":
            return [rows]
    return []


def as_temperature(value: object) -> float | None:
    """Return degrees Celsius: 36.5, 365 and 3650 mean the same; 0 and what cannot be one mean None."""
    if isinstance(value, str) and len(value) <= 32:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 10_000:
        return None
    degrees = value / 100 if value > 1000 else value / 10 if value > 100 else value
    return round(float(degrees), 2) or None


def as_image(value: object) -> bytes | None:
    """Return the bytes of a base64 text, with or without a `data:` prefix; None when it is none."""
    if not isinstance(value, str) or not value:
        return None
    if value[:5].lower() == "data:":
        value = value[value.find(",") + 1 :]
    try:
        encoded = value.encode("ascii")
        if encoded.translate(None, _BASE64):
            encoded = encoded.translate(None, b" \t\r\n")
        encoded = encoded.rstrip(b"=")
        return binascii.a2b_base64(encoded + b"=" * (-len(encoded) % 4), strict_mode=True) or None
    except ValueError:
        return None


_new: Final = tuple.__new__
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_EXTRAS: Final = ("note", "aliasid", "card", "workcode")


def _read_record(row: object) -> LogRecord | tuple[str, str]:
    """Return the record, or the field that is wrong and the reason."""
    if not isinstance(row, dict):
        return "record", "a record must be a JSON object"
    row = trimmed_names(row)
    get = row.get
    enrollid = as_enrollid(get("enrollid"))
    if enrollid is None:
        missing = get("enrollid") is None
        return "enrollid", "is missing" if missing else "must be 1 to 30 digits"
    time = get("time")
    if not isinstance(time, str):
        return "time", "is missing" if time is None else "must be text"
    time_raw = clean_text(time, MAX_TIME + 1)
    if not time_raw:
        return "time", "is empty"
    if len(time_raw) > MAX_TIME:
        return "time", f"is longer than {MAX_TIME} characters"
    mode, inout, event = _number(get("mode")), _number(get("inout")), _number(get("event"))
    if mode is None or inout is None or event is None:
        field = "mode" if mode is None else "inout" if inout is None else "event"
        return field, "must be a whole number of at most 32 bits"
    name, temp, verifymode, image = get("name"), get("temp"), get("verifymode"), get("image")
    return LogRecord(
        enrollid,
        (as_text(name, MAX_NAME) or "") if name else "",
        time_raw,
        mode,
        inout,
        event,
        None if temp is None else as_temperature(temp),
        None if verifymode is None else as_int(verifymode),
        None if image is None else as_image(image),
        _note_of(row),
    )


def _number(value: object) -> int | None:
    if type(value) is int and -256 < value < 256:
        return value
    if value is None or (isinstance(value, str) and not value.strip()):
        return 0
    return as_int(value)


def _note_of(row: Fields) -> str | None:
    if not any(name in row for name in _EXTRAS):
        return None
    extra = {name: row[name] for name in _EXTRAS if row.get(name) not in (None, "", {}, [])}
    if not extra:
        return None
    for text_limit in (800, 200, 50, 10):
        note = dump(shrunk(extra, text_limit=text_limit, items=60, depth=4))
        if len(note) <= MAX_NOTE:
            return note
    return dump({"note": "too long to keep"})
