"""Create the store."""

import sqlalchemy as sa
from alembic import op

from tm20tui.store.schema import Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "photos",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_photos")),
    )
    op.create_index("ix_photos_received_at", "photos", ["received_at"], unique=False)

    op.create_table(
        "services",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("base_url", sa.String(length=500), nullable=False),
        sa.Column("users_endpoint", sa.String(length=500), server_default="", nullable=False),
        sa.Column("attendance_endpoint", sa.String(length=500), server_default="", nullable=False),
        sa.Column("auth_type", sa.String(length=16), server_default="none", nullable=False),
        sa.Column("auth_token_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("auth_header_name", sa.String(length=100), server_default="X-API-Key", nullable=False),
        sa.Column("extra_headers_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("extra_header_names", sa.Text(), server_default="[]", nullable=False),
        sa.Column("sync_interval_minutes", sa.Integer(), server_default=sa.text("15"), nullable=False),
        sa.Column("timeout_seconds", sa.Float(), server_default=sa.text("20"), nullable=False),
        sa.Column("retry_attempts", sa.Integer(), server_default=sa.text("3"), nullable=False),
        sa.Column("batch_size", sa.Integer(), server_default=sa.text("100"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("serves_all_terminals", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.Column("deleted_at", Utc(), nullable=True),
        sa.Column("health", sa.String(length=16), server_default="healthy", nullable=False),
        sa.Column("health_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("retry_at", Utc(), nullable=True),
        sa.Column("batch_limit", sa.Integer(), nullable=True),
        sa.Column("last_attendance_sync_at", Utc(), nullable=True),
        sa.Column("last_users_sync_at", Utc(), nullable=True),
        sa.Column("backfill_next_id", sa.BigInteger(), nullable=True),
        sa.Column("backfill_end_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "health IN ('healthy', 'backing off', 'half-open', 'paused')", name=op.f("ck_services_health")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_services")),
    )
    op.create_index(
        "uq_services_name",
        "services",
        ["name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )

    op.create_table(
        "sites",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
        sa.UniqueConstraint("name", name=op.f("uq_sites_name")),
    )
    op.create_table(
        "totals",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "node", name=op.f("pk_totals")),
    )
    op.create_table(
        "batches",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("service_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=8), server_default="open", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("leased_until", Utc(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("settled_at", Utc(), nullable=True),
        sa.CheckConstraint(
            "status IN ('open', 'sent', 'split', 'refused', 'returned')", name=op.f("ck_batches_status")
        ),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_batches_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("key", name=op.f("uq_batches_key")),
    )
    op.create_index(
        "ix_batches_open",
        "batches",
        ["service_id", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index("ix_batches_settled_at", "batches", ["settled_at"], unique=False)

    op.create_table(
        "terminals",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("sn", sa.String(length=64), nullable=False),
        sa.Column("sn_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), server_default="", nullable=False),
        sa.Column("site_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("admission", sa.String(length=16), nullable=False),
        sa.Column("direction_policy", sa.String(length=16), server_default="terminal", nullable=False),
        sa.Column("model", sa.String(length=64), server_default="", nullable=False),
        sa.Column("firmware", sa.String(length=64), server_default="", nullable=False),
        sa.Column("fpalgo", sa.String(length=32), server_default="", nullable=False),
        sa.Column("mac", sa.String(length=32), server_default="", nullable=False),
        sa.Column("capacity", sa.Text(), server_default="{}", nullable=False),
        sa.Column("first_seen_at", Utc(), nullable=False),
        sa.Column("last_seen_at", Utc(), nullable=True),
        sa.Column("last_address", sa.String(length=64), server_default="", nullable=False),
        sa.Column("drift_seconds", sa.Float(), nullable=True),
        sa.Column("drift_at", Utc(), nullable=True),
        sa.CheckConstraint(
            "admission IN ('pending', 'approved', 'blocked')", name=op.f("ck_terminals_admission")
        ),
        sa.CheckConstraint(
            "direction_policy IN ('terminal', 'alternate', 'fixed-in', 'fixed-out')",
            name=op.f("ck_terminals_direction_policy"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_terminals_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terminals")),
        sa.UniqueConstraint("sn_key", name=op.f("uq_terminals_sn_key")),
    )
    op.create_table(
        "users",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("site_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("enrollid", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), server_default="", nullable=False),
        sa.Column("admin", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("weekzone", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("user_group", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("valid_from", Utc(), nullable=True),
        sa.Column("valid_until", Utc(), nullable=True),
        sa.Column("source", sa.String(length=64), server_default="", nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_users_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("site_id", "enrollid", name=op.f("uq_users_site_id_enrollid")),
    )
    op.create_table(
        "attempts",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("duration_seconds", sa.Float(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_attempts_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_batch_id", "attempts", ["batch_id"], unique=False)
    op.create_index("ix_attempts_started_at", "attempts", ["started_at"], unique=False)

    op.create_table(
        "credentials",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("backupnum", sa.Integer(), nullable=False),
        sa.Column("terminal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fpalgo", sa.String(length=32), server_default="", nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("lookup", sa.String(length=64), nullable=True),
        sa.Column("received_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_credentials_terminal_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_credentials_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credentials")),
        sa.UniqueConstraint("user_id", "backupnum", name=op.f("uq_credentials_user_id_backupnum")),
    )
    op.create_index("ix_credentials_lookup", "credentials", ["lookup"], unique=False)

    op.create_table(
        "enrollments",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("terminal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reported_name", sa.String(length=200), server_default="", nullable=False),
        sa.Column("reported_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_enrollments_terminal_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_enrollments_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrollments")),
        sa.UniqueConstraint("terminal_id", "user_id", name=op.f("uq_enrollments_terminal_id_user_id")),
    )
    op.create_index("ix_enrollments_user_id", "enrollments", ["user_id"], unique=False)

    op.create_table(
        "frames",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("terminal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_frames_terminal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_frames")),
    )
    op.create_index(
        "ix_frames_terminal_id_received_at", "frames", ["terminal_id", "received_at"], unique=False
    )

    op.create_table(
        "mappings",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("service_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("terminal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("last_attendance_sync_at", Utc(), nullable=True),
        sa.Column("last_users_sync_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_mappings_service_id")),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_mappings_terminal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mappings")),
        sa.UniqueConstraint("service_id", "terminal_id", name=op.f("uq_mappings_service_id_terminal_id")),
    )
    op.create_index("ix_mappings_terminal_id", "mappings", ["terminal_id"], unique=False)

    op.create_table(
        "punches",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("terminal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("enrollid", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), server_default="", nullable=False),
        sa.Column("time_raw", sa.String(length=64), nullable=False),
        sa.Column("time_utc", Utc(), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("fold", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("time_problem", sa.String(length=32), nullable=True),
        sa.Column("mode", sa.Integer(), nullable=False),
        sa.Column("inout", sa.Integer(), nullable=False),
        sa.Column("event", sa.Integer(), nullable=False),
        sa.Column("verifymode", sa.Integer(), nullable=True),
        sa.Column("temperature", sa.Float(), nullable=True),
        sa.Column("access_granted", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=True),
        sa.Column("photo_digest", sa.String(length=64), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("sync_status", sa.String(length=8), nullable=False),
        sa.CheckConstraint(
            "sync_status IN ('pending', 'sent', 'failed')", name=op.f("ck_punches_sync_status")
        ),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_punches_terminal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_punches")),
        sa.UniqueConstraint(
            "terminal_id", "enrollid", "time_raw", "mode", "inout", "event", name="uq_punches_identity"
        ),
    )
    op.create_index("ix_punches_terminal_id_id", "punches", ["terminal_id", "id"], unique=False)
    op.create_index("ix_punches_time_utc", "punches", ["time_utc"], unique=False)
    op.create_index(
        "ix_punches_failed",
        "punches",
        ["id"],
        unique=False,
        sqlite_where=sa.text("sync_status = 'failed'"),
        postgresql_where=sa.text("sync_status = 'failed'"),
    )
    op.create_index(
        "ix_punches_pending",
        "punches",
        ["id"],
        unique=False,
        sqlite_where=sa.text("sync_status = 'pending'"),
        postgresql_where=sa.text("sync_status = 'pending'"),
    )

    op.create_table(
        "quarantine",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("terminal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("sn", sa.String(length=64), server_default="", nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("field", sa.String(length=64), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_quarantine_terminal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("digest", name=op.f("uq_quarantine_digest")),
    )
    op.create_table(
        "terminal_events",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("terminal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("time_raw", sa.String(length=64), nullable=False),
        sa.Column("time_utc", Utc(), nullable=True),
        sa.Column("mode", sa.Integer(), nullable=False),
        sa.Column("inout", sa.Integer(), nullable=False),
        sa.Column("event", sa.Integer(), nullable=False),
        sa.Column("photo_digest", sa.String(length=64), nullable=True),
        sa.Column("received_at", Utc(), nullable=False),
        sa.CheckConstraint("kind IN ('door', 'stranger')", name=op.f("ck_terminal_events_kind")),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminals.id"], name=op.f("fk_terminal_events_terminal_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terminal_events")),
        sa.UniqueConstraint(
            "terminal_id", "kind", "time_raw", "mode", "inout", "event", name="uq_terminal_events_identity"
        ),
    )
    op.create_table(
        "deliveries",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("punch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("service_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("status", sa.String(length=12), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", Utc(), nullable=True),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("synced_at", Utc(), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'in flight', 'held', 'sent', 'duplicate', 'failed')",
            name=op.f("ck_deliveries_status"),
        ),
        sa.ForeignKeyConstraint(["punch_id"], ["punches.id"], name=op.f("fk_deliveries_punch_id")),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_deliveries_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("punch_id", "service_id", name=op.f("uq_deliveries_punch_id_service_id")),
    )
    op.create_index(
        "ix_deliveries_failed",
        "deliveries",
        ["service_id", "next_attempt_at"],
        unique=False,
        sqlite_where=sa.text("status = 'failed'"),
        postgresql_where=sa.text("status = 'failed'"),
    )
    op.create_index(
        "ix_deliveries_held",
        "deliveries",
        ["service_id", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'held'"),
        postgresql_where=sa.text("status = 'held'"),
    )
    op.create_index(
        "ix_deliveries_in_flight",
        "deliveries",
        ["batch_id"],
        unique=False,
        sqlite_where=sa.text("status = 'in flight'"),
        postgresql_where=sa.text("status = 'in flight'"),
    )
    op.create_index(
        "ix_deliveries_pending",
        "deliveries",
        ["service_id", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
