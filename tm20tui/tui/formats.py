"""Numbers, times and spans as the console writes them, in its language.

Times are shown in the zone that the caller gives; a title says once which it is.
Spans are coarse on purpose: what changes every second would be painted every second.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from tm20tui.tui.language import _, voice

NONE = "–"
_OF_LATE = timedelta(days=180)
"""A day that far away is told with its year; in January that of December is not."""


def number(value: float | None) -> str:
    """`1 284`, with a plain space; `–` for None."""
    return NONE if value is None else f"{value:,.0f}".replace(",", " ")


def decimal(value: float, digits: int = 1) -> str:
    """`3,1` or `3.1`."""
    text = f"{value:,.{digits}f}".replace(",", " ")
    return text.replace(".", ",") if voice().language == "fr" else text


def percent(part: float, whole: float) -> str:
    """`99,8 %`, or `–` of nothing; never 100 when something is missing."""
    if whole <= 0:
        return NONE
    share = 100 * part / whole
    if part < whole and share > 99.9:
        share = 99.9
    return f"{decimal(share)} %"


def clock(at: datetime | None, zone: tzinfo) -> str:
    """`14:32:05`."""
    return NONE if at is None else at.astimezone(zone).strftime("%H:%M:%S")


def minute(at: datetime | None, zone: tzinfo) -> str:
    """`14:32`."""
    return NONE if at is None else at.astimezone(zone).strftime("%H:%M")


def day(at: datetime | None, zone: tzinfo) -> str:
    """`22/11` or `Nov 22`."""
    return NONE if at is None else _day(at.astimezone(zone))


def moment(at: datetime | None, zone: tzinfo, now: datetime) -> str:
    """The clock today, else day and minute, of a day half a year away with its year.

    `14:32:05`, `22/11 14:32`, `Nov 22 14:32`; `22/11/2024 14:32`, `Nov 22 2024 14:32`.
    """
    if at is None:
        return NONE
    local, today = at.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return local.strftime("%H:%M:%S")
    separator = "/" if voice().language == "fr" else " "
    year = f"{separator}{local:%Y}" if abs(today - local) > _OF_LATE else ""
    return f"{_day(local)}{year} {local:%H:%M}"


def span(seconds: float) -> str:
    """`45 s`, `12 min`, `1 h 12`, `3 j` (`3 d`)."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d}"
    return _("{days} d").format(days=number(whole // 86_400))


def age(at: datetime | None, now: datetime) -> str:
    """How long ago, still for a minute: `< 1 min`, `12 min`, `1 h 12`, `3 j`; `–` for never."""
    if at is None:
        return NONE
    seconds = (now - at).total_seconds()
    return "< 1 min" if seconds < 60 else span(seconds)


def ago(at: datetime | None, now: datetime) -> str:
    """`il y a 2 min`, `2 min ago`, `jamais`."""
    return _("never") if at is None else _("{time} ago").format(time=age(at, now))


def until(at: datetime | None, now: datetime, zone: tzinfo) -> str:
    """When something is due: its minute, or `now`."""
    if at is None:
        return NONE
    return _("now") if at <= now else moment(at, zone, now) if _far(at, now, zone) else minute(at, zone)


def drift(seconds: float | None) -> str:
    """`+3 min`, `-2 s`, `0 s`; `?` when it was never measured."""
    if seconds is None:
        return "?"
    sign = "+" if seconds > 0 else "-" if seconds < 0 else ""
    size = abs(seconds)
    if size < 1:
        return "0 s"
    return f"{sign}{span(size)}"


def size(count: float) -> str:
    """`512 o`, `18 Mo` (`18 MB`)."""
    letter = "o" if voice().language == "fr" else "B"
    for unit in ("", "k", "M", "G", "T"):
        if count < 1000 or unit == "T":
            return f"{count:.0f} {unit}{letter}"
        count /= 1000
    raise AssertionError


def zone_of(name: str, fallback: str = "UTC") -> tzinfo:
    """The IANA zone, or another when this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo(fallback)


def _far(at: datetime, now: datetime, zone: tzinfo) -> bool:
    return at.astimezone(zone).date() != now.astimezone(zone).date()


def _day(local: datetime) -> str:
    return f"{local:%d/%m}" if voice().language == "fr" else f"{_MONTHS[local.month - 1]} {local.day}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
