"""Mode 5: the users of every site, where they are enrolled, and what became of bringing them there."""

from __future__ import annotations

from typing import Any

from tm20tui.operations.users import RESULTS, User, UserFacts
from tm20tui.tui import formats
from tm20tui.tui.actions import Action, Target
from tm20tui.tui.filters import FIELDS
from tm20tui.tui.grid import Cell, Column, Row
from tm20tui.tui.language import N_, _
from tm20tui.tui.modes.user_actions import DISABLE, EDIT, ENABLE, PUSH, UserActions, user_target
from tm20tui.tui.modes.user_acts import ROLES, ask_to_import, open_form
from tm20tui.tui.modes.user_detail import UserScreen, source_text, sync_state
from tm20tui.tui.safe import fold, safe
from tm20tui.tui.states import ACTIVE, ATTENTION, INACTIVE
from tm20tui.tui.table_mode import Page, TableMode

_SHOWN = 200
_STANDINGS = {"enabled": True, "active": True, "disabled": False, "inactive": False}


class UsersMode(UserActions, TableMode):
    """Every user, by pages."""

    MODE = "users"
    NUMBER = 5
    TITLE = N_("Users")
    HELP_TEXT = N_(
        "Users by id, from services, terminals and by hand. Terminals: how many hold the user / are to.\n"
        "Filter: the beginning of an id or of a name, site:name terminal:name state:disabled state:refused."
    )
    EMPTY = N_("no user yet: I imports them from a service, n adds one")
    PAGED = True
    LOOK_SECONDS = 2.0
    COLUMNS = (
        Column("state", "", 1),
        Column("enrollid", N_("Id"), 8),
        Column("name", N_("Name"), 14, grow=3),
        Column("terminals", N_("Terminals"), 9, right=True),
        Column("sync", N_("On terminals"), 24, grow=2),
        Column("source", N_("Source"), 12, grow=1, level=1),
        Column("admin", N_("Right"), 11, level=1),
        Column("kinds", N_("Fp. card face"), 13, level=1),
        Column("site", N_("Site"), 12, level=2),
        Column("valid", N_("Valid"), 23, level=2),
        Column("group", N_("Group"), 6, right=True, level=2),
        Column("zone", N_("Zone"), 5, right=True, level=2),
    )
    ACTIONS = (
        PUSH,
        EDIT,
        Action(
            "users.new", "n", N_("new user"), N_("new"), operation="users.add", do="add", needs_target=False
        ),
        Action(
            "users.import",
            "I",
            N_("import users from a service…"),
            N_("import…"),
            operation="users.fetch_in_background",
            do="fetch",
            needs_target=False,
        ),
        ENABLE,
        DISABLE,
    )

    async def page(self, start: Any) -> Page:
        """A page that the server filters."""
        wanted = self._wanted()
        if wanted is None:
            return Page(())
        page = await self.call("users.list", **wanted, facts=True, after_id=start, limit=_SHOWN)
        rows = [self._row(user, facts) for user, facts in zip(page.users, page.facts, strict=True)]
        is_whole = start is None and page.next_after_id is None
        return Page(tuple(rows), page.next_after_id, len(rows) if is_whole else None)

    def _wanted(self) -> dict[str, Any] | None:
        """The filter as the operation takes it; None when nothing can fit."""
        found: dict[str, Any] = {}
        # As typed: the server compares letters with their accents.
        words = [
            part
            for part in self.filter.text.split()
            if not part.startswith("!")
            and fold(part.partition(":")[0]) not in {*FIELDS.values(), *FIELDS, "site"}
        ]
        if words:
            found["q"] = " ".join(words)
        state = (self.filter.field("state") or "").replace("-", " ")
        if state in _STANDINGS:
            found["is_enabled"] = _STANDINGS[state]
        elif state in RESULTS:
            found["result"] = state
        elif state:
            return None
        if (text := self.filter.field("terminal")) is not None:
            lines = self.app.seen.terminals
            ids = [line.id for line in lines if fold(text) in fold(f"{line.sn} {line.name}")]
            if not ids:
                return None
            found["terminal_id"] = ids[0]
        if (text := self.filter.field("site")) is not None:
            ids = [ident for ident, name in self._sites.items() if fold(text) in fold(name)]
            if not ids:
                return None
            found["site_id"] = ids[0]
        return found

    async def look(self) -> None:
        """The sites once, then the page."""
        if not self._sites:
            await self._learn_sites()
        await super().look()

    def _row(self, user: User, facts: UserFacts) -> Row:
        state = ATTENTION if facts.has_name_conflict else ACTIVE if user.is_enabled else INACTIVE
        sync, words = sync_state(facts.results)
        if facts.has_name_conflict:
            words = _("another name on a terminal")
        kinds = facts.kinds
        counts = (kinds.get(name, 0) for name in ("fingerprint", "card", "face"))
        limits = [formats.day(at, self.app.zone) if at else "" for at in (user.valid_from, user.valid_until)]
        wanted = sum(facts.results.values())
        cells: dict[str, Cell] = {
            "state": (state.mark(), state.tone),
            "enrollid": safe(user.enrollid),
            "name": (safe(user.name), "" if user.is_enabled else "dim"),
            "terminals": f"{user.enrollments}/{max(wanted, user.enrollments)}",
            "sync": (words, "warn" if facts.has_name_conflict else sync.tone),
            "source": (source_text(user.source, self.app.seen.services), "dim"),
            "admin": _(ROLES[user.admin]) if user.admin < len(ROLES) else str(user.admin),
            "kinds": " ".join(f"{count:>3}" for count in counts),
            "site": safe(user.site),
            "valid": (" → ".join(limits) if any(limits) else _("always"), "dim"),
            "group": str(user.user_group),
            "zone": str(user.weekzone),
        }
        return Row(user.id, cells, user)

    def target_of(self, row: Row) -> Target:
        """A user."""
        return user_target(row.record, row.key)

    def copied(self, row: Row) -> str:
        """The id."""
        return str(row.record.enrollid)

    def open_row(self, row: Row) -> None:
        """Where the user is, and how."""
        self.app.push_screen(UserScreen(row.record.id))

    async def add(self) -> None:
        """A form."""
        await self._learn_sites()
        open_form(self, None, [(ident, safe(name, 40)) for ident, name in self._sites.items()], self.app.zone)

    async def fetch(self) -> None:
        """Take the users of a service over."""
        ask_to_import(self, await self.call("services.list"))
