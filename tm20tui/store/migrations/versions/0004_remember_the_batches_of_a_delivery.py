"""Remember the batches that a delivery left unsent."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery_batches",
        sa.Column("delivery_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "batch_id", name=op.f("pk_delivery_batches")),
    )
    op.execute(
        "INSERT INTO delivery_batches (delivery_id, batch_id) "
        "SELECT id, batch_id FROM deliveries WHERE status = 'pending' AND batch_id IS NOT NULL "
        "UNION ALL "
        "SELECT id, batch_id FROM deliveries WHERE status = 'failed' AND batch_id IS NOT NULL"
    )
