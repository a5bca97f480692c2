"""Let a terminal be deleted while what names it stays."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tm20tui.store.schema import Utc

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("terminals", sa.Column("deleted_at", Utc(), nullable=True))
    op.create_index(
        "ix_terminals_deleted_at",
        "terminals",
        ["deleted_at"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_terminals_deleted_at", table_name="terminals")
    op.drop_column("terminals", "deleted_at")
