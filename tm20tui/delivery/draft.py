"""What an operator may say about a service: checked field by field, each error naming its field."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields as dataclass_fields
from typing import Any
from urllib.parse import SplitResult, urlsplit

from tm20tui.errors import InvalidInput
from tm20tui.hr.hosts import names_private_host
from tm20tui.hr.signing import read_signing_secret
from tm20tui.model import AUTH_TYPES, Service
from tm20tui.store.services import ServiceDraft

NAMES = tuple(field.name for field in dataclass_fields(ServiceDraft))
SECRETS = ("auth_token", "extra_headers", "signing_secret")
ENV_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*\Z")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_OUR_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "idempotency-key",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)
_MAX_TERMINALS = 10_000


def validate_service(
    given: Mapping[str, Any], *, existing: Service | None = None, allow_private_hosts: bool = False
) -> ServiceDraft:
    """A draft of the service: `given` over what `existing` has (a new one has the defaults).

    Raises:
        InvalidInput: with the `field` that is wrong and what is allowed.
    """
    for name in given:
        if name not in NAMES:
            raise InvalidInput(f"unknown field {name!r}: known are {', '.join(NAMES)}", field=str(name))
    values: dict[str, Any] = {}
    if existing is not None:
        kept = (name for name in NAMES if name not in SECRETS)
        values = {name: getattr(existing, name) for name in kept}
    for name, value in given.items():
        values[name] = _CHECKS[name](name, value)
    for name in ("name", "base_url"):
        if name not in values:
            raise InvalidInput(f"{name} is required", field=name)
    draft = ServiceDraft(**values)
    _check_host(draft.base_url, given, allow_private_hosts)
    return _check_auth(draft, given, existing)


def check_signing_secret(name: str, value: Any) -> str | None:
    """A signing secret, or a reference to one; `InvalidInput` does not quote it."""
    text = _token(name, value)
    if text and not ENV_REFERENCE.match(text):
        try:
            read_signing_secret(text)
        except ValueError as error:
            raise InvalidInput(f"{name} {error}", field=name) from None
    return text


def check_fields(given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with each field taken alone, by its name; empty when nothing is."""
    wrong: dict[str, str] = {}
    for name, value in given.items():
        try:
            _CHECKS[name](name, value)
        except InvalidInput as error:
            wrong[name] = str(error)
    return wrong


def _check_host(base_url: str, given: Mapping[str, Any], allow_private_hosts: bool) -> None:
    host = urlsplit(base_url).hostname or ""
    if "base_url" in given and not allow_private_hosts and names_private_host(host):
        raise InvalidInput(
            f"{host} is a private address: set delivery.allow_private_hosts to send to it", field="base_url"
        )


def _check_auth(draft: ServiceDraft, given: Mapping[str, Any], existing: Service | None) -> ServiceDraft:
    stored = existing is not None and existing.has_auth_token
    headers_stored = existing is not None and bool(existing.extra_header_names)
    if existing is not None and _origin(existing.base_url) != _origin(draft.base_url):
        if stored and draft.auth_type != "none" and "auth_token" not in given:
            raise InvalidInput(
                "auth_token must be entered again when base_url changes its host", field="auth_token"
            )
        if headers_stored and "extra_headers" not in given:
            raise InvalidInput(
                "extra_headers must be entered again when base_url changes its host", field="extra_headers"
            )
        if existing.has_signing_secret and "signing_secret" not in given:
            raise InvalidInput(
                "signing_secret must be entered again when base_url changes its host", field="signing_secret"
            )
    if draft.auth_type == "none":
        return _replace_token(draft, "")
    if draft.auth_token == "" or (draft.auth_token is None and not stored):
        raise InvalidInput(f"auth_token is required for auth_type {draft.auth_type}", field="auth_token")
    token = draft.auth_token
    if token is None:
        if existing is not None and existing.auth_type != draft.auth_type:
            raise InvalidInput("auth_token must be entered again when auth_type changes", field="auth_token")
        return draft
    if draft.auth_type == "basic" and ":" not in token and not ENV_REFERENCE.match(token):
        raise InvalidInput("auth_token must be user:password for auth_type basic", field="auth_token")
    return draft


def _replace_token(draft: ServiceDraft, token: str) -> ServiceDraft:
    values = {name: getattr(draft, name) for name in NAMES}
    return ServiceDraft(**(values | {"auth_token": token}))


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def _text(limit: int, *, required: bool = False) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        if not isinstance(value, str):
            raise InvalidInput(f"{name} must be a text, not {_kind(value)}", field=name)
        value = value.strip()
        if required and not value:
            raise InvalidInput(f"{name} is required", field=name)
        if len(value) > limit:
            raise InvalidInput(f"{name} must have at most {limit} characters", field=name)
        if any(not character.isprintable() and character not in "\n\t" for character in value):
            raise InvalidInput(f"{name} must not contain control characters", field=name)
        return value

    return check


