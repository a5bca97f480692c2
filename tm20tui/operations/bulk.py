"""One operation on many targets, in the background: each is checked, done and audited for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import trio

from tm20tui.errors import Conflict, Forbidden, InvalidInput, NotFound, Tm20Error
from tm20tui.operations.call import Call
from tm20tui.operations.registry import REGISTRY, Operation, operation
from tm20tui.tasks import Progress, TaskRecord

MOST_CALLS = 2000
_AT_ONCE = 64
"""They wait for terminals, not for the server; what they write shares commits."""
_NOT_DONE = ("refused", "timed out", "unknown", "expired", "cancelled")


@operation("bulk.run", "operator")
async def run_many(call: Call, operation: str, calls: Sequence[Mapping[str, Any]]) -> TaskRecord:
    """Start an `operation` once for each of `calls`, its arguments; the task tells what came of each.

    The result is `{"operation", "results": [{"arguments", "outcome", "reason"}]}` in the order of
    `calls`; `outcome` is done, refused or failed. What is refused or fails stops none of the others.

    Raises:
        NotFound: no such operation.
        Forbidden: the operator's role may not.
        InvalidInput: no calls, or more than 2,000.
        Conflict: this operation cannot be run so.
    """
    found = REGISTRY.get(operation)
    if found is None:
        raise NotFound("operation", operation, field="operation")
    if not found.writes or found.name == "bulk.run":
        raise Conflict(f"{operation} is not for many at once", field="operation")
    if not call.operator.may_act_as(found.role):
        raise Forbidden(
            f"{operation} needs the role {found.role}; {call.operator.name} is {call.operator.role}"
        )
    if not 1 <= len(calls) <= MOST_CALLS:
        raise InvalidInput(f"calls must be 1 to {MOST_CALLS:,} sets of arguments", field="calls")
    progress = Progress(total=len(calls))
    work = partial(_run, call, found, [dict(arguments) for arguments in calls], progress)
    return call.gateway.tasks.start(f"{operation} ×{len(calls)}", work, progress=progress)


async def _run(
    call: Call, found: Operation, calls: list[dict[str, Any]], progress: Progress
) -> dict[str, Any]:
    results: list[dict[str, Any]] = [{} for _ in calls]
    limit = trio.CapacityLimiter(_AT_ONCE)

    async def one(place: int, arguments: dict[str, Any]) -> None:
        async with limit:
            outcome, reason = await _outcome(call, found, arguments)
        results[place] = {"arguments": arguments, "outcome": outcome, "reason": reason}
        progress.advance()

    async with trio.open_nursery() as nursery:
        for place, arguments in enumerate(calls):
            nursery.start_soon(one, place, arguments)
    return {"operation": found.name, "results": results}


async def _outcome(call: Call, found: Operation, arguments: dict[str, Any]) -> tuple[str, str]:
    try:
        result = await found.function(Call(call.gateway, call.operator, call.correlation_id), **arguments)
    except (InvalidInput, Conflict, NotFound, Forbidden) as error:
        return "refused", str(error)
    except Tm20Error as error:
        return "failed", str(error)
    except TypeError:
        return "refused", f"{found.name} has other arguments"
    status, reason = getattr(result, "status", "done"), getattr(result, "reason", "")
    is_wanted = status == "cancelled" and found.name.endswith(".cancel")
    if status in _NOT_DONE and not is_wanted:
        return "failed", f"{status}: {reason}" if reason else status
    return "done", ""
