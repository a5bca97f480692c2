"""The kinds of value that commands carry: what is allowed, and how each looks on the wire.

A record states them in its annotations (`Annotated[int, Int(0, 3)]`) and `Row`
checks, writes and reads every member accordingly. Values are checked strictly
whoever supplies them; only the spelling on the wire is read with tolerance.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tm20tui.protocol.text import as_enrollid, as_flag, as_int, clean_text, shown_json, shrunk


class Kind:
    """One kind of value. `wire` is the member's name where it differs from the attribute's."""

    wire: str | None = None

    def check(self, value: Any) -> Any:
        """Return `value` in its canonical form; raises ValueError saying what is allowed."""
        raise NotImplementedError

    def to_wire(self, value: Any) -> object:
        """Return the JSON value of a checked `value`."""
        return value

    def from_wire(self, value: object) -> Any:
        """Return the value that `check` takes; raises ValueError when it cannot be one."""
        return value


@dataclass(frozen=True)
class Int(Kind):
    """A whole number from `low` to `high`, or one of `among`."""

    low: int = 0
    high: int = 2**31 - 1
    among: Collection[int] | None = None
    wire: str | None = None

    def check(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"must be a whole number, {self._allowed()}")
        number = int(value)
        if number not in self.among if self.among is not None else not self.low <= number <= self.high:
            raise ValueError(f"must be {self._allowed()}, not {_brief(number)}")
        return number

    def from_wire(self, value: object) -> object:
        return value if (number := as_int(value)) is None else number

    def _allowed(self) -> str:
        if self.among is None:
            return f"{self.low} to {self.high}"
        return "one of " + ", ".join(map(str, sorted(self.among)))


@dataclass(frozen=True)
class Flag(Kind):
    """True or false; `number` writes it as 1 or 0."""

    number: bool = False
    wire: str | None = None

    def check(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise ValueError("must be true or false")

    def to_wire(self, value: Any) -> object:
        return int(value) if self.number else value

    def from_wire(self, value: object) -> object:
        return as_flag(value)


@dataclass(frozen=True)
class EnrollId(Kind):
    """Decimal text without leading zeros, a number on the wire; 0 only where `zero` says so."""

    zero: bool = False
    wire: str | None = None

    def check(self, value: Any) -> str:
        enrollid = as_enrollid(value) if isinstance(value, str) else None
        if enrollid is None or (enrollid == "0" and not self.zero):
            raise ValueError("must be 1 to 30 digits" + ("" if self.zero else ", not 0"))
        return enrollid

    def to_wire(self, value: Any) -> object:
        return int(value)

    def from_wire(self, value: object) -> object:
        return as_enrollid(value)


@dataclass(frozen=True)
class Text(Kind):
    """Text without control characters, at most so many characters or UTF-8 bytes."""

    chars: int
    octets: int | None = None
    digits: bool = False
    wire: str | None = None

    def check(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("must be text")
        if len(value) > self.chars or clean_text(value, self.chars) != value.strip():
            raise ValueError(f"must be at most {self.chars} characters, none of them a control character")
        if self.octets is not None and len(value.encode()) > self.octets:
            raise ValueError(f"must be at most {self.octets} bytes in UTF-8")
        if self.digits and not (value.isascii() and value.isdigit()):
            raise ValueError("must be digits")
        return value.strip()

    def from_wire(self, value: object) -> object:
        return str(value) if type(value) is int and 0 <= value < 10**30 else value


@dataclass(frozen=True)
class Time(Kind):
    """Wall-clock text: one of `formats` (as for strptime), zero-padded."""

    formats: tuple[str, ...] = ("%Y-%m-%d %H:%M:%S",)
    example: str = "YYYY-MM-DD HH:MM:SS"
    wire: str | None = None

    def check(self, value: Any) -> str:
        text = value.strip() if isinstance(value, str) and len(value) <= 40 and value.isascii() else ""
        for form in self.formats:
            # A leap year, so that 02-29 is a day where no year is given.
            prefix, year = ("", "") if "%Y" in form else ("2024 ", "%Y ")
            try:
                moment = datetime.strptime(prefix + text, year + form)
            except ValueError:
                continue
            if moment.year >= 1970:
                return moment.strftime(form)
        raise ValueError(f"must be {self.example}")


DAY: Final = ("%m-%d",)
CLOCK: Final = ("%H:%M",)
RANGE_END: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


@dataclass(frozen=True)
class Span(Kind):
    """A stretch of one day, "HH:MM~HH:MM"; 00:00~00:00 is never."""

    wire: str | None = None

    def check(self, value: Any) -> str:
        match = _SPAN.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= 40 else None
        if match is None or match[1] > match[2]:
            raise ValueError("must be HH:MM~HH:MM within one day, the earlier time first")
        return f"{match[1]}~{match[2]}"


@dataclass(frozen=True)
class Pattern(Kind):
    """Text of one shape."""

    shape: str
    example: str
    wire: str | None = None

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > 64 or not re.fullmatch(self.shape, value, re.ASCII):
            raise ValueError(f"must be {self.example}")
        return value


@dataclass(frozen=True)
class Many(Kind):
    """At most `most` values of one kind (exactly, with `exactly`), each wrapped in `{member: …}` if named."""

    kind: Kind
    most: int
    member: str | None = None
    exactly: bool = False
    wire: str | None = None

    def check(self, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError("must be a list")
        if len(value) > self.most or (self.exactly and len(value) != self.most):
            raise ValueError(f"must have {'exactly' if self.exactly else 'at most'} {self.most} items")
        checked = []
        for index, item in enumerate(value):
            try:
                checked.append(self.kind.check(item))
            except ValueError as error:
                raise ValueError(f"item {index + 1} {error}") from None
        return tuple(checked)

    def to_wire(self, value: Any) -> object:
        written = [self.kind.to_wire(item) for item in value]
        return written if self.member is None else [{self.member: item} for item in written]

    def from_wire(self, value: object) -> Any:
        if not isinstance(value, list) or len(value) > self.most:
            return value
        if self.member is None:
            return tuple(self.kind.from_wire(item) for item in value)
        # Some firmware leaves the wrapping out.
        inner = [item.get(self.member) if isinstance(item, dict) else item for item in value]
        return tuple(self.kind.from_wire(item) for item in inner)


@dataclass(frozen=True)
class JsonObjects(Kind):
    """At most `most` JSON objects of a shape that is not documented, bounded in size."""

    most: int
    wire: str | None = None

    def check(self, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or len(value) > self.most:
            raise ValueError(f"must be a list of at most {self.most} objects")
        if not all(isinstance(item, dict) and len(shown_json(item, 3000)) < 3000 for item in value):
            raise ValueError("must be a list of small JSON objects")
        return tuple(shrunk(item) for item in value)

    def to_wire(self, value: Any) -> object:
        return list(value)


_SPAN: Final = re.compile(r"((?:[01][0-9]|2[0-3]):[0-5][0-9])~((?:[01][0-9]|2[0-3]):[0-5][0-9])")


def _brief(value: object) -> str:
    text = str(value) if not isinstance(value, int) or value.bit_length() < 200 else "so much"
    return text if len(text) <= 60 else text[:60] + "…"
