"""All sections together, and what is in force where a setting was left empty."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from tm20tui.places import control_path, state_directory
from tm20tui.settings.backfill_section import BackfillSettings
from tm20tui.settings.clock_section import ClockSettings
from tm20tui.settings.schedules_section import SchedulesSettings
from tm20tui.settings.sections import (
    AccessSettings,
    AlarmsSettings,
    ApiSettings,
    ControlSettings,
    DatabaseSettings,
    DeliverySettings,
    IngestSettings,
    LogSettings,
    OperatorsSettings,
    ProcessSettings,
    SecuritySettings,
    SiteSettings,
    TerminalsSettings,
)
from tm20tui.settings.ui_section import UiSettings
from tm20tui.settings.users_section import UsersSettings
from tm20tui.settings.values import NodeName, OptionalPath, zone_exists

ENV_PREFIX = "TM20_"

file_values: ContextVar[Mapping[str, Any] | None] = ContextVar("file_values", default=None)
"""What the configuration file says, while `load` builds the settings."""


class Settings(BaseSettings):
    """Everything an operator can configure, checked."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        enable_decoding=False,
        frozen=True,
        extra="forbid",
        validate_default=False,
    )

    state_directory: OptionalPath = Field(
        default=None,
        description="folder of the database and the key file; empty: systemd's STATE_DIRECTORY, else the "
        "folder of the SQLite database, else $XDG_STATE_HOME/tm20tui or ~/.local/state/tm20tui",
    )
    node: NodeName = Field(
        default="main",
        description="name of this server where several share a database",
    )
    database: DatabaseSettings = DatabaseSettings()
    site: SiteSettings = SiteSettings()
    terminals: TerminalsSettings = TerminalsSettings()
    ingest: IngestSettings = IngestSettings()
    backfill: BackfillSettings = BackfillSettings()
    clock: ClockSettings = ClockSettings()
    access: AccessSettings = AccessSettings()
    delivery: DeliverySettings = DeliverySettings()
    users: UsersSettings = UsersSettings()
    schedules: SchedulesSettings = SchedulesSettings()
    alarms: AlarmsSettings = AlarmsSettings()
    api: ApiSettings = ApiSettings()
    control: ControlSettings = ControlSettings()
    operators: OperatorsSettings = OperatorsSettings()
    ui: UiSettings = UiSettings()
    security: SecuritySettings = SecuritySettings()
    log: LogSettings = LogSettings()
    process: ProcessSettings = ProcessSettings()

    _sources: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given to the constructor, then the environment, then the file that `load` read."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, dict(file_values.get() or {}))

    @property
    def resolved_state_directory(self) -> Path:
        """The folder of the key file and, by default, of the database."""
        return state_directory(self.state_directory, self.database.url)

    @property
    def resolved_database_url(self) -> str:
        """The database URL in force, with its password."""
        return self.database.url or f"sqlite:///{self.resolved_state_directory / 'tm20.db'}"

    @property
    def resolved_timezone(self) -> str:
        """The default site's IANA zone: the configured one, else the host's."""
        return self.site.timezone or host_timezone()

    @property
    def key_path(self) -> Path:
        """The file that holds the key of the sealed secrets."""
        return self.resolved_state_directory / "secret.key"

    @property
    def control_path(self) -> Path:
        """The control socket in force."""
        return control_path(self.control.path, self.resolved_state_directory)


def host_timezone() -> str:
    """The host's IANA zone by TZ, /etc/timezone or /etc/localtime; UTC when none tells."""
    candidates = [os.environ.get("TZ", "").removeprefix(":")]
    try:
        candidates.append(Path("/etc/timezone").read_text().strip())
    except (OSError, UnicodeDecodeError):
        pass
    candidates.append(os.path.realpath("/etc/localtime"))
    for name in candidates:
        name = name.partition("zoneinfo/")[2] or name
        if name and not name.startswith("/") and zone_exists(name):
            return name
    return "UTC"
