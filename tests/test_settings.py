"""The configuration: where values come from and what is in force."""

from __future__ import annotations

import os
import tomllib
from datetime import date, time
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tm20tui.errors import ConfigError
from tm20tui.settings import Settings, describe, host_timezone, load
from tm20tui.settings.wording import allowed, leaves

EXAMPLE = Path(__file__).parents[1] / "config.toml"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no file of the host's."""
    for name in list(os.environ):
        if name.startswith("TM20_") and not name.startswith("TM20_TEST_"):
            monkeypatch.delenv(name)
    for name in ("STATE_DIRECTORY", "TZ"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("tm20tui.places.SYSTEM_CONFIG", tmp_path / "etc.toml")
    monkeypatch.chdir(tmp_path)


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "given.toml"
    path.write_text(text)
    return path


def at(settings: Settings, key: str) -> Any:
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


# ---------------------------------------------------------------- the example


def test_the_example_holds_every_setting_with_its_default() -> None:
    written = tomllib.loads(EXAMPLE.read_text())
    keys = {
        *(key for key, value in written.items() if not isinstance(value, dict)),
        *(f"{name}.{key}" for name, value in written.items() if isinstance(value, dict) for key in value),
    }
    assert keys == {key for key, _ in leaves(Settings)}
    assert load(EXAMPLE).model_dump() == load(None).model_dump()


def test_the_example_explains_every_setting() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if " = " in line and not line.startswith("#") and not line.startswith("key ="):
            assert lines[number - 1].startswith("#"), line


def test_the_example_names_the_limits_of_every_number() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for key, field in leaves(Settings):
        highest = next((bound.le for bound in field.metadata if hasattr(bound, "le")), None)
        if highest is not None:
            place = next(n for n, line in enumerate(lines) if line.startswith(key.split(".")[-1] + " ="))
            assert str(highest) in lines[place - 1] + lines[place - 2], key


def test_every_setting_is_described() -> None:
    for key, field in leaves(Settings):
        assert field.description, key
        assert "\n" not in allowed(field)


# ---------------------------------------------------------------- order


def test_environment_beats_file_beats_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = file(tmp_path, "[terminals]\nport = 1001\nmax_connections = 7\n[api]\nport = 1002\n")
    monkeypatch.setenv("TM20_TERMINALS__PORT", "2001")
    settings = load(path, {"api.port": 3002})
    assert (settings.terminals.port, settings.terminals.max_connections) == (2001, 7)
    assert (settings.api.port, settings.terminals.host) == (3002, "0.0.0.0")
    sources = {key: source for key, _, source in describe(settings)}
    assert sources["terminals.port"] == "TM20_TERMINALS__PORT"
    assert sources["terminals.max_connections"] == str(path)
    assert sources["api.port"] == "command line"
    assert sources["terminals.host"] == "default"
    assert sources["site.timezone"] == "automatic"


def test_without_a_path_the_file_here_comes_before_the_system_one(tmp_path: Path) -> None:
    (tmp_path / "etc.toml").write_text('node = "system"')
    assert load(None).node == "system"
    (tmp_path / "config.toml").write_text('node = "here"')
    assert load(None).node == "here"


@pytest.mark.parametrize(
    ("variable", "value", "key", "expected"),
    [
        ("TM20_TERMINALS__PORT", "0", "terminals.port", 0),
        ("tm20_terminals__port", "77", "terminals.port", 77),
        ("TM20_API__ENABLED", "false", "api.enabled", False),
        ("TM20_DELIVERY__ALLOW_PRIVATE_HOSTS", "1", "delivery.allow_private_hosts", True),
        ("TM20_DELIVERY__BACKOFF_SECONDS", "1, 2.5", "delivery.backoff_seconds", (1.0, 2.5)),
        ("TM20_DELIVERY__BACKOFF_SECONDS", "[1, 2]", "delivery.backoff_seconds", (1.0, 2.0)),
        ("TM20_TERMINALS__BLOCKED", "A,B", "terminals.blocked", ("A", "B")),
        ("TM20_TERMINALS__BLOCKED", '["A", "B"]', "terminals.blocked", ("A", "B")),
        ("TM20_TERMINALS__BLOCKED", "", "terminals.blocked", ()),
        (
            "TM20_TERMINALS__ALLOWED_NETWORKS",
            "10.1.2.3/8",
            "terminals.allowed_networks",
            (ip_network("10.0.0.0/8"),),
        ),
        ("TM20_INGEST__EARLIEST_DATE", "2020-02-29", "ingest.earliest_date", date(2020, 2, 29)),
        ("TM20_INGEST__DAY_STARTS_AT", "23:30", "ingest.day_starts_at", time(23, 30)),
        ("TM20_SITE__TIMEZONE", "Europe/Paris", "resolved_timezone", "Europe/Paris"),
        ("TM20_SITE__TIMEZONE", "", "site.timezone", None),
        ("TM20_API__HOST", "::1", "api.host", "::1"),
        ("TM20_API__HOST", "0.0.0.0", "api.host", "0.0.0.0"),
        (
            "TM20_API__ALLOWED_HOSTS",
            "TM20.example.com.,[fd00::1]",
            "api.allowed_hosts",
            ("tm20.example.com", "fd00::1"),
        ),
        ("TM20_TEST_ANYTHING", "x", "node", "main"),
    ],
)
def test_values_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, key: str, expected: object
) -> None:
    monkeypatch.setenv(variable, value)
    assert at(load(None), key) == expected


