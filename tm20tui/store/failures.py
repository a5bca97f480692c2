"""What drivers raise, in the one word that callers know: `StoreUnavailable` for "try again later"."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from sqlalchemy import exc

from tm20tui.errors import StoreUnavailable

# PostgreSQL counts these among its own faults: it is read-only (a standby, or a server that was full),
# or gave up a transaction that took too long.
_NOT_NOW = frozenset({"25006", "25P03", "25P04"})


@contextlib.contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn the drivers' "not now" into `StoreUnavailable`; wrong statements and data stay as they are."""
    try:
        yield
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
        cause = error.orig if isinstance(error, exc.DBAPIError) and error.orig is not None else error
        raise StoreUnavailable(f"the database cannot be used: {_one_line(cause)}") from None
    except exc.DBAPIError as error:
        if error.connection_invalidated:
            raise StoreUnavailable(f"the database connection was lost: {_one_line(error.orig)}") from None
        if _is_unusable(error.orig) or getattr(error.orig, "sqlstate", "") in _NOT_NOW:
            raise StoreUnavailable(f"the database cannot be used: {_one_line(error.orig)}") from None
        raise
    except sqlite3.DatabaseError as error:
        if _is_unusable(error):
            raise StoreUnavailable(f"the database cannot be used: {_one_line(error)}") from None
        raise


def _is_unusable(error: BaseException | None) -> bool:
    # SQLite says of a broken file, or of one that is no database, no more than "database error".
    return type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError)


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300]
