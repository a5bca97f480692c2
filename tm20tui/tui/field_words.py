"""What operations call their arguments, as people call them: in a refusal, instead of `terminal_id`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tm20tui.tui.language import N_, _, quoted

_WORDS: Mapping[str, str] = {
    "admin": N_("Rights"),
    "auth_header_name": N_("Header of the token"),
    "auth_token": N_("Token"),
    "auth_type": N_("Credentials"),
    "attendance_endpoint": N_("Path for punches"),
    "base_url": N_("Base URL"),
    "batch_size": N_("Punches a request"),
    "break_end_time": N_("Break end"),
    "break_start_time": N_("Break start"),
    "check_in_time": N_("Check-in"),
    "check_out_time": N_("Check-out"),
    "config_id": N_("Service"),
    "confirm": N_("Confirmation"),
    "delivery_id": N_("No."),
    "direction_policy": N_("In and out"),
    "effective_from": N_("In effect from"),
    "effective_until": N_("In effect until"),
    "enrollid": N_("Number"),
    "extra_headers": N_("More headers"),
    "from_day": N_("From"),
    "hours": N_("Hours"),
    "minutes": N_("Interval (min)"),
    "name": N_("Name"),
    "reason": N_("Reason"),
    "remove_others": N_("Remove others"),
    "requests_per_minute": N_("Requests a minute"),
    "retry_attempts": N_("Tries"),
    "schedule_id": N_("Schedule"),
    "signing_secret": N_("Signing secret"),
    "site_id": N_("Site"),
    "sync_interval_minutes": N_("Interval (min)"),
    "terminal_id": N_("Terminal"),
    "terminal_ids": N_("Terminals"),
    "terminal_sn": N_("Terminal"),
    "timeout_seconds": N_("Time-out (s)"),
    "timezone": N_("Time zone"),
    "to_day": N_("To"),
    "to_terminal_ids": N_("Terminals"),
    "tolerance_minutes": N_("Tolerance (min)"),
    "user_group": N_("Group"),
    "user_ids": N_("Users"),
    "users_endpoint": N_("Path for users"),
    "users_interval_minutes": N_("Users every (min)"),
    "wait_seconds": N_("Wait (s)"),
    "weekday": N_("Day"),
    "weekzone": N_("Week zone"),
}
# A setting of the configuration is called by its name: `delivery.allow_private_hosts`.
_NAME = re.compile(r"(?<![\w.“])[a-z]+(?:_[a-z]+)+(?![\w.])")


def in_words(text: str, field: str | None = None) -> str:
    """A sentence, translated already, with the arguments it names called as people call them.

    `field` is the one it is about: only of that a single word such as `name` is known to be one.
    """
    if field is not None and field in _WORDS and text.startswith(f"{field} "):
        text = f"{quoted(_(_WORDS[field]))}{text[len(field) :]}"
    return _NAME.sub(lambda found: _quoted(found[0]), text)


def field_word(name: str) -> str:
    """What people call an argument, its own name where there is nothing else."""
    return _(_WORDS[name]) if name in _WORDS else name


def _quoted(name: str) -> str:
    return quoted(_(_WORDS[name])) if name in _WORDS else name
