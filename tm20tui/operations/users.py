"""Users of the sites' terminals, where they are enrolled, and how many credentials there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tm20tui.errors import InvalidInput
from tm20tui.model import DOOR_ENROLLID, STRANGER_ENROLLID, utc_now
from tm20tui.operations.call import Call
from tm20tui.operations.checks import check_limit, check_line, check_period, check_word
from tm20tui.operations.registry import operation
from tm20tui.protocol.values import CARD, FACES, FINGERPRINTS, PALMS, PASSWORD, PHOTO
from tm20tui.store import people, sites, terminals
from tm20tui.store.people import Enrollment as Enrollment
from tm20tui.store.people import Place as Place
from tm20tui.store.people import User as User
from tm20tui.store.receipts import want_standing

if TYPE_CHECKING:
    from sqlalchemy import Connection

RESULTS = ("pending", "confirmed", "refused", "not verified")
_NAME_LENGTH = 200
_ENROLLID_LENGTH = 30


@dataclass(frozen=True, slots=True)
class UserFacts:
    """What lists tell of a user: credentials by kind, and terminals by what became of bringing it there."""

    user_id: int
    kinds: dict[str, int]
    results: dict[str, int]
    has_name_conflict: bool


@dataclass(frozen=True, slots=True)
class UserPage:
    """Some users by id; the next page is after `next_after_id`, None when this was the last.

    `facts` are those of the users, in their order, where they were asked for.
    """

    users: tuple[User, ...]
    next_after_id: int | None
    facts: tuple[UserFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many credentials of a `kind`: fingerprint, face, palm, card, password, photo, other."""

    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class UserDetail:
    """A user with the terminals that know it, and how many credentials of which kind are kept, sealed.

    `has_name_conflict`: a terminal knows the user by another name. `places` are all terminals
    where the user is wanted or was reported, those that have forgotten it too.
    """

    user: User
    enrollments: tuple[Enrollment, ...]
    credentials: tuple[KindCount, ...]
    has_name_conflict: bool
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class CredentialCount:
    """How many credentials of a `kind` the terminal told us of the site's users."""

    site_id: int
    terminal_id: int
    kind: str
    count: int


@operation("users.list", "viewer", writes=False)
async def list_users(
    call: Call,
    *,
    site_id: int | None = None,
    terminal_id: int | None = None,
    q: str | None = None,
    is_enabled: bool | None = None,
    result: str | None = None,
    facts: bool = False,
    after_id: int | None = None,
    limit: int = 100,
) -> UserPage:
    """A page of users by id.

    Of one site (`site_id`), enrolled at one terminal (`terminal_id`), whose enrollid or a
    word of whose name begins with `q`, enabled or not (`is_enabled`), of whom some terminal
    has the `result` pending, confirmed, refused or not verified. With `facts` also what is
    known of each beside.

    Raises:
        NotFound: no such site or terminal.
        InvalidInput
    """
    check_limit(limit)
    check_word(result, "result", RESULTS)
    database = call.gateway.database
    found = await database.read(
        _list, site_id, terminal_id, (q or "").strip() or None, is_enabled, result, after_id, limit + 1
    )
    page = tuple(found[:limit])
    told = await database.read(_facts, [user.id for user in page]) if facts and page else ()
    return UserPage(page, page[-1].id if len(found) > limit else None, tuple(told))


@operation("users.get", "viewer", writes=False)
async def get_user(call: Call, user_id: int) -> UserDetail:
    """One user with its enrollments; `NotFound` when there is none."""
    return await call.gateway.database.read(_get, user_id)


@operation("users.add", "operator")
async def add_user(
    call: Call,
    site_id: int,
    enrollid: str,
    *,
    name: str = "",
    is_enabled: bool = True,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    weekzone: int = 1,
    user_group: int = 0,
) -> UserDetail:
    """Add a user of the site `site_id` by hand: `enrollid` is 1 to 30 digits, without zeros in front.

    `name` and `is_enabled` as at the door; `valid_from` and `valid_until` bound when the
    user may pass, open-ended where not given; `weekzone` and `user_group` are the
    terminals' access numbers.

    Raises:
        NotFound: no such site.
        InvalidInput, Conflict: the site has that enrollid.
    """
    values = {
        "site_id": site_id,
        "enrollid": _checked_enrollid(enrollid),
        "source": f"operator {call.operator.name}"[:64],
        **_checked(name, is_enabled, valid_from, valid_until, weekzone, user_group),
    }
    return await call.gateway.database.write(_add, site_id, values)


@operation("users.change", "operator")
async def change_user(
    call: Call,
    user_id: int,
    *,
    name: str | None = None,
    is_enabled: bool | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    no_valid_from: bool = False,
    no_valid_until: bool = False,
    weekzone: int | None = None,
    user_group: int | None = None,
) -> UserDetail:
    """Change what is given: `name`, `is_enabled`, validity, the access numbers `weekzone` and `user_group`.

    `valid_from` and `valid_until` bound when the user may pass; `no_valid_from` and
    `no_valid_until` make that side open-ended again. Decisions made here follow at once, and
    terminals are asked at once to let go who is disabled (see `users.receipts`); the rest of what
    they decide alone follows when users are sent to them.

    Raises:
        NotFound, InvalidInput
    """
    for given, cleared, field in (
        (valid_from, no_valid_from, "valid_from"),
        (valid_until, no_valid_until, "valid_until"),
    ):
        if given is not None and cleared:
            raise InvalidInput(f"give either {field} or no_{field}", field=field)
    changes = _checked(name, is_enabled, valid_from, valid_until, weekzone, user_group)
    cleared_names = [
        field
        for field, cleared in (("valid_from", no_valid_from), ("valid_until", no_valid_until))
        if cleared
    ]
    office = call.gateway.users
    whole = changes | dict.fromkeys(cleared_names)
    found = await call.gateway.database.write(_change, user_id, whole, office.removes_leavers)
    office.look()
    return found


