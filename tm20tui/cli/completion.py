"""Shell completion: scripts that ask `tm20tui __complete`, which asks the server what there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tm20tui.cli import nouns, parsing
from tm20tui.cli.nouns import Slot
from tm20tui.cli.remote import describe_or_recall
from tm20tui.cli.values import WrongUsage
from tm20tui.control.client import Client, Lost, Refused

_COMMON = ("--config", "--json", "--lang", "--no-header", "--plain", "--socket", "--yes", "--help")
_AT_ROOT = ("--config", "--demo", "--headless", "--lang", "--seed", "--version", "--help")
_LOCAL_VERBS = {
    "attach": ("--ascii", "--no-mouse", "--read-only", "--slow", "--socket", "--theme"),
    "db": ("backup", "restore", "upgrade", "version"),
    "completion": ("bash", "fish", "zsh"),
    "simulate": ("hr", "terminals"),
    "systemd": ("config", "service"),
}
_SERIALS = "terminals.list"

_BASH = """\
_tm20tui() {
    local IFS=$'\\n'
    COMPREPLY=($(tm20tui __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _tm20tui tm20tui
"""
_ZSH = """\
#compdef tm20tui
_tm20tui() {
    local -a found
    found=("${(@f)$(tm20tui __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    (( ${#found} )) && [[ -n $found[1] ]] && compadd -a found || _files
}
compdef _tm20tui tm20tui
"""
_FISH = """\
function __tm20tui_complete
    set -l words (commandline -opc) (commandline -ct)
    tm20tui __complete $words[2..-1] 2>/dev/null
end
complete -c tm20tui -a '(__tm20tui_complete)'
"""


def script(shell: str) -> str:
    """What a shell reads once: `source <(tm20tui completion bash)`."""
    return {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}[shell]


def complete(words: Sequence[str]) -> int:
    """Print what the last of `words`, which may be empty, can become. Never fails, never talks."""
    *before, prefix = words or [""]
    candidates: Iterable[str]
    try:
        where, typed = parsing.split_common(before)
    except WrongUsage:
        # Paths are the shell's; the rest cannot be meant.
        candidates = ("en", "fr") if before[-1] == "--lang" else ()
        return _print(candidates, prefix)
    plain = [word for word in typed if not word.startswith("-")]
    if plain and plain[0] in parsing.LOCAL:
        candidates = _LOCAL_VERBS.get(plain[0], ()) if len(plain) == 1 else ()
    else:
        described, client = describe_or_recall(where)
        try:
            candidates = _candidates(described, client, typed, plain, prefix)
        except (Refused, Lost):
            candidates = ()
        finally:
            if client is not None:
                client.close()
    return _print(candidates, prefix)


def _print(candidates: Iterable[str], prefix: str) -> int:
    for candidate in sorted(set(candidates)):
        if candidate.startswith(prefix) and candidate.isprintable():
            print(candidate)
    return 0


def _candidates(
    described: dict[str, Any],
    client: Client | None,
    typed: Sequence[str],
    plain: Sequence[str],
    prefix: str,
) -> Iterable[str]:
    commands = nouns.commands_of(described["operations"])
    if not plain:
        if prefix.startswith("-"):
            return _AT_ROOT
        return (*commands, *nouns.ASKED, *parsing.LOCAL)
    if plain[0] in nouns.ASKED:
        if typed[-1] == "--kind":
            return list(described.get("events", ()))
        return (*_COMMON, "--count", "--follow", "--kind") if plain[0] == "events" else _COMMON
    verbs = commands.get(nouns.find_noun(plain[0], commands) or "", {})
    if len(plain) == 1:
        return _COMMON if prefix.startswith("-") else verbs
    operation = verbs.get(plain[1])
    if operation is None:
        return ()
    slots = nouns.slots_of(operation)
    asked = next((slot for slot in slots if slot.option == typed[-1]), None)
    if asked is not None and asked.kind["kind"] != "boolean":
        return _values(asked, client)
    if prefix.startswith("-"):
        return (*_COMMON, "--wait", *(slot.option for slot in slots if slot.option))
    positional = [slot for slot in slots if slot.option is None]
    index = min(len(plain) - 2, len(positional) - 1)
    return _values(positional[index], client) if positional else ()


def _values(slot: Slot, client: Client | None) -> Iterable[str]:
    if "choices" in slot.kind:
        return [str(choice) for choice in slot.kind["choices"]]
    if not slot.is_terminal and slot.path[-1] != "terminal_sn":
        return ()
    if client is None:
        return ()
    return [row["terminal"]["sn"] for row in client.call(_SERIALS, {})]