def _url(name: str, value: Any) -> str:
    text = _text(500, required=True)(name, value)
    allowed = "an absolute http:// or https:// URL such as https://hr.example.com"
    try:
        parts: SplitResult = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidInput(f"{name} must be {allowed}", field=name) from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise InvalidInput(f"{name} must be {allowed}", field=name)
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(
            f"{name} must not contain a user or password: use auth_type basic and auth_token", field=name
        )
    if "#" in text or "?" in text or any(character in text for character in " \\\n\t<>\"'"):
        raise InvalidInput(f"{name} must be {allowed}, without spaces, query or fragment", field=name)
    try:
        if not host.isascii():
            host.encode("idna")
    except UnicodeError:
        raise InvalidInput(f"{name} must be {allowed}: {host} is not a host name", field=name) from None
    return text


def _endpoint(name: str, value: Any) -> str:
    text = _text(500)(name, value)
    if "://" in text or "#" in text or any(character in text for character in " \\\n\t"):
        raise InvalidInput(f"{name} must be a path such as /api/v1/attendance", field=name)
    return text if not text or text.startswith("/") else f"/{text}"


def _auth_type(name: str, value: Any) -> str:
    if value not in AUTH_TYPES:
        raise InvalidInput(f"{name} must be one of {', '.join(AUTH_TYPES)}", field=name)
    return str(value)


def _token(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 8000:
        raise InvalidInput(f"{name} must be a text of at most 8000 characters", field=name)
    return _header_value(name, value.strip())


def _header_value(name: str, value: str) -> str:
    if any(not 0x20 <= ord(character) <= 0x7E for character in value):
        raise InvalidInput(f"{name} must be printable ASCII on one line", field=name)
    return value


def _header_name(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _HEADER_NAME.match(value) or len(value) > 100:
        raise InvalidInput(f"{name} must be an HTTP header name such as X-API-Key", field=name)
    if value.lower() in _OUR_HEADERS:
        raise InvalidInput(f"{name}: {value} is a header that this program sets itself", field=name)
    return value


def _headers(name: str, value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or len(value) > 50:
        raise InvalidInput(f"{name} must be an object of at most 50 header names and values", field=name)
    found: dict[str, str] = {}
    for key, text in value.items():
        header = _header_name(name, key)
        if not isinstance(text, str) or len(text) > 4000:
            raise InvalidInput(f"{name}: the value of {header} must be a text", field=name)
        if header.lower() in (known.lower() for known in found):
            raise InvalidInput(f"{name}: {header} is given twice", field=name)
        found[header] = _header_value(name, text.strip())
    return found


def _number(low: int, high: int, *, whole: bool = True) -> Callable[[str, Any], Any]:
    kind = "a whole number" if whole else "a number"

    def check(name: str, value: Any) -> Any:
        right = type(value) is int or (not whole and type(value) is float and math.isfinite(value))
        if not right or not low <= value <= high:
            shown = f" (not {_kind(value)})" if not right else ""
            raise InvalidInput(f"{name} must be {kind} from {low} to {high}{shown}", field=name)
        return value if whole else float(value)

    return check


def _optional(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    return lambda name, value: None if value is None else check(name, value)


def _flag(name: str, value: Any) -> bool:
    if type(value) is not bool:
        raise InvalidInput(f"{name} must be true or false, not {_kind(value)}", field=name)
    return value


def _terminal_ids(name: str, value: Any) -> tuple[int, ...] | None:
    if value is None:
        return None
    if (
        not isinstance(value, (list, tuple))
        or len(value) > _MAX_TERMINALS
        or any(type(item) is not int or not 0 < item < 2**63 for item in value)
    ):
        raise InvalidInput(f"{name} must be a list of terminal ids, or null for every terminal", field=name)
    return tuple(sorted(set(value)))


def _kind(value: Any) -> str:
    words = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return "null" if value is None else words.get(type(value), "an object")


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "name": _text(100, required=True),
    "description": _text(5000),
    "base_url": _url,
    "users_endpoint": _endpoint,
    "attendance_endpoint": _endpoint,
    "auth_type": _auth_type,
    "auth_token": _token,
    "auth_header_name": _header_name,
    "extra_headers": _headers,
    "sync_interval_minutes": _number(0, 1440),
    "users_interval_minutes": _optional(_number(0, 10_080)),
    "timeout_seconds": _number(1, 300, whole=False),
    "retry_attempts": _number(0, 100),
    "batch_size": _number(1, 1000),
    "is_active": _flag,
    "terminal_ids": _terminal_ids,
    "requests_per_minute": _optional(_number(1, 6000)),
    "signing_secret": check_signing_secret,
}
