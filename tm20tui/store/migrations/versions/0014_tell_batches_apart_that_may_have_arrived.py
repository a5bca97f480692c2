"""Tell apart batches that may have arrived although nothing says so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "batches", sa.Column("doubt", sa.SmallInteger(), nullable=False, server_default=sa.text("0"))
    )
    op.execute("UPDATE batches SET doubt = 1 WHERE status = 'open'")


def downgrade() -> None:
    op.drop_column("batches", "doubt")
