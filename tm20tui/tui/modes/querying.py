"""A filter that was typed, as the arguments that the server's lists take. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from tm20tui.snapshot import Snapshot
from tm20tui.tui.filters import Filter
from tm20tui.tui.language import _
from tm20tui.tui.safe import fold, safe


@dataclass(frozen=True, slots=True)
class Query:
    """`arguments` are named as the operation names them; `scope` says them in words, one a part.

    `trouble` says what was not understood: then nothing may be asked.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    scope: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What reading a filter needs to know: who there is, and what time it is where."""

    seen: Snapshot
    now: datetime
    zone: tzinfo
    states: Sequence[str]


class NotUnderstoodError(ValueError):
    """Says what of a filter means nothing here."""


def delivery_query(typed: Filter, asked: Asked) -> Query:
    """Deliveries: `service:`, `state:`, `reason:` or bare words, `terminal:`, `since:`, `until:`."""
    return _query(typed, asked, "reason", _as_reason)


def punch_query(typed: Filter, asked: Asked) -> Query:
    """Punches: `user:` or bare words, `service:`, `state:`, `terminal:`, `since:`, `until:`."""
    return _query(typed, asked, "user", _as_user)


def _query(
    typed: Filter, asked: Asked, words_are: str, read_words: Callable[[str], tuple[str, str, str]]
) -> Query:
    arguments: dict[str, Any] = {}
    scope: list[str] = []
    try:
        if typed.without:
            raise NotUnderstoodError(_("!word cannot be asked of the server: name what is wanted"))
        given = list(typed.fields)
        if typed.words:
            # As they were typed: the server does not fold accents.
            words = [part for part in typed.text.split() if fold(part) in typed.words]
            given.append((words_are, " ".join(words)))
        for name, value in given:
            for key, found, said in _read(name, value, typed, asked, words_are, read_words):
                if key in arguments:
                    raise NotUnderstoodError(_("given twice: {field}").format(field=safe(name, 30)))
                arguments[key] = found
                scope.append(said)
    except NotUnderstoodError as error:
        return Query(trouble=str(error))
    return Query(arguments, tuple(scope))


def _read(
    name: str,
    value: str,
    typed: Filter,
    asked: Asked,
    words_are: str,
    read_words: Callable[[str], tuple[str, str, str]],
) -> Iterable[tuple[str, Any, str]]:
    if name == words_are or (words_are == "user" and name in ("id", "name")):
        yield read_words(value)
    elif name == "service":
        services = [(one.id, (one.name,)) for one in asked.seen.services]
        ident, label = _one_of(services, value, _("service"))
        yield "service_id", ident, _("service {name}").format(name=label)
    elif name in ("terminal", "sn"):
        terminals = [(one.id, (one.sn, one.name)) for one in asked.seen.terminals]
        ident, label = _one_of(terminals, value, _("terminal"))
        yield "terminal_id", ident, _("terminal {name}").format(name=label)
    elif name in ("state", "status"):
        state = (typed.field(name) or value).replace("_", " ").casefold()
        if state not in asked.states:
            known = ", ".join(asked.states)
            raise NotUnderstoodError(
                _("no such state: {state} (known: {known})").format(state=safe(value, 30), known=known)
            )
        yield "status", state, _("state {state}").format(state=_(state))
    elif name in ("since", "until"):
        at = read_moment(value, asked.now, asked.zone)
        local = at.astimezone(asked.zone)
        yield (
            {"since": "from_at", "until": "to_at"}[name],
            at,
            (_("since {time}") if name == "since" else _("until {time}")).format(
                time=f"{local:%Y-%m-%d %H:%M}"
            ),
        )
    else:
        raise NotUnderstoodError(_("no such field here: {field}").format(field=safe(name, 30)))


def _as_reason(value: str) -> tuple[str, str, str]:
    return "reason", value, _("reason with “{text}”").format(text=safe(value, 60))


def _as_user(value: str) -> tuple[str, str, str]:
    if value.isdigit():
        return "enrollid", value, _("user {name}").format(name=safe(value, 60))
    name = value.replace("_", " ")
    return "name", name, _("name with “{text}”").format(text=safe(name, 60))


def _one_of(known: Iterable[tuple[int, tuple[str, ...]]], value: str, what: str) -> tuple[int, str]:
    """The one that is meant: its whole name, else the only one with these letters in it."""
    wanted = fold(value.replace("_", " "))
    found: list[tuple[int, str]] = []
    for ident, names in known:
        folded = [fold(name) for name in names if name]
        label = safe(next((name for name in reversed(names) if name), ""), 60)
        if wanted in folded:
            return ident, label
        if any(wanted in name for name in folded):
            found.append((ident, label))
    if len(found) != 1:
        text = _("several with “{text}”: say more of it") if found else _("no {what} with “{text}”")
        raise NotUnderstoodError(text.format(what=what, text=safe(value, 40)))
    return found[0]


def read_moment(value: str, now: datetime, zone: tzinfo) -> datetime:
    """`2h`, `3d` ago, or a date or time such as `2026-11-22` or `2026-11-22T14:00`."""
    since = Filter(fields=(("since", value),)).since(now)
    if since is not None:
        return since
    try:
        at = datetime.fromisoformat(value)
        at = at if at.tzinfo is not None else at.replace(tzinfo=zone)
        if not datetime(1971, 1, 1, tzinfo=zone) < at < now + timedelta(days=36_500):
            raise ValueError
    except (ValueError, OverflowError):
        raise NotUnderstoodError(
            _("not a time: {text} (2h, 3d, or 2026-11-22)").format(text=safe(value, 30))
        ) from None
    return at
