"""Every kind of mistake in the configuration, with its one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_settings import _alone, file
from tm20tui.errors import ConfigError
from tm20tui.settings import load

__all__ = ["_alone"]


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
            "terminals.allowed_networks = 'lan': must be a list of networks in CIDR form, "
            'such as "192.168.1.0/24"',
        ),
        (
            "TERMINALS__HOST",
            "http://x/",
            "terminals.host = 'http://x/': must be an IP address or a host name of this machine, such as "
            "0.0.0.0 or 127.0.0.1",
        ),
        ("TERMINALS__CERT", "/nope", "terminals.key = '': must be set too: TLS needs both cert and key"),
        ("DELIVERY__JITTER", "nan", "delivery.jitter = 'nan': must be a number from 0 to 1"),
        (
            "DELIVERY__BACKOFF_SECONDS",
            "5,-1",
            "delivery.backoff_seconds = '-1': must be a list of waits in seconds, "
            "each above 0 and up to 86400",
        ),
        (
            "DELIVERY__BACKOFF_SECONDS",
            "",
            "delivery.backoff_seconds = '': must be a list of 1 to 50 waits in seconds",
        ),
        ("API__ENABLED", "maybe", "api.enabled = 'maybe': must be true or false"),
        (
            "API__HOST",
            "http://x",
            "api.host = 'http://x': must be an IP address or a host name of this machine, such as "
            "0.0.0.0 or 127.0.0.1",
        ),
        (
            "API__ALLOWED_HOSTS",
            "tm20.example.com:8000",
            "api.allowed_hosts = 'tm20.example.com:8000': must be a list of host names or addresses "
            "without ports, such as tm20.example.com",
        ),
        (
            "API__ANONYMOUS_ROLE",
            "root",
            'api.anonymous_role = \'root\': must be one of "admin", "operator", "viewer", "none"',
        ),
        (
            "SITE__TIMEZONE",
            "Europe/Pariss",
            "site.timezone = 'Europe/Pariss': must be an IANA time zone such as \"Europe/Paris\", or "
            "empty for the host's",
        ),
        (
            "SITE__TIMEZONE",
            "../../etc/passwd",
            "site.timezone = '../../etc/passwd': must be an IANA time zone such as \"Europe/Paris\", or "
            "empty for the host's",
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
            "database.url = 'mysql://u:***@h/n': must be sqlite:///PATH or postgresql://USER@HOST/NAME, or "
            "empty for a file of ours",
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
