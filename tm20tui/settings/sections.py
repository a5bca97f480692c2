"""The sections of the configuration: every key with its meaning, unit, default and limits.

`config.toml` shows them to people, and a test keeps the two alike.
"""

from __future__ import annotations

from datetime import date, time
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tm20tui.model import DirectionPolicy
from tm20tui.settings.values import (
    DatabaseUrl,
    GroupName,
    Host,
    HostNames,
    Hour,
    Name,
    Networks,
    OptionalPath,
    Pauses,
    Roles,
    Serials,
    WebhookUrl,
    Zone,
    refusal,
)

KIB = 1024
MIB = 1024 * KIB


class Section(BaseModel):
    """Base of every section: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False, allow_inf_nan=False)


class DatabaseSettings(Section):
    """Where punches are kept."""

    url: DatabaseUrl = Field(
        default=None,
        repr=False,
        description="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME; "
        "empty: tm20.db in the state directory",
    )


class SiteSettings(Section):
    """The site that terminals belong to until they are given another."""

    name: Name = Field(default="Default", description="name of the default site")
    timezone: Zone = Field(
        default=None, description="IANA zone of the default site's terminals; empty: the host's zone"
    )


class TerminalsSettings(Section):
    """The listener that terminals dial."""

    host: Host = Field(default="0.0.0.0", description="address to listen on; 0.0.0.0 is every IPv4 interface")
    port: int = Field(default=7788, ge=0, le=65535, description="TCP port to listen on; 0 takes any free one")
    admission: Literal["approve", "open", "closed"] = Field(
        default="approve",
        description="unknown serials: approve = wait for an operator, open = let in, closed = refuse",
    )
    blocked: Serials = Field(default=(), description="serial numbers that are always refused")
    allowed_networks: Networks = Field(
        default=(), description="networks (CIDR) that terminals may connect from; empty: any"
    )
    max_frame_bytes: int = Field(
        default=4 * MIB, ge=64 * KIB, le=64 * MIB, description="largest message of a terminal, in bytes"
    )
    handshake_seconds: float = Field(
        default=10, gt=0, le=300, description="seconds a connection may take to become a WebSocket"
    )
    first_reg_seconds: float = Field(
        default=60, gt=0, le=3600, description="seconds a WebSocket may take to send its first reg"
    )
    ping_seconds: float = Field(default=25, ge=1, le=3600, description="seconds between WebSocket pings")
    offline_after_seconds: float = Field(
        default=90, ge=2, le=86_400, description="seconds of silence after which a terminal counts as offline"
    )
    takeover_seconds: float = Field(
        default=5,
        gt=0,
        le=60,
        description="seconds a connected terminal has to answer when its serial connects again",
    )
    max_connections: int = Field(
        default=5000, ge=1, le=100_000, description="connections accepted at the same time"
    )
    cert: OptionalPath = Field(default=None, description="TLS certificate chain (PEM file); empty: no TLS")
    key: OptionalPath = Field(default=None, description="TLS private key (PEM file); empty: no TLS")
    cloudtime: Literal["always", "reg", "never"] = Field(
        default="always",
        description="set terminal clocks: always = in every answer, reg = when connecting, never",
    )
    accept_new_users: bool = Field(
        default=True,
        description="take users and credentials enrolled at a terminal; false asks it not to send them",
    )
    direction_policy: DirectionPolicy = Field(
        default="terminal",
        description="in or out at new terminals: as the terminal says, in turns, or always the same",
    )
    command_keep_days: int = Field(
        default=90, ge=1, le=36_500, description="days that commands are kept after their outcome"
    )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if (self.cert is None) != (self.key is None):
            missing = "cert" if self.cert is None else "key"
            raise refusal(f"terminals.{missing}", "", "must be set too: TLS needs both cert and key")
        for name, path in (("cert", self.cert), ("key", self.key)):
            if path is not None and not path.is_file():
                raise refusal(f"terminals.{name}", str(path), "must be a PEM file that exists")
        if self.offline_after_seconds <= self.ping_seconds:
            raise refusal(
                "terminals.offline_after_seconds",
                self.offline_after_seconds,
                f"must be more than terminals.ping_seconds ({self.ping_seconds:g})",
            )
        return self


class IngestSettings(Section):
    """What becomes of the records that terminals send."""

    max_rows: int = Field(
        default=2000, ge=1, le=100_000, description="rows in one database transaction, at most"
    )
    earliest_date: date = Field(
        default=date(2017, 1, 1), description="punches dated earlier are flagged as impossible"
    )
    future_hours: float = Field(
        default=24, ge=0, le=8760, description="hours a punch may lie in the future before it is flagged"
    )
    deliver_impossible_times: bool = Field(
        default=False, description="also deliver punches whose time is flagged"
    )
    photo_max_bytes: int = Field(
        default=300_000, ge=0, le=16 * MIB, description="largest photo kept with a punch, in bytes"
    )
    photo_keep_days: int = Field(
        default=90, ge=0, le=36_500, description="days photos are kept; 0 keeps none"
    )
    frame_keep_days: int = Field(
        default=14, ge=0, le=36_500, description="days raw messages are kept; 0 keeps none"
    )
    live_minutes: float = Field(
        default=10, ge=0, le=1440, description="minutes within which a single record gets an access decision"
    )
    day_starts_at: Hour = Field(
        default=time(4, 0),
        description="local HH:MM at which a new working day starts (for in and out by turns)",
    )


class AccessSettings(Section):
    """Who may pass when a terminal asks."""

    qr: Literal["card", "enrollid", "both", "off"] = Field(
        default="both",
        description="what a QR code is looked up as: card, enrollid, both, off = no QR code opens",
    )
    unknown_users: Literal["allow", "deny"] = Field(
        default="allow", description="a punch by someone the server does not know"
    )


class DeliverySettings(Section):
    """How punches reach the HR services."""

    allow_private_hosts: bool = Field(
        default=False, description="allow services on private, loopback and link-local addresses"
    )
    backoff_seconds: Pauses = Field(
        default=(5, 15, 60, 300, 900, 1800, 3600),
        description="seconds to wait after each failure in a row; the last repeats",
    )
    jitter: float = Field(default=0.2, ge=0, le=1, description="share of each wait that is random, 0 to 1")
    retry_sweep_minutes: float = Field(
        default=60,
        ge=1,
        le=10_080,
        description="minutes between retries of failed deliveries whose cause can heal",
    )
    retry_after_cap_hours: float = Field(
        default=24, gt=0, le=720, description="hours a service's Retry-After is honoured, at most"
    )
    services_know_log_ids: bool = Field(
        default=False,
        description="every service takes a log_id once, whatever else: what may have arrived and is then "
        "refused is sent in parts instead of held for an operator",
    )
    sent_keep_days: int = Field(
        default=1825,
        ge=30,
        le=36_500,
        description="days it is kept which service got a punch; older punches are never sent again",
    )
    batch_keep_days: int = Field(
        default=365, ge=1, le=36_500, description="days requests are kept, with the attempts at them"
    )
    attempt_keep_days: int = Field(
        default=90, ge=1, le=36_500, description="days each attempt is kept, with what was answered"
    )
    body_keep_days: int = Field(
        default=30, ge=0, le=36_500, description="days the bodies of requests are kept"
    )


class AlarmsSettings(Section):
    """What is cause for alarm, and who is told."""

    silent_minutes: float = Field(
        default=30, ge=1, le=100_000, description="minutes of silence of a terminal that was connected before"
    )
    drift_seconds: float = Field(
        default=60, ge=1, le=86_400, description="seconds that a terminal's clock may be off"
    )
    storage_percent: float = Field(
        default=80, ge=10, le=100, description="share of a terminal's log memory that may be used, in percent"
    )
    service_down_minutes: float = Field(
        default=15, ge=0, le=10_080, description="minutes that a service may be out of order"
    )
    queue_minutes: float = Field(
        default=60,
        ge=1,
        le=100_000,
        description="minutes that a punch may wait for a service, over its sync interval",
    )
    disk_free_percent: float = Field(
        default=5, ge=0, le=90, description="share of the disk that must be free, in percent"
    )
    disk_free_mb: int = Field(
        default=500, ge=0, le=1_000_000, description="megabytes of the disk that must be free"
    )
    quarantine_per_hour: int = Field(
        default=20, ge=0, le=1_000_000, description="records that may be quarantined within an hour"
    )
    webhook_url: WebhookUrl = Field(
        default=None, repr=False, description="http or https address that alarms are posted to; empty: none"
    )


class ApiSettings(Section):
    """The HTTP API."""

    enabled: bool = Field(default=True, description="serve the HTTP API")
    host: Host = Field(
        default="127.0.0.1", description="address to listen on; any but a loopback address needs a token"
    )
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port to listen on; 0 takes any free one")
    max_body_bytes: int = Field(
        default=MIB, ge=KIB, le=64 * MIB, description="largest request body, in bytes"
    )
    anonymous_role: Literal["admin", "operator", "viewer", "none"] = Field(
        default="admin", description="what requests without a token may do, on a loopback address only"
    )
    allowed_hosts: HostNames = Field(
        default=(), description="names the API may be asked by, besides localhost and its own address"
    )
    requests_per_second: float = Field(
        default=50,
        ge=1,
        le=100_000,
        description="requests a second of one token or address; twice as many at once",
    )


class ControlSettings(Section):
    """The Unix socket that operators of this machine use."""

    path: OptionalPath = Field(
        default=None, description="path of the socket; empty: control.sock in the state directory"
    )
    group: GroupName = Field(
        default="", description="group of this machine whose members may connect too; empty: none"
    )


class OperatorsSettings(Section):
    """What the accounts of this machine may do; root and the server's own account may do everything."""

    users: Roles = Field(default_factory=dict, description="roles of accounts by their names")
    groups: Roles = Field(default_factory=dict, description="roles of groups by their names")


class SecuritySettings(Section):
    """What nobody may do unless it is allowed here."""

    allow_dangerous: bool = Field(default=False, description="let admins erase what terminals hold")


class LogSettings(Section):
    """What is logged to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level that is logged"
    )
    format: Literal["auto", "text", "json"] = Field(
        default="auto", description="text, json (one object a line), auto = text on a terminal, else json"
    )


class ProcessSettings(Section):
    """The server process."""

    drain_seconds: float = Field(
        default=10,
        ge=0,
        le=600,
        description="seconds that work in flight has to finish when the server stops",
    )
