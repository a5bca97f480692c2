"""Keep which users are on their way to a terminal and how far they are, over restarts."""

import sqlalchemy as sa
from alembic import op

from tm20tui.store.schema import Utc

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user_loads",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("terminal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("task_id", sa.String(length=32), nullable=False),
        sa.Column("with_credentials", sa.Boolean(), nullable=False),
        sa.Column("remove_others", sa.Boolean(), nullable=False),
        sa.Column("operator", sa.String(length=100), server_default="", nullable=False),
        sa.Column("correlation_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("status", sa.String(length=12), server_default="running", nullable=False),
        sa.Column("total", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("done", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("after_user_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("tally", sa.Text(), server_default="{}", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("resumed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.CheckConstraint(
            "status IN ('running', 'done', 'failed', 'cancelled')", name=op.f("ck_user_loads_status")
        ),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_user_loads_terminal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_loads")),
    )
    op.create_index(
        "uq_user_loads_running",
        "user_loads",
        ["terminal_id"],
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.add_column("enrollments", sa.Column("load_id", sa.BigInteger(), nullable=True))
