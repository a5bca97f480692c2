"""Sign what services are sent, limit its rate, and find what may be purged."""

import sqlalchemy as sa
from alembic import op

from tm20tui.store.schema import Utc

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("services", sa.Column("requests_per_minute", sa.Integer(), nullable=True))
    op.add_column("services", sa.Column("signing_secret_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("services", sa.Column("old_signing_secret_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("services", sa.Column("old_signing_until", Utc(), nullable=True))
    op.create_index(
        "ix_batches_parent_id",
        "batches",
        ["parent_id"],
        sqlite_where=sa.text("parent_id IS NOT NULL"),
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_failed_batch_id",
        "deliveries",
        ["batch_id"],
        sqlite_where=sa.text("status = 'failed'"),
        postgresql_where=sa.text("status = 'failed'"),
    )
    op.create_index("ix_delivery_batches_batch_id", "delivery_batches", ["batch_id"])
