"""The tables. One definition serves SQLite and PostgreSQL; migrations create it.

Queues (`deliveries`, `batches`, pending punches) are read through partial
indexes, so that their cost follows what is owed and never the history.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    Time,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BigId = BigInteger().with_variant(Integer, "sqlite")
"""64-bit on both engines; SQLite only gives row ids to a column typed INTEGER."""


class Utc(TypeDecorator[datetime]):
    """An aware UTC datetime on both engines; naive input is refused.

    SQLite has no such type: there it is text with microseconds, which sorts by time. It is
    written here, because it is written three times for every punch.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(26) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is not UTC:
            if value.tzinfo is None:
                raise ValueError("a time without a zone cannot be stored")
            value = value.astimezone(UTC)
        if dialect.name == "sqlite":
            return value.replace(tzinfo=None).isoformat(" ", "microseconds")
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        found: datetime = value.astimezone(UTC)
        return found


def _id() -> Column[Any]:
    return Column("id", BigId, primary_key=True, autoincrement=True)


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, BigId, ForeignKey(target), nullable=nullable)


def _one_of(name: str, *words: str) -> CheckConstraint:
    return CheckConstraint(f"{name} IN ({', '.join(repr(word) for word in words)})", name=name)


sites = Table(
    "sites",
    metadata,
    _id(),
    Column("name", String(100), nullable=False, unique=True),
    Column("timezone", String(64), nullable=False),
)

terminals = Table(
    "terminals",
    metadata,
    _id(),
    Column("sn", String(64), nullable=False),
    Column("sn_key", String(64), nullable=False, unique=True),
    Column("name", String(100), nullable=False, server_default=""),
    _ref("site_id", "sites.id"),
    Column("admission", String(16), nullable=False),
    Column("direction_policy", String(16), nullable=False, server_default="terminal"),
    Column("model", String(64), nullable=False, server_default=""),
    Column("firmware", String(64), nullable=False, server_default=""),
    Column("fpalgo", String(32), nullable=False, server_default=""),
    Column("mac", String(32), nullable=False, server_default=""),
    Column("capacity", Text, nullable=False, server_default="{}"),
    Column("first_seen_at", Utc, nullable=False),
    Column("last_seen_at", Utc),
    Column("last_address", String(64), nullable=False, server_default=""),
    Column("drift_seconds", Float),
    Column("drift_at", Utc),
    # The row stays: punches, deliveries, commands and the audit name it.
    Column("deleted_at", Utc),
    _one_of("admission", "pending", "approved", "blocked"),
    _one_of("direction_policy", "terminal", "alternate", "fixed-in", "fixed-out"),
    Index(
        "ix_terminals_deleted_at",
        "deleted_at",
        sqlite_where=text("deleted_at IS NOT NULL"),
        postgresql_where=text("deleted_at IS NOT NULL"),
    ),
)

