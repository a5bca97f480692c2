from __future__ import annotations

from pathlib import Path

from tm20tui.simulate.ledger import Ledger, Punch, read_ledger

PUNCHES = [Punch(n, f"2026-03-02 08:00:0{n}", 1, 0, 0) for n in range(4)]


def test_file_tells_what_was_made_and_what_was_acknowledged_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.made("A", 0, PUNCHES[:2])
    ledger.made("B", 0, PUNCHES[:1])
    ledger.acked("A", 0, 1)
    ledger.violation("A", 'a "quoted" one')
    entries = read_ledger(path)
    assert [(entry.sn, entry.number, entry.acked) for entry in entries] == [
        ("A", 0, True),
        ("A", 1, False),
        ("B", 0, False),
    ]
    assert entries == list(ledger.entries())
    assert entries[1].punch == PUNCHES[1]


def test_a_torn_last_line_is_left_out_and_numbers_go_on_in_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.made("A", 0, PUNCHES[:2])
    ledger.close()
    again = Ledger(path)
    assert (again.next_number("A"), again.next_number("B")) == (2, 0)
    again.made("A", 2, PUNCHES[2:3])
    again.close()
    with path.open("a") as file:
        file.write('{"sn": "A", "acked": [0,')
    assert [entry.number for entry in read_ledger(path)] == [0, 1, 2]
    third = Ledger(path)
    third.made("A", third.next_number("A"), PUNCHES[3:])
    third.close()
    assert [entry.number for entry in read_ledger(path)] == [0, 1, 2, 3]


def test_without_keeping_it_only_counts() -> None:
    ledger = Ledger(keep=False)
    ledger.made("A", 0, PUNCHES)
    ledger.acked("A", 0, 4)
    assert (ledger.made_count, ledger.acked_count, list(ledger.entries())) == (4, 4, [])
