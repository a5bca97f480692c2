"""What a console's client tells of its terminal, checked and clamped before anybody relies on it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from tm20tui.errors import InvalidInput
from tm20tui.operations.call import Operator, Role
from tm20tui.tui.console import Client
from tm20tui.tui.frames import CONSOLE_VERSION

MOST_COLUMNS = 1000
MOST_ROWS = 500
_WORD = re.compile(r"[\w.+:-]{1,64}", re.ASCII)
_ADDRESS = re.compile(r"[0-9A-Za-z.:%_-]{1,64}", re.ASCII)


def read_client(told: object, number: int, operator: Operator, pid: int, *, is_local: bool = False) -> Client:
    """The client of a hello. `operator` is who the socket proved; what is told is marked as such.

    Raises:
        InvalidInput: another version, or something else than a hello.
    """
    if not isinstance(told, dict):
        raise InvalidInput("a console's hello tells of its terminal", field="console")
    if told.get("version") != CONSOLE_VERSION:
        raise InvalidInput(
            f"this server speaks version {CONSOLE_VERSION} of the console protocol: use the same version of "
            "tm20tui for both",
            field="version",
        )
    columns, rows = clamp_size(_number(told, "columns", 80), _number(told, "rows", 24))
    read_only = _flag(told, "read_only")
    where = [f"console {number}"]
    if ssh := _text(told, "ssh", _ADDRESS):
        where.append(f"ssh {ssh} (as told)")
    where.append(f"pid {pid}")
    seen = replace(operator, origin="console", address=" · ".join(where))
    client = Client(
        number=number,
        operator=seen,
        is_local=is_local,
        columns=columns,
        rows=rows,
        term=_text(told, "term", _WORD),
        colorterm=_text(told, "colorterm", _WORD),
        no_color=_flag(told, "no_color"),
        unicode=_flag(told, "unicode", default=True),
        mouse=_flag(told, "mouse", default=True),
        language=_text(told, "language", _WORD) or None,
        theme=_text(told, "theme", _WORD) or None,
        slow=_flag(told, "slow"),
        ascii=_flag(told, "ascii"),
        read_only=read_only,
    )
    return with_role(client, operator.role)


def with_role(client: Client, role: Role) -> Client:
    """The client of an operator who has this role: a console that is read-only makes a viewer of anybody."""
    operator = replace(client.operator, role="viewer" if client.read_only else role)
    return replace(client, operator=operator)


def clamp_size(columns: int, rows: int) -> tuple[int, int]:
    """A size that can be painted; a terminal that knows none says 0."""
    return min(columns or 80, MOST_COLUMNS), min(rows or 24, MOST_ROWS)


def _number(told: dict[str, Any], name: str, default: int) -> int:
    value = told.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidInput(f"{name} must be a whole number from 0", field=name)
    return value


def _flag(told: dict[str, Any], name: str, *, default: bool = False) -> bool:
    value = told.get(name, default)
    if not isinstance(value, bool):
        raise InvalidInput(f"{name} must be true or false", field=name)
    return value


def _text(told: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    """A word; anything stranger, which goes into environments and the audit, is left out."""
    value = told.get(name)
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""
