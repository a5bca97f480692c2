"""The fields of a service's form: what each is called, what may be typed, what is wrong with it. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tm20tui.delivery.draft import check_fields, validate_service
from tm20tui.errors import InvalidInput
from tm20tui.model import AUTH_TYPES, Service
from tm20tui.store.services import ServiceDraft
from tm20tui.tui.language import N_

_DEFAULTS = ServiceDraft(name="", base_url="")


class BadText(ValueError):
    """What was typed is not of the kind of the field; a sentence without the field's name."""


@dataclass(frozen=True, slots=True)
class Field:
    """`name` is the operation's; `label` and `example` are messages."""

    name: str
    label: str
    kind: Literal["text", "number", "secret", "headers", "choice", "flag", "terminals"] = "text"
    example: str = ""
    choices: tuple[str, ...] = ()
    may_be_empty: bool = False

    def is_set(self, service: Service) -> bool:
        """Whether a secret is stored for it."""
        return {
            "auth_token": service.has_auth_token,
            "extra_headers": bool(service.extra_header_names),
            "signing_secret": service.has_signing_secret,
        }.get(self.name, False)


FIELDS = (
    Field("name", N_("Name")),
    Field("base_url", N_("Base URL"), example=N_("https://hr.example.com")),
    Field("attendance_endpoint", N_("Path for punches"), example=N_("/api/v1/attendance")),
    Field("users_endpoint", N_("Path for users"), example=N_("/api/v1/employees")),
    Field("auth_type", N_("Credentials"), "choice", choices=AUTH_TYPES),
    Field("auth_token", N_("Token"), "secret", N_("the token, user:password for basic, or env:NAME")),
    Field("auth_header_name", N_("Header of the token"), example="X-API-Key"),
    Field("extra_headers", N_("More headers"), "secret", N_("Name: value, Other: value")),
    Field("signing_secret", N_("Signing secret"), "secret", N_("whsec_…, or env:NAME")),
    Field("sync_interval_minutes", N_("Interval (min)"), "number"),
    Field("timeout_seconds", N_("Time-out (s)"), "number"),
    Field("retry_attempts", N_("Tries"), "number"),
    Field("batch_size", N_("Punches a request"), "number"),
    Field(
        "requests_per_minute",
        N_("Requests a minute"),
        "number",
        N_("as fast as it answers"),
        may_be_empty=True,
    ),
    Field("description", N_("Description")),
    Field("is_active", N_("Active"), "flag"),
    Field("terminal_ids", N_("Terminals"), "terminals"),
)


def initial(field: Field, service: Service | None) -> Any:
    """What a field shows at first; secrets show nothing."""
    if field.kind == "secret":
        return ""
    value = getattr(_DEFAULTS if service is None else service, field.name)
    if value is None:
        return ""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def read(field: Field, value: Any) -> Any:
    """What was typed, as the operation takes it.

    Raises:
        BadText
    """
    if field.kind in ("choice", "flag"):
        return value
    if field.kind == "terminals":
        return None if value is None else list(value)
    text = str(value).strip()
    if field.kind == "number":
        if not text and field.may_be_empty:
            return None
        try:
            return int(text)
        except ValueError:
            pass
        try:
            return float(text.replace(",", "."))
        except ValueError:
            raise BadText(N_("must be a number")) from None
    if field.name == "extra_headers":
        return {} if text == "-" else read_headers(text)
    if field.kind == "secret" and text == "-":
        return ""
    return text


def read_headers(text: str) -> dict[str, str]:
    """`Name: value, Other: value`, or a JSON object where a value has a comma in it."""
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            raise BadText(N_("must be Name: value, Other: value, or a JSON object")) from None
        if not isinstance(found, dict):
            raise BadText(N_("must be Name: value, Other: value, or a JSON object"))
        return found
    headers: dict[str, str] = {}
    for part in text.split(","):
        name, colon, value = part.partition(":")
        if not colon or not name.strip():
            raise BadText(N_("must be Name: value, Other: value, or a JSON object"))
        headers[name.strip()] = value.strip()
    return headers


def check(given: Mapping[str, Any], service: Service | None, unread: Collection[str]) -> dict[str, str]:
    """What is wrong with what is given, by field: each alone, then all together.

    Hosts are judged by the server, which knows whether private ones are allowed.
    """
    wrong = check_fields(given)
    if wrong or unread:
        return wrong
    try:
        validate_service(given, existing=service, allow_private_hosts=True)
    except InvalidInput as error:
        return {str(error.field): str(error)}
    return {}
