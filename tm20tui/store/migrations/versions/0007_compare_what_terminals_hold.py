"""Keep whether all that terminals hold is held here, and find old commands by their end."""

import sqlalchemy as sa
from alembic import op

from tm20tui.store.schema import Utc

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reconciliations",
        sa.Column(
            "terminal_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("counted", sa.BigInteger(), nullable=True),
        sa.Column("punch_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("event_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("agreed_at", Utc(), nullable=True),
        sa.Column("unaccounted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("phase", sa.String(length=8), server_default="", nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("records", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("operator", sa.String(length=100), server_default="", nullable=False),
        sa.Column("correlation_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("started_at", Utc(), nullable=True),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("is_failed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("phase IN ('', 'new', 'days', 'all')", name=op.f("ck_reconciliations_phase")),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminals.id"], name=op.f("fk_reconciliations_terminal_id")
        ),
        sa.PrimaryKeyConstraint("terminal_id", name=op.f("pk_reconciliations")),
    )
    op.create_table(
        "terminal_days",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("terminal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reported", sa.Integer(), nullable=True),
        sa.Column("given", sa.Integer(), nullable=True),
        sa.Column("checked_until", Utc(), nullable=False),
        sa.Column("complete_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_terminal_days_terminal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terminal_days")),
        sa.UniqueConstraint("terminal_id", "day", name=op.f("uq_terminal_days_terminal_id_day")),
    )
    op.create_index(
        "ix_terminal_days_open",
        "terminal_days",
        ["id"],
        unique=False,
        sqlite_where=sa.text("complete_at IS NULL"),
        postgresql_where=sa.text("complete_at IS NULL"),
    )
    op.create_index("ix_punches_terminal_id_time_utc", "punches", ["terminal_id", "time_utc"], unique=False)
    op.create_index(
        "ix_terminal_events_terminal_id_id", "terminal_events", ["terminal_id", "id"], unique=False
    )
    op.create_index("ix_commands_settled_at", "commands", ["settled_at"], unique=False)