@operation("credentials.count", "viewer", writes=False)
async def count_credentials(
    call: Call, *, site_id: int | None = None, terminal_id: int | None = None
) -> list[CredentialCount]:
    """How many credentials are kept: by site, by the terminal that told them, by kind.

    All, or those of `site_id` or of `terminal_id`; contents are sealed and never shown.

    Raises:
        NotFound: no such site or terminal.
    """
    return await call.gateway.database.read(_count, site_id, terminal_id)


def kind_of(backupnum: int) -> str:
    """The kind of credential that a slot holds."""
    if backupnum in FINGERPRINTS:
        return "fingerprint"
    if backupnum in FACES:
        return "face"
    if backupnum in PALMS:
        return "palm"
    return {PASSWORD: "password", CARD: "card", PHOTO: "photo"}.get(backupnum, "other")


def _list(
    connection: Connection,
    site_id: int | None,
    terminal_id: int | None,
    prefix: str | None,
    is_enabled: bool | None,
    result: str | None,
    after_id: int | None,
    limit: int,
) -> list[User]:
    _check_place(connection, site_id, terminal_id)
    return people.list_users(
        connection,
        site_id=site_id,
        terminal_id=terminal_id,
        prefix=prefix,
        is_enabled=is_enabled,
        result=result,
        after_id=after_id,
        limit=limit,
    )


def _facts(connection: Connection, user_ids: list[int]) -> list[UserFacts]:
    kinds: dict[int, dict[str, int]] = {}
    for user_id, backupnum in people.list_slots_of(connection, user_ids):
        counts = kinds.setdefault(user_id, {})
        counts[kind_of(backupnum)] = counts.get(kind_of(backupnum), 0) + 1
    results: dict[int, dict[str, int]] = {}
    for user_id, result, count in people.count_results_of(connection, user_ids):
        results.setdefault(user_id, {})[result] = count
    others = people.list_other_names(connection, user_ids)
    return [
        UserFacts(ident, kinds.get(ident, {}), results.get(ident, {}), ident in others) for ident in user_ids
    ]


def _get(connection: Connection, user_id: int) -> UserDetail:
    user = people.get_user(connection, user_id)
    known_at = tuple(people.list_enrollments(connection, user_id))
    kinds = _by_kind(kind_of(backupnum) for backupnum in people.list_backupnums(connection, user_id))
    conflict = any(item.has_other_name for item in known_at)
    counts = tuple(KindCount(*item) for item in kinds.items())
    return UserDetail(user, known_at, counts, conflict, tuple(people.list_places(connection, user_id)))


def _add(connection: Connection, site_id: int, values: dict[str, Any]) -> UserDetail:
    sites.get_site(connection, site_id)
    return _get(connection, people.add_user(connection, values, utc_now()).id)


def _change(connection: Connection, user_id: int, changes: dict[str, Any], remove: bool) -> UserDetail:
    before = people.get_user(connection, user_id)
    check_period(
        changes.get("valid_from", before.valid_from),
        changes.get("valid_until", before.valid_until),
        names=("valid_from", "valid_until"),
    )
    now = utc_now()
    people.update_user(connection, user_id, changes, now)
    if changes.get("is_enabled", before.is_enabled) != before.is_enabled:
        want_standing(connection, {user_id: changes["is_enabled"]}, now, remove=remove)
    return _get(connection, user_id)


def _count(connection: Connection, site_id: int | None, terminal_id: int | None) -> list[CredentialCount]:
    _check_place(connection, site_id, terminal_id)
    counts: dict[tuple[int, int, str], int] = {}
    for slot in people.count_slots(connection, site_id=site_id, terminal_id=terminal_id):
        key = (slot.site_id, slot.terminal_id, kind_of(slot.backupnum))
        counts[key] = counts.get(key, 0) + slot.count
    return [CredentialCount(*key, count) for key, count in counts.items()]


def _by_kind(kinds: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for kind in kinds:
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def _check_place(connection: Connection, site_id: int | None, terminal_id: int | None) -> None:
    if site_id is not None:
        sites.get_site(connection, site_id)
    if terminal_id is not None:
        terminals.get_terminal(connection, terminal_id)


def _checked_enrollid(enrollid: str) -> str:
    enrollid = enrollid.strip()
    if not (enrollid.isascii() and enrollid.isdigit() and len(enrollid) <= _ENROLLID_LENGTH):
        raise InvalidInput(f"enrollid must be 1 to {_ENROLLID_LENGTH} digits", field="enrollid")
    enrollid = enrollid.lstrip("0") or "0"
    if enrollid in (DOOR_ENROLLID, STRANGER_ENROLLID):
        raise InvalidInput(
            f"enrollid {enrollid} is not a person's: terminals use it themselves", field="enrollid"
        )
    return enrollid


def _checked(
    name: str | None,
    is_enabled: bool | None,
    valid_from: datetime | None,
    valid_until: datetime | None,
    weekzone: int | None,
    user_group: int | None,
) -> dict[str, Any]:
    check_period(valid_from, valid_until, names=("valid_from", "valid_until"))
    for field, number in (("weekzone", weekzone), ("user_group", user_group)):
        if number is not None and not 0 <= number <= 255:
            raise InvalidInput(f"{field} must be from 0 to 255", field=field)
    values = {
        "name": None if name is None else check_line(name, "name", _NAME_LENGTH),
        "is_enabled": is_enabled,
        "valid_from": valid_from,
        "valid_until": valid_until,
        "weekzone": weekzone,
        "user_group": user_group,
    }
    return {field: value for field, value in values.items() if value is not None}
