"""The ASGI application: the URLs of the customer's document and what belongs to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from fastapi import FastAPI

from tm20tui import __version__
from tm20tui.api.doorman import Doorman
from tm20tui.api.errors import install_error_handlers
from tm20tui.api.guard import PREFIX, Guard
from tm20tui.api.openapi import install_openapi
from tm20tui.api.routes_attendance import attendance_routes
from tm20tui.api.routes_backfill import backfill_routes
from tm20tui.api.routes_commands import command_routes
from tm20tui.api.routes_configs import config_routes
from tm20tui.api.routes_consoles import console_routes
from tm20tui.api.routes_deliveries import delivery_routes
from tm20tui.api.routes_docs import docs_routes
from tm20tui.api.routes_doors import door_routes
from tm20tui.api.routes_enrolment import enrolment_routes
from tm20tui.api.routes_events import event_routes, metrics_routes
from tm20tui.api.routes_inventories import inventory_routes
from tm20tui.api.routes_mappings import mapping_routes
from tm20tui.api.routes_quarantine import quarantine_routes
from tm20tui.api.routes_recent import recent_routes
from tm20tui.api.routes_schedules import schedule_routes, summary_routes
from tm20tui.api.routes_server import health_routes, node_routes, overview_routes
from tm20tui.api.routes_sites import site_routes
from tm20tui.api.routes_tasks import alarm_routes, task_routes
from tm20tui.api.routes_terminal_commands import terminal_command_routes
from tm20tui.api.routes_terminal_facts import terminal_fact_routes
from tm20tui.api.routes_terminals import terminal_routes
from tm20tui.api.routes_tokens import audit_routes, token_routes
from tm20tui.api.routes_users import user_routes
from tm20tui.api.routes_users_sync import user_sync_routes

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway

RESOURCES = (
    config_routes,
    mapping_routes,
    attendance_routes,
    delivery_routes,
    terminal_routes,
    command_routes,
    terminal_command_routes,
    door_routes,
    enrolment_routes,
    terminal_fact_routes,
    backfill_routes,
    schedule_routes,
    summary_routes,
    site_routes,
    user_routes,
    user_sync_routes,
    inventory_routes,
    quarantine_routes,
    task_routes,
    alarm_routes,
    token_routes,
    audit_routes,
    node_routes,
    overview_routes,
    console_routes,
    recent_routes,
    event_routes,
    docs_routes,
)


def create_application(gateway: Gateway, stop: trio.Event, *, local: bool = True) -> Guard:
    """Everything that answers HTTP, guarded; endless answers end with `stop`.

    `local` says that only this machine can reach it.
    """
    app = FastAPI(
        title="tm20tui",
        version=__version__,
        description="Attendance terminals, their logs, and the services that get them.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    settings = gateway.settings.api
    app.state.gateway = gateway
    app.state.stop = stop
    app.state.max_body_bytes = settings.max_body_bytes
    install_error_handlers(app)
    app.include_router(health_routes())
    app.include_router(metrics_routes())
    for routes in RESOURCES:
        app.include_router(routes(), prefix=PREFIX.rstrip("/"))
    install_openapi(app)
    hosts = {*settings.allowed_hosts, settings.host.lower()}
    doorman = Doorman(gateway, local=local)
    return Guard(app, doorman, hosts, note_request=gateway.meters.note_request)
