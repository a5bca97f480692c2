"""Keep what each terminal said about each leaver, and since when a user is gone."""

import sqlalchemy as sa
from alembic import op

from tm20tui.store.schema import Utc

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    id_type = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "receipts",
        sa.Column("id", id_type, autoincrement=True, nullable=False),
        sa.Column("user_id", id_type, nullable=False),
        sa.Column("terminal_id", id_type, nullable=False),
        sa.Column("action", sa.String(length=8), nullable=False),
        sa.Column("result", sa.String(length=12), server_default="pending", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("requested_at", Utc(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.Column("settled_at", Utc(), nullable=True),
        sa.Column("confirmed_at", Utc(), nullable=True),
        sa.Column("command_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("action IN ('disable', 'remove', 'enable')", name=op.f("ck_receipts_action")),
        sa.CheckConstraint(
            "result IN ('pending', 'confirmed', 'refused', 'not verified', 'withdrawn')",
            name=op.f("ck_receipts_result"),
        ),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminals.id"], name=op.f("fk_receipts_terminal_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_receipts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
    )
    op.create_index("ix_receipts_user_id", "receipts", ["user_id"], unique=False)
    op.create_index("ix_receipts_terminal_id_id", "receipts", ["terminal_id", "id"], unique=False)
    op.create_index(
        "ix_receipts_open",
        "receipts",
        ["terminal_id", "user_id"],
        unique=False,
        sqlite_where=sa.text("result IN ('pending', 'not verified')"),
        postgresql_where=sa.text("result IN ('pending', 'not verified')"),
    )
    op.add_column("users", sa.Column("left_at", Utc(), nullable=True))
    op.create_index("ix_users_left_at", "users", ["left_at"], unique=False)
    op.execute("UPDATE users SET left_at = updated_at WHERE NOT is_enabled")
