"""Counts in words, in the right number: `1 envoyé`, `2 envoyés`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tm20tui.tui import formats
from tm20tui.tui.language import ngettext

_WORDS: Mapping[str, Callable[[int], str]] = {
    "added": lambda n: ngettext("{count} added", "{count} added", n),
    "changed": lambda n: ngettext("{count} changed", "{count} changed", n),
    "clocks off": lambda n: ngettext("{count} clock off", "{count} clocks off", n),
    "clocks right": lambda n: ngettext("{count} clock right", "{count} clocks right", n),
    "clocks set": lambda n: ngettext("{count} clock set", "{count} clocks set", n),
    "confirmed": lambda n: ngettext("{count} confirmed", "{count} confirmed", n),
    "done": lambda n: ngettext("{count} done", "{count} done", n),
    "failed": lambda n: ngettext("{count} failed", "{count} failed", n),
    "found": lambda n: ngettext("{count} found", "{count} found", n),
    "given up": lambda n: ngettext("{count} given up", "{count} given up", n),
    "gone": lambda n: ngettext("{count} gone", "{count} gone", n),
    "in quarantine": lambda n: ngettext("{count} in quarantine", "{count} in quarantine", n),
    "left": lambda n: ngettext("{count} left", "{count} left", n),
    "marked": lambda n: ngettext("{count} marked", "{count} marked", n),
    "new": lambda n: ngettext("{count} new", "{count} new", n),
    "not helped": lambda n: ngettext("{count} not helped", "{count} not helped", n),
    "not known": lambda n: ngettext("{count} not known", "{count} not known", n),
    "not sent": lambda n: ngettext("{count} not sent", "{count} not sent", n),
    "not sound": lambda n: ngettext("{count} not sound", "{count} not sound", n),
    "not verified": lambda n: ngettext("{count} not verified", "{count} not verified", n),
    "on their way": lambda n: ngettext("{count} user on the way", "{count} users on their way", n),
    "owed": lambda n: ngettext("{count} owed now", "{count} owed now", n),
    "punches": lambda n: ngettext("{count} punch", "{count} punches", n),
    "received": lambda n: ngettext("{count} received", "{count} received", n),
    "refused": lambda n: ngettext("{count} refused", "{count} refused", n),
    "removed": lambda n: ngettext("{count} removed", "{count} removed", n),
    "retried": lambda n: ngettext("{count} tried again", "{count} tried again", n),
    "sent": lambda n: ngettext("{count} sent", "{count} sent", n),
    "there already": lambda n: ngettext("{count} there already", "{count} there already", n),
    "undelivered": lambda n: ngettext("{count} undelivered", "{count} undelivered", n),
    "users": lambda n: ngettext("{count} user", "{count} users", n),
    "users differ": lambda n: ngettext("{count} differs", "{count} differ", n),
}


def counted(word: str, count: int) -> str:
    """`count` and what it is of: one of the words above."""
    return _WORDS[word](count).format(count=formats.number(count))
