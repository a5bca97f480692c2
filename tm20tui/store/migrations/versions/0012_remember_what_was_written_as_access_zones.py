"""Remember what was written to terminals as access zones."""

import sqlalchemy as sa
from alembic import op

from tm20tui.store.schema import Utc

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    id_type = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "zone_writes",
        sa.Column("terminal_id", id_type, autoincrement=False, nullable=False),
        sa.Column("split_breaks", sa.Boolean(), nullable=False),
        sa.Column("margin_minutes", sa.Integer(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("written_at", Utc(), nullable=False),
        sa.Column("stale", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_zone_writes_terminal_id")),
        sa.PrimaryKeyConstraint("terminal_id", name=op.f("pk_zone_writes")),
    )
