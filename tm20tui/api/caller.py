"""Who a request comes from, as operations want to know it: put there by the guard."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from tm20tui.operations.call import Call


async def current_call(request: Request) -> Call:
    """The call of this request."""
    state = request.state
    return Call(request.app.state.gateway, state.operator, state.request_id)


Caller = Annotated[Call, Depends(current_call)]
