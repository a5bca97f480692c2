"""Secrets at rest: sealed, unreadable with another key, the key private and outside the database."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tm20tui.errors import SecretUnreadable, StoreError
from tm20tui.store.vault import Vault


def test_the_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "secret.key"
    sealed = Vault.open(path).seal("token")
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"token" not in sealed
    assert Vault.open(path).unseal(sealed) == "token"


def test_another_key_opens_nothing(vault: Vault) -> None:
    with pytest.raises(SecretUnreadable, match="own key file"):
        Vault(Fernet.generate_key()).unseal(vault.seal("token"))


def test_a_damaged_key_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_text("not a key")
    with pytest.raises(StoreError, match="holds no key"):
        Vault.open(path)


def test_equal_texts_are_found_by_digest_and_only_with_the_key(vault: Vault) -> None:
    assert vault.digest("1234567") == vault.digest("1234567") != vault.digest("1234568")
    assert Vault(Fernet.generate_key()).digest("1234567") != vault.digest("1234567")
