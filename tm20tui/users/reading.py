"""A service's list of users as records: each one checked, the bad ones named. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tm20tui.model import DOOR_ENROLLID, STRANGER_ENROLLID

_ENVELOPES: Final = ("users", "data", "employees", "items")
_LONGEST_ENROLLID: Final = 30
_LONGEST_NAME: Final = 200
_YES: Final = (True, "true", 1, "1")
_NO: Final = (False, "false", 0, "0")


@dataclass(frozen=True, slots=True)
class HrUser:
    """Somebody as the service knows them. `enrollid` is its own, as terminals write it: no zeros in front."""

    enrollid: str
    name: str
    admin: int = 0
    is_enabled: bool = True
    weekzone: int = 1
    group: int = 0


@dataclass(frozen=True, slots=True)
class BadUser:
    """A record that is skipped. `position` counts from 1; `enrollid` is empty where it cannot be read."""

    position: int
    enrollid: str
    reason: str


@dataclass(frozen=True, slots=True)
class HrUsers:
    """A whole list. `duplicates` are enrollids that came more than once: none of theirs is in `users`.

    `mentioned` has every enrollid that could be read, of bad records and duplicates too:
    who is mentioned has not left.
    """

    users: tuple[HrUser, ...]
    bad: tuple[BadUser, ...]
    duplicates: tuple[tuple[str, tuple[str, ...]], ...]
    mentioned: frozenset[str]


def read_users(documents: Sequence[object]) -> HrUsers:
    """The users in the pages of a list; ValueError when a page is no list of users at all."""
    good: dict[str, HrUser] = {}
    bad: list[BadUser] = []
    mentioned: set[str] = set()
    names: dict[str, list[str]] = {}
    position = 0
    for document in documents:
        for record in _records(document):
            position += 1
            fields: Mapping[str, Any] = record if isinstance(record, dict) else {}
            try:
                enrollid = _enrollid(fields.get("enrollid"))
            except ValueError as error:
                reason = str(error) if isinstance(record, dict) else "is not an object"
                bad.append(BadUser(position, "", reason))
                continue
            mentioned.add(enrollid)
            names.setdefault(enrollid, []).append(str(fields.get("name", ""))[:_LONGEST_NAME])
            try:
                good[enrollid] = _user(enrollid, fields)
            except ValueError as error:
                bad.append(BadUser(position, enrollid, str(error)))
    twice = {enrollid: tuple(found) for enrollid, found in names.items() if len(found) > 1}
    users = tuple(user for enrollid, user in good.items() if enrollid not in twice)
    return HrUsers(users, tuple(bad), tuple(twice.items()), frozenset(mentioned))


def _records(document: object) -> Sequence[object]:
    """The list in a page: bare, or under one of the usual names, once more wrapped if need be."""
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for name in _ENVELOPES:
            inner = document.get(name)
            if isinstance(inner, list):
                return inner
            if isinstance(inner, dict):
                return _records(inner)
    raise ValueError(f"it holds no list of users: expected one under {', '.join(_ENVELOPES)}")


def _user(enrollid: str, fields: Mapping[str, Any]) -> HrUser:
    return HrUser(
        enrollid,
        _name(fields.get("name")),
        _number(fields, "admin", 0, 2),
        _flag(fields, "is_enabled"),
        _number(fields, "weekzone", 0, 255, otherwise=1),
        _number(fields, "group", 0, 255),
    )


def _enrollid(value: object) -> str:
    text = str(value) if type(value) is int else value.strip() if isinstance(value, str) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_ENROLLID):
        raise ValueError(f"enrollid must be 1 to {_LONGEST_ENROLLID} digits")
    text = text.lstrip("0") or "0"
    if text in (DOOR_ENROLLID, STRANGER_ENROLLID):
        raise ValueError(f"enrollid {text} is not a person's: terminals use it themselves")
    return text


def _name(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > _LONGEST_NAME or not text.isprintable():
        raise ValueError(f"name must be one line of 1 to {_LONGEST_NAME} characters")
    return text


def _number(fields: Mapping[str, Any], name: str, low: int, high: int, *, otherwise: int = 0) -> int:
    value = fields.get(name)
    if value is None:
        return otherwise
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}")
    return value


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is None:
        return True
    if isinstance(value, str):
        value = value.strip().lower()
    if isinstance(value, (bool, int, str)) and (value in _YES or value in _NO):
        return value in _YES
    raise ValueError(f"{name} must be true or false")
