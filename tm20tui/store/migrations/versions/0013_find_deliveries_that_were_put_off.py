"""Find deliveries that were put off, however long the queue is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_deliveries_put_off",
        "deliveries",
        ["service_id", "next_attempt_at"],
        unique=False,
        sqlite_where=sa.text("status = 'pending' AND next_attempt_at IS NOT NULL"),
        postgresql_where=sa.text("status = 'pending' AND next_attempt_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_deliveries_put_off", table_name="deliveries")
