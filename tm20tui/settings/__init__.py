"""The configuration: environment over file over defaults, read once at start.

`load` either returns frozen settings or raises one `ConfigError` that names the
key, its value and what is allowed. `describe` shows what is in force and where
each value comes from, with secrets masked.
"""

from tm20tui.settings.reading import load
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
from tm20tui.settings.values import is_loopback
from tm20tui.settings.whole import Settings, host_timezone
from tm20tui.settings.wording import describe, mask

__all__ = [
    "AccessSettings",
    "AlarmsSettings",
    "ApiSettings",
    "ControlSettings",
    "DatabaseSettings",
    "DeliverySettings",
    "IngestSettings",
    "LogSettings",
    "OperatorsSettings",
    "ProcessSettings",
    "SecuritySettings",
    "Settings",
    "SiteSettings",
    "TerminalsSettings",
    "describe",
    "host_timezone",
    "is_loopback",
    "load",
    "mask",
]
