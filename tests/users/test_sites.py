"""The same enrollid in two sites is two people: in what terminals report, in HR's lists, on terminals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import trio

from tests.users.rig import Rig, running_rig
from tm20tui.model import utc_now
from tm20tui.operations.sites import add_site, move_terminal
from tm20tui.operations.users_sync import fetch_users, send_users
from tm20tui.simulate.hr import HrService, serve_hr
from tm20tui.simulate.people import Person
from tm20tui.simulate.terminal import Terminal
from tm20tui.store import services
from tm20tui.store.services import ServiceDraft


async def two_sites(rig: Rig) -> tuple[tuple[Terminal, int, int], tuple[Terminal, int, int]]:
    """A terminal in Paris and one in Kinshasa: device, id, site."""
    here, here_id = await rig.terminal("TH900", 1)
    there, there_id = await rig.terminal("TH600", 2)
    site = await add_site(rig.call("admin"), "Kinshasa", "Africa/Kinshasa")
    await move_terminal(rig.call("admin"), there_id, site.id)
    await rig.reconnect(there)
    return (here, here_id, rig.gateway.site_id), (there, there_id, site.id)


def tell(device: Terminal, enrollid: int, name: str) -> None:
    user = {"cmd": "senduser", "sn": device.sn, "enrollid": enrollid, "name": name, "backupnum": 11}
    device.device.outbox.append(user | {"admin": 0, "record": 1000 + len(name)})


async def people(rig: Rig) -> set[tuple[int, str, str]]:
    return {(row["site_id"], row["enrollid"], row["name"]) for row in await rig.rows("users")}


async def test_what_terminals_report(database_url: str, tmp_path: Path) -> None:
    async with running_rig(database_url, tmp_path) as rig:
        (here, _, paris), (there, _, kinshasa) = await two_sites(rig)
        tell(here, 7, "Ann")
        tell(there, 7, "Bernard")
        await rig.told("users", 2, here, there)
        await rig.told("credentials", 2)
        assert await people(rig) == {(paris, "7", "Ann"), (kinshasa, "7", "Bernard")}
        kept = {row["user_id"]: row["terminal_id"] for row in await rig.rows("credentials")}
        assert len(kept) == len(set(kept.values())) == 2


async def test_what_services_list_and_terminals_get(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path, people=3) as rig:
        (here, here_id, paris), (there, there_id, kinshasa) = await two_sites(rig)
        rig.hr.people[0] = replace(rig.hr.people[0], admin=0)
        rig.hr.people[2] = Person(3, "Ann", 0)
        other = HrService(seed=2, users=3)
        other.people = [Person(number, f"Congolese {number}", 0) for number in (1, 2, 3)]
        port = await rig.nursery.start(serve_hr, other, "127.0.0.1", 0)
        draft = ServiceDraft(
            name="HR 2",
            base_url=f"http://127.0.0.1:{port}",
            users_endpoint="/api/v1/employees",
            terminal_ids=(there_id,),
        )
        add: Any = services.add_service
        second = await rig.gateway.database.write(add, rig.gateway.vault, draft, utc_now())
        await fetch_users(rig.call(), rig.config_id, terminal_id=here_id)
        (site,) = (await fetch_users(rig.call(), second.id)).sites
        assert (site.site_id, site.added, site.conflicts) == (kinshasa, 3, ())
        found = await people(rig)
        assert {(paris, "3", "Ann"), (kinshasa, "3", "Congolese 3")} < found
        assert len(found) == 6
        for ident in (here_id, there_id):
            task = await rig.finished((await send_users(rig.call(), ident)).task)
            assert isinstance(task.result, dict)
            assert (task.result["confirmed"], task.result["failed"]) == (3, [])
        assert {user.enrollid: user.name for user in here.device.users.rows.values()}[3] == "Ann"
        assert {user.enrollid: user.name for user in there.device.users.rows.values()} == {
            number: f"Congolese {number}" for number in (1, 2, 3)
        }
        # One of them leaves; the other stays.
        other.people.pop()
        (site,) = (await fetch_users(rig.call(), second.id, confirm=True)).sites
        assert site.gone == ("3",)
        with trio.fail_after(30):
            while there.device.users.rows[3].enabled:
                await trio.sleep(0.05)
        assert here.device.users.rows[3].enabled
