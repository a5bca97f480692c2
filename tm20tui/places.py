"""Where the server keeps its state, found without loading the whole configuration.

The command line asks a running server: all it needs of the configuration is where
the control socket is, and it needs that at once.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from tm20tui.errors import ConfigError

SYSTEM_CONFIG = Path("/etc/tm20tui/config.toml")
CONTROL_SOCKET = "control.sock"


def state_directory(given: Path | None, database_url: str | None) -> Path:
    """The folder of the key file and, by default, of the database and the control socket."""
    if given is not None:
        return given.expanduser().absolute()
    if by_systemd := os.environ.get("STATE_DIRECTORY"):
        return Path(by_systemd.split(":")[0]).absolute()
    if file := _sqlite_file(database_url):
        return file.absolute().parent
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state") / "tm20tui"


def control_path(given: Path | None, state: Path) -> Path:
    """The control socket, by default in the state directory."""
    return given.expanduser().absolute() if given is not None else state / CONTROL_SOCKET


def default_config() -> Path | None:
    """The configuration file that is used when none is named, if there is one."""
    return next((path for path in (Path("config.toml"), SYSTEM_CONFIG) if path.is_file()), None)


def find_control_socket(config: Path | None) -> Path:
    """Where a server with this configuration has its control socket.

    Raises:
        ConfigError: the file cannot be read.
    """
    path = config or default_config()
    values = {} if path is None else read_toml(path)
    given = _value(values, "control", "path")
    directory = _value(values, "state_directory")
    state = state_directory(Path(directory) if directory else None, _value(values, "database", "url") or None)
    return control_path(Path(given) if given else None, state)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file; `ConfigError` when it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise ConfigError("config", str(path), f"must be a file that can be read ({reason})") from None
    except UnicodeDecodeError:
        raise ConfigError("config", str(path), "must be a text file in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("config", str(path), f"must be valid TOML: {error}") from None


def _value(values: dict[str, Any], *keys: str) -> str:
    """A text of the configuration: the environment over the file; empty where it is not set."""
    variable = "TM20_" + "__".join(keys).upper()
    for name, text in os.environ.items():
        if name.upper() == variable:
            return text
    found: Any = values
    for key in keys:
        found = found.get(key, "") if isinstance(found, dict) else ""
    return found if isinstance(found, str) else ""


def _sqlite_file(url: str | None) -> Path | None:
    scheme, _, rest = (url or "").partition("://")
    return Path(rest.partition("?")[0][1:]) if scheme.startswith("sqlite") else None
