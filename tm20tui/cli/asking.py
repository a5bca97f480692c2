"""Runs one parsed command against a server: asks first where it is dangerous, shows what came of it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tm20tui.cli import values
from tm20tui.cli.columns import COLUMNS
from tm20tui.cli.nouns import UNTIL_DONE, Slot, Told
from tm20tui.cli.parsing import summary_of
from tm20tui.cli.show import (
    Output,
    cell,
    clean,
    output_for,
    plain_cell,
    rows_of,
    show,
    show_record,
    show_rows,
)
from tm20tui.cli.story import STORIES, tell
from tm20tui.cli.values import WrongUsage
from tm20tui.control.client import Client
from tm20tui.locale import _, sentence

FAILED = 1
_POLL_SECONDS = 0.3
_UNDONE = ("refused", "timed out", "expired", "unknown", "failed")
"""States of what came to nothing: a command that a terminal will not confirm, a test that failed."""


def run_command(client: Client, parsed: argparse.Namespace) -> int:
    """Do what was asked and return the exit code.

    Raises:
        WrongUsage: a value cannot be meant.
        Refused, Lost: the server says so, or went away.
    """
    output = output_for(as_json=parsed.json, plain=parsed.plain, has_header=not parsed.no_header)
    if parsed.command == "status":
        return _status(client, output)
    if parsed.command == "events":
        return _events(client, output, parsed.kind, parsed.count)
    return _call(client, parsed, output)


def arguments_of(parsed: argparse.Namespace, slots: list[Slot]) -> dict[str, Any]:
    """What was typed as the operation's arguments; records are there even when nothing of them was given."""
    operation: Told = parsed.operation
    arguments: dict[str, Any] = {
        told["name"]: {} for told in operation["arguments"] if told["required"] and told["kind"] == "record"
    }
    for index, slot in enumerate(slots):
        value = getattr(parsed, f"value{index}", None)
        if value is None or (value == [] and not slot.is_required):
            continue
        target = arguments
        for name in slot.path[:-1]:
            target = target.setdefault(name, {})
        target[slot.path[-1]] = _typed(slot, value)
    return arguments


def _typed(slot: Slot, value: Any) -> Any:
    kind = slot.kind["kind"]
    if kind == "moment":
        return values.moment(value)
    if kind == "map":
        return values.fields(value)
    if kind == "record":
        return values.from_json(value)
    if kind == "any":
        return values.guess(value)
    if kind == "list" and slot.kind["item"]["kind"] in ("any", "list", "map", "record"):
        found = values.from_json(" ".join(value))
        return found if isinstance(found, list) else [found]
    if kind == "list":
        return [part for item in value for part in item.split(",") if part]
    return value


def _call(client: Client, parsed: argparse.Namespace, output: Output) -> int:
    operation: Told = parsed.operation
    arguments = arguments_of(parsed, parsed.slots)
    wants_serial = any(
        told["name"] == "confirm" and told["required"] and told["kind"] == "text"
        for told in operation["arguments"]
    )
    if wants_serial:
        is_confirmed = _has_serial(operation, arguments)
    else:
        asks = operation["dangerous"] and not parsed.yes and not arguments.get("dry_run")
        is_confirmed = not asks or _is_confirmed(operation, arguments)
    if not is_confirmed:
        print(_("nothing was done"), file=sys.stderr)
        return FAILED
    if parsed.wait and any(told["name"] == UNTIL_DONE for told in operation["arguments"]):
        arguments[UNTIL_DONE] = True
    columns = COLUMNS.get(operation["name"], ())
    if getattr(parsed, "all", False):
        return _all_pages(client, operation, arguments, output)
    if operation.get("pages"):
        pages = _PageWriter(output, columns)
        client.call(operation["name"], arguments, pages.write)
        pages.end()
        return 0
    result = client.call(operation["name"], arguments)
    if parsed.wait:
        result = _wait(client, result)
    if operation["name"] in STORIES and output.form == "table":
        tell(result, output)
    else:
        is_page = hasattr(parsed, "all")
        show(result, output, columns, is_page=is_page)
        if is_page and output.form != "json":
            _tell_of_more(result)
    return FAILED if _has_failed(result, has_waited=parsed.wait, writes=operation["writes"]) else 0


class _PageWriter:
    """Pages of a long result as they come: never a table, since its widths would not be known.

    JSON is one array, written row by row: cut short, it is not JSON, and so never taken for whole.
    """

    def __init__(self, output: Output, columns: Any) -> None:
        self._output = output if output.form == "json" else replace(output, form="plain")
        self._columns = columns
        self._before_row = "[\n"

    def write(self, page: Any) -> None:
        rows = page if isinstance(page, list) else rows_of(page) or []
        if self._output.form == "json":
            for row in rows:
                print(self._before_row, json.dumps(row, ensure_ascii=False), sep="", end="")
                self._before_row = ",\n"
        else:
            show_rows(rows, self._output, self._columns)
            self._output = replace(self._output, has_header=False)

    def end(self) -> None:
        """There are no more pages."""
        if self._output.form == "json":
            print("[]" if self._before_row[0] == "[" else "\n]")


