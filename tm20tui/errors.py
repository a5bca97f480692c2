"""Every error this package raises on purpose, as one tree.

Tm20Error
├── ConfigError            a key of the configuration, its value, what is allowed
├── FrameError             a WebSocket text that is not a frame of the terminal protocol
├── AlreadyRunning         the port or the database belongs to another server
├── StoreError
│   ├── StoreUnavailable   down, full, locked: try again later, acknowledge nothing
│   ├── SchemaTooNew       written by a newer program
│   └── SecretUnreadable   sealed with a key that is not ours
└── OperationError         what an operator asked cannot be done (has `code` and `field`)
    ├── Forbidden          the operator's role does not include it
    ├── NotFound
    ├── InvalidInput
    ├── Conflict
    └── Unavailable

Foreign exceptions are mapped in the one module that owns the library. Messages
name the field and the fix; none carries a secret.
"""

from __future__ import annotations

from typing import ClassVar


class Tm20Error(Exception):
    """Base of every expected failure."""


class ConfigError(Tm20Error):
    """One wrong key of the configuration.

    `key` is dotted as in `config.toml` (``terminals.port``); `value` is shown as
    given, except for secrets; `allowed` says what would be accepted.
    """

    def __init__(self, key: str, value: object, allowed: str) -> None:
        self.key = key
        self.value = value
        self.allowed = allowed
        super().__init__(f"{key} = {value!r}: {allowed}")


class FrameError(Tm20Error):
    """A text that cannot be read as a frame. `reason` is one sentence, `excerpt` at most 200 characters."""

    def __init__(self, reason: str, excerpt: str = "") -> None:
        self.reason = reason
        self.excerpt = excerpt[:200]
        super().__init__(reason)


class AlreadyRunning(Tm20Error):
    """Another server owns the port or the database."""


class StoreError(Tm20Error):
    """The database refused or could not be used."""


class StoreUnavailable(StoreError):
    """The database is down, full or locked; the same work may succeed later."""


class SchemaTooNew(StoreError):
    """The database was upgraded by a newer version of this program."""


class SecretUnreadable(StoreError):
    """A sealed secret cannot be opened with the key at hand."""


class OperationError(Tm20Error):
    """What was asked cannot be done; `code` is stable, `field` names the argument or is None."""

    code: ClassVar[str] = "refused"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        self.field = field
        super().__init__(message)


class Forbidden(OperationError):
    """The operator's role does not include it."""

    code = "forbidden"


class NotFound(OperationError):
    """No such thing."""

    code = "not_found"

    def __init__(self, what: str, ident: object, *, field: str | None = None) -> None:
        super().__init__(f"no {what} with id {ident}", field=field)


class InvalidInput(OperationError):
    """An argument is wrong; the message says what is allowed."""

    code = "invalid"


class Conflict(OperationError):
    """The state of the thing forbids it."""

    code = "conflict"


class Unavailable(OperationError):
    """Cannot be done now; the same call may succeed later."""

    code = "unavailable"
