"""The tables: what may happen in which state; everything else raises."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from tm20tui.delivery.states import (
    DELIVERY_MOVES,
    SERVICE_MOVES,
    DeliveryEvent,
    DeliveryState,
    IllegalMove,
    ServiceEvent,
    ServiceState,
    move_delivery,
    move_service,
)


@pytest.mark.parametrize(("state", "event"), [*product(get_args(ServiceState), get_args(ServiceEvent))])
def test_services_move_by_the_table_alone(state: ServiceState, event: ServiceEvent) -> None:
    if (state, event) in SERVICE_MOVES:
        assert move_service(state, event) == SERVICE_MOVES[state, event]
    else:
        with pytest.raises(IllegalMove, match=state):
            move_service(state, event)


@pytest.mark.parametrize(("state", "event"), [*product(get_args(DeliveryState), get_args(DeliveryEvent))])
def test_deliveries_move_by_the_table_alone(state: DeliveryState, event: DeliveryEvent) -> None:
    if (state, event) in DELIVERY_MOVES:
        assert move_delivery(state, event) == DELIVERY_MOVES[state, event]
    else:
        with pytest.raises(IllegalMove, match=state):
            move_delivery(state, event)


def test_nothing_leaves_sent() -> None:
    assert not [state for state, _ in DELIVERY_MOVES if state in ("sent", "duplicate")]


def test_only_a_probe_or_an_edit_leaves_backing_off_and_paused() -> None:
    leaving = {
        state: {event for known, event in SERVICE_MOVES if known == state} for state, _ in SERVICE_MOVES
    }
    assert leaving["backing off"] == {"probe", "edited"}
    assert leaving["paused"] == {"probe", "edited", "nothing to send"}
