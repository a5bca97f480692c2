"""What the numbers of the protocol mean, in words; records keep the numbers (firmwares disagree)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PASSWORD: Final = 10
CARD: Final = 11
ALL_FINGERPRINTS: Final = 12
WHOLE_USER: Final = 13
PHOTO: Final = 50

NON_USER: Final = "0"
"""The enrollid of a door event."""
STRANGER: Final = "99999999"
"""The enrollid of an unknown face."""

FINGERPRINTS: Final = range(10)
FACES: Final = range(20, 28)
PALMS: Final = (*range(30, 38), 40, 41)

CREDENTIALS: Final = frozenset({*FINGERPRINTS, PASSWORD, CARD, *FACES, *PALMS, PHOTO, 51})
"""Every backupnum that stands for one stored credential."""

NUMERIC_CREDENTIALS: Final = frozenset({PASSWORD, CARD})
"""The backupnums whose record is a number on the wire."""

ADMIN: Final[Mapping[int, str]] = {0: "user", 1: "administrator", 2: "super user"}

MODES: Final[Mapping[int, str]] = {1: "fingerprint", 2: "password", 3: "card", 8: "face"}
"""The usual meaning of `mode`; an operator overrides it per model, so an unknown one is never refused."""

INOUT: Final[Mapping[int, str]] = {
    0: "in",
    1: "out",
    2: "break out",
    3: "break in",
    4: "overtime in",
    5: "overtime out",
}

DOOR_EVENTS: Final[Mapping[int, str]] = {
    0: "door closed",
    1: "door opened",
    2: "exit button",
    3: "opened by software",
    4: "closed by software",
    5: "forced open",
    6: "terminal removed",
    7: "input alarm",
    8: "started",
}
"""`event` where enrollid is 0."""

VERIFY_MODES: Final[Mapping[int, str]] = {
    0: "any of card, fingerprint, password",
    1: "card and fingerprint",
    2: "password and fingerprint",
    3: "card, fingerprint and password",
    4: "card and password",
}
"""`verifymode` of the whole terminal (setdevinfo); 13 in a log record is a QR code."""

QR_CODE: Final = 13

LANGUAGES: Final[Mapping[int, str]] = {
    0: "en",
    1: "zh-CN",
    2: "zh-TW",
    3: "ja",
    4: "ko-KP",
    5: "ko",
    6: "th",
    7: "id",
    8: "vi",
    9: "es",
    10: "fr",
    11: "pt",
    12: "de",
    13: "ru",
    14: "tr",
    15: "it",
    16: "cs",
    17: "ar",
    18: "fa",
}

PHOTO_REASONS: Final[Mapping[int, str]] = {
    1: "too large, wrong format or unknown user",
    2: "wrong password or checksum",
    3: "terminal busy",
    5: "no face in the photo",
    6: "several faces in the photo",
    7: "dimensions too big",
    8: "face too big",
    9: "face too small",
    10: "poor quality",
    11: "face partial or off-centre",
    12: "already enrolled as somebody else",
}
"""`reason` of a refused photo (setuserinfo with backupnum 50)."""

REGISTRATION_STATES: Final[Mapping[int, str]] = {
    0: "capturing",
    1: "step 1",
    2: "step 2",
    3: "step 3",
    100: "done",
}
"""`status` of checkregstatus; a negative one means failed."""


def credential_name(backupnum: int | None) -> str:
    """Return what a `backupnum` stands for, in words."""
    if backupnum is None:
        return "unknown"
    if backupnum in FINGERPRINTS:
        return f"fingerprint {backupnum}"
    if backupnum in FACES:
        return f"face {backupnum - FACES.start}"
    if backupnum in PALMS:
        return f"palm {PALMS.index(backupnum)}"
    return _OTHER_CREDENTIALS.get(backupnum, f"credential {backupnum}")


def mode_name(mode: int) -> str:
    """Return how somebody identified, in words; the number where it is not known."""
    return MODES.get(mode, f"mode {mode}")


def door_event_name(event: int) -> str:
    """Return what happened at the door, in words; the number where it is not known."""
    return DOOR_EVENTS.get(event, f"door event {event}")


_OTHER_CREDENTIALS: Final[Mapping[int, str]] = {
    PASSWORD: "password",
    CARD: "card",
    ALL_FINGERPRINTS: "all fingerprints",
    WHOLE_USER: "everything",
    PHOTO: "photo",
    51: "face feature",
}
