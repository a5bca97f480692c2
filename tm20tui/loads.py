"""Users on their way to terminals as background tasks, those that an earlier server left included."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from tm20tui.errors import StoreUnavailable
from tm20tui.store.loads import UserLoad, take_up_loads
from tm20tui.tasks import Progress, TaskRecord

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway

log = logging.getLogger(__name__)

_STORE_SECONDS: Final = 1.0


def start_load(gateway: Gateway, load: UserLoad) -> TaskRecord:
    """Carry it out in the background, from where it stands."""
    progress = Progress(done=load.done, total=load.total)

    def tell(done: int) -> None:
        progress.done = done

    return gateway.tasks.start(
        "users to a terminal",
        partial(gateway.users.carry_out, load, tell),
        progress=progress,
        ident=load.task_id,
        on_cancel=partial(gateway.users.give_up, load),
    )


async def resume_loads(gateway: Gateway) -> None:
    """Go on with what an earlier server did not finish."""
    # What it left in flight is queued again by then, and can be taken back.
    await gateway.commands.recovered.wait()
    while True:
        try:
            found = await gateway.database.write(take_up_loads)
            break
        except StoreUnavailable:
            await trio.sleep(_STORE_SECONDS)
    for load in found:
        log.info("users to terminal %d: going on after %d of %d", load.terminal_id, load.done, load.total)
        start_load(gateway, load)
