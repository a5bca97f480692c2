"""What can be done in a mode, written down once: keys, menu, palette, help and audit are made from it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from textual.binding import Binding

MANY = 10
"""More targets than this are always asked about."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an action is done to. Texts are safe to show.

    `word` is what must be typed to confirm a grave action; `state` is told in dialogs.
    """

    key: Hashable
    label: str
    word: str = ""
    state: str = ""
    record: Any = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Undo:
    """The call that takes a change back, and what it says of itself.

    `sentence` is told once it is done; `what` before, where a mode shows what `z` would do.
    """

    operation: str
    arguments: Mapping[str, Any]
    sentence: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """Something a key does.

    `id` is also its name in `[keys]`; `key` may be empty (menu and palette only); `label`,
    `hint` (12 letters at most) and `effect` are messages. `operation` is the one it calls:
    its role decides who may. Of a target it is called with `arguments(target)`; the mode's method
    `do`, where there is one, asks first for what else it needs: without targets too (`needs_target`
    False). Who may not call it is refused before anything is asked.

    `tier` 0 acts at once, 1 asks, 2 has a word typed; `tier_many` for several targets.
    `yet` is a message: what has yet to come of it once the server has taken it; it is not shown as done then.
    `why_not(target)` is "" or the reason why it cannot be done to it (a message).
    """

    id: str
    key: str
    label: str
    hint: str = ""
    operation: str = ""
    arguments: Callable[[Target], Mapping[str, Any]] | None = None
    do: str = ""
    needs_target: bool = True
    tier: int = 0
    tier_many: int | None = None
    effect: str = ""
    yet: str = ""
    why_not: Callable[[Target], str] | None = None
    undo: Callable[[Target, Any], Undo | None] | None = None
    letter: str = ""

    def binding(self) -> Binding | None:
        """Its key, if it has one."""
        if not self.key:
            return None
        return Binding(self.key, f"do('{self.id}')", self.label, show=bool(self.hint), id=self.id)

    def tier_for(self, count: int) -> int:
        """How much is asked before it is done to so many."""
        tier = self.tier if count == 1 or self.tier_many is None else self.tier_many
        return max(tier, 1) if count > MANY else tier

    def about(self, targets: Sequence[Target]) -> dict[str, Any]:
        """What it would be called with, as the audit tells it: `{"terminal_id": 7}`, or
        `{"terminal_ids": [7, 8]}` of several."""
        if self.arguments is None:
            return {}
        given: dict[str, list[Any]] = {}
        for target in targets:
            for name, value in self.arguments(target).items():
                given.setdefault(name, []).append(value)
        told: dict[str, Any] = {}
        for name, values in given.items():
            if all(value == values[0] for value in values):
                told[name] = values[0]
            elif isinstance(values[0], list):
                told[name] = [one for value in values for one in value]
            else:
                told[f"{name}s"] = values
        return told


@dataclass(frozen=True, slots=True)
class Plan:
    """An action and the targets it had when it was asked for: frozen, whatever the list does meanwhile."""

    action: Action
    eligible: tuple[Target, ...]
    skipped: tuple[tuple[Target, str], ...] = ()

    @classmethod
    def of(cls, action: Action, targets: Sequence[Target]) -> Plan:
        """Split targets into those it can be done to and those it cannot, with the reason."""
        eligible, skipped = [], []
        for target in targets:
            reason = action.why_not(target) if action.why_not is not None else ""
            if reason:
                skipped.append((target, reason))
            else:
                eligible.append(target)
        return cls(action, tuple(eligible), tuple(skipped))
