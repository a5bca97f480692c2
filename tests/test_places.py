"""The control socket is found without the settings, and exactly where they say it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_settings import _alone, file
from tm20tui.errors import ConfigError
from tm20tui.places import find_control_socket
from tm20tui.settings import load

__all__ = ["_alone"]


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("", {}),
        ('state_directory = "/srv/tm20"', {}),
        ('state_directory = "~/tm20"', {}),
        ('state_directory = "relative"', {}),
        ('state_directory = ""', {"STATE_DIRECTORY": "/var/lib/a:/b"}),
        ('state_directory = "/srv/tm20"', {"STATE_DIRECTORY": "/var/lib/a"}),
        ('[database]\nurl = "sqlite:////var/tmp/a/b.db"', {}),
        ('[database]\nurl = "sqlite:///a/b.db?mode=x"', {}),
        ('[database]\nurl = "postgresql://h/n"', {}),
        ('[control]\npath = "/run/tm20.sock"', {}),
        ('[control]\npath = "~/tm20.sock"', {"TM20_STATE_DIRECTORY": "/x"}),
        ('[control]\npath = "/run/tm20.sock"', {"TM20_CONTROL__PATH": "/run/other"}),
        ('[control]\npath = "/run/tm20.sock"', {"TM20_CONTROL__PATH": ""}),
        ('state_directory = "/srv/tm20"', {"tm20_state_directory": "/srv/other"}),
        ("", {"TM20_DATABASE__URL": "sqlite:////var/tmp/a/b.db"}),
        ("", {"XDG_STATE_HOME": "relative"}),
        ("", {"XDG_STATE_HOME": ""}),
    ],
)
def test_the_socket_is_where_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    path = file(tmp_path, text)
    assert find_control_socket(path) == load(path).control_path
    path.rename(tmp_path / "config.toml")
    assert find_control_socket(None) == load(None).control_path


def test_a_configuration_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be a file that can be read"):
        find_control_socket(tmp_path / "nope.toml")
    with pytest.raises(ConfigError, match="must be valid TOML"):
        find_control_socket(file(tmp_path, "= ="))


def test_roles_are_read_from_tables_and_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = file(tmp_path, '[operators.users]\nann = "admin"\n[operators.groups]\n"hr-team" = "viewer"\n')
    settings = load(path)
    assert settings.operators.users == {"ann": "admin"}
    assert settings.operators.groups == {"hr-team": "viewer"}
    monkeypatch.setenv("TM20_OPERATORS__USERS", "bob=viewer, eve = operator")
    assert load(path).operators.users == {"bob": "viewer", "eve": "operator"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[operators]\nusers = "ann"', r"operators\.users = 'ann': must be a table"),
        ('[operators.users]\nann = "boss"', 'one of the roles "viewer", "operator", "admin"'),
        ("[operators.users]\nann = 1", 'one of the roles "viewer", "operator", "admin"'),
        ('[control]\ngroup = "a b"', r"control\.group = 'a b': must be the name of a group"),
    ],
)
def test_wrong_roles_are_told_of(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(file(tmp_path, text))
