"""Punches owed to services: lists, why one is where it is, trying dead letters again or discarding them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.operations.call import Call
from tm20tui.operations.checks import check_limit, check_line, check_period, check_word
from tm20tui.operations.dead_letter_changes import Change, change_found, change_named
from tm20tui.operations.dead_letter_changes import DeadLettersChanged as DeadLettersChanged
from tm20tui.operations.registry import operation
from tm20tui.operations.why import DeliveryStory as DeliveryStory
from tm20tui.operations.why import tell_deliveries
from tm20tui.store import dead_letters, history, services, terminals
from tm20tui.store.dead_letters import Standing
from tm20tui.store.deliveries import DISCARDED
from tm20tui.store.history import DELIVERY_STATUSES, DeliveryFilters
from tm20tui.store.history import AttemptView as AttemptView
from tm20tui.store.history import DeliveryView as DeliveryView

if TYPE_CHECKING:
    from sqlalchemy import Connection

STATUSES = (*DELIVERY_STATUSES, "owed", "dead")

_MOST_IDS = 10_000
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Some deliveries, newest first; the next page is before `next_before_id`, None when this is the last."""

    deliveries: tuple[DeliveryView, ...]
    next_before_id: int | None


@operation("deliveries.list", "viewer", writes=False)
async def list_deliveries(
    call: Call,
    *,
    service_id: int | None = None,
    terminal_id: int | None = None,
    status: str | None = None,
    reason: str | None = None,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> DeliveryPage:
    """A page of deliveries, newest first.

    Of one service (`service_id`) or terminal (`terminal_id`), with `reason` in their last
    reason, of punches in [`from_at`, `to_at`). `status` is pending, in flight, held, sent,
    duplicate or failed; owed means the first three, dead what failed and is not tried
    again by itself.

    Raises:
        NotFound: no such service or terminal.
        InvalidInput
    """
    check_limit(limit)
    if status is not None:
        status = status.replace("_", " ").replace("-", " ")
    check_word(status, "status", STATUSES)
    filters = _filters(service_id, terminal_id, reason, from_at, to_at, status)
    found = await call.gateway.database.read(_list, filters, before_id, limit + 1)
    page = tuple(found[:limit])
    return DeliveryPage(page, page[-1].id if len(found) > limit else None)


@operation("deliveries.get", "viewer", writes=False)
async def get_delivery(call: Call, delivery_id: int) -> DeliveryView:
    """One delivery; `NotFound` when there is none."""
    return await call.gateway.database.read(history.get_delivery, delivery_id)


@operation("deliveries.why", "viewer", writes=False)
async def explain_delivery(call: Call, delivery_id: int) -> DeliveryStory:
    """One delivery with every attempt at it, and what happens next; punches.why shows the whole punch.

    Raises:
        NotFound
    """

    def read(connection: Connection) -> Sequence[DeliveryStory]:
        return tell_deliveries(connection, [history.get_delivery(connection, delivery_id)], rounds)

    rounds = {status.service_id: status.next_round_at for status in call.gateway.dispatcher.status()}
    return (await call.gateway.database.read(read))[0]


@operation("deliveries.retry", "operator")
async def retry_deliveries(
    call: Call,
    *,
    delivery_id: int | None = None,
    delivery_ids: Sequence[int] = (),
    service_id: int | None = None,
    terminal_id: int | None = None,
    status: str | None = None,
    reason: str | None = None,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
    everything: bool = False,
    dry_run: bool = False,
) -> DeadLettersChanged:
    """Try failed deliveries again at once: those named by id, or all that the filter finds.

    `delivery_id` or `delivery_ids` name them; or they are of one service (`service_id`)
    or terminal (`terminal_id`), with `reason` in their reason, of punches in [`from_at`,
    `to_at`), only what is not tried again by itself (`status` dead); `everything` takes all.
    With `status` held they are held ones instead: they go, whatever they were held for.
    What an operator discarded is only tried again when it is named by id. `dry_run` changes
    nothing and counts. What takes longer goes on as a task, which the result names.

    Raises:
        NotFound: no such delivery, service or terminal.
        Conflict: one that was named is not failed, or its service was deleted.
        InvalidInput
    """
    check_word(status, "status", ("failed", "dead", "held"))
    filters = _filters(service_id, terminal_id, reason, from_at, to_at, status)
    named = await _choose(call, delivery_id, delivery_ids, filters, everything, _check_retry)
    count, find = dead_letters.count_failed, dead_letters.list_failed_ids
    do: Callable[..., dict[int, int]] = partial(dead_letters.retry_chunk, with_discarded=bool(named))
    if status == "held":
        count, find = dead_letters.count_held_back, dead_letters.list_held_ids
        do = dead_letters.release_chunk
    change = Change("deliveries.retry", partial(count, wanted=filters), partial(find, wanted=filters), do)
    return await _change(call, named, dry_run, change)


@operation("deliveries.discard", "operator")
async def discard_deliveries(
    call: Call,
    reason: str,
    *,
    delivery_id: int | None = None,
    delivery_ids: Sequence[int] = (),
    service_id: int | None = None,
    terminal_id: int | None = None,
    status: str | None = None,
    with_reason: str | None = None,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
    everything: bool = False,
    dry_run: bool = False,
) -> DeadLettersChanged:
    """Give failed and held deliveries up, with a visible `reason`; only a retry by id revives them.

    They stay as failed and nothing but an operator tries them again. `delivery_id` or
    `delivery_ids` name them; or they are of one service (`service_id`) or terminal
    (`terminal_id`), with `with_reason` in the reason they have now, of punches in
    [`from_at`, `to_at`), only failed, dead or held ones (`status`); `everything` takes all.
    `dry_run` changes nothing and counts. What takes longer goes on as a task, which the
    result names.

    Raises:
        NotFound: no such delivery, service or terminal.
        Conflict: one that was named is neither failed nor held.
        InvalidInput
    """
    reason = check_line(reason, "reason", _LONGEST_REASON, needed=True)
    check_word(status, "status", ("failed", "dead", "held"))
    filters = _filters(
        service_id, terminal_id, with_reason, from_at, to_at, status, reason_name="with_reason"
    )
    named = await _choose(call, delivery_id, delivery_ids, filters, everything, _check_discard)
    change = Change(
        "deliveries.discard",
        partial(dead_letters.count_discardable, wanted=filters),
        partial(dead_letters.list_discardable_ids, wanted=filters),
        partial(dead_letters.discard_chunk, reason=f"{DISCARDED}{call.operator.name}: {reason}"),
    )
    return await _change(call, named, dry_run, change)


async def _choose(
    call: Call,
    delivery_id: int | None,
    delivery_ids: Iterable[int],
    filters: DeliveryFilters,
    everything: bool,
    check: Callable[[Standing], None],
) -> list[int]:
    """The ids that were named, each fit for it; none where a filter chooses, of things that there are."""
    named = _named(delivery_id, delivery_ids, filters, everything)
    if named:
        await call.gateway.database.read(_check_standings, named, check)
    else:
        await call.gateway.database.read(_check_place, filters)
    return named


async def _change(call: Call, named: Sequence[int], dry_run: bool, change: Change) -> DeadLettersChanged:
    if dry_run:
        matched = len(named) if named else await call.gateway.database.read(change.count)
        return DeadLettersChanged(True, matched, 0, ())
    if named:
        return await change_named(call, named, change)
    return await change_found(call, change)


def _filters(
    service_id: int | None,
    terminal_id: int | None,
    reason: str | None,
    from_at: datetime | None,
    to_at: datetime | None,
    status: str | None = None,
    *,
    reason_name: str = "reason",
) -> DeliveryFilters:
    check_period(from_at, to_at)
    reason = check_line(reason or "", reason_name, _LONGEST_REASON)
    return DeliveryFilters(service_id, terminal_id, status, reason or None, from_at, to_at)


def _named(
    delivery_id: int | None, delivery_ids: Iterable[int], filters: DeliveryFilters, everything: bool
) -> list[int]:
    named = sorted({*delivery_ids, *(() if delivery_id is None else (delivery_id,))})
    has_filter = filters != DeliveryFilters()
    if sum((bool(named), has_filter, everything)) != 1:
        raise InvalidInput(
            "name deliveries by id, or give at least one filter, or say everything", field="delivery_id"
        )
    if len(named) > _MOST_IDS:
        raise InvalidInput(f"at most {_MOST_IDS} ids at once", field="delivery_ids")
    return named


def _list(
    connection: Connection, filters: DeliveryFilters, before_id: int | None, limit: int
) -> list[DeliveryView]:
    _check_place(connection, filters)
    return history.list_deliveries(connection, filters, before_id, limit)


def _check_place(connection: Connection, filters: DeliveryFilters) -> None:
    if filters.service_id is not None:
        services.get_service(connection, filters.service_id)
    if filters.terminal_id is not None:
        terminals.get_terminal(connection, filters.terminal_id, with_deleted=True)


def _check_standings(connection: Connection, named: Sequence[int], check: Callable[[Standing], None]) -> None:
    found = dead_letters.find_standings(connection, named)
    for ident in named:
        if ident not in found:
            raise NotFound("delivery", ident, field="delivery_id")
        check(found[ident])


def _check_retry(standing: Standing) -> None:
    if standing.status != "failed":
        raise Conflict(f"delivery {standing.id} is {standing.status}, not failed", field="delivery_id")
    if standing.is_service_deleted:
        raise Conflict(f"the service of delivery {standing.id} was deleted", field="delivery_id")


def _check_discard(standing: Standing) -> None:
    if standing.status not in ("failed", "held"):
        raise Conflict(
            f"delivery {standing.id} is {standing.status}, neither failed nor held", field="delivery_id"
        )
