"""`tm20tui systemd`: the unit and the configuration that the server runs with under systemd."""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from pathlib import Path

from tm20tui.locale import _

FILES = {"service": "tm20tui.service", "config": "config.toml"}


def show(file: str) -> int:
    """Print one of `FILES`; the unit starts the program that prints it."""
    text = (files("tm20tui") / "deploy" / FILES[file]).read_text(encoding="utf-8")
    if file == "service":
        program = _program()
        text = text.replace("@PROGRAM@", " ".join(map(_quoted, program)))
        # An environment in /opt may still run a Python of a home folder (pyenv, uv).
        for path in (program[0], os.path.realpath(sys.executable)):
            if path.startswith(("/home/", "/root/")):
                print(
                    _(
                        "tm20tui: {path} is in a home folder, which the service cannot see: install the "
                        "program in /opt/tm20tui with the system's Python, and let that one print the unit"
                    ).format(path=path),
                    file=sys.stderr,
                )
                break
    print(text, end="")
    return 0


def _program() -> list[str]:
    """What starts this program again: the script beside the interpreter, else the interpreter."""
    script = Path(sys.executable).with_name("tm20tui")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "tm20tui"]


def _quoted(word: str) -> str:
    """A word of a unit's command line, where % and $ have a meaning and spaces end a word."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{word}"' if any(letter.isspace() for letter in word) or '"' in word else word
