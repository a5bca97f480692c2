"""What the listener hands to ingest, and what it gets back once a commit stands behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from tm20tui.ingest.access import Access
from tm20tui.model import Terminal
from tm20tui.protocol import BadRecord, LogRecord, Reg, SendUser


@dataclass(slots=True)
class RegFrame:
    """A terminal says who it is. Its receipt carries the `Terminal` as stored, or why it stays unknown."""

    push: Reg
    address: str
    received_at: datetime


@dataclass(slots=True)
class LogFrame:
    """Records of one `sendlog`, or of a page that was pulled: those are history, and open no door.

    `raw` is the text as received, for the journal; empty where it is not kept.
    """

    terminal: Terminal
    zone: ZoneInfo
    received_at: datetime
    records: tuple[LogRecord, ...]
    bad: tuple[BadRecord, ...]
    raw: str
    is_live: bool = True

    @property
    def rows(self) -> int:
        """How many rows it may cost, for the size of a transaction."""
        return len(self.records) + len(self.bad) + 1


@dataclass(slots=True)
class UserFrame:
    """One `senduser`: a user and perhaps a credential."""

    terminal: Terminal
    received_at: datetime
    push: SendUser
    raw: str


@dataclass(slots=True)
class BrokenFrame:
    """A text that is no frame: kept whole, with the reason."""

    terminal: Terminal | None
    sn: str
    received_at: datetime
    raw: str
    reason: str


Frame = RegFrame | LogFrame | UserFrame | BrokenFrame


@dataclass(slots=True)
class Receipt:
    """What a commit made of one frame.

    `stored` counts punches that were new, `duplicates` those already there,
    `events` door events and strangers, `quarantined` records set aside. `access` is
    the decision for a single fresh record of a person, None otherwise. `terminal`
    answers a `RegFrame`.
    """

    stored: int = 0
    duplicates: int = 0
    events: int = 0
    quarantined: int = 0
    access: Access | None = None
    terminal: Terminal | None = None
    refusal: str = ""
    owed: set[int] = field(default_factory=set)
