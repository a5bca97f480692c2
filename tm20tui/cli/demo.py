"""`tm20tui --demo`: a simulated company around a server that forgets.

Everything lives in a temporary folder that is deleted at the end, and listens on
this machine only. The same seed plays the same people.
"""

from __future__ import annotations

import logging
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trio

from tm20tui.cli.demo_scene import AWAY, DRIFT_SECONDS, UNKNOWN_EMPLOYEE, set_stage, write_history
from tm20tui.gateway import Gateway
from tm20tui.operations import schedules, services, users_sync
from tm20tui.operations.call import SERVER, Call
from tm20tui.settings import Settings
from tm20tui.simulate.clock import WallClock
from tm20tui.simulate.fleet import Fleet
from tm20tui.simulate.hr import serve_hr
from tm20tui.simulate.hr_faults import Fault
from tm20tui.simulate.hr_service import HrService
from tm20tui.simulate.people import make_roster

log = logging.getLogger(__name__)

REPORT_SECONDS = 5.0
STAFF = 50
_LOCAL = "127.0.0.1"
_NEWCOMER = 901
_WEEK = (("08:00", "17:00"), ("08:00", "17:00"), ("08:00", "12:30"), ("08:00", "17:00"), ("08:00", "16:00"))


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """`terminals` includes one that is away and one to approve; `rate` in punches a second."""

    seed: int | None = None
    terminals: int = 15
    rate: float = 1.0
    punches: int = 2000


class Demo:
    """A context manager: inside, `settings` are those to run the server with."""

    def __init__(self, settings: Settings, options: DemoOptions) -> None:
        self.settings = settings
        self._options = options
        self._folder = tempfile.TemporaryDirectory(prefix="tm20tui-demo-")
        self._hr = HrService(seed=options.seed, poison_enrollids={UNKNOWN_EMPLOYEE}, fault=Fault.POISON)
        self._payroll = HrService(seed=options.seed, fault=Fault.TIMEOUT_BEFORE)

    def __enter__(self) -> Self:
        folder = Path(self._folder.name)
        given = self.settings
        self.settings = given.model_copy(
            update={
                "state_directory": folder,
                "database": given.database.model_copy(update={"url": f"sqlite:///{folder / 'tm20.db'}"}),
                "terminals": given.terminals.model_copy(
                    update={
                        "host": _LOCAL,
                        "port": _free_port(given.terminals.port),
                        "admission": "approve",
                        "blocked": (),
                        "allowed_networks": (),
                        "cert": None,
                        "key": None,
                        "cloudtime": "never",
                    }
                ),
                # One clock is wrong until the operator sets it.
                "clock": given.clock.model_copy(update={"correct_seconds": 0}),
                "delivery": given.delivery.model_copy(update={"allow_private_hosts": True}),
                "control": given.control.model_copy(update={"path": None}),
                "api": given.api.model_copy(update={"port": _free_port(given.api.port)}),
                "ui": given.ui.model_copy(update={"label": "DEMO", "crash_command": True}),
            }
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hr.close()
        self._payroll.close()
        self._folder.cleanup()

    async def run(self, gateway: Gateway) -> None:
        """Play the terminals and the HR services until cancelled."""
        options = self._options
        async with trio.open_nursery() as nursery:
            port = await nursery.start(serve_hr, self._hr, _LOCAL, 0)
            payroll_port = await nursery.start(serve_hr, self._payroll, _LOCAL, 0)
            hr_url = f"http://{_LOCAL}:{port}"
            dial = f"ws://{_LOCAL}:{self.settings.terminals.port}/"
            fleet = Fleet(
                dial, count=max(1, options.terminals - 2), rate=options.rate, seed=options.seed, users=STAFF
            )
            fleet.terminals[-1].device.clock = WallClock(DRIFT_SECONDS)
            doors = await set_stage(gateway, [terminal.sn for terminal in fleet.terminals])
            hr_id = await self._add_service(gateway, "API RH", hr_url, users_endpoint="/api/v1/employees")
            await users_sync.fetch_users(Call(gateway, SERVER), hr_id)
            people = make_roster(STAFF, options.seed)
            await write_history(gateway, doors, people, options.punches, options.seed)
            payroll_url = f"http://{_LOCAL}:{payroll_port}"
            served = {"terminal_ids": [door.id for door in doors[:2]], "timeout_seconds": 5}
            await self._add_service(gateway, "Paie SA", payroll_url, **served)
            await self._add_schedules(gateway, doors[0].id)
            log.info("demo: %d simulated terminals dial %s; %s is away", options.terminals - 1, dial, AWAY)
            nursery.start_soon(self._report)
            nursery.start_soon(fleet.run)
            await Fleet(dial, count=1, rate=0, seed=options.seed, first=_NEWCOMER).run()

    async def _add_service(self, gateway: Gateway, name: str, base_url: str, **more: Any) -> int:
        given = {
            "name": name,
            "description": "A simulated service of tm20tui --demo",
            "base_url": base_url,
            "attendance_endpoint": "/api/v1/attendance",
            "auth_type": "none",
            "sync_interval_minutes": 0,
            **more,
        }
        return (await services.add_service(Call(gateway, SERVER), given)).id

    async def _add_schedules(self, gateway: Gateway, terminal_id: int) -> None:
        for weekday, (check_in, check_out) in enumerate(_WEEK):
            given: dict[str, Any] = {
                "name": "Standard",
                "weekday": weekday,
                "check_in_time": check_in,
                "check_out_time": check_out,
                "tolerance_minutes": 15,
            }
            if check_out != "12:30":
                given |= {"break_start_time": "12:00", "break_end_time": "13:00"}
            await schedules.add_schedule(Call(gateway, SERVER), terminal_id, given)

    async def _report(self) -> None:
        told = -1
        while True:
            await trio.sleep(REPORT_SECONDS)
            if told != (told := len(self._hr.records)):
                log.info("demo: the HR service has received %d punches", told, extra={"service": "API RH"})


def _free_port(wanted: int) -> int:
    """`wanted` if nobody has it, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_LOCAL, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return 0
