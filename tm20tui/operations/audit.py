"""What operators did and were refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tm20tui.operations.call import Call
from tm20tui.operations.checks import check_limit, check_period, check_word
from tm20tui.operations.registry import operation
from tm20tui.store import audit
from tm20tui.store.audit import AuditEntry as AuditEntry

_MOST_WORDS = 8
_OUTCOMES = ("done", "refused", "failed")


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, newest first; the next page is before `next_before_id`, None when this was the last."""

    entries: tuple[AuditEntry, ...]
    next_before_id: int | None


@operation("audit.list", "operator", writes=False)
async def list_audit(
    call: Call,
    *,
    operator: str | None = None,
    operation: str | None = None,
    outcome: str | None = None,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
    q: str | None = None,
    terminal_id: int | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> AuditPage:
    """A page of the audit, newest first: who did what, from where, with what result.

    `operator` and `operation` are exact names, of operations also a noun with its dot
    (`terminals.`); `outcome` is done, refused or failed; the period is [`from_at`, `to_at`);
    the words of `q` are all in the entry, those with `!` before them are not; `terminal_id` is
    what it was done to.

    Raises:
        InvalidInput
    """
    check_limit(limit)
    check_period(from_at, to_at)
    check_word(outcome, "outcome", _OUTCOMES)
    found = await call.gateway.database.read(
        audit.list_entries,
        before_id=before_id,
        limit=limit + 1,
        operator=operator,
        operation=operation,
        outcome=outcome,
        from_at=from_at,
        to_at=to_at,
        words=[word for word in (q or "").split() if word != "!"][:_MOST_WORDS],
        terminal_id=terminal_id,
    )
    page = tuple(found[:limit])
    return AuditPage(page, page[-1].id if len(found) > limit else None)
