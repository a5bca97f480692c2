"""The socket in the file system: made with its permissions, never over a living one, removed at the end."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from tm20tui.errors import AlreadyRunning, ConfigError

_BACKLOG = 64
_LONGEST_PATH = 100
"""The kernel takes 107 bytes; longer paths go through a descriptor of their folder."""


class SocketFile:
    """A path for a listening Unix socket; with a `group`, its members may connect too."""

    def __init__(self, path: Path, group: str = "") -> None:
        self._path = path
        self._group = group
        self._identity: tuple[int, int] | None = None

    def open(self) -> socket.socket:
        """Listen there.

        It is bound under another name, given its permissions and then renamed, so that
        nobody can connect before they hold, and a stale socket is replaced at once.

        Raises:
            AlreadyRunning: a server answers there.
            ConfigError: no socket can be made there.
        """
        self._check_vacant()
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)
            with address_of(fresh) as address:
                listening.bind(address)
            if self._group:
                shutil.chown(fresh, group=self._group)
            fresh.chmod(0o660 if self._group else 0o600)
            listening.listen(_BACKLOG)
            listening.setblocking(False)
            fresh.rename(self._path)
            found = self._path.stat()
            self._identity = (found.st_dev, found.st_ino)
        except BaseException as error:
            listening.close()
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            if isinstance(error, LookupError):
                raise ConfigError("control.group", self._group, "must be a group of this machine") from None
            if isinstance(error, OSError):
                words = (error.strerror or str(error)).lower()
                raise ConfigError(
                    "control.path", str(self._path), f"no socket can be made there: {words}"
                ) from None
            raise
        return listening

    def remove(self) -> None:
        """Delete the file, unless another server has put its own there."""
        with contextlib.suppress(OSError):
            found = self._path.stat()
            if (found.st_dev, found.st_ino) == self._identity:
                self._path.unlink()

    def _check_vacant(self) -> None:
        try:
            mode = self._path.lstat().st_mode
        except OSError:
            return
        if not stat.S_ISSOCK(mode):
            raise ConfigError("control.path", str(self._path), "must not be a file that exists")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                with address_of(self._path) as address:
                    probe.connect(address)
            except OSError as error:
                if error.errno in (errno.ECONNREFUSED, errno.ENOENT, errno.EPROTOTYPE):
                    return
        raise AlreadyRunning(f"a server answers at {self._path} already (control.path)")


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """What to bind or connect to for a path of any length."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
