"""`python -m tests.tour`: the console in a real terminal (tmux): every mode, and what operators do daily.

Needs tmux; plays the demo. Ends with exit code 1 and the screen when something was not seen.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from tests.tour.screen import NeverSeen, Screen

START_SECONDS = 4.0
_GATHER_SECONDS = 60.0
TITLES = {
    "fr": (
        "Direct",
        "Terminaux",
        "Envoi",
        "Pointages",
        "Utilisateurs",
        "Horaires",
        "Services",
        "Tâches",
        "Journal",
    ),
    "en": ("Live", "Terminals", "Delivery", "Punches", "Users", "Schedules", "Services", "Tasks", "Log"),
}


def main() -> int:
    """Tour the console in both languages and two sizes."""
    argparse.ArgumentParser(prog="python -m tests.tour", description=__doc__).parse_args()
    if shutil.which("tmux") is None:
        print("tmux is not installed: there is no terminal to tour the console in", file=sys.stderr)
        return 1
    try:
        for language, columns, rows in (("fr", 120, 36), ("en", 80, 24)):
            with tempfile.TemporaryDirectory(prefix="tm20tui-tour-") as folder:
                _tour(language, columns, rows, Path(folder))
    except NeverSeen as error:
        print(error, file=sys.stderr)
        return 1
    print("the tour is over: everything was seen")
    return 0


def _tour(language: str, columns: int, rows: int, folder: Path) -> None:
    locale = "fr_FR.UTF-8" if language == "fr" else "en_GB.UTF-8"
    environment = {"LC_ALL": locale, "TM20_LANG": language, "XDG_STATE_HOME": str(folder)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    command = f"cd {shlex.quote(str(folder))} && exec env {words} {sys.executable} -m tm20tui --demo --seed 1"
    with Screen(command, columns=columns, rows=rows) as screen:
        try:
            took = screen.see("tm20tui", "DEMO")
            print(f"{columns}x{rows} {language}: on the screen after {took:.1f} s (goal {START_SECONDS:.0f})")
            if took > START_SECONDS:
                raise NeverSeen(f"it took {took:.1f} s to start")
            _modes(screen, language)
            if language == "fr":
                _acts(screen)
        finally:
            screen.press("C-q", "s")
            screen.press("C-c", "C-c")


def _modes(screen: Screen, language: str) -> None:
    for number, title in enumerate(TITLES[language], 1):
        screen.press(str(number))
        took = screen.see(f"[{number}", title)
        print(f"  {number} {title}: {took:.2f} s")
        screen.press("?")
        title = "─ Aide" if language == "fr" else "─ Help"
        screen.see(title)
        screen.press("Escape")
        screen.gone(title)


def _acts(screen: Screen) -> None:
    screen.press("2")
    screen.see("◆1", seconds=_GATHER_SECONDS)
    screen.see("●12", seconds=_GATHER_SECONDS)
    _on(screen, "901", "A", "✓ approuver: TH6SIM000901")
    _on(screen, "garage", "t", "✓ mettre à l'heure: Garage", seconds=40)
    _on(screen, "atelier", "o", "expire dans 15 s")
    screen.press("y")
    screen.see("✓ ouvrir la porte: Atelier", "confirmé par le terminal", seconds=40)
    print("  approved a terminal, set a clock, opened a door")
    screen.press("Escape", "3")
    screen.see("4471")
    screen.press("Tab", "Space", "Space")
    screen.see("2 marqué(s)")
    screen.press("r")
    screen.see("relancer", "réf.")
    print("  retried two failed deliveries")
    screen.press("6")
    screen.see("─ Horaires")
    _on(screen, "nord", "Enter", "Semaine")
    screen.press("e")
    screen.see("Modifier Lundi")
    screen.settle()
    screen.press(*["Tab"] * 6, "BSpace", "BSpace")
    screen.type("20")
    screen.press("C-s")
    screen.see("✓ enregistré", "20 min")
    screen.press("P")
    screen.see("Envoyer au terminal")
    screen.press("1")
    screen.settle()
    screen.press("y")
    screen.settle()
    print("  changed a schedule and sent it")
    screen.press("Escape", "7")
    screen.see("─ Services")
    screen.press("n")
    screen.see("URL de base")
    screen.settle()
    screen.type("Essai")
    screen.press("Tab")
    screen.type("http://127.0.0.1:9")
    screen.press("C-t")
    screen.see("✗ tcp")
    screen.press("C-s")
    screen.see("✓ enregistré : Essai")
    print("  made a service and tested it")
    screen.press("5")
    screen.see("─ Utilisateurs")
    screen.press("I")
    screen.see("Importer les utilisateurs de", "API RH")
    screen.press("1")
    screen.see("API RH")
    screen.press("y")
    screen.press("Escape", "p")
    screen.see("Pousser vers des terminaux")
    screen.press("Escape")
    print("  asked for users and where to push them")


def _on(screen: Screen, words: str, key: str, seen: str, *, seconds: float = 15.0) -> None:
    """Filter for a row, press a key on it, see what comes of it, and take the filter off."""
    screen.press("/")
    screen.type(words)
    screen.press("Enter")
    screen.see(f"filtre : {words}")
    screen.press(key)
    screen.see(seen, seconds=seconds)
    if key in "At":
        screen.press("Escape")


if __name__ == "__main__":
    raise SystemExit(main())
