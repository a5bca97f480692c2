"""`tm20tui --demo`: simulated terminals and a simulated HR service around a server that forgets.

Everything lives in a temporary folder that is deleted at the end, and listens on
this machine only.
"""

from __future__ import annotations

import logging
import socket
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import trio

from tm20tui.gateway import Gateway
from tm20tui.operations import services
from tm20tui.operations.call import SERVER, Call
from tm20tui.settings import Settings
from tm20tui.simulate.fleet import run_fleet
from tm20tui.simulate.hr import serve_hr
from tm20tui.simulate.hr_service import HrService

log = logging.getLogger(__name__)

TERMINALS = 12
PUNCHES_PER_SECOND = 1.0
REPORT_SECONDS = 5.0
_LOCAL = "127.0.0.1"


async def add_demo_service(gateway: Gateway, base_url: str) -> None:
    """Make the simulated HR service known to the server, as an operator would."""
    await services.add_service(
        Call(gateway, SERVER),
        {
            "name": "Demo HR",
            "description": "The simulated HR service of tm20tui --demo",
            "base_url": base_url,
            "users_endpoint": "/api/v1/employees",
            "attendance_endpoint": "/api/v1/attendance",
            "auth_type": "none",
            "sync_interval_minutes": 0,
        },
    )


class Demo:
    """A context manager: inside, `settings` are those to run the server with."""

    def __init__(self, settings: Settings, seed: int | None) -> None:
        self.settings = settings
        self._seed = seed
        self._folder = tempfile.TemporaryDirectory(prefix="tm20tui-demo-")
        self._hr = HrService(seed=seed)
        self._hr_url = ""

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
                        "admission": "open",
                        "blocked": (),
                        "allowed_networks": (),
                        "cert": None,
                        "key": None,
                    }
                ),
                "delivery": given.delivery.model_copy(update={"allow_private_hosts": True}),
                "control": given.control.model_copy(update={"path": None}),
                "api": given.api.model_copy(update={"port": _free_port(given.api.port)}),
            }
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hr.close()
        self._folder.cleanup()

    def notes(self) -> tuple[str, ...]:
        """What the simulated HR service has received so far."""
        if not self._hr_url:
            return ()
        return (f"Demo HR at {self._hr_url} has received {len(self._hr.records)} punches",)

    async def run(self, gateway: Gateway) -> None:
        """Play the terminals and the HR service until cancelled."""
        async with trio.open_nursery() as nursery:
            port = await nursery.start(serve_hr, self._hr, _LOCAL, 0)
            self._hr_url = f"http://{_LOCAL}:{port}"
            await add_demo_service(gateway, self._hr_url)
            dial = f"ws://{_LOCAL}:{self.settings.terminals.port}/"
            log.info("demo: %d simulated terminals dial %s", TERMINALS, dial)
            nursery.start_soon(self._report)
            await run_fleet(dial, count=TERMINALS, rate=PUNCHES_PER_SECOND, seed=self._seed)

    async def _report(self) -> None:
        told = -1
        while True:
            await trio.sleep(REPORT_SECONDS)
            if told != (told := len(self._hr.records)):
                log.info("demo: the HR service has received %d punches", told, extra={"service": "Demo HR"})


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