users = Table(
    "users",
    metadata,
    _id(),
    _ref("site_id", "sites.id"),
    Column("enrollid", String(32), nullable=False),
    Column("name", String(200), nullable=False, server_default=""),
    Column("admin", SmallInteger, nullable=False, server_default=text("0")),
    Column("is_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("weekzone", Integer, nullable=False, server_default=text("1")),
    Column("user_group", Integer, nullable=False, server_default=text("0")),
    Column("valid_from", Utc),
    Column("valid_until", Utc),
    Column("source", String(64), nullable=False, server_default=""),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    # Since when the user is not enabled any more: the retention of credentials counts from it.
    Column("left_at", Utc),
    UniqueConstraint("site_id", "enrollid"),
    Index("ix_users_left_at", "left_at"),
)

enrollments = Table(
    "enrollments",
    metadata,
    _id(),
    _ref("terminal_id", "terminals.id"),
    _ref("user_id", "users.id"),
    Column("reported_name", String(200), nullable=False, server_default=""),
    # None: the terminal never told of the user, who is only wanted there.
    Column("reported_at", Utc),
    Column("reported_state", String(8), nullable=False, server_default="present"),
    # The access limits that the terminal confirmed, as we write them; empty when not known.
    Column("reported_lock", String(100), nullable=False, server_default=""),
    # What the user shall be there; None: nobody asked. Then what became of it.
    Column("desired_state", String(8)),
    Column("desired_at", Utc),
    Column("result", String(12), nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("result_at", Utc),
    # The command whose outcome is the receipt that is waited for.
    Column("command_id", BigInteger),
    # The credential slots that the terminal listed, as numbers with commas.
    Column("reported_slots", Text, nullable=False, server_default=""),
    # The load (`user_loads`) that last was to bring the user here.
    Column("load_id", BigInteger),
    _one_of("reported_state", "unknown", "present", "disabled", "absent"),
    _one_of("desired_state", "present", "disabled", "absent"),
    _one_of("result", "", "pending", "confirmed", "refused", "not verified"),
    UniqueConstraint("terminal_id", "user_id"),
    Index("ix_enrollments_user_id", "user_id"),
    Index(
        "ix_enrollments_pending",
        "terminal_id",
        sqlite_where=text("result IN ('pending', 'not verified')"),
        postgresql_where=text("result IN ('pending', 'not verified')"),
    ),
)

zone_writes = Table(
    "zone_writes",
    metadata,
    Column("terminal_id", BigId, ForeignKey("terminals.id"), primary_key=True, autoincrement=False),
    Column("split_breaks", Boolean, nullable=False),
    Column("margin_minutes", Integer, nullable=False),
    Column("plan", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("written_at", Utc, nullable=False),
    # Why the schedules say something else by now; empty while they do not.
    Column("stale", Text, nullable=False, server_default=""),
)

inventories = Table(
    "inventories",
    metadata,
    Column("terminal_id", BigId, ForeignKey("terminals.id"), primary_key=True, autoincrement=False),
    Column("interval_minutes", Integer),
    Column("tried_at", Utc),
    Column("taken_at", Utc),
    Column("held", Integer, nullable=False, server_default=text("0")),
    # How many there were before they dropped sharply; as many as `held` otherwise.
    Column("usual", Integer, nullable=False, server_default=text("0")),
    Column("wanted", Integer, nullable=False, server_default=text("0")),
    Column("drifted", Integer, nullable=False, server_default=text("0")),
    Column("others", Text, nullable=False, server_default="[]"),
    Column("has_dropped", Boolean, nullable=False, server_default=text("false")),
    Column("remark", Text, nullable=False, server_default=""),
)

receipts = Table(
    "receipts",
    metadata,
    _id(),
    _ref("user_id", "users.id"),
    _ref("terminal_id", "terminals.id"),
    Column("action", String(8), nullable=False),
    Column("result", String(12), nullable=False, server_default="pending"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("requested_at", Utc, nullable=False),
    Column("sent_at", Utc),
    Column("settled_at", Utc),
    Column("confirmed_at", Utc),
    Column("command_id", BigInteger),
    _one_of("action", "disable", "remove", "enable"),
    _one_of("result", "pending", "confirmed", "refused", "not verified", "withdrawn"),
    Index("ix_receipts_user_id", "user_id"),
    Index("ix_receipts_terminal_id_id", "terminal_id", "id"),
    Index(
        "ix_receipts_open",
        "terminal_id",
        "user_id",
        sqlite_where=text("result IN ('pending', 'not verified')"),
        postgresql_where=text("result IN ('pending', 'not verified')"),
    ),
)

user_loads = Table(
    "user_loads",
    metadata,
    _id(),
    _ref("terminal_id", "terminals.id"),
    Column("task_id", String(32), nullable=False),
    Column("with_credentials", Boolean, nullable=False),
    Column("remove_others", Boolean, nullable=False),
    Column("operator", String(100), nullable=False, server_default=""),
    Column("correlation_id", String(64), nullable=False, server_default=""),
    Column("status", String(12), nullable=False, server_default="running"),
    Column("total", Integer, nullable=False, server_default=text("0")),
    Column("done", Integer, nullable=False, server_default=text("0")),
    # The last user that was settled: the next packet begins after it.
    Column("after_user_id", BigInteger, nullable=False, server_default=text("0")),
    Column("tally", Text, nullable=False, server_default="{}"),
    Column("error", Text, nullable=False, server_default=""),
    Column("resumed", Integer, nullable=False, server_default=text("0")),
    Column("started_at", Utc, nullable=False),
    Column("finished_at", Utc),
    _one_of("status", "running", "done", "failed", "cancelled"),
    Index(
        "uq_user_loads_running",
        "terminal_id",
        unique=True,
        sqlite_where=text("status = 'running'"),
        postgresql_where=text("status = 'running'"),
    ),
)

credentials = Table(
    "credentials",
    metadata,
    _id(),
    _ref("user_id", "users.id"),
    Column("backupnum", Integer, nullable=False),
    _ref("terminal_id", "terminals.id"),
    Column("fpalgo", String(32), nullable=False, server_default=""),
    Column("sealed", LargeBinary, nullable=False),
    # A keyed digest of a card number, so that a card can be looked up without being readable.
    Column("lookup", String(64)),
    Column("received_at", Utc, nullable=False),
    UniqueConstraint("user_id", "backupnum"),
    Index("ix_credentials_lookup", "lookup"),
)

photos = Table(
    "photos",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("jpeg", LargeBinary, nullable=False),
    Column("received_at", Utc, nullable=False),
    Index("ix_photos_received_at", "received_at"),
)

punches = Table(
    "punches",
    metadata,
    _id(),
    _ref("terminal_id", "terminals.id"),
    Column("enrollid", String(32), nullable=False),
    Column("name", String(200), nullable=False, server_default=""),
    Column("time_raw", String(64), nullable=False),
    Column("time_utc", Utc),
    Column("timezone", String(64), nullable=False),
    Column("fold", SmallInteger, nullable=False, server_default=text("0")),
    Column("time_problem", String(32)),
    Column("mode", Integer, nullable=False),
    Column("inout", Integer, nullable=False),
    Column("event", Integer, nullable=False),
    Column("verifymode", Integer),
    Column("temperature", Float),
    Column("access_granted", Boolean, nullable=False, server_default=text("true")),
    Column("direction", String(8)),
    Column("photo_digest", String(64)),
    Column("note", Text),
    Column("received_at", Utc, nullable=False),
    Column("sync_status", String(8), nullable=False),
    UniqueConstraint(
        "terminal_id", "enrollid", "time_raw", "mode", "inout", "event", name="uq_punches_identity"
    ),
    _one_of("sync_status", "pending", "sent", "failed"),
    Index("ix_punches_time_utc", "time_utc"),
    Index("ix_punches_terminal_id_id", "terminal_id", "id"),
    Index("ix_punches_terminal_id_time_utc", "terminal_id", "time_utc"),
    Index(
        "ix_punches_pending",
        "id",
        sqlite_where=text("sync_status = 'pending'"),
        postgresql_where=text("sync_status = 'pending'"),
    ),
    Index(
        "ix_punches_failed",
        "id",
        sqlite_where=text("sync_status = 'failed'"),
        postgresql_where=text("sync_status = 'failed'"),
    ),
)

terminal_events = Table(
    "terminal_events",
    metadata,
    _id(),
    _ref("terminal_id", "terminals.id"),
    Column("kind", String(8), nullable=False),
    Column("time_raw", String(64), nullable=False),
    Column("time_utc", Utc),
    Column("mode", Integer, nullable=False),
    Column("inout", Integer, nullable=False),
    Column("event", Integer, nullable=False),
    Column("photo_digest", String(64)),
    Column("received_at", Utc, nullable=False),
    _one_of("kind", "door", "stranger"),
    UniqueConstraint(
        "terminal_id", "kind", "time_raw", "mode", "inout", "event", name="uq_terminal_events_identity"
    ),
    Index("ix_terminal_events_terminal_id_id", "terminal_id", "id"),
)

quarantine = Table(
    "quarantine",
    metadata,
    _id(),
    _ref("terminal_id", "terminals.id", nullable=True),
    Column("sn", String(64), nullable=False, server_default=""),
    Column("digest", String(64), nullable=False),
    Column("raw", Text, nullable=False),
    Column("field", String(64), nullable=False, server_default=""),
    Column("reason", Text, nullable=False),
    Column("received_at", Utc, nullable=False),
    UniqueConstraint("digest"),
)

frames = Table(
    "frames",
    metadata,
    _id(),
    _ref("terminal_id", "terminals.id"),
    Column("received_at", Utc, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ix_frames_terminal_id_received_at", "terminal_id", "received_at"),
)

services = Table(
    "services",
    metadata,
    _id(),
    Column("name", String(100), nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("base_url", String(500), nullable=False),
    Column("users_endpoint", String(500), nullable=False, server_default=""),
    Column("attendance_endpoint", String(500), nullable=False, server_default=""),
    Column("auth_type", String(16), nullable=False, server_default="none"),
    Column("auth_token_sealed", LargeBinary),
    Column("auth_header_name", String(100), nullable=False, server_default="X-API-Key"),
    Column("extra_headers_sealed", LargeBinary),
    Column("extra_header_names", Text, nullable=False, server_default="[]"),
    Column("sync_interval_minutes", Integer, nullable=False, server_default=text("15")),
    # Between two fetches of its users; None: as the server's settings say, 0: only when asked.
    Column("users_interval_minutes", Integer),
    Column("timeout_seconds", Float, nullable=False, server_default=text("20")),
    Column("retry_attempts", Integer, nullable=False, server_default=text("3")),
    Column("batch_size", Integer, nullable=False, server_default=text("100")),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("serves_all_terminals", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("deleted_at", Utc),
    Column("health", String(16), nullable=False, server_default="healthy"),
    Column("health_reason", Text, nullable=False, server_default=""),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("retry_at", Utc),
    Column("batch_limit", Integer),
    Column("requests_per_minute", Integer),
    Column("signing_secret_sealed", LargeBinary),
    # While a secret is replaced the one before signs too; without a time until it is dropped.
    Column("old_signing_secret_sealed", LargeBinary),
    Column("old_signing_until", Utc),
    Column("last_attendance_sync_at", Utc),
    Column("last_users_sync_at", Utc),
    # Punches that no service was owed when this one came, still to be looked at: [next, end].
    Column("backfill_next_id", BigInteger),
    Column("backfill_end_id", BigInteger),
    _one_of("health", "healthy", "backing off", "half-open", "paused"),
    Index(
        "uq_services_name",
        "name",
        unique=True,
        sqlite_where=text("deleted_at IS NULL"),
        postgresql_where=text("deleted_at IS NULL"),
    ),
)

mappings = Table(
    "mappings",
    metadata,
    _id(),
    _ref("service_id", "services.id"),
    _ref("terminal_id", "terminals.id"),
    Column("last_attendance_sync_at", Utc),
    Column("last_users_sync_at", Utc),
    UniqueConstraint("service_id", "terminal_id"),
    Index("ix_mappings_terminal_id", "terminal_id"),
)

batches = Table(
    "batches",
    metadata,
    _id(),
    _ref("service_id", "services.id"),
    Column("parent_id", BigInteger),
    Column("key", String(64), nullable=False, unique=True),
    Column("body", LargeBinary, nullable=False),
    Column("record_count", Integer, nullable=False),
    Column("status", String(8), nullable=False, server_default="open"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # 0: no try at it can have arrived unnoticed; else one may have, and so many less one were refused since.
    Column("doubt", SmallInteger, nullable=False, server_default=text("0")),
    Column("node", String(64), nullable=False),
    Column("leased_until", Utc, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("settled_at", Utc),
    # open: its outcome is not known yet. returned: dissolved, its deliveries are pending again.
    _one_of("status", "open", "sent", "split", "refused", "returned"),
    Index(
        "ix_batches_open",
        "service_id",
        "id",
        sqlite_where=text("status = 'open'"),
        postgresql_where=text("status = 'open'"),
    ),
    Index("ix_batches_settled_at", "settled_at"),
    Index(
        "ix_batches_parent_id",
        "parent_id",
        sqlite_where=text("parent_id IS NOT NULL"),
        postgresql_where=text("parent_id IS NOT NULL"),
    ),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    _ref("punch_id", "punches.id"),
    _ref("service_id", "services.id"),
    Column("status", String(12), nullable=False, server_default="pending"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", Utc),
    Column("last_error", Text, nullable=False, server_default=""),
    Column("batch_id", BigInteger),
    Column("synced_at", Utc),
    UniqueConstraint("punch_id", "service_id"),
    _one_of("status", "pending", "in flight", "held", "sent", "duplicate", "failed"),
    Index(
        "ix_deliveries_pending",
        "service_id",
        "id",
        sqlite_where=text("status = 'pending'"),
        postgresql_where=text("status = 'pending'"),
    ),
    # When what was put off may go, whatever else waits.
    Index(
        "ix_deliveries_put_off",
        "service_id",
        "next_attempt_at",
        sqlite_where=text("status = 'pending' AND next_attempt_at IS NOT NULL"),
        postgresql_where=text("status = 'pending' AND next_attempt_at IS NOT NULL"),
    ),
    Index(
        "ix_deliveries_in_flight",
        "batch_id",
        sqlite_where=text("status = 'in flight'"),
        postgresql_where=text("status = 'in flight'"),
    ),
    Index(
        "ix_deliveries_failed",
        "service_id",
        "next_attempt_at",
        sqlite_where=text("status = 'failed'"),
        postgresql_where=text("status = 'failed'"),
    ),
    # Whose batches are kept as long as they are.
    Index(
        "ix_deliveries_failed_batch_id",
        "batch_id",
        sqlite_where=text("status = 'failed'"),
        postgresql_where=text("status = 'failed'"),
    ),
    Index(
        "ix_deliveries_held",
        "service_id",
        "id",
        sqlite_where=text("status = 'held'"),
        postgresql_where=text("status = 'held'"),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    _id(),
    _ref("batch_id", "batches.id"),
    Column("started_at", Utc, nullable=False),
    Column("duration_seconds", Float, nullable=False),
    Column("status_code", Integer),
    Column("outcome", String(32), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("answer", Text, nullable=False, server_default=""),
    Index("ix_attempts_batch_id", "batch_id"),
    Index("ix_attempts_started_at", "started_at"),
)

# Which batches a delivery was in before its present one: written when it leaves one unsent, so
# that every attempt at it can be shown. What is sent at once, nearly all, has no row here.
delivery_batches = Table(
    "delivery_batches",
    metadata,
    Column("delivery_id", BigInteger, primary_key=True, autoincrement=False),
    Column("batch_id", BigInteger, primary_key=True, autoincrement=False),
    Index("ix_delivery_batches_batch_id", "batch_id"),
)

totals = Table(
    "totals",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("node", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# What operators did, and who they are.

audit = Table(
    "audit",
    metadata,
    _id(),
    Column("at", Utc, nullable=False),
    Column("operator", String(100), nullable=False),
    Column("role", String(16), nullable=False),
    # Where from: `console`, `socket`, `api`, `server`; the address says which one exactly.
    Column("origin", String(16), nullable=False),
    Column("address", String(100), nullable=False, server_default=""),
    Column("operation", String(64), nullable=False),
    Column("targets", Text, nullable=False, server_default="{}"),
    Column("arguments", Text, nullable=False, server_default="{}"),
    Column("outcome", String(8), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("duration_seconds", Float, nullable=False),
    Column("correlation_id", String(64), nullable=False),
    _one_of("outcome", "done", "refused", "failed"),
    Index("ix_audit_at", "at"),
)

tokens = Table(
    "tokens",
    metadata,
    _id(),
    Column("name", String(100), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("prefix", String(16), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("created_by", String(100), nullable=False),
    Column("last_used_at", Utc),
    Column("expires_at", Utc),
    Column("revoked_at", Utc),
    _one_of("role", "viewer", "operator", "admin"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("severity", String(8), nullable=False),
    Column("sentence", Text, nullable=False),
    Column("raised_at", Utc, nullable=False),
    Column("cleared_at", Utc),
    Column("acknowledged_at", Utc),
    Column("acknowledged_by", String(100), nullable=False, server_default=""),
    _one_of("severity", "warning", "critical"),
)

# What is asked of terminals.

commands = Table(
    "commands",
    metadata,
    _id(),
    _ref("terminal_id", "terminals.id"),
    Column("name", String(32), nullable=False),
    # The frame's members as JSON. Sealed instead where they carry a credential.
    Column("arguments", Text, nullable=False, server_default="{}"),
    Column("arguments_sealed", LargeBinary),
    Column("priority", SmallInteger, nullable=False, server_default=text("0")),
    Column("status", String(12), nullable=False, server_default="queued"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("result", Text, nullable=False, server_default="{}"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("operator", String(100), nullable=False, server_default=""),
    Column("correlation_id", String(64), nullable=False, server_default=""),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc),
    Column("sent_at", Utc),
    Column("settled_at", Utc),
    _one_of(
        "status", "queued", "sent", "confirmed", "refused", "timed out", "unknown", "expired", "cancelled"
    ),
    Index(
        "ix_commands_open",
        "terminal_id",
        "priority",
        "id",
        sqlite_where=text("status IN ('queued', 'sent')"),
        postgresql_where=text("status IN ('queued', 'sent')"),
    ),
    Index("ix_commands_terminal_id_id", "terminal_id", "id"),
    Index("ix_commands_settled_at", "settled_at"),
)

unknown_commands = Table(
    "unknown_commands",
    metadata,
    _id(),
    _ref("terminal_id", "terminals.id"),
    Column("firmware", String(64), nullable=False),
    Column("command", String(32), nullable=False),
    Column("learned_at", Utc, nullable=False),
    UniqueConstraint("terminal_id", "firmware", "command"),
)

# Whether all that terminals hold is held here.

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("terminal_id", BigId, ForeignKey("terminals.id"), primary_key=True, autoincrement=False),
    # What the terminal counted when all of it was held here, and the last rows stored until then.
    Column("counted", BigInteger),
    Column("punch_id", BigInteger, nullable=False, server_default=text("0")),
    Column("event_id", BigInteger, nullable=False, server_default=text("0")),
    Column("agreed_at", Utc),
    # Records that it counts and does not give, however it is asked.
    Column("unaccounted", Integer, nullable=False, server_default=text("0")),
    # The pull under way, from which an interrupted one goes on; the days are both included.
    Column("phase", String(8), nullable=False, server_default=""),
    Column("day", Date),
    Column("last_day", Date),
    Column("records", Integer, nullable=False, server_default=text("0")),
    Column("operator", String(100), nullable=False, server_default=""),
    Column("correlation_id", String(64), nullable=False, server_default=""),
    Column("started_at", Utc),
    Column("finished_at", Utc),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("is_failed", Boolean, nullable=False, server_default=text("false")),
    _one_of("phase", "", "new", "days", "all"),
)

terminal_days = Table(
    "terminal_days",
    metadata,
    _id(),
    _ref("terminal_id", "terminals.id"),
    Column("day", Date, nullable=False),
    # What the terminal listed of the day, as it counts and as it gave; None: its counters agreed.
    Column("reported", Integer),
    Column("given", Integer),
    # All that the terminal held of the day at this moment is held here, or is missing.
    Column("checked_until", Utc, nullable=False),
    Column("complete_at", Utc),
    UniqueConstraint("terminal_id", "day"),
    Index(
        "ix_terminal_days_open",
        "id",
        sqlite_where=text("complete_at IS NULL"),
        postgresql_where=text("complete_at IS NULL"),
    ),
)

schedules = Table(
    "schedules",
    metadata,
    _id(),
    _ref("terminal_id", "terminals.id"),
    Column("name", String(100), nullable=False),
    # 0 is Monday. Times are wall clock of the terminal's site; a check-out not after the check-in is the
    # next day's.
    Column("weekday", SmallInteger, nullable=False),
    Column("check_in_time", Time, nullable=False),
    Column("check_out_time", Time, nullable=False),
    Column("break_start_time", Time),
    Column("break_end_time", Time),
    Column("tolerance_minutes", Integer, nullable=False, server_default=text("0")),
    Column("effective_from", Date),
    Column("effective_until", Date),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    # What became of sending it to the terminal: pending, confirmed, refused, not known.
    Column("sync_status", String(12), nullable=False, server_default="pending"),
    Column("sync_reason", Text, nullable=False, server_default=""),
    Column("synced_at", Utc),
    CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
    _one_of("sync_status", "pending", "confirmed", "refused", "not known"),
    Index("ix_schedules_terminal_id_weekday", "terminal_id", "weekday"),
)
