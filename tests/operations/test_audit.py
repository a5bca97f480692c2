"""The audit is read in pages, newest first; nodes say who they are."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from tests.operations.conftest import Desk
from tests.store.factories import NOON
from tm20tui import __version__
from tm20tui.errors import Conflict, Forbidden, InvalidInput
from tm20tui.model import utc_now
from tm20tui.operations import audit, nodes, services, sites
from tm20tui.store.upgrade import latest_version


async def test_the_audit_is_filtered_and_paged(desk: Desk) -> None:
    for number in range(5):
        await sites.add_site(desk.call(name="bob" if number % 2 else "ann"), f"S{number}", "UTC")
    with pytest.raises(Conflict):
        await sites.add_site(desk.call(), "S0", "UTC")
    with pytest.raises(Forbidden):
        await audit.list_audit(desk.call("viewer"))
    call = desk.call("operator")
    page = await audit.list_audit(call, limit=4)
    assert [one.outcome for one in page.entries] == ["refused", "refused", "done", "done"]
    rest = await audit.list_audit(call, limit=4, before_id=page.next_before_id)
    assert [one.outcome for one in rest.entries] == ["done"] * 3
    assert rest.next_before_id is None
    assert len((await audit.list_audit(call, operator="bob")).entries) == 2
    assert len((await audit.list_audit(call, operation="sites.add", outcome="refused")).entries) == 1
    assert (await audit.list_audit(call, to_at=NOON)).entries == ()
    assert len((await audit.list_audit(call, from_at=utc_now() - timedelta(minutes=5))).entries) == 7
    assert len((await audit.list_audit(call, operation="sites.")).entries) == 6
    assert len((await audit.list_audit(call, q="BOB s1")).entries) == 1
    assert len((await audit.list_audit(call, q="sites !bob !refused")).entries) == 3
    with pytest.raises(InvalidInput, match="outcome"):
        await audit.list_audit(call, outcome="maybe")


async def test_this_node_says_what_it_is(desk: Desk) -> None:
    (node,) = await nodes.list_nodes(desk.call("viewer"))
    assert (node.name, node.version, node.pid, node.is_this) == ("main", __version__, os.getpid(), True)
    assert (node.started_at, node.schema) == (NOON, latest_version())
    assert node.database == desk.database.label


async def test_a_secret_in_the_wrong_field_is_not_written_down(desk: Desk) -> None:
    token = "Zm9vYmFyYmF6cXV4"
    sound = {"name": "HR", "base_url": "https://hr.example.com", "auth_token": token}
    for wrong in ({"auth_type": token}, {"bearer": token}, {"auth_type": [token]}):
        with pytest.raises(InvalidInput):
            await services.add_service(desk.call("admin"), sound | wrong)
    first, second, third = reversed((await audit.list_audit(desk.call("operator"))).entries)
    assert '"auth_type":"<not one of none, bearer, api_key, basic>"' in first.arguments
    assert '"bearer":"<no such field>"' in second.arguments
    assert not [one for one in (first, second, third) if token in one.arguments + one.reason]
