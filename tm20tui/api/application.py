"""The ASGI application: the URLs of the customer's document and what belongs to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from tm20tui import __version__
from tm20tui.api.errors import install_error_handlers
from tm20tui.api.guard import PREFIX, Guard
from tm20tui.api.routes_attendance import attendance_routes
from tm20tui.api.routes_configs import config_routes
from tm20tui.api.routes_server import health_routes, task_routes
from tm20tui.api.routes_terminals import terminal_routes

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway


def create_application(gateway: Gateway) -> Guard:
    """Everything that answers HTTP, guarded."""
    app = FastAPI(
        title="tm20tui",
        version=__version__,
        description="Attendance terminals, their logs, and the services that get them.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.gateway = gateway
    app.state.max_body_bytes = gateway.settings.api.max_body_bytes
    install_error_handlers(app)
    app.include_router(health_routes())
    for routes in (config_routes, attendance_routes, terminal_routes, task_routes):
        app.include_router(routes(), prefix=PREFIX.rstrip("/"))
    return Guard(app)
