"""`tm20tui db`: upgrade, version, backup, restore."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tm20tui.errors import StoreError
from tm20tui.locale import _, ngettext
from tm20tui.settings import Settings
from tm20tui.store import upgrade as schema
from tm20tui.store.engine import Database, prepare_directory
from tm20tui.store.lock import exclusive_use


def upgrade(settings: Settings) -> int:
    """Apply the missing migrations; refused while a server has the database."""
    with _database(settings) as database, _alone_with(database):
        before = schema.current_version(database)
        after = schema.upgrade(database)
    if before == after:
        print(_("{database}: is at {version}").format(database=database.label, version=after))
    else:
        print(f"{database.label}: {before or _('empty')} -> {after}")
    return 0


def version(settings: Settings) -> int:
    """Show both versions."""
    with _database(settings) as database:
        current = schema.current_version(database) or _("none yet")
        print(_("database  {version}  ({label})").format(version=current, label=database.label))
    print(_("program   {version}").format(version=schema.latest_version()))
    return 0


def backup(settings: Settings, target: Path) -> int:
    """Copy the database to `target`."""
    with _database(settings) as database:
        size = schema.backup(database, target)
    print(_("{path}: {size} bytes").format(path=target, size=size))
    text = _("Keep {path} with it: without that key its secrets cannot be read.")
    print(text.format(path=settings.key_path))
    return 0


def restore(settings: Settings, source: Path, *, force: bool) -> int:
    """Put `source` in the database's place; refused while a server has it."""
    with _database(settings) as database, _alone_with(database):
        done = schema.restore(database, source, force=force)
    print(_("{database}: restored from {path}").format(database=database.label, path=source))
    if done.kept is not None:
        print(_("What was there before is kept: {path}").format(path=done.kept))
    if done.held:
        text = ngettext(
            "{count} delivery is held: it may have arrived since the backup was made.",
            "{count} deliveries are held: they may have arrived since the backup was made.",
            done.held,
        )
        print(text.format(count=done.held))
    text = _("Punches from before {time} that terminals send again will be held.")
    print(text.format(time=f"{done.seen_until.astimezone():%Y-%m-%d %H:%M %z}"))
    return 0


@contextlib.contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.resolved_database_url)
    try:
        yield database
    finally:
        database.close()


@contextlib.contextmanager
def _alone_with(database: Database) -> Iterator[None]:
    try:
        prepare_directory(database.url)
        with exclusive_use(database):
            yield
    except OSError as error:
        raise StoreError(f"cannot use {error.filename or database.label}: {error.strerror}") from None
