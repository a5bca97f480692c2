"""What an operator may say about a service, and the sentence for everything else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tm20tui.delivery.draft import validate_service
from tm20tui.errors import InvalidInput
from tm20tui.model import Service

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DOCUMENT = {
    "name": "Mon Service RH",
    "base_url": "https://api.monservice.com",
    "users_endpoint": "/api/v1/employees",
    "attendance_endpoint": "/api/v1/attendance",
    "auth_type": "bearer",
    "auth_token": "your-api-token-here",
    "sync_interval_minutes": 15,
}
LEAST = {"name": "hr", "base_url": "https://hr.example"}
STORED = Service(
    id=1,
    name="hr",
    description="",
    base_url="https://hr.example/v1",
    users_endpoint="",
    attendance_endpoint="/in",
    auth_type="bearer",
    has_auth_token=True,
    auth_header_name="X-API-Key",
    extra_header_names=(),
    sync_interval_minutes=5,
    users_interval_minutes=None,
    timeout_seconds=20.0,
    retry_attempts=3,
    batch_size=100,
    is_active=True,
    terminal_ids=(3,),
    health="healthy",
    health_reason="",
    failures=0,
    retry_at=None,
    batch_limit=None,
    last_attendance_sync_at=None,
    last_users_sync_at=None,
    created_at=NOW,
    updated_at=NOW,
)


def test_the_customers_example_is_accepted() -> None:
    draft = validate_service(DOCUMENT)
    assert (draft.batch_size, draft.timeout_seconds, draft.retry_attempts) == (100, 20.0, 3)
    assert draft.auth_token == "your-api-token-here"
    assert "your-api-token-here" not in repr(draft)


def test_defaults_and_small_repairs() -> None:
    draft = validate_service(LEAST | {"name": "  hr ", "attendance_endpoint": "api/in", "timeout_seconds": 5})
    assert (draft.name, draft.attendance_endpoint, draft.timeout_seconds) == ("hr", "/api/in", 5.0)
    assert validate_service(LEAST | {"terminal_ids": [3, 1, 3]}).terminal_ids == (1, 3)


BAD: list[tuple[str, Any, str]] = [
    ("nmae", "x", "unknown field 'nmae'"),
    ("name", "", "required"),
    ("name", None, "must be a text, not null"),
    ("name", 5, "must be a text"),
    ("name", "x" * 101, "at most 100"),
    ("name", "a\x00b", "control characters"),
    ("base_url", "", "required"),
    ("base_url", "hr.example", "absolute"),
    ("base_url", "ftp://hr.example", "http:// or https://"),
    ("base_url", "https://", "absolute"),
    ("base_url", "https://ann:pw@hr.example", "must not contain a user or password"),
    ("base_url", "https://hr.example/#x", "fragment"),
    ("base_url", "https://hr.example/?a=1", "query"),
    ("base_url", "https://hr.example:99999", "absolute"),
    ("base_url", "https://[::1", "absolute"),
    ("base_url", "https://hr ex.com", "spaces"),
    ("base_url", "http://localhost:9000", "delivery.allow_private_hosts"),
    ("base_url", "http://127.0.0.1", "delivery.allow_private_hosts"),
    ("base_url", "http://[::ffff:10.0.0.1]", "delivery.allow_private_hosts"),
    ("base_url", "http://169.254.169.254/latest", "delivery.allow_private_hosts"),
    ("base_url", "http://0x7f.1", "delivery.allow_private_hosts"),
    ("users_endpoint", "https://evil.example/", "must be a path"),
    ("attendance_endpoint", 1, "must be a text"),
    ("auth_type", "digest", "none, bearer, api_key, basic"),
    ("auth_type", ["bearer"], "none, bearer, api_key, basic"),
    ("auth_type", "bearer", "auth_token is required"),
    ("auth_token", "a\nb", "one line"),
    ("auth_token", 17, "must be a text"),
    ("auth_header_name", "X Key", "HTTP header name"),
    ("auth_header_name", "Host", "sets itself"),
    ("extra_headers", [], "must be an object"),
    ("extra_headers", {"Content-Length": "5"}, "sets itself"),
    ("extra_headers", {"X": "a\r\nEvil: 1"}, "one line"),
    ("extra_headers", {"X": 1}, "must be a text"),
    ("extra_headers", {"X": "1", "x": "2"}, "twice"),
    ("extra_headers", {"": "1"}, "HTTP header name"),
    ("sync_interval_minutes", "15", "whole number from 0 to 1440 (not a text)"),
    ("users_interval_minutes", 1.5, "whole number from 0 to 10080"),
    ("sync_interval_minutes", -1, "0 to 1440"),
    ("sync_interval_minutes", True, "whole number"),
    ("sync_interval_minutes", 1.5, "whole number"),
    ("timeout_seconds", 0, "1 to 300"),
    ("timeout_seconds", float("nan"), "a number from 1 to 300"),
    ("timeout_seconds", None, "not null"),
    ("retry_attempts", 101, "0 to 100"),
    ("batch_size", 0, "1 to 1000"),
    ("batch_size", 10**30, "1 to 1000"),
    ("is_active", "yes", "true or false"),
    ("is_active", 1, "true or false"),
    ("terminal_ids", "all", "list of terminal ids"),
    ("terminal_ids", [True], "list of terminal ids"),
    ("terminal_ids", [10**30], "list of terminal ids"),
]


@pytest.mark.parametrize(("field", "value", "words"), BAD)
def test_bad_values_name_their_field(field: str, value: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate_service(LEAST | {field: value})
    assert caught.value.field == ("auth_token" if words.startswith("auth_token") else field)
    assert words in str(caught.value)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(InvalidInput, match="name is required"):
        validate_service({})
    with pytest.raises(InvalidInput, match="user:password"):
        validate_service(LEAST | {"auth_type": "basic", "auth_token": "ann"})


def test_private_hosts_are_allowed_by_the_setting() -> None:
    values = LEAST | {"base_url": "http://127.0.0.1:9000"}
    assert validate_service(values, allow_private_hosts=True).base_url == "http://127.0.0.1:9000"


def test_an_update_keeps_what_it_does_not_name() -> None:
    draft = validate_service({"name": "new"}, existing=STORED)
    assert (draft.name, draft.sync_interval_minutes, draft.terminal_ids) == ("new", 5, (3,))
    assert draft.auth_token is None
    assert validate_service({"auth_type": "none"}, existing=STORED).auth_token == ""


@pytest.mark.parametrize(
    "url", ["https://evil.example/v1", "http://hr.example/v1", "https://hr.example:8443/v1"]
)
def test_a_stored_token_is_not_carried_to_another_host(url: str) -> None:
    with pytest.raises(InvalidInput, match="entered again") as caught:
        validate_service({"base_url": url}, existing=STORED)
    assert caught.value.field == "auth_token"
    assert validate_service({"base_url": url, "auth_token": "again"}, existing=STORED).auth_token == "again"


def test_stored_headers_are_not_carried_to_another_host() -> None:
    stored = replace(STORED, has_auth_token=False, auth_type="none", extra_header_names=("X-Key",))
    with pytest.raises(InvalidInput) as caught:
        validate_service({"base_url": "https://evil.example"}, existing=stored)
    assert caught.value.field == "extra_headers"


def test_another_path_on_the_same_host_keeps_the_token() -> None:
    draft = validate_service({"base_url": "https://HR.example:443/v2"}, existing=STORED)
    assert draft.base_url == "https://HR.example:443/v2"
