"""What may be said of a service or a schedule, a line for each field: shown by every help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tm20tui.locale import N_
from tm20tui.model import AUTH_TYPES

SERVICE_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {"auth_type": AUTH_TYPES}

SERVICE_FIELDS: Final[Mapping[str, str]] = {
    "name": N_("required: its name, unlike any other's"),
    "base_url": N_("required: https://hr.example.com"),
    "description": N_("for people"),
    "users_endpoint": N_("path that lists users, such as /api/v1/employees; empty: none are fetched"),
    "attendance_endpoint": N_("path that takes punches, such as /api/v1/attendance"),
    "auth_type": N_("none, bearer, basic, api_key"),
    "auth_token": N_("token, user:password, or env:NAME; never shown again"),
    "auth_header_name": N_("header of an api_key; X-API-Key by default"),
    "extra_headers": N_('more headers as JSON, {"X-Company": "7"}; never shown again'),
    "sync_interval_minutes": N_("minutes between rounds; 0 sends at once"),
    "users_interval_minutes": N_("minutes between fetches of users; 0 never, null as in the configuration"),
    "timeout_seconds": N_("how long to wait for an answer, 1 to 300"),
    "retry_attempts": N_("how often a refused punch is tried again, 0 to 100"),
    "batch_size": N_("punches in one request, 1 to 1000"),
    "is_active": N_("true or false; what is not active is sent nothing"),
    "terminal_ids": N_("ids of the terminals it gets punches of, [1, 2]; null: of all"),
    "requests_per_minute": N_("most requests in a minute; null: no limit"),
    "signing_secret": N_("signs what is sent: whsec_ and base64, or env:NAME; never shown again"),
}

SCHEDULE_FIELDS: Final[Mapping[str, str]] = {
    "name": N_("required: its name"),
    "weekday": N_("required: 0 is Monday, 6 is Sunday"),
    "check_in_time": N_("required: HH:MM"),
    "check_out_time": N_("required: HH:MM; before the check-in it is the next day's"),
    "break_start_time": N_("HH:MM, or null"),
    "break_end_time": N_("HH:MM, or null"),
    "tolerance_minutes": N_("minutes that count as on time, 0 to 240"),
    "effective_from": N_("first day YYYY-MM-DD, or null"),
    "effective_until": N_("last day YYYY-MM-DD, or null"),
    "is_active": N_("true or false"),
}
