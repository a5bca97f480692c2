"""Keep what a user shall be on a terminal beside what the terminal reported, and what came of it."""

import sqlalchemy as sa
from alembic import op

from tm20tui.store.schema import Utc

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATES = "'present', 'disabled', 'absent'"


def upgrade() -> None:
    with op.batch_alter_table("enrollments") as table:
        table.alter_column("reported_at", existing_type=Utc(), nullable=True)
        table.add_column(
            sa.Column("reported_state", sa.String(length=8), server_default="present", nullable=False)
        )
        table.add_column(sa.Column("reported_lock", sa.String(length=100), server_default="", nullable=False))
        table.add_column(sa.Column("desired_state", sa.String(length=8), nullable=True))
        table.add_column(sa.Column("desired_at", Utc(), nullable=True))
        table.add_column(sa.Column("result", sa.String(length=12), server_default="", nullable=False))
        table.add_column(sa.Column("reason", sa.Text(), server_default="", nullable=False))
        table.add_column(sa.Column("result_at", Utc(), nullable=True))
        table.add_column(sa.Column("command_id", sa.BigInteger(), nullable=True))
        table.create_check_constraint(
            op.f("ck_enrollments_reported_state"), f"reported_state IN ('unknown', {_STATES})"
        )
        table.create_check_constraint(op.f("ck_enrollments_desired_state"), f"desired_state IN ({_STATES})")
        table.create_check_constraint(
            op.f("ck_enrollments_result"), "result IN ('', 'pending', 'confirmed', 'refused', 'not verified')"
        )
    op.create_index(
        "ix_enrollments_pending",
        "enrollments",
        ["terminal_id"],
        unique=False,
        sqlite_where=sa.text("result IN ('pending', 'not verified')"),
        postgresql_where=sa.text("result IN ('pending', 'not verified')"),
    )