def test_values_from_the_file(tmp_path: Path) -> None:
    text = (
        '[terminals]\nallowed_networks = ["192.168.1.0/24", "2001:db8::/32"]\nping_seconds = 20.5\n'
        '[ingest]\nday_starts_at = 05:30:00\nearliest_date = "2018-01-01"\n'
    )
    settings = load(file(tmp_path, text))
    assert [str(network) for network in settings.terminals.allowed_networks] == [
        "192.168.1.0/24",
        "2001:db8::/32",
    ]
    assert settings.terminals.ping_seconds == 20.5
    assert (settings.ingest.day_starts_at, settings.ingest.earliest_date) == (time(5, 30), date(2018, 1, 1))


def test_settings_are_frozen() -> None:
    settings = load(None)
    with pytest.raises(ValidationError):
        settings.terminals.port = 1


# ---------------------------------------------------------------- what follows from what


def test_the_state_directory_is_found_in_this_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load(None).resolved_state_directory == tmp_path / "state" / "tm20tui"
    monkeypatch.setenv("TM20_DATABASE__URL", "sqlite:////var/tmp/a/b.db")
    assert load(None).resolved_state_directory == Path("/var/tmp/a")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/tm20tui:/other")
    assert load(None).resolved_state_directory == Path("/var/lib/tm20tui")
    monkeypatch.setenv("TM20_STATE_DIRECTORY", "/srv/tm20")
    settings = load(None)
    assert settings.resolved_state_directory == Path("/srv/tm20")
    assert settings.key_path == Path("/srv/tm20/secret.key")
    assert settings.resolved_database_url == "sqlite:////var/tmp/a/b.db"


def test_a_postgresql_url_says_nothing_about_the_state_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TM20_DATABASE__URL", "postgresql://h/n")
    assert load(None).resolved_state_directory == tmp_path / "state" / "tm20tui"


def test_the_database_is_in_the_state_directory_by_default() -> None:
    settings = load(None, {"state_directory": "/srv/tm20"})
    assert settings.resolved_database_url == "sqlite:////srv/tm20/tm20.db"


@pytest.mark.parametrize(("zone", "expected"), [("Asia/Tokyo", "Asia/Tokyo"), (":Asia/Tokyo", "Asia/Tokyo")])
def test_the_hosts_zone_is_that_of_tz(monkeypatch: pytest.MonkeyPatch, zone: str, expected: str) -> None:
    monkeypatch.setenv("TZ", zone)
    assert host_timezone() == expected


def test_the_password_of_the_database_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TM20_DATABASE__URL", "postgresql://u:s3@cr3t@h/n")
    settings = load(None)
    assert settings.resolved_database_url == "postgresql://u:s3@cr3t@h/n"
    assert ("database.url", "postgresql://u:***@h/n", "TM20_DATABASE__URL") in describe(settings)
    assert "cr3t" not in repr(settings) + str(settings)


# ---------------------------------------------------------------- the webhook of alarms


def test_the_alarm_webhook_is_an_address_and_never_shown() -> None:
    assert load(None).alarms.webhook_url is None
    url = "https://hooks.example.org/T0/s3cret"
    settings = load(None, {"alarms.webhook_url": url})
    assert settings.alarms.webhook_url == url
    assert "s3cret" not in repr(settings)
    assert {key: shown for key, shown, _ in describe(settings)}["alarms.webhook_url"] == "***"
    for wrong in ("hooks.example.org", "ftp://hooks.example.org/", "https://", "https://a b/s3cret"):
        with pytest.raises(ConfigError, match="must be an address such as") as refused:
            load(None, {"alarms.webhook_url": wrong})
        assert "s3cret" not in str(refused.value)
