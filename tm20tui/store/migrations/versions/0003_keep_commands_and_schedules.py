"""Keep commands and schedules of terminals."""

import sqlalchemy as sa
from alembic import op

from tm20tui.store.schema import Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "commands",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("terminal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("arguments", sa.Text(), server_default="{}", nullable=False),
        sa.Column("arguments_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("priority", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("status", sa.String(length=12), server_default="queued", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("result", sa.Text(), server_default="{}", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("operator", sa.String(length=100), server_default="", nullable=False),
        sa.Column("correlation_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=True),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.Column("settled_at", Utc(), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'sent', 'confirmed', 'refused', 'timed out', 'unknown', 'expired', "
            "'cancelled')",
            name=op.f("ck_commands_status"),
        ),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_commands_terminal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commands")),
    )
    op.create_index(
        "ix_commands_open",
        "commands",
        ["terminal_id", "priority", "id"],
        unique=False,
        sqlite_where=sa.text("status IN ('queued', 'sent')"),
        postgresql_where=sa.text("status IN ('queued', 'sent')"),
    )
    op.create_index("ix_commands_terminal_id_id", "commands", ["terminal_id", "id"], unique=False)

    op.create_table(
        "schedules",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("terminal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=False),
        sa.Column("check_in_time", sa.Time(), nullable=False),
        sa.Column("check_out_time", sa.Time(), nullable=False),
        sa.Column("break_start_time", sa.Time(), nullable=True),
        sa.Column("break_end_time", sa.Time(), nullable=True),
        sa.Column("tolerance_minutes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=True),
        sa.Column("effective_until", sa.Date(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.Column("sync_status", sa.String(length=12), server_default="pending", nullable=False),
        sa.Column("sync_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("synced_at", Utc(), nullable=True),
        sa.CheckConstraint(
            "sync_status IN ('pending', 'confirmed', 'refused', 'not known')",
            name=op.f("ck_schedules_sync_status"),
        ),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_schedules_weekday")),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_schedules_terminal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
    )
    op.create_index("ix_schedules_terminal_id_weekday", "schedules", ["terminal_id", "weekday"], unique=False)

    op.create_table(
        "unknown_commands",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("terminal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("firmware", sa.String(length=64), nullable=False),
        sa.Column("command", sa.String(length=32), nullable=False),
        sa.Column("learned_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminals.id"], name=op.f("fk_unknown_commands_terminal_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unknown_commands")),
        sa.UniqueConstraint(
            "terminal_id",
            "firmware",
            "command",
            name=op.f("uq_unknown_commands_terminal_id_firmware_command"),
        ),
    )
