"""Secrets and biometric templates at rest: sealed with a key that lives outside the database.

The key file is made at first start, mode 0600, beside the state; whoever has only
the database (a backup, a stolen disk image of it) can read no secret.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from tm20tui.errors import SecretUnreadable, StoreError


class Vault:
    """Seals and opens short texts; the key itself never leaves it."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)
        self._digest_key = hashlib.sha256(b"tm20tui lookup\0" + key).digest()

    @classmethod
    def open(cls, path: Path) -> Vault:
        """The vault of the key in `path`, which is created when absent.

        Raises:
            StoreError: the file cannot be made or read, or holds no key.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                pass
            else:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(Fernet.generate_key())
                    file.flush()
                    os.fsync(file.fileno())
            key = path.read_bytes().strip()
        except OSError as error:
            raise StoreError(f"cannot use the key file {path}: {error.strerror}") from None
        try:
            return cls(key)
        except ValueError:
            raise StoreError(f"the key file {path} holds no key: restore it from a backup") from None

    def seal(self, text: str) -> bytes:
        """An authenticated ciphertext of `text`."""
        return self._fernet.encrypt(text.encode())

    def unseal(self, sealed: bytes) -> str:
        """What was sealed; `SecretUnreadable` when another key sealed it."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise SecretUnreadable(
                "a stored secret was sealed with another key: restore this database's own key file"
            ) from None

    def digest(self, text: str) -> str:
        """A keyed digest by which an equal text is found without being readable."""
        return hmac.new(self._digest_key, text.encode(), hashlib.sha256).hexdigest()
