"""What makes a terminal forget: allowed, confirmed by serial, and only when nothing can get lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trio
from sqlalchemy import update

from tests.ingest.frames import rows
from tests.operations.terminals import Site, running_site
from tests.store.factories import NOON
from tm20tui.errors import Conflict, Forbidden, InvalidInput
from tm20tui.model import utc_now
from tm20tui.operations import erasing, terminals
from tm20tui.operations.erasing import what_is_unsafe
from tm20tui.store import services
from tm20tui.store.reconciliations import update_reconciliation
from tm20tui.store.safekeeping import Safekeeping
from tm20tui.store.schema import deliveries
from tm20tui.store.services import ServiceDraft

ALLOWED = {"allow_dangerous": True}
ERASING = [erasing.clean_log, erasing.clean_users, erasing.clean_admins, erasing.initialise]


async def stored(site: Site, family: str, count: int) -> int:
    """Have people pass and wait until it is stored; return the terminal."""
    site.devices[family].punch(trio.current_time(), count)
    ident = await site.terminal_id(family)
    with trio.fail_after(30):
        while len(await rows(site.gateway.database, "punches")) < count:
            await trio.sleep(0.05)
    return ident


@pytest.mark.parametrize("erase", ERASING)
async def test_nothing_is_erased_unless_the_configuration_allows_it(
    sqlite_url: str, tmp_path: Path, erase: Any
) -> None:
    async with running_site(sqlite_url, tmp_path, ("TH900",)) as site:
        ident, sn = await site.terminal_id("TH900"), site.devices["TH900"].sn
        with pytest.raises(Conflict, match=r"needs security\.allow_dangerous"):
            await erase(site.call(), ident, sn)
        with pytest.raises(Forbidden):
            await erase(site.call("operator"), ident, sn)


@pytest.mark.parametrize("family", ["TH600", "TH900", "AiFace"])
async def test_erasing_when_all_is_safe(sqlite_url: str, tmp_path: Path, family: str) -> None:
    async with running_site(sqlite_url, tmp_path, (family,), security=ALLOWED) as site:
        ident, device = await stored(site, family, 5), site.devices[family]
        call = site.call()
        with pytest.raises(InvalidInput, match="confirm must be the terminal's serial") as caught:
            await erasing.clean_log(call, ident, "yes")
        assert caught.value.field == "confirm"
        assert device.device.logs.total == 5
        for erase in (erasing.clean_log, erasing.clean_admins, erasing.clean_users, erasing.initialise):
            record = await erase(call, ident, device.sn)
            assert record.status == "confirmed", record
        assert (device.device.logs.total, device.device.users.rows, device.device.lost_pending) == (0, {}, 0)
        assert len(await rows(site.gateway.database, "punches")) == 5
        view = await terminals.get_terminal(call, ident)
        assert view.terminal.capacity["usedlog"] == 0


async def test_refused_while_a_delivery_is_owed(sqlite_url: str, tmp_path: Path) -> None:
    async with running_site(sqlite_url, tmp_path, ("TH900",), security=ALLOWED) as site:
        database, sn = site.gateway.database, site.devices["TH900"].sn
        draft = ServiceDraft(
            name="HR", base_url="https://hr.invalid", attendance_endpoint="/a", is_active=False
        )
        await database.write(services.add_service, site.gateway.vault, draft, NOON)
        ident = await stored(site, "TH900", 3)
        with pytest.raises(Conflict, match="3 of its punches are not delivered"):
            await erasing.clean_log(site.call(), ident, sn)

        def settle(connection: Any) -> None:
            connection.execute(
                update(deliveries).values(status="failed", last_error="discarded by ann: test")
            )

        await database.write(settle)
        assert (await erasing.clean_log(site.call(), ident, sn)).status == "confirmed"


async def test_refused_while_a_record_may_not_be_stored(sqlite_url: str, tmp_path: Path) -> None:
    async with running_site(sqlite_url, tmp_path, ("TH900",), security=ALLOWED) as site:
        ident, sn = await stored(site, "TH900", 3), site.devices["TH900"].sn

        def claim(connection: Any) -> None:
            terminals.terminals.update_terminal(connection, ident, {"capacity": {"usedlog": 4}})

        await site.gateway.database.write(claim)
        with pytest.raises(Conflict, match="held 4 records when it registered, 3 of it are stored"):
            await erasing.clean_users(site.call(), ident, sn)
        assert site.devices["TH900"].device.users.rows


async def test_refused_when_what_came_before_hides_what_is_missing(sqlite_url: str, tmp_path: Path) -> None:
    async with running_site(sqlite_url, tmp_path, ("TH900",), security=ALLOWED) as site:
        ident, sn = await stored(site, "TH900", 3), site.devices["TH900"].sn
        connected_at = site.gateway.roster.views()[ident].connected_at

        def says(connection: Any, counted: int, held: int, agreed_at: datetime) -> None:
            # It was erased at its keypad since three were stored, and agreed about `counted` later.
            terminals.terminals.update_terminal(connection, ident, {"capacity": {"usedlog": held}})
            last = {"punch_id": 3, "event_id": 0, "agreed_at": agreed_at, "phase": ""}
            update_reconciliation(connection, ident, {"counted": counted, "unaccounted": 0, **last})

        await site.gateway.database.write(says, 1, 3, utc_now())
        with pytest.raises(Conflict, match="held 3 records when it registered, 1 of it are stored"):
            await erasing.clean_log(site.call(), ident, sn)
        await site.gateway.database.write(says, 5, 2, connected_at - timedelta(days=1))
        with pytest.raises(Conflict, match="fewer records than before"):
            await erasing.clean_log(site.call(), ident, sn)
        # It agreed on this connection, and sent three more since it told its counter.
        await site.gateway.database.write(says, 5, 2, utc_now())
        assert (await erasing.clean_log(site.call(), ident, sn)).status == "confirmed"


async def test_never_kept_for_later(sqlite_url: str, tmp_path: Path) -> None:
    async with running_site(sqlite_url, tmp_path, ("TH900",), security=ALLOWED) as site:
        ident, sn = await site.terminal_id("TH900"), site.devices["TH900"].sn
        site.gateway.roster.find_view = lambda _: None  # type: ignore[method-assign]
        with pytest.raises(Conflict, match="is not connected"):
            await erasing.clean_log(site.call(), ident, sn)
        assert await rows(site.gateway.database, "commands") == []


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        (Safekeeping(None, 9, 0), "did not say"),
        (Safekeeping(10, 9, 0), "held 10 records"),
        (Safekeeping(9, 9, 1), "1 of its punches"),
        (Safekeeping(9, 9, 0), ""),
        (Safekeeping(9, 20, 0, was_erased=True), "fewer records than before"),
        (Safekeeping(0, 20, 0), ""),
    ],
)
def test_what_is_unsafe(kept: Safekeeping, says: str) -> None:
    assert says in what_is_unsafe(kept)
    assert bool(says) == bool(what_is_unsafe(kept))
