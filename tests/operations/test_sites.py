"""Sites: named and zoned, but the default one is the configuration's; terminals move between them."""

from __future__ import annotations

import pytest

from tests.operations.conftest import Desk
from tests.store.factories import NOON, add_terminal, add_user
from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.operations import sites
from tm20tui.store.loads import add_load, finish_load


async def test_sites_are_added_and_changed(desk: Desk) -> None:
    added = await sites.add_site(desk.call(), " Lyon ", "Europe/Paris")
    assert (added.name, added.timezone, added.is_default) == ("Lyon", "Europe/Paris", False)
    ident = await desk.database.write(add_terminal, "A", site="Lyon")
    await desk.database.write(add_user, "7", "Ann", site="Lyon")
    changed = await sites.change_site(desk.call(), added.id, name="Nantes", timezone="UTC")
    assert (changed.name, changed.timezone, changed.terminals, changed.users) == ("Nantes", "UTC", 1, 1)
    assert [(one.id, one.timezone) for one in desk.roster.refreshed] == [(ident, "UTC")]
    assert [one.name for one in await sites.list_sites(desk.call("viewer"))] == ["Default", "Nantes"]
    assert await sites.get_site(desk.call("viewer"), added.id) == changed
    assert await desk.audited() == [("sites.add", "done"), ("sites.change", "done")]


async def test_the_default_site_is_the_configurations(desk: Desk) -> None:
    (default,) = await sites.list_sites(desk.call())
    assert default.is_default
    assert await sites.change_site(desk.call(), default.id, timezone="UTC") == default
    for field, value in (("timezone", "Europe/Paris"), ("name", "Paris")):
        with pytest.raises(Conflict, match=rf"site\.{field} in the configuration") as refused:
            await sites.change_site(desk.call(), default.id, **{field: value})
        assert refused.value.field == field
    assert [outcome for _, outcome in await desk.audited()] == ["done", "refused", "refused"]


async def test_a_terminal_moves_and_its_session_learns_it(desk: Desk) -> None:
    there = await sites.add_site(desk.call(), "Tokyo", "Asia/Tokyo")
    ident = await desk.database.write(add_terminal, "A", site="Default")
    view = await sites.move_terminal(desk.call(), ident, there.id)
    assert (view.terminal.site, view.terminal.timezone) == ("Tokyo", "Asia/Tokyo")
    assert desk.roster.refreshed == [view.terminal]
    with pytest.raises(NotFound):
        await sites.move_terminal(desk.call(), ident, there.id + 1)
    with pytest.raises(NotFound):
        await sites.move_terminal(desk.call(), ident + 1, there.id)


async def test_a_terminal_stays_while_users_of_its_site_are_sent_to_it(desk: Desk) -> None:
    there = await sites.add_site(desk.call(), "Tokyo", "Asia/Tokyo")
    ident = await desk.database.write(add_terminal, "A", site="Default")
    load = await desk.database.write(
        add_load,
        ident,
        task_id="t",
        with_credentials=False,
        remove_others=False,
        operator="ann",
        correlation_id="",
        now=NOON,
    )
    with pytest.raises(Conflict, match="users are being sent to that terminal"):
        await sites.move_terminal(desk.call(), ident, there.id)
    await desk.database.write(finish_load, load.id, "cancelled", NOON)
    assert (await sites.move_terminal(desk.call(), ident, there.id)).terminal.site == "Tokyo"


@pytest.mark.parametrize(
    ("name", "zone", "field"),
    [("", "UTC", "name"), ("A\nB", "UTC", "name")]
    + [("A", zone, "timezone") for zone in ("", "Mars/Base", "../etc/passwd", "+02:00")],
)
async def test_what_is_wrong_is_named(desk: Desk, name: str, zone: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await sites.add_site(desk.call(), name, zone)
    assert refused.value.field == field


async def test_names_are_unique(desk: Desk) -> None:
    one = await sites.add_site(desk.call(), "One", "UTC")
    with pytest.raises(Conflict, match="'Default'"):
        await sites.change_site(desk.call(), one.id, name="Default")
    with pytest.raises(Conflict, match="'One'"):
        await sites.add_site(desk.call(), "One", "UTC")
