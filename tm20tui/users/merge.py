"""What a service's list makes of a site's users: whom to add, change and disable, and what not. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from tm20tui.store.hr_users import SiteUser
from tm20tui.users.reading import HrUser, HrUsers


@dataclass(frozen=True, slots=True)
class Clash:
    """An enrollid that is not taken over: `theirs` is the service's name of it, `ours` the one here."""

    enrollid: str
    theirs: str
    ours: str
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """A user that becomes another: the columns that differ, under their new values."""

    user: SiteUser
    values: dict[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What to do at one site. `refusal` is empty, or says why nothing may be done without a human."""

    add: tuple[HrUser, ...]
    change: tuple[Change, ...]
    unchanged: int
    conflicts: tuple[Clash, ...]
    gone: tuple[SiteUser, ...]
    refusal: str

    @property
    def standings(self) -> dict[int, bool]:
        """Whose permission to pass changes, by user id, to what."""
        changed = {
            one.user.id: bool(one.values["is_enabled"]) for one in self.change if "is_enabled" in one.values
        }
        return changed | {user.id: False for user in self.gone}


def source_of(service_id: int) -> str:
    """What users of a service have as their source."""
    return f"service {service_id}"


def plan_merge(
    present: Sequence[SiteUser],
    listed: HrUsers,
    service_id: int,
    *,
    max_gone_percent: float,
    others: Collection[int] = (),
) -> MergePlan:
    """Compare a site's users with the list of a service.

    An enrollid that belongs to another person here is a conflict, and stays whose it is.
    Who came from this service and is not mentioned any more is gone. `others` are the services
    that there are besides: a person who came from one of them stays with it.
    """
    source = source_of(service_id)
    kept = frozenset(map(source_of, others)) - {source}
    known = {user.enrollid: user for user in present}
    conflicts = [
        Clash(
            enrollid, " / ".join(names), _name_of(known.get(enrollid)), "the service lists it more than once"
        )
        for enrollid, names in listed.duplicates
    ]
    add: list[HrUser] = []
    change: list[Change] = []
    unchanged = 0
    for theirs in listed.users:
        ours = known.get(theirs.enrollid)
        if ours is None:
            add.append(theirs)
        elif ours.source != source and ours.name and not same_name(ours.name, theirs.name):
            reason = f"here it is another person's, who came from {ours.source or 'elsewhere'}"
            conflicts.append(Clash(theirs.enrollid, theirs.name, ours.name, reason))
        elif ours.source in kept or not (values := _differences(ours, theirs, source)):
            unchanged += 1
        else:
            change.append(Change(ours, values))
    from_here = [user for user in present if user.source == source and user.is_enabled]
    gone = [user for user in from_here if user.enrollid not in listed.mentioned]
    refusal = _refusal(len(listed.users), len(gone), len(from_here), max_gone_percent)
    return MergePlan(tuple(add), tuple(change), unchanged, tuple(conflicts), tuple(gone), refusal)


def same_name(one: str, other: str) -> bool:
    """Whether two names are the same but for case and spaces."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def row_of(user: HrUser, source: str) -> dict[str, Any]:
    """The columns of a user that a service tells."""
    return {
        "enrollid": user.enrollid,
        "name": user.name,
        "admin": user.admin,
        "is_enabled": user.is_enabled,
        "weekzone": user.weekzone,
        "user_group": user.group,
        "source": source,
    }


def _differences(ours: SiteUser, theirs: HrUser, source: str) -> dict[str, Any]:
    row = row_of(theirs, source)
    return {name: value for name, value in row.items() if getattr(ours, name) != value}


def _refusal(listed: int, gone: int, before: int, max_gone_percent: float) -> str:
    if not listed:
        return "the list has no user that can be taken over"
    if before and 100 * gone > max_gone_percent * before:
        return f"{gone} of {before} users are gone from the list, more than {max_gone_percent:g} %"
    return ""


def _name_of(user: SiteUser | None) -> str:
    return "" if user is None else user.name
