"""Waits for background work that this console began: what is shown as done was done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tm20tui.tui.language import _
from tm20tui.tui.mode import ModeScreen

if TYPE_CHECKING:
    from tm20tui.tasks import TaskRecord

_POLL_SECONDS = 0.5


async def task_end(mode: ModeScreen, record: TaskRecord, about: str) -> TaskRecord:
    """The record once it is over; meanwhile the message line says that it runs."""
    mode.app.tell("accent", _("{action}: begun, see 8").format(action=about))
    mode.draw_frame()
    while record.status == "running":
        await asyncio.sleep(_POLL_SECONDS)
        record = await mode.call("tasks.get", task_id=record.id)
    return record
