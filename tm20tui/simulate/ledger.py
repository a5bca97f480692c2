"""What the fleet did and what it was promised: every punch made, every punch acknowledged.

A punch counts as acknowledged only after a `sendlog` reply with result true and the
echoed count and logindex. The file is appended to line by line and flushed, so that
after a crash of the server it can be compared with the database:

    {"sn": "TH6SIM000001", "n": 17, "enrollid": 4, "time": "2026-03-02 08:00:00", "mode": 1, ...}
    {"sn": "TH6SIM000001", "acked": [17, 1]}          first number, how many
    {"sn": "TH6SIM000001", "discarded": [17, 1]}      cleared by the server (cleanlog, initsys)
    {"sn": "TH6SIM000001", "violation": "..."}
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple


class Punch(NamedTuple):
    """One record in a terminal's memory; `time` is the terminal's wall clock as sent."""

    enrollid: int
    time: str
    mode: int
    inout: int
    event: int


class Entry(NamedTuple):
    """One punch of the ledger. `number` counts a terminal's punches from 0 and never restarts."""

    sn: str
    number: int
    punch: Punch
    acked: bool


class Ledger:
    """Books of one fleet. `keep` False counts only (for load), and forgets the punches themselves."""

    def __init__(self, path: Path | str | None = None, *, keep: bool = True) -> None:
        self.keep = keep
        self.made_count = 0
        self.acked_count = 0
        self.discarded_count = 0
        self.violations: Counter[str] = Counter()
        self._punches: dict[str, dict[int, Punch]] = {}
        self._ranges: dict[str, list[tuple[int, int]]] = {}
        self._file: IO[str] | None = None
        self._next: dict[str, int] = {}
        if path is not None:
            whole = self._read_numbers(Path(path))
            self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 (closed by close())
            if not whole:
                self._file.write("\n")

    def next_number(self, sn: str) -> int:
        """Number of a terminal's next punch; above 0 when the file already had some."""
        return self._next.get(sn, 0)

    def made(self, sn: str, first: int, punches: Sequence[Punch]) -> None:
        """Punches that exist from now on, numbered from `first`."""
        self.made_count += len(punches)
        self._next[sn] = first + len(punches)
        if self.keep:
            self._punches.setdefault(sn, {}).update(enumerate(punches, first))
        if self._file is not None:
            self._file.write(
                "".join(
                    f'{{"sn": "{sn}", "n": {n}, "enrollid": {p.enrollid}, "time": "{p.time}", '
                    f'"mode": {p.mode}, "inout": {p.inout}, "event": {p.event}}}\n'
                    for n, p in enumerate(punches, first)
                )
            )
            self._file.flush()

    def acked(self, sn: str, first: int, count: int) -> None:
        """The server promised it holds these."""
        self.acked_count += count
        if self.keep:
            ranges = self._ranges.setdefault(sn, [])
            if ranges and sum(ranges[-1]) == first:
                ranges[-1] = (ranges[-1][0], ranges[-1][1] + count)
            else:
                ranges.append((first, count))
        self._write(f'{{"sn": "{sn}", "acked": [{first}, {count}]}}\n')

    def discarded(self, sn: str, first: int, count: int) -> None:
        """Cleared from the terminal by a command before they were acknowledged."""
        self.discarded_count += count
        self._write(f'{{"sn": "{sn}", "discarded": [{first}, {count}]}}\n')

    def violation(self, sn: str, text: str) -> None:
        """The server broke the protocol; `text` says how, always in the same words, to be counted."""
        self.violations[text] += 1
        self._write(json.dumps({"sn": sn, "violation": text}) + "\n")

    @property
    def violation_count(self) -> int:
        return self.violations.total()

    def entries(self) -> Iterator[Entry]:
        """Every punch kept in memory, per terminal in the order it was made."""
        for sn, punches in self._punches.items():
            acked = {n for first, count in self._ranges.get(sn, ()) for n in range(first, first + count)}
            for number, punch in punches.items():
                yield Entry(sn, number, punch, number in acked)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read_numbers(self, path: Path) -> bool:
        """Learn where each terminal's numbers go on; False when the last line is torn."""
        line = "\n"
        if path.exists():
            with path.open(encoding="utf-8") as file:
                for line in file:
                    row = _parse(line) if '"n": ' in line else None
                    if row is not None:
                        self._next[row["sn"]] = row["n"] + 1
        return line.endswith("\n")

    def _write(self, line: str) -> None:
        if self._file is not None:
            self._file.write(line)
            self._file.flush()


def read_ledger(path: Path | str) -> list[Entry]:
    """Entries of a ledger file; a torn last line (the fleet was killed) is left out."""
    punches: dict[str, dict[int, Punch]] = {}
    acked: dict[str, set[int]] = {}
    with Path(path).open(encoding="utf-8") as file:
        for line in file:
            row = _parse(line)
            if row is None:
                continue
            sn = row["sn"]
            if "n" in row:
                punches.setdefault(sn, {})[row["n"]] = Punch(*(row[field] for field in Punch._fields))
            elif "acked" in row:
                first, count = row["acked"]
                acked.setdefault(sn, set()).update(range(first, first + count))
    return [
        Entry(sn, n, punch, n in acked.get(sn, ()))
        for sn, rows in punches.items()
        for n, punch in sorted(rows.items())
    ]


def _parse(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
