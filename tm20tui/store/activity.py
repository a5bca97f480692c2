"""How many punches there were lately, along the index of their own times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from sqlalchemy import Connection, func, select, text

from tm20tui.store.schema import punches


def count_between(conn: Connection, moments: Sequence[datetime]) -> tuple[int, ...]:
    """How many punches have their time between each two neighbours of `moments`, which ascend."""
    counts = [
        select(func.count())
        .select_from(punches)
        .where(punches.c.time_utc >= start, punches.c.time_utc < end)
        .scalar_subquery()
        for start, end in pairwise(moments)
    ]
    return tuple(int(count) for count in conn.execute(select(*counts)).one()) if counts else ()


def get_size(conn: Connection) -> int:
    """How many bytes the database takes."""
    if conn.dialect.name == "postgresql":
        return int(conn.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    pages = conn.scalar(text("PRAGMA page_count")) or 0
    return int(pages) * int(conn.scalar(text("PRAGMA page_size")) or 0)
