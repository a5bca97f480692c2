"""What is done with users: forms, bringing them to terminals, taking them over from a service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, time, tzinfo
from typing import TYPE_CHECKING, Any

from textual.content import Content

from tm20tui.errors import InvalidInput, Tm20Error
from tm20tui.model import Service, Terminal
from tm20tui.operations.users import User
from tm20tui.operations.users_sync import FetchPreview
from tm20tui.tui import formats, paint
from tm20tui.tui.counted import counted
from tm20tui.tui.dialogs import Choice, Confirm, Notice
from tm20tui.tui.form import Field, Form
from tm20tui.tui.language import N_, _, ngettext, sentence
from tm20tui.tui.mode import said_by
from tm20tui.tui.pick import Pick
from tm20tui.tui.safe import safe

if TYPE_CHECKING:
    from tm20tui.tui.mode import ModeScreen

_POLL_SECONDS = 0.5
_SHOWN = 8
_MOST_LINES = 200

N_("user")
N_("administrator")
N_("super user")
ROLES = ("user", "administrator", "super user")
"""What `admin` 0, 1 and 2 are called."""


def named(user: User) -> str:
    """A user as people call it."""
    return f"{safe(user.enrollid, 30)} {safe(user.name, 40)}".strip()


def open_form(mode: ModeScreen, user: User | None, sites: Sequence[tuple[int, str]], zone: tzinfo) -> None:
    """Add a user, or change one."""
    values: dict[str, Any] = {
        "name": "" if user is None else user.name,
        "is_enabled": user is None or user.is_enabled,
        "valid_from": "" if user is None else _day(user.valid_from, zone),
        "valid_until": "" if user is None else _day(user.valid_until, zone),
        "weekzone": 1 if user is None else user.weekzone,
        "user_group": 0 if user is None else user.user_group,
    }
    note = _("YYYY-MM-DD [HH:MM], or nothing")
    fields = [
        Field("name", _("Name"), value=values["name"], width=40),
        Field("is_enabled", _("May pass"), "flag", values["is_enabled"]),
        Field(
            "valid_from", _("Valid from"), value=values["valid_from"] or None, blank=True, note=note, width=18
        ),
        Field(
            "valid_until",
            _("Valid until"),
            value=values["valid_until"] or None,
            blank=True,
            note=note,
            width=18,
        ),
        Field("weekzone", _("Week zone"), "number", values["weekzone"], note="0-255", width=6),
        Field("user_group", _("Group"), "number", values["user_group"], note="0-255", width=6),
    ]
    if user is None:
        first = sites[0][0] if sites else 0
        fields = [
            Field("enrollid", _("Id"), value="", note=_("1 to 30 digits"), width=24),
            Field("site_id", _("Site"), "choice", first, choices=sites),
            *fields,
        ]

    async def save(given: dict[str, Any]) -> Any:
        for name in ("valid_from", "valid_until"):
            given[name] = _moment(name, given[name], zone)
        if user is None:
            detail = await mode.call("users.add", **given)
        else:
            for name in ("valid_from", "valid_until"):
                given[f"no_{name}"] = given[name] is None
            detail = await mode.call("users.change", user_id=user.id, **given)
        text = _("saved: {user} — p brings the user to terminals").format(user=named(detail.user))
        mode.app.tell("good", text, ref=mode.app.last_reference)
        mode.action_refresh_now()
        return detail

    title = _("New user") if user is None else _("Change {what}").format(what=named(user))
    mode.app.push_screen(Form(title, fields, save))


def ask_to_push(
    mode: ModeScreen, users: Sequence[User], terminals: Sequence[Terminal], site_users: Mapping[int, int]
) -> None:
    """Choose whom, where, and with what; then bring them there in the background."""
    sites = {user.site_id: user.site for user in users}
    if len(sites) > 1:
        mode.app.tell("warn", _("users of one site at a time"))
        mode.draw_frame()
        return
    site_id, site = next(iter(sites.items()))
    here = [one for one in terminals if one.site_id == site_id and one.admission == "approved"]
    if not here:
        mode.app.tell("warn", _("{site} has no approved terminal").format(site=safe(site)))
        mode.draw_frame()
        return
    count = site_users.get(site_id, 0)
    chosen = ngettext("the user {user}", "the {count} marked users", len(users))
    options = [
        ("some", "1", chosen.format(user=named(users[0]), count=len(users)), ""),
        ("some+", "2", _("the same, with fingerprints, cards and faces that are kept"), ""),
        ("all", "3", _("all {count} users of {site}").format(count=count, site=safe(site)), ""),
        ("all+", "4", _("all of them, with fingerprints, cards and faces that are kept"), ""),
    ]

    def whom(answer: str | None) -> None:
        if answer:
            every = answer.startswith("all")
            ids = None if every else [user.id for user in users]
            _ask_where(mode, here, ids, count if every else len(users), with_kept=answer.endswith("+"))

    mode.app.push_screen(Choice(_("Bring to terminals"), options), whom)


def _ask_where(
    mode: ModeScreen, here: Sequence[Terminal], ids: list[int] | None, count: int, *, with_kept: bool
) -> None:
    by_id = {one.id: one for one in here}

    def picked(chosen: tuple[Any, ...] | None) -> None:
        if chosen:
            _confirm_push(mode, [by_id[ident] for ident in chosen], ids, count, with_kept=with_kept)

    options = [(one.id, f"{safe(one.name, 30)} {safe(one.sn, 30)}".strip(), "") for one in here]
    note = _("Which terminals? M marks all of the site.")
    mode.app.push_screen(Pick(_("Bring to terminals"), options, note=note), picked)


def _confirm_push(
    mode: ModeScreen, targets: Sequence[Terminal], ids: list[int] | None, count: int, *, with_kept: bool
) -> None:
    rows = [
        (_("Users"), formats.number(count)),
        (ngettext("Terminal", "Terminals", len(targets)), safe(targets[0].name or targets[0].sn)),
        *(("", safe(one.name or one.sn)) for one in targets[1:_SHOWN]),
    ]
    if len(targets) > _SHOWN:
        rows.append(("", _("and {count} more").format(count=len(targets) - _SHOWN)))
    rows += [
        (_("With"), _("credentials that are kept") if with_kept else _("names and rights only")),
        (_("Effect"), _("only what differs is sent, and read back; a terminal that is away is waited for")),
    ]

    async def work() -> None:
        begun, refused = 0, ""
        for one in targets:
            try:
                await mode.call("users.send", terminal_id=one.id, user_ids=ids, credentials=with_kept)
                begun += 1
            except Tm20Error as error:
                refused = refused or f"{safe(one.name or one.sn)}{_(': ')}{safe(said_by(error), 120)}"
        where = ngettext("to {count} terminal, see 8", "to {count} terminals, see 8", begun)
        text = f"{counted('on their way', count)} {where.format(count=begun)}"
        if refused:
            lacking = f"{_('not begun')}{_(': ')}{len(targets) - begun} ({refused})"
            text = f"{text} · {lacking}" if begun else lacking
        mode.app.tell("bad" if refused else "accent", text, ref=mode.app.last_reference)
        mode.look_soon()

    def answered(accepted: bool | None) -> None:
        if accepted:
            mode.do_soon(work, "push")
        else:
            mode.app.tell("dim", _("nothing was sent"))
            mode.draw_frame()

    mode.app.push_screen(Confirm(_("Bring to terminals"), rows, _("bring")), answered)


def ask_to_import(mode: ModeScreen, services: Sequence[Service]) -> None:
    """Choose a service; what it would change is counted before anything is."""
    if not services:
        mode.app.tell("warn", _("there is no service: 7, then n"))
        mode.draw_frame()
        return
    by_id = {str(one.id): one for one in services}
    options = [
        (
            str(one.id),
            str(place) if place < 10 else "",
            safe(one.name, 60),
            ""
            if one.is_active and one.users_endpoint
            else _("not active")
            if one.users_endpoint
            else _("it has no address of users"),
        )
        for place, one in enumerate(services, 1)
    ]

    def chosen(ident: str | None) -> None:
        if ident:
            mode.do_soon(lambda: _preview(mode, by_id[ident]), "import")

    mode.app.push_screen(Choice(_("Import users from"), options), chosen)


async def _preview(mode: ModeScreen, service: Service) -> None:
    mode.app.tell("accent", _("asking {service} for its users…").format(service=safe(service.name, 60)))
    mode.draw_frame()
    found: FetchPreview = await mode.call("users.preview", config_id=service.id)
    gone = sum(len(one.gone) for one in found.sites)
    clashes = [clash for one in found.sites for clash in one.conflicts]
    refusal = next((one.refusal for one in found.sites if one.refusal), "")
    rows = [
        (_("Service"), safe(found.name, 60)),
        (_("Listed"), formats.number(found.received)),
        (_("New"), formats.number(sum(one.added for one in found.sites))),
        (_("Changed"), formats.number(sum(one.changed for one in found.sites))),
        (_("As before"), formats.number(sum(one.unchanged for one in found.sites))),
        (_("Gone"), _("{count}, who are disabled everywhere").format(count=formats.number(gone))),
        (_("Conflicts"), _("{count}, left as they are").format(count=formats.number(len(clashes)))),
        (_("Unsound"), formats.number(len(found.skipped))),
    ]
    rows += [
        ("", f"{safe(clash.enrollid, 20)}{_(': ')}{safe(clash.theirs, 30)} ≠ {safe(clash.ours, 30)}")
        for clash in clashes[:3]
    ]
    if refusal:
        rows.append((_("Refused"), safe(sentence(refusal), 200)))

    def answered(accepted: bool | None) -> None:
        if accepted:
            mode.do_soon(lambda: _import(mode, service, confirm=bool(refusal)), "import")
        else:
            mode.app.tell("dim", _("nothing was imported"))
            mode.draw_frame()

    title = _("Import users from {service}").format(service=safe(found.name, 40))
    note = _("The server would refuse this list. Type how many are gone to take it all the same.")
    mode.app.push_screen(
        Confirm(title, rows, _("import"), word=str(gone) if refusal else "", note=note if refusal else ""),
        answered,
    )


async def _import(mode: ModeScreen, service: Service, *, confirm: bool) -> None:
    app = mode.app
    record = await mode.call("users.fetch_in_background", config_id=service.id, confirm=confirm)
    app.tell("accent", _("importing from {service}, see 8").format(service=safe(service.name, 60)))
    mode.draw_frame()
    while record.status == "running":
        await asyncio.sleep(_POLL_SECONDS)
        record = await mode.call("tasks.get", task_id=record.id)
    if record.status != "done":
        app.tell(
            "bad", f"{safe(service.name, 60)}{_(': ')}{safe(sentence(record.error) or _(record.status), 300)}"
        )
        return
    result = record.result
    sites: list[dict[str, Any]] = result["sites"]
    added, changed, receipts = (sum(one[name] for one in sites) for name in ("added", "changed", "receipts"))
    gone = sum(len(one["gone"]) for one in sites)
    counts = ", ".join((counted("new", added), counted("changed", changed), counted("gone", gone)))
    waited = ngettext("({count} terminal to confirm)", "({count} terminals to confirm)", receipts)
    text = _("users of {service}").format(service=safe(service.name, 60))
    app.tell(
        "good", f"{text}{_(': ')}{counts} {waited.format(count=formats.number(receipts))}", ref=record.id[:6]
    )
    mode.look_soon()
    lines = _left_alone(result)
    if lines and mode.is_current:
        app.push_screen(Notice(_("Not taken over"), paint.lines(*lines[:_MOST_LINES])))


def _left_alone(result: Mapping[str, Any]) -> list[Content]:
    lines = []
    for one in result["sites"]:
        for clash in one["conflicts"]:
            who = f"{safe(clash['theirs'], 40)} ≠ {safe(clash['ours'], 40)}"
            why = safe(sentence(clash["reason"]), 200)
            lines.append(
                paint.line((f"▲ {_('conflict')} ", "warn"), f"{safe(clash['enrollid'], 30)}  {who} — {why}")
            )
    for bad in result["skipped"]:
        shown = " ".join(safe(value, 120) for value in bad.values() if value)
        lines.append(paint.line((f"✗ {_('unsound')} ", "bad"), shown))
    return lines


def _day(at: datetime | None, zone: tzinfo) -> str:
    if at is None:
        return ""
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d}" if local.time() == time() else f"{local:%Y-%m-%d %H:%M}"


def _moment(name: str, text: str | None, zone: tzinfo) -> datetime | None:
    if text is None:
        return None
    for shape in ("%Y-%m-%d", "%Y-%m-%d %H:%M"):
        try:
            return datetime.strptime(text, shape).replace(tzinfo=zone)
        except ValueError:
            continue
    raise InvalidInput(f"{name} must be a day such as 2026-01-31, or 2026-01-31 08:00", field=name)
