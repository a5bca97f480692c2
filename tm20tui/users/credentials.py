"""Credentials for another terminal of the site: which fit it, and their contents, in memory alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

from tm20tui.errors import SecretUnreadable
from tm20tui.model import Terminal
from tm20tui.protocol.values import CARD, FACES, FINGERPRINTS, PALMS, PASSWORD, PHOTO, credential_name
from tm20tui.store.enrollments import SealedCredential, Wanted, list_sealed
from tm20tui.store.vault import Vault

if TYPE_CHECKING:
    from sqlalchemy import Connection

_FACE_FEATURE: Final = 51


class Fitting:
    """Says of each credential whether it fits one terminal, and counts the places that are left there."""

    def __init__(self, terminal: Terminal, kept: Collection[SealedCredential]) -> None:
        self._terminal = terminal
        self._kept = {(one.user_id, one.backupnum): one for one in kept}
        self._free: dict[str, int] = {}
        for kind in ("fp", "card", "pwd", "face", "palm"):
            size = terminal.capacity.get(f"{kind}size")
            if size is not None:
                self._free[kind] = size - terminal.capacity.get(f"used{kind}", 0)

    def refuse(self, user: Wanted, slot: int) -> str:
        """Why it cannot be put there; empty when it can, and then a place is taken."""
        name = credential_name(slot)
        credential = self._kept.get((user.user_id, slot))
        if credential is None:
            return f"{name}: is not kept here any more"
        kind = _kind(slot)
        reason = self._misfit(credential, kind)
        if not reason and self._free.get(kind, 1) <= 0:
            reason = "the terminal has no place left for it"
        if reason:
            return f"{name}: {reason}"
        if kind in self._free:
            self._free[kind] -= 1
        return ""

    def _misfit(self, credential: SealedCredential, kind: str) -> str:
        terminal = self._terminal
        if kind == "fp" and (not credential.fpalgo or credential.fpalgo != terminal.fpalgo):
            made, has = credential.fpalgo or "an unknown algorithm", terminal.fpalgo or "an unknown one"
            return f"made for {made}, the terminal has {has}"
        if kind in ("face", "palm"):
            if kind not in self._free:
                return f"the terminal does not tell that it takes a {kind}"
            if credential.backupnum != PHOTO and credential.model != terminal.model:
                made, has = credential.model or "an unknown model", terminal.model or "an unknown one"
                return f"made by {made}, the terminal is {has}"
        return ""


def read_sealed(connection: Connection, user_ids: Collection[int]) -> list[SealedCredential]:
    """What is kept of some users, sealed, however many they are."""
    ids = sorted(user_ids)
    return [one for at in range(0, len(ids), 500) for one in list_sealed(connection, ids[at : at + 500])]


def open_records(
    connection: Connection, vault: Vault, user_ids: Collection[int]
) -> Mapping[tuple[int, int], str]:
    """The contents by user and slot; what another key sealed is left out."""
    opened: dict[tuple[int, int], str] = {}
    for one in read_sealed(connection, user_ids):
        try:
            opened[one.user_id, one.backupnum] = vault.unseal(one.sealed)
        except SecretUnreadable:
            continue
    return opened


def is_same(slot: int, ours: str, theirs: str | None) -> bool:
    """Whether what a terminal holds is what it was sent. Photos are made smaller there, so any will do."""
    if theirs is None:
        return False
    if slot in (CARD, PASSWORD):
        return ours.strip().lstrip("0") == theirs.strip().lstrip("0")
    return slot == PHOTO or ours == theirs


def _kind(slot: int) -> str:
    if slot in FINGERPRINTS:
        return "fp"
    if slot in FACES or slot in (PHOTO, _FACE_FEATURE):
        return "face"
    if slot in PALMS:
        return "palm"
    return {CARD: "card", PASSWORD: "pwd"}.get(slot, "other")
