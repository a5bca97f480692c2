"""Keep what terminals were last found to hold of users."""

import sqlalchemy as sa
from alembic import op

from tm20tui.store.schema import Utc

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    id_type = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    counts = (
        sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)
        for name in ("held", "usual", "wanted", "drifted")
    )
    op.create_table(
        "inventories",
        sa.Column("terminal_id", id_type, autoincrement=False, nullable=False),
        sa.Column("interval_minutes", sa.Integer(), nullable=True),
        sa.Column("tried_at", Utc(), nullable=True),
        sa.Column("taken_at", Utc(), nullable=True),
        *counts,
        sa.Column("others", sa.Text(), server_default="[]", nullable=False),
        sa.Column("has_dropped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("remark", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_inventories_terminal_id")),
        sa.PrimaryKeyConstraint("terminal_id", name=op.f("pk_inventories")),
    )
    op.add_column("enrollments", sa.Column("reported_slots", sa.Text(), server_default="", nullable=False))
