"""`deliveries/`: logs owed to configs, why one is where it is, dead letters."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi import Query as Parameters
from pydantic import Field

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.paging import show_page
from tm20tui.api.queries import Id, Moment, PathId, PeriodQuery, Query, Text
from tm20tui.api.stories import DeliveryOut, DeliveryStoryOut, show_delivery, show_delivery_story
from tm20tui.api.views import Pagination, TaskView, Utc, View, show_task
from tm20tui.operations import deliveries, delivery_totals

_RETRY = {"config_id": 1, "reason": "404", "dry_run": True}
_DISCARD = {"reason": "left the company", "delivery_ids": [17, 18]}


class DeliveryQuery(PeriodQuery):
    """`GET deliveries/`."""

    config_id: Id | None = None
    terminal_id: Id | None = None
    status: Literal["pending", "in flight", "held", "sent", "duplicate", "failed", "owed", "dead"] | None = (
        Field(default=None, description="owed: pending, in flight or held; dead: failed for good")
    )
    reason: Text | None = Field(default=None, description="a part of the last reason")


class TotalsQuery(Query):
    """`GET deliveries/totals/`."""

    hours: int = Field(default=24, ge=1, le=744, description="what was sent is counted over so many hours")


class Chosen(Body):
    """Deliveries by their ids, or by a filter, or `everything`; with `dry_run` they are only counted."""

    delivery_ids: list[Id] = Field(default=[], max_length=1000)
    config_id: Id | None = None
    terminal_id: Id | None = None
    from_: Moment | None = Field(default=None, alias="from")
    to: Moment | None = None
    everything: bool = False
    dry_run: bool = False

    def values(self) -> dict[str, Any]:
        """As the operations take them."""
        return {
            "delivery_ids": self.delivery_ids,
            "service_id": self.config_id,
            "terminal_id": self.terminal_id,
            "from_at": self.from_,
            "to_at": self.to,
            "everything": self.everything,
            "dry_run": self.dry_run,
        }


class RetryFields(Chosen):
    """Which failed deliveries to try again: by id, by filter (`reason` is a part of theirs), or all."""

    reason: str | None = None


class DiscardFields(Chosen):
    """Which failed or held deliveries to give up, and the `reason` for it."""

    reason: str = Field(min_length=1, max_length=500)
    with_reason: str | None = Field(default=None, description="a part of the reason they have now")


class DiscardReason(Body):
    """Why a delivery is given up."""

    reason: str = Field(min_length=1, max_length=500)


class TotalsOut(View):
    """Counts of one config's deliveries; `sent`, `requests` and `answered` are of the period."""

    config_id: int
    config_name: str
    waiting: int
    retrying: int
    in_flight: int
    held: int
    failed: int
    dead: int
    sent: int
    requests: int
    answered: int
    next_round_at: Utc | None


class TotalsAnswer(View):
    """Configs by id."""

    success: Literal[True] = True
    hours: int
    configs: tuple[TotalsOut, ...]


class DeliveriesAnswer(View):
    """A page of deliveries, newest first."""

    success: Literal[True] = True
    deliveries: tuple[DeliveryOut, ...]
    pagination: Pagination


class DeliveryAnswer(View):
    """One delivery."""

    success: Literal[True] = True
    delivery: DeliveryOut


class DeliveryStoryAnswer(View):
    """One delivery's story."""

    success: Literal[True] = True
    why: DeliveryStoryOut


class ChangedAnswer(View):
    """How many were found and changed; none are in a dry run.

    With a `task` it still goes on: that task's result has the final numbers.
    """

    success: Literal[True] = True
    is_dry_run: bool
    matched: int
    changed: int
    config_ids: tuple[int, ...]
    task: TaskView | None


def delivery_routes() -> APIRouter:
    """List, show, explain; retry and discard one or many."""
    router = APIRouter(prefix="/deliveries", tags=["deliveries"])

    @router.get("/")
    async def list_deliveries(
        call: Caller, query: Annotated[DeliveryQuery, Parameters()]
    ) -> DeliveriesAnswer:
        page = await deliveries.list_deliveries(
            call,
            service_id=query.config_id,
            terminal_id=query.terminal_id,
            status=query.status,
            reason=query.reason,
            from_at=query.from_,
            to_at=query.to,
            before_id=query.position(),
            limit=query.limit,
        )
        shown = tuple(map(show_delivery, page.deliveries))
        return DeliveriesAnswer(
            deliveries=shown, pagination=show_page(query, len(shown), page.next_before_id)
        )

    @router.post("/retry/", openapi_extra=documented_body(RetryFields, example=_RETRY))
    async def retry_deliveries(call: Caller, body: JsonObject) -> ChangedAnswer:
        fields = checked(RetryFields, body)
        return _changed(await deliveries.retry_deliveries(call, reason=fields.reason, **fields.values()))

    @router.post("/discard/", openapi_extra=documented_body(DiscardFields, example=_DISCARD))
    async def discard_deliveries(call: Caller, body: JsonObject) -> ChangedAnswer:
        fields = checked(DiscardFields, body)
        return _changed(
            await deliveries.discard_deliveries(
                call, fields.reason, with_reason=fields.with_reason, **fields.values()
            )
        )

    @router.get("/totals/")
    async def count_deliveries(call: Caller, query: Annotated[TotalsQuery, Parameters()]) -> TotalsAnswer:
        found = await delivery_totals.count_deliveries(call, hours=query.hours)
        return TotalsAnswer(hours=found.hours, configs=tuple(map(_totals, found.services)))

    @router.get("/{delivery_id}/")
    async def get_delivery(call: Caller, delivery_id: PathId) -> DeliveryAnswer:
        return DeliveryAnswer(delivery=show_delivery(await deliveries.get_delivery(call, delivery_id)))

    @router.get("/{delivery_id}/why/")
    async def explain_delivery(call: Caller, delivery_id: PathId) -> DeliveryStoryAnswer:
        story = await deliveries.explain_delivery(call, delivery_id)
        return DeliveryStoryAnswer(why=show_delivery_story(story))

    @router.post("/{delivery_id}/retry/")
    async def retry_delivery(call: Caller, delivery_id: PathId) -> ChangedAnswer:
        return _changed(await deliveries.retry_deliveries(call, delivery_id=delivery_id))

    @router.post("/{delivery_id}/discard/", openapi_extra=documented_body(DiscardReason))
    async def discard_delivery(call: Caller, delivery_id: PathId, body: JsonObject) -> ChangedAnswer:
        reason = checked(DiscardReason, body).reason
        return _changed(await deliveries.discard_deliveries(call, reason, delivery_id=delivery_id))

    return router


def _totals(one: delivery_totals.ServiceTotals) -> TotalsOut:
    return TotalsOut(
        config_id=one.service.id,
        config_name=one.service.name,
        next_round_at=one.next_round_at,
        **{name: value for name, value in asdict(one.totals).items() if name in TotalsOut.model_fields},
    )


def _changed(done: deliveries.DeadLettersChanged) -> ChangedAnswer:
    return ChangedAnswer(
        is_dry_run=done.is_dry_run,
        matched=done.matched,
        changed=done.changed,
        config_ids=done.service_ids,
        task=show_task(done.task) if done.task is not None else None,
    )
