"""What an operator chose last time: filters and orders by mode, kept between consoles and restarts."""

from __future__ import annotations

import json
import logging
import tomllib
from pathlib import Path

log = logging.getLogger(__name__)

_LONGEST = 500
_MOST = 200


class Memory:
    """The choices of one operator, in a small TOML file; a broken file only forgets."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._values: dict[str, dict[str, str]] = {}
        if path is not None:
            try:
                read = tomllib.loads(path.read_text(encoding="utf-8"))
                self._values = {
                    mode: {name: str(value) for name, value in values.items()}
                    for mode, values in read.items()
                    if isinstance(values, dict)
                }
            except FileNotFoundError:
                pass
            except (OSError, ValueError) as error:
                log.warning("what consoles remember cannot be read: %s", error)

    def get(self, mode: str, name: str) -> str:
        """A choice, "" when none was made."""
        return self._values.get(mode, {}).get(name, "")

    def put(self, mode: str, name: str, value: str) -> None:
        """Remember a choice."""
        values = self._values.setdefault(mode, {})
        if values.get(name, "") == value or len(value) > _LONGEST:
            return
        values[name] = value
        if sum(map(len, self._values.values())) <= _MOST:
            self._save()

    def _save(self) -> None:
        if self._path is None:
            return
        lines = []
        for mode, values in sorted(self._values.items()):
            lines.append(f"[{json.dumps(mode)}]")
            lines += [
                f"{json.dumps(name)} = {json.dumps(value)}" for name, value in sorted(values.items()) if value
            ]
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = self._path.with_suffix(".new")
            new.write_text("\n".join(lines) + "\n", encoding="utf-8")
            new.replace(self._path)
        except OSError as error:
            log.warning("what consoles remember cannot be written: %s", error)
