"""What is said of a punch: its deliveries, whether somebody was late."""

from __future__ import annotations

from collections.abc import Sequence

from tm20tui.operations.punch_details import Judgement, PunchDelivery
from tm20tui.tui.language import N_, _
from tm20tui.tui.safe import safe
from tm20tui.tui.states import FAILED, State, delivery_state

UNOWED = State("–", "-", N_("owed to nobody"), "dim", 6)

_ROLES = {
    "arrival": N_("arrival"),
    "break start": N_("break start"),
    "break end": N_("break end"),
    "departure": N_("departure"),
    "extra": "",
}


def shares_text(shares: Sequence[PunchDelivery]) -> tuple[str, str]:
    """Every service with its glyph, and the tone of the worst of them."""
    if not shares:
        return f"{UNOWED.mark()} {_(UNOWED.word)}", UNOWED.tone
    states = [(_state_of(share), share) for share in shares]
    worst = min((state for state, _share in states), key=lambda state: state.rank)
    return "  ".join(f"{state.mark()} {safe(share.service_name, 20)}" for state, share in states), worst.tone


def _state_of(share: PunchDelivery) -> State:
    if share.status == "failed" and share.next_attempt_at is not None:
        return FAILED
    return delivery_state(share.status, share.attempts)


def verdict_text(judged: Judgement | None, *, with_role: bool = False) -> tuple[str, str]:
    """`late 20 min (arrival)` and its tone; nothing where there is no schedule."""
    if judged is None or judged.verdict in (None, "no schedule"):
        return "", ""
    role = _(_ROLES[judged.role]) if with_role and _ROLES.get(judged.role) else ""
    tail = f" ({role})" if role else ""
    if judged.verdict == "on time":
        return _("on time") + tail, "good"
    words = _("late {minutes} min") if judged.verdict == "late" else _("early {minutes} min")
    return words.format(minutes=judged.minutes) + tail, "warn" if judged.costs_time else ""