def _all_pages(client: Client, operation: Told, arguments: dict[str, Any], output: Output) -> int:
    columns = COLUMNS.get(operation["name"], ())
    writer = _PageWriter(output, columns)
    while True:
        result = client.call(operation["name"], arguments)
        writer.write(result)
        following = _next_arguments(operation, result)
        if not following:
            writer.end()
            return 0
        arguments.update(following)


def _next_arguments(operation: Told, result: Any) -> dict[str, Any]:
    """The arguments of the next page, none after the last: `next_before_id` is for `before_id`."""
    names = {told["name"] for told in operation["arguments"]}
    found: dict[str, Any] = {}
    for key, value in result.items() if isinstance(result, dict) else ():
        if not key.startswith("next") or value is None:
            continue
        name = key.removeprefix("next").lstrip("_")
        if name in names:
            found[name] = value
        elif "after" in names:
            found["after"] = value
        elif "after_id" in names and isinstance(value, dict):  # a position: a time and an id
            found["after_id"] = value.get("id")
            if value.get("time_utc") is not None:
                found["after_time"] = value["time_utc"]
        else:
            name = next((name for name in ("before_id", "after_id", "before") if name in names), "")
            if name:
                found[name] = value
    return found


def _tell_of_more(result: Any) -> None:
    if isinstance(result, dict) and any(key.startswith("next") and result[key] is not None for key in result):
        print(_("there is more: --all shows everything"), file=sys.stderr)


def _is_confirmed(operation: Told, arguments: dict[str, Any]) -> bool:
    if not sys.stdin.isatty():
        raise WrongUsage(_("this is dangerous and there is nobody to ask: add --yes to do it"))
    given = ", ".join(f"{name} {cell(value)}" for name, value in arguments.items())
    print(clean(f"{summary_of(operation)} ({given})"), file=sys.stderr)
    print(_("Do it? [y/N] "), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes", "o", "oui")


def _has_serial(operation: Told, arguments: dict[str, Any]) -> bool:
    """Whether the serial was typed, on the line or now: what erases is confirmed by naming its target."""
    if "confirm" in arguments:
        return True
    if not sys.stdin.isatty():
        raise WrongUsage(_("this is dangerous and there is nobody to ask: add --confirm SERIAL to do it"))
    print(clean(summary_of(operation)), file=sys.stderr)
    print(_("Type the serial of the terminal to do it: "), end="", file=sys.stderr, flush=True)
    arguments["confirm"] = sys.stdin.readline().strip()
    return bool(arguments["confirm"])


def _wait(client: Client, result: Any) -> Any:
    """The background work of a result, once it is over."""
    record = _running(result)
    while record is not None and record.get("status") == "running":
        time.sleep(_POLL_SECONDS)
        record = client.call("tasks.get", {"task_id": record["id"]})
    return record if record is not None else result


def _running(result: Any) -> dict[str, Any] | None:
    for found in (result, result.get("task") if isinstance(result, dict) else None):
        if isinstance(found, dict) and found.get("status") == "running" and isinstance(found.get("id"), str):
            return found
    return None


def _has_failed(result: Any, *, has_waited: bool, writes: bool) -> bool:
    """Whether background work that was waited for, or what a terminal was asked, came to nothing."""
    if not isinstance(result, dict):
        return False
    status = result.get("status")
    has_ended_badly = status in ("failed", "cancelled") or bool(result.get("last_error"))
    return (has_waited and has_ended_badly) or (writes and status in _UNDONE)


def _status(client: Client, output: Output) -> int:
    status = client.ask("status")
    status["operator"], status["role"] = client.server["operator"], client.server["role"]
    status["program"], status["node"] = client.server["program"], client.server["node"]
    if output.form != "table":
        show(status, output)
        return 0
    alarms, services, terminals = (status.pop(name, []) for name in ("alarms", "services", "terminals"))
    status.pop("active_alarms", None)
    show_record(status, output)
    for name, title, rows in (
        ("services", _("services"), services),
        ("terminals", _("terminals"), terminals),
    ):
        print(f"\n{title}")
        show_rows(rows, output, COLUMNS[f"status.{name}"])
    for alarm in alarms:
        print("\n" + _("alarm: {sentence}").format(sentence=clean(sentence(alarm))))
    return 0


def _events(client: Client, output: Output, kinds: list[str] | None, count: int | None) -> int:
    for event in _limited(client.follow(kinds), count):
        if output.form == "json":
            print(json.dumps(event, ensure_ascii=False), flush=True)
            continue
        facts = event.get("facts") or {}
        if output.form == "plain":
            line = "\t".join((event["at"], event["kind"], plain_cell(json.dumps(facts, ensure_ascii=False))))
        else:
            told = "  ".join(
                f"{name}={cell(value)}" for name, value in facts.items() if value not in (None, "")
            )
            line = f"{cell(event['at'])}  {event['kind']}  {clean(told)}"
        print(line, flush=True)
    return 0


def _limited(events: Iterator[dict[str, Any]], count: int | None) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(events, 1):
        yield event
        if number == count:
            return
