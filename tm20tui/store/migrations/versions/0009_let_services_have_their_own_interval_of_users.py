"""Let each service have its own interval between two fetches of its users."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("services", sa.Column("users_interval_minutes", sa.Integer(), nullable=True))
