"""Query parameters: checked field by field, empty ones as if absent, unknown ones refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from tm20tui.errors import InvalidInput
from tm20tui.events import EVENT_KINDS
from tm20tui.model import Admission, SyncStatus
from tm20tui.operations.attendance import LARGEST_PAGE, AttendanceFilters, Position

LARGEST_ID = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"(\d{1,19})(?:-(-?\d{1,18}))?", re.ASCII)
_ID = re.compile(r"[1-9]\d{0,18}", re.ASCII)
_NO_CURSOR = "cursor must be the next_cursor of a page before"
_SPACE_FOR_PLUS = re.compile(r" (?=\d\d:?\d\d$)")


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line of printable characters")
    return value


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        # A plus in a URL that nobody escaped arrives as a space.
        found = datetime.fromisoformat(_SPACE_FOR_PLUS.sub("+", str(value)))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 1970 <= found.year <= 9998:
        raise ValueError("must be a time with its zone, such as 2025-12-30T00:00:00Z")
    return found


Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
PathId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Text = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
Moment = Annotated[datetime, BeforeValidator(_moment)]


class Query(BaseModel):
    """Base of all parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {name: value for name, value in values.items() if value != ""}
        return values


class KeyQuery(Query):
    """Which page."""

    limit: int = Field(default=100, ge=1, le=LARGEST_PAGE)
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before")


class IdQuery(KeyQuery):
    """Which page of a list that is sorted by id."""

    cursor: str | None = Field(
        default=None,
        description="`next_cursor` of the page before",
        json_schema_extra={"pattern": "^[1-9][0-9]{0,17}$"},
    )

    def position(self) -> int | None:
        """The id that the page starts behind."""
        if self.cursor is None:
            return None
        if not _ID.fullmatch(self.cursor) or int(self.cursor) > LARGEST_ID:
            raise InvalidInput(_NO_CURSOR, field="cursor")
        return int(self.cursor)


class PeriodQuery(IdQuery):
    """Which page of what happened within a period."""

    from_: Moment | None = Field(default=None, alias="from", description="first moment, with a time zone")
    to: Moment | None = Field(default=None, description="first moment that is too late, with a time zone")


class PageQuery(KeyQuery):
    """Which page of attendance logs."""

    cursor: str | None = Field(
        default=None,
        description="`next_cursor` of the page before",
        json_schema_extra={"pattern": "^[0-9]{1,18}(-(-?[0-9]{1,17}))?$"},
    )

    def position(self) -> Position | None:
        """Where the page starts."""
        return None if self.cursor is None else read_cursor(self.cursor)


class SyncStatusQuery(PageQuery):
    """`GET attendance/sync-status/`."""

    status: Literal["pending", "sent", "failed"] | None = None
    config_id: Id | None = None
    terminal_id: Id | None = None

    def filters(self) -> AttendanceFilters:
        """As the operation takes them."""
        return AttendanceFilters(terminal_id=self.terminal_id, status=self.status, service_id=self.config_id)


class AttendanceQuery(PageQuery):
    """`GET attendance/`."""

    status: SyncStatus | None = None
    config_id: Id | None = None
    terminal_id: Id | None = None
    terminal_sn: Text | None = None
    enrollid: Text | None = None
    name: Text | None = Field(default=None, description="a part of the user's name")
    from_: Moment | None = Field(default=None, alias="from", description="first moment, with a time zone")
    to: Moment | None = Field(default=None, description="first moment that is too late, with a time zone")

    def filters(self) -> AttendanceFilters:
        """As the operation takes them."""
        return AttendanceFilters(
            terminal_id=self.terminal_id,
            terminal_sn=self.terminal_sn,
            enrollid=self.enrollid,
            name=self.name,
            status=self.status,
            from_at=self.from_,
            to_at=self.to,
            service_id=self.config_id,
        )


class ConfigQuery(IdQuery):
    """`GET third-party-configs/`."""

    limit: int = Field(default=LARGEST_PAGE, ge=1, le=LARGEST_PAGE)


class TerminalQuery(IdQuery):
    """`GET terminals/`."""

    limit: int = Field(default=LARGEST_PAGE, ge=1, le=LARGEST_PAGE)
    admission: Admission | None = None
    state: Literal["online", "offline", "waiting", "blocked"] | None = None
    deleted: bool = Field(default=False, description="those that were deleted, instead of the others")


class ConfirmQuery(Query):
    """`DELETE terminals/{id}/`."""

    confirm: str = Field(description="the terminal's serial", examples=["TM20-001"])


class Kinds(Query):
    """Which kinds of events."""

    kind: str | None = Field(
        default=None, description="which kinds of events, with commas between them; all when left out"
    )

    def kinds(self) -> tuple[str, ...] | None:
        """The kinds asked for, None for all."""
        if self.kind is None:
            return None
        found = tuple(part.strip() for part in self.kind.split(","))
        for kind in found:
            if kind not in EVENT_KINDS:
                raise InvalidInput(f"kind must be of {', '.join(EVENT_KINDS)}", field="kind")
        return found


class RecentQuery(IdQuery):
    """Which page of what is numbered from the server's start on."""

    after: int = Field(default=0, ge=0, le=LARGEST_ID, description="a number; only what came later")


class LogIdsQuery(Query):
    """Some logs by their ids, in one parameter."""

    log_ids: str = Field(
        description="ids of logs with commas between them, 500 at most",
        examples=["1,2"],
        json_schema_extra={"pattern": "^[1-9][0-9]{0,17}(,[1-9][0-9]{0,17}){0,9}$"},
    )

    def ids(self) -> tuple[int, ...]:
        """The ids, each once."""
        parts = [part.strip() for part in self.log_ids.split(",")]
        if not all(_ID.fullmatch(part) and int(part) <= LARGEST_ID for part in parts):
            raise InvalidInput("log_ids must be ids with commas between them, such as 17,18", field="log_ids")
        return tuple(dict.fromkeys(map(int, parts)))


def read_cursor(text: str) -> Position:
    """The position that `write_cursor` wrote; `InvalidInput` for anything else."""
    match = _CURSOR.fullmatch(text)
    if match is None or int(match[1]) > LARGEST_ID:
        raise InvalidInput(_NO_CURSOR, field="cursor")
    if match[2] is None:
        return Position(int(match[1]))
    try:
        return Position(int(match[1]), _EPOCH + timedelta(microseconds=int(match[2])))
    except OverflowError:
        raise InvalidInput(_NO_CURSOR, field="cursor") from None


def write_cursor(position: Position) -> str:
    """A position as one opaque word of a URL."""
    if position.time_utc is None:
        return str(position.id)
    return f"{position.id}-{(position.time_utc - _EPOCH) // timedelta(microseconds=1)}"
