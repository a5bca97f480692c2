"""What may be kept of a frame's text: only members that are known to hold no secret.

Templates, passwords, photos and card numbers come under many names and spellings, so it
is the harmless ones that are listed; the value of every other member is cut out.
"""

from __future__ import annotations

import re
import zlib

from tm20tui.errors import FrameError
from tm20tui.protocol.text import dump, read_object

_CUT = "(cut)"
_HARMLESS = frozenset(
    """
    cmd ret sn cpusn count logindex from to result reason msg enrollid name username time mode inout event
    temp verifymode note location aliasid workcode backupnum admin enable isenabled stn doornum
    data log logs record records
    """.split()  # noqa: SIM905 (a list of words, to be read as one)
)
# These hold rows; as a plain value `record` is a credential, but in a `sendlog`.
_ROWS = frozenset(("record", "records", "data", "log", "logs"))
_NAMES = re.compile(r'"([^"\\]*)"\s*:')
_BARE_ROWS = re.compile(r'"(?:records?|data|logs?)"\s*:\s*[^\s\[{]')
_MEMBER = re.compile(
    r"""(["']?)([^"':{},\[\]]{1,64})\1\s*:\s*("(?:[^"\\]|\\.)*+"?|'[^']*'?|[^\s,\[\]{}"']+)""", re.DOTALL
)


def without_secrets(raw: str) -> str:
    """A frame's text without the values that may be secret; it need not be JSON."""
    if _is_plain_log(raw):
        return raw
    try:
        fields = read_object(raw)
        return dump(_kept(fields, is_log=fields.get("cmd") == "sendlog"))
    except (FrameError, ValueError):
        is_log = re.search(r"""["']?\s*cmd\s*["']?\s*:\s*["']\s*sendlog""", raw) is not None
        return _MEMBER.sub(lambda match: _kept_member(match, is_log), raw)


def journal_text(raw: str) -> bytes:
    """A frame as the journal keeps it: compressed, without secrets."""
    return zlib.compress(without_secrets(raw).encode("utf-8", "replace"), 1)


def _is_plain_log(raw: str) -> bool:
    """Whether a text is an ordinary `sendlog` of harmless members only, told without parsing it."""
    if "\\" in raw or "'" in raw or '"note"' in raw or not raw.startswith('{"cmd":"sendlog"'):
        return False
    return _HARMLESS.issuperset(_NAMES.findall(raw)) and _BARE_ROWS.search(raw) is None


def _kept(value: object, *, is_log: bool, name: str = "") -> object:
    if isinstance(value, dict):
        return {
            str(key): _kept(item, is_log=is_log, name=key.strip().casefold())
            if key.strip().casefold() in _HARMLESS or isinstance(item, dict | list)
            else _CUT
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_kept(item, is_log=is_log, name=name if name in _ROWS else "?") for item in value]
    if value is None or isinstance(value, bool):
        return value
    if name == "?" or (name in _ROWS and not is_log):
        return _CUT
    return value


def _kept_member(match: re.Match[str], is_log: bool) -> str:
    quote, name, _ = match.groups()
    known = name.strip().casefold()
    harmless = known in _HARMLESS and (known not in _ROWS or is_log)
    return match[0] if harmless else f'{quote}{name}{quote}:"{_CUT}"'
