"""What a terminal says about itself in `reg` and `getdevinfo`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tm20tui.protocol.text import Fields, as_int, as_text, shrunk, trimmed_names


@dataclass(frozen=True, slots=True)
class DevInfo:
    """What a terminal says about itself; every part may be missing."""

    modelname: str | None = None
    """Not a model id: "tfs30" on two TH models, "AiFace" on all AI units."""
    firmware: str | None = None
    fpalgo: str | None = None
    """Fingerprint algorithm; templates only work on terminals with the same one."""
    mac: str | None = None
    """Not unique in practice."""
    time: str | None = None
    """The terminal's wall clock, as sent."""
    capacities: Mapping[str, int] = field(default_factory=dict)
    """Every `*size` (capacity) and `used*` (in use) counter, by its wire name."""
    raw: Mapping[str, object] = field(default_factory=dict, compare=False)
    """Everything it said, bounded; the fields above are read from it."""

    def as_row(self) -> Fields:
        """Return the members of `devinfo` as a terminal sends them."""
        named = {name: getattr(self, name) for name in _DEVINFO_TEXTS}
        known: Fields = {name: value for name, value in named.items() if value is not None}
        return {**self.raw, **known, **self.capacities}


def read_devinfo(fields: Mapping[str, object]) -> DevInfo:
    """Return the devinfo found in `fields`: nested under `devinfo`, flattened, or both (nested wins)."""
    nested = fields.get("devinfo")
    flat = {name: value for name, value in fields.items() if name not in _NOT_DEVINFO}
    found = {**flat, **trimmed_names(nested)} if isinstance(nested, dict) else flat
    raw = shrunk(found, text_limit=200, items=150, depth=3)
    texts = {name: as_text(found.get(name), 200) for name in _DEVINFO_TEXTS}
    return DevInfo(
        **texts,
        capacities={
            name: number
            for name, value in raw.items()
            if (name.endswith("size") or name.startswith("used"))
            and not isinstance(value, bool)
            and (number := as_int(value)) is not None
        },
        raw=raw,
    )


_DEVINFO_TEXTS: Final = ("modelname", "firmware", "fpalgo", "mac", "time")
_NOT_DEVINFO: Final = ("cmd", "ret", "sn", "cpusn", "devinfo", "result", "reason", "msg")
