"""What the database knows of itself."""

from __future__ import annotations

from sqlalchemy import Connection, text


def get_schema_version(connection: Connection) -> str:
    """The revision that the database's schema has."""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")))
