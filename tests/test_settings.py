"""The configuration: what is accepted, and the one line for everything that is not."""

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
    monkeypatch.setattr("tm20tui.settings.reading.SYSTEM_CONFIG", tmp_path / "etc.toml")
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
    assert load(EXAMPLE) == load(None)


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


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("TERMINALS__PORT", "abc", "terminals.port = 'abc': must be a whole number from 0 to 65535"),
        ("TERMINALS__PORT", "70000", "terminals.port = '70000': must be a whole number from 0 to 65535"),
        ("TERMINALS__PORT", "", "terminals.port = '': must be a whole number from 0 to 65535"),
        (
            "TERMINALS__MAX_FRAME_BYTES",
            "1",
            "terminals.max_frame_bytes = '1': must be a whole number from 65536 to 67108864",
        ),
        (
            "TERMINALS__HANDSHAKE_SECONDS",
            "0",
            "terminals.handshake_seconds = '0': must be a number above 0 and up to 300",
        ),
        (
            "TERMINALS__ADMISSION",
            "Open",
            'terminals.admission = \'Open\': must be one of "approve", "open", "closed"',
        ),
        (
            "TERMINALS__ALLOWED_NETWORKS",
            "10.0.0.0/8,lan",
            "terminals.allowed_networks = 'lan': must be a list of networks in CIDR form, such as \"192.168.1.0/24\"",
        ),
        (
            "TERMINALS__HOST",
            "http://x/",
            "terminals.host = 'http://x/': must be an IP address or a host name of this machine, such as 0.0.0.0 "
            "or 127.0.0.1",
        ),
        ("TERMINALS__CERT", "/nope", "terminals.key = '': must be set too: TLS needs both cert and key"),
        ("DELIVERY__JITTER", "nan", "delivery.jitter = 'nan': must be a number from 0 to 1"),
        (
            "DELIVERY__BACKOFF_SECONDS",
            "5,-1",
            "delivery.backoff_seconds = '-1': must be a list of waits in seconds, each above 0 and up to 86400",
        ),
        (
            "DELIVERY__BACKOFF_SECONDS",
            "",
            "delivery.backoff_seconds = '': must be a list of 1 to 50 waits in seconds",
        ),
        ("API__ENABLED", "maybe", "api.enabled = 'maybe': must be true or false"),
        (
            "API__HOST",
            "0.0.0.0",
            "api.host = '0.0.0.0': must be a loopback address (127.0.0.1, ::1 or localhost), for this version has "
            "no API tokens: put a reverse proxy with authentication in front or use an SSH tunnel",
        ),
        (
            "SITE__TIMEZONE",
            "Europe/Pariss",
            "site.timezone = 'Europe/Pariss': must be an IANA time zone such as \"Europe/Paris\", or empty for "
            "the host's",
        ),
        (
            "SITE__TIMEZONE",
            "../../etc/passwd",
            "site.timezone = '../../etc/passwd': must be an IANA time zone such as \"Europe/Paris\", or empty for "
            "the host's",
        ),
        ("SITE__NAME", "", "site.name = '': must be a name of 1 to 100 printable characters"),
        ("NODE", "a b", 'node = \'a b\': must be 1 to 64 letters, digits, ".", "_" or "-"'),
        (
            "INGEST__DAY_STARTS_AT",
            "4:00",
            'ingest.day_starts_at = \'4:00\': must be a time of day "HH:MM" from "00:00" to "23:59"',
        ),
        (
            "INGEST__EARLIEST_DATE",
            "yesterday",
            "ingest.earliest_date = 'yesterday': must be a date YYYY-MM-DD",
        ),
        (
            "DATABASE__URL",
            "mysql://u:s3cr3t@h/n",
            "database.url = 'mysql://u:***@h/n': must be sqlite:///PATH or postgresql://USER@HOST/NAME, or empty "
            "for a file of ours",
        ),
        (
            "DATABASE__URL",
            "postgresql://u:s3@cr3t@h:port/n",
            "database.url = 'postgresql://u:***@h:port/n': must have a port number after the host: "
            "postgresql://USER@HOST:5432/NAME",
        ),
        (
            "DATABASE__URL",
            "sqlite:///:memory:",
            "database.url = 'sqlite:///:memory:': must name a file, since punches must survive a restart: "
            "sqlite:///PATH",
        ),
        ("LOG__LEVEL", "trace", 'log.level = \'trace\': must be one of "debug", "info", "warning", "error"'),
    ],
)
def test_a_wrong_variable_is_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, line: str
) -> None:
    monkeypatch.setenv(f"TM20_{variable}", value)
    with pytest.raises(ConfigError) as caught:
        load(None)
    blamed = line.partition(" = ")[0].replace(".", "__").upper()
    assert str(caught.value) == line + (f" (set in TM20_{variable})" if blamed == variable else "")


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        (
            "TM20_TERMINALS__PROT",
            "1",
            "TM20_TERMINALS__PROT = '1': no such setting; did you mean TM20_TERMINALS__PORT?",
        ),
        (
            "TM20_TERMINAL_PORT",
            "1",
            "TM20_TERMINAL_PORT = '1': no such setting; did you mean TM20_TERMINALS__PORT?",
        ),
        ("TM20_QUUX", "1", "TM20_QUUX = '1': no such setting"),
        ("TM20_TERMINALS", "{}", "TM20_TERMINALS = '{}': is a section: set a key of it, TM20_TERMINALS__KEY"),
        ("TM20_QUUX_TOKEN", "s3cr3t", "TM20_QUUX_TOKEN = '***': no such setting"),
        ("TM20_QUUX", "x://u:s3cr3t@h", "TM20_QUUX = 'x://u:***@h': no such setting"),
    ],
)
def test_an_unknown_variable_of_ours_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, line: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        load(None)
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[terminals]\nport = '1'", "terminals.port = '1': must be a whole number from 0 to 65535"),
        ("[terminals]\nport = true", "terminals.port = True: must be a whole number from 0 to 65535"),
        ("[terminals]\nport = 1.0", "terminals.port = 1.0: must be a whole number from 0 to 65535"),
        ("[terminals]\nport = -1", "terminals.port = -1: must be a whole number from 0 to 65535"),
        ("[terminals]\nprot = 1", "terminals.prot = 1: no such setting; did you mean terminals.port?"),
        ("[terminal]\nport = 1", "terminal = {'port': 1}: no such setting; did you mean terminals?"),
        ("terminals = 1", "terminals = 1: must be a table: [terminals]"),
        ("node = 1", "node = 1: must be a text: name of this server where several share a database"),
        ("[api]\nenabled = 'yes'", "api.enabled = 'yes': must be true or false"),
        ("[api]\nenabled = 1", "api.enabled = 1: must be true or false"),
        ("[ingest]\nearliest_date = 2017", "ingest.earliest_date = 2017: must be a date YYYY-MM-DD"),
        (
            "[terminals]\nblocked = 'A'",
            "terminals.blocked = 'A': must be a list: serial numbers that are always refused",
        ),
        (
            "[terminals]\nblocked = ['']",
            "terminals.blocked = '': must be a list of serial numbers, each of 1 to 64 printable characters",
        ),
        (
            "[terminals]\nping_seconds = 90",
            "terminals.offline_after_seconds = 90: must be more than terminals.ping_seconds (90)",
        ),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    path = file(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).removesuffix(f" (set in {path})") == line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b"[terminals\nport = 1",
            "must be valid TOML: Expected ']' at the end of a table declaration (at line 1",
        ),
        (b"a = 1\nb = = 2\n", "must be valid TOML: Invalid value (at line 2"),
        (b"node = '\xff'", "must be a text file in UTF-8"),
    ],
)
def test_an_unreadable_file_says_where(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).startswith(f"config = '{path}': {words}")


def test_a_file_that_does_not_exist_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config = .*must be a file that can be read \(no such file"):
        load(tmp_path / "nope.toml")


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
