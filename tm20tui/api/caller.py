"""Who a request comes from, as operations want to know it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from tm20tui.operations.call import Call, Operator


async def current_call(request: Request) -> Call:
    """The call of this request. The API is bound to loopback: whoever reaches it is on this machine."""
    peer = request.client
    address = "" if peer is None else f"{peer.host}:{peer.port}"
    return Call(request.app.state.gateway, Operator("local", "admin", "api", address))


Caller = Annotated[Call, Depends(current_call)]
