"""`tm20tui check`: what is in force, and whether a server could start with it."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from tm20tui.errors import AlreadyRunning, StoreError
from tm20tui.locale import _, ngettext, sentence
from tm20tui.logs import one_line
from tm20tui.settings import Settings, describe
from tm20tui.store.engine import Database, sqlite_path
from tm20tui.store.lock import exclusive_use
from tm20tui.store.upgrade import current_version, latest_version


def check(settings: Settings) -> int:
    """Print the report; 0 when a server can start (or runs already), 1 when something is in its way."""
    rows = describe(settings)
    width = max(len(key) for key, _, _ in rows)
    values = max(len(value) for _, value, _ in rows if len(value) <= 40)
    for key, value, source in rows:
        print(f"{key:{width}}  {one_line(value):{values}}  {one_line(sentence(source))}")
    print()
    problems = 0
    for subject, words, is_problem in _findings(settings):
        print(f"{sentence(subject):{width}}  {one_line(sentence(words))}")
        problems += is_problem
    print()
    if problems:
        text = ngettext("{count} problem: see above", "{count} problems: see above", problems)
        print(text.format(count=problems))
    else:
        print(_("ready"))
    return 1 if problems else 0


def _findings(settings: Settings) -> Iterator[tuple[str, str, bool]]:
    database = Database(settings.resolved_database_url)
    try:
        runs = _server_runs(database)
        yield from _database(database, runs=runs)
    finally:
        database.close()
    terminals, api = settings.terminals, settings.api
    scheme = "wss" if terminals.cert else "ws"
    yield _address("terminals", scheme, terminals.host, terminals.port, runs=runs)
    if api.enabled:
        yield _address("API", "http", api.host, api.port, runs=runs)
    if terminals.cert and terminals.key:
        yield _certificate(terminals.cert, terminals.key)
    yield _key_file(settings.key_path)


def _database(database: Database, *, runs: bool) -> Iterator[tuple[str, str, bool]]:
    if runs:
        yield "server", "one is running on this database", False
    try:
        current, latest = current_version(database), latest_version()
    except StoreError as error:
        yield "database", f"{database.label}: {error}", True
        return
    if current is None:
        words, wrong = f"no schema yet: a server makes it at start ({latest})", False
    elif current == latest:
        words, wrong = f"schema {current}, as this program needs", False
    elif current < latest:
        words, wrong = f"schema {current}: a server upgrades it at start to {latest}", False
    else:
        words, wrong = f"schema {current} is newer than this program's {latest}: install the newer one", True
    yield "database", f"{database.label}: {words}", wrong


def _server_runs(database: Database) -> bool:
    """Asked only where a lock file exists already: checking as root must not leave one behind."""
    path = sqlite_path(database.url)
    if path is not None and not path.with_name(path.name + ".lock").exists():
        return False
    try:
        with exclusive_use(database):
            return False
    except AlreadyRunning:
        return True
    except (OSError, StoreError):
        return False


def _address(subject: str, scheme: str, host: str, port: int, *, runs: bool) -> tuple[str, str, bool]:
    name = f"[{host}]" if ":" in host else host
    address = f"{scheme}://{name}:{port}/"
    if port == 0:
        return subject, f"{address}: any free port", False
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
            probe.listen(1)
    except OSError as error:
        if runs:
            return subject, f"{address}: in use, a server is running", False
        return subject, f"{address}: cannot be used ({(error.strerror or str(error)).lower()})", True
    return subject, f"{address}: free", False


def _certificate(cert: Path, key: Path) -> tuple[str, str, bool]:
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:
        return "TLS", f"{cert} and {key} cannot be used ({error})", True
    return "TLS", f"{cert} and its key fit", False


def _key_file(path: Path) -> tuple[str, str, bool]:
    if path.exists():
        readable = path.is_file() and os.access(path, os.R_OK)
        return "key file", f"{path}: {'readable' if readable else 'cannot be read'}", not readable
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if os.access(folder, os.W_OK | os.X_OK) and folder.is_dir():
        return "key file", f"{path}: made at first start", False
    return "key file", f"{path}: cannot be made, {folder} is not writable", True
