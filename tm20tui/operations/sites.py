"""Sites and the terminals that stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tm20tui.errors import Conflict, InvalidInput
from tm20tui.operations.call import Call
from tm20tui.operations.checks import check_line
from tm20tui.operations.registry import operation
from tm20tui.operations.terminals import TerminalView, get_terminal
from tm20tui.settings.values import zone_exists
from tm20tui.store import sites, terminals
from tm20tui.store.loads import list_loads
from tm20tui.store.sites import Site as Site

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.model import Terminal


@operation("sites.list", "viewer", writes=False)
async def list_sites(call: Call) -> list[Site]:
    """Every site, by id; the first is the default one."""
    return await call.gateway.database.read(sites.list_sites)


@operation("sites.get", "viewer", writes=False)
async def get_site(call: Call, site_id: int) -> Site:
    """One site; `NotFound` when there is none."""
    return await call.gateway.database.read(sites.get_site, site_id)


@operation("sites.add", "admin")
async def add_site(call: Call, name: str, timezone: str) -> Site:
    """Add a site: its `name`, and the IANA `timezone` of its terminals' clocks (Europe/Paris).

    Raises:
        InvalidInput, Conflict: the name is taken.
    """
    name = check_line(name, "name", 100, needed=True)
    return await call.gateway.database.write(sites.add_site, name, _checked_zone(timezone))


@operation("sites.change", "admin")
async def change_site(
    call: Call, site_id: int, *, name: str | None = None, timezone: str | None = None
) -> Site:
    """Change a site's `name` or IANA `timezone`; punches that are stored keep the zone they were read in.

    The connected terminals of the site follow the new zone at once.

    Raises:
        NotFound, InvalidInput
        Conflict: the name is taken, or it is the default site, which the configuration names.
    """
    if name is not None:
        name = check_line(name, "name", 100, needed=True)
    if timezone is not None:
        timezone = _checked_zone(timezone)
    site, changed = await call.gateway.database.write(_change, site_id, name, timezone)
    for terminal in changed:
        call.gateway.roster.refresh(terminal)
    return site


@operation("terminals.move", "admin")
async def move_terminal(call: Call, terminal_id: int, site_id: int) -> TerminalView:
    """Move a terminal to the site `site_id`: its next punches are read in that site's zone.

    Its users are the new site's from then on; what was stored stays as it is.

    Raises:
        NotFound
        Conflict: users of the site where it is are being sent to it.
    """
    terminal = await call.gateway.database.write(_move, terminal_id, site_id)
    call.gateway.roster.refresh(terminal)
    return await get_terminal(call, terminal_id)


def _change(
    connection: Connection, site_id: int, name: str | None, timezone: str | None
) -> tuple[Site, list[Terminal]]:
    before = sites.get_site(connection, site_id)
    wanted = (before.name if name is None else name, before.timezone if timezone is None else timezone)
    if wanted == (before.name, before.timezone):
        return before, []
    if before.is_default:
        field = "timezone" if timezone not in (None, before.timezone) else "name"
        raise Conflict(
            f"{before.name} is the default site: change site.{field} in the configuration and restart",
            field=field,
        )
    after = sites.update_site(connection, site_id, name=wanted[0], timezone=wanted[1])
    return after, [item for item in terminals.list_terminals(connection) if item.site_id == site_id]


def _move(connection: Connection, terminal_id: int, site_id: int) -> Terminal:
    terminal = terminals.get_terminal(connection, terminal_id)
    sites.get_site(connection, site_id)
    if terminal.site_id != site_id and list_loads(
        connection, terminal_id=terminal_id, status="running", limit=1
    ):
        # They would go on being sent to a door that is another company's by then.
        raise Conflict(
            "users are being sent to that terminal: wait until they are, or cancel that task",
            field="terminal_id",
        )
    return terminals.update_terminal(connection, terminal_id, {"site_id": site_id})


def _checked_zone(timezone: str) -> str:
    timezone = timezone.strip()
    if not timezone or len(timezone) > 64 or not zone_exists(timezone):
        raise InvalidInput('timezone must be an IANA time zone such as "Europe/Paris"', field="timezone")
    return timezone
