"""`python -m tests.tour`: the console in a real terminal (tmux): every mode, and what operators do daily.

Needs tmux; plays the demo in both languages and two sizes, and prints a line for each step
with what it took. Ends with exit code 1 and the screen when something was not seen.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.tour.screen import NeverSeen, Screen
from tm20tui.locale import Voice
from tm20tui.tui.modes import MODES

START_SECONDS = 4.0
OPEN_SECONDS = 1.0
_GATHER_SECONDS = 60.0
_TASK_SECONDS = 60.0
SIZES = ((120, 36), (80, 24))
LANGUAGES = ("fr", "en")


def main() -> int:
    """Tour the console in both languages and two sizes."""
    parser = argparse.ArgumentParser(prog="python -m tests.tour", description=__doc__)
    parser.add_argument("--language", choices=LANGUAGES, help="one language only")
    parser.add_argument(
        "--size", choices=[f"{columns}x{rows}" for columns, rows in SIZES], help="one size only"
    )
    chosen = parser.parse_args()
    if shutil.which("tmux") is None:
        print("tmux is not installed: there is no terminal to tour the console in", file=sys.stderr)
        return 1
    failed = 0
    for language in LANGUAGES:
        for columns, rows in SIZES:
            if chosen.language in (None, language) and chosen.size in (None, f"{columns}x{rows}"):
                tour = Tour(language, columns, rows)
                try:
                    tour.run()
                except NeverSeen as error:
                    print(error, file=sys.stderr)
                    failed += 1
                failed += tour.missed
    print("the tour is over: everything was seen" if not failed else f"the tour is over: {failed} missed")
    return 1 if failed else 0


class Tour:
    """One tour: one language, one size."""

    def __init__(self, language: str, columns: int, rows: int) -> None:
        self.missed = 0
        self._voice = Voice(language)
        self._language, self._columns, self._rows = language, columns, rows
        self._screen: Screen

    def run(self) -> None:
        """From the first picture to the server's end."""
        load = os.getloadavg()[0]
        print(f"\n{self._language} {self._columns}x{self._rows}, load {load:.1f} on {os.cpu_count()} cores")
        with tempfile.TemporaryDirectory(prefix="tm20tui-tour-") as folder:
            environment = {"LC_ALL": "C.UTF-8", "TM20_LANG": self._language, "XDG_STATE_HOME": folder}
            environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
            words = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
            command = (
                f"cd {shlex.quote(folder)} && exec env {words} {sys.executable} -m tm20tui --demo --seed 1"
            )
            with Screen(command, columns=self._columns, rows=self._rows) as screen:
                self._screen = screen
                self._begin()
                self._modes()
                self._terminals()
                self._delivery()
                self._schedule()
                self._service()
                self._users()
                self._small()
                self._stop()

    @contextmanager
    def _step(self, name: str, goal: float | None = None) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        except NeverSeen:
            print(f"  {name:<46} {time.monotonic() - started:6.2f} s  NEVER SEEN")
            raise
        took = time.monotonic() - started
        late = goal is not None and took > goal
        self.missed += late
        tail = "" if goal is None else f"  goal {goal:g} s" + ("  MISSED" if late else "")
        print(f"  {name:<46} {took:6.2f} s{tail}")

    def _t(self, message: str) -> str:
        return self._voice.text(message)

    def _begin(self) -> None:
        took = self._screen.see("tm20tui", "DEMO", "[1")
        took = max(took, time.monotonic() - self._screen.started_at)
        late = took > START_SECONDS
        self.missed += late
        print(f"  {'start':<46} {took:6.2f} s  goal {START_SECONDS:g} s" + ("  MISSED" if late else ""))

    def _modes(self) -> None:
        screen = self._screen
        for mode in MODES:
            title = self._t(mode.TITLE)
            with self._step(f"{mode.NUMBER} {title}", OPEN_SECONDS):
                screen.press(str(mode.NUMBER))
                screen.see(f"[{mode.NUMBER}", title)
            screen.press("?")
            heading = self._t("Help: {mode}").format(mode=title)
            screen.see(heading)
            screen.press("Escape")
            screen.gone(heading)

    def _terminals(self) -> None:
        screen, t = self._screen, self._t
        screen.press("2")
        with self._step("all terminals of the demo are there"):
            screen.see("◆1", seconds=_GATHER_SECONDS)
            screen.see("●12", seconds=_GATHER_SECONDS)
        with self._step("approve a terminal"):
            self._find("901")
            screen.press("A")
            screen.see(f"✓ {t('approve')}")
        with self._step("it dials again and is let in"):
            screen.see("◆0", seconds=40)
        screen.press("Escape")
        with self._step("set its clock"):
            self._find("garage")
            screen.press("t")
            screen.see(f"✓ {t('set the clock')}", seconds=40)
        screen.press("Escape")
        with self._step("open a door: asked"):
            self._find("atelier")
            screen.press("o")
            screen.see(t("at once, for as long as is set at the terminal; cannot be undone")[:24])
        with self._step("open a door: confirmed by the terminal"):
            screen.press("y")
            screen.see(f"✓ {t('open the door')}", seconds=40)
        screen.press("Escape")
        with self._step("detail of a terminal"):
            self._find("atelier")
            screen.press("Enter")
            screen.see(f"[{t('Punches')}]")
        screen.press("Escape")
        screen.see(f"[2{'' if self._columns < 100 else ' '}")
        screen.press("Escape")

    def _delivery(self) -> None:
        screen, t = self._screen, self._t
        screen.press("3")
        screen.see("[3", "✗")
        with self._step("mark two failed deliveries"):
            screen.press("Tab", "Space", "Space")
            screen.see(t("{count} marked").format(count=2))
        with self._step("retry them"):
            screen.press("r")
            screen.see(f"{t('try again')}{t(': ')}2")
        screen.press("Escape")

    def _schedule(self) -> None:
        screen, t = self._screen, self._t
        screen.press("6")
        screen.see(f"─ {t('Schedules')}")
        self._find("nord")
        screen.press("Enter")
        screen.see(t("Week"), "12:30")
        with self._step("edit a schedule"):
            screen.press("e")
            screen.see("^S")
            screen.press(*["Tab"] * 6, "BSpace", "BSpace")
            screen.type("20")
            screen.press("C-s")
            screen.see("20 min")
            screen.gone("^S")
        with self._step("send it: asked"):
            screen.press("P")
            screen.see(t("Send to the terminal"))
            screen.press("1")
            screen.see(t("Send schedules"))
        with self._step("send it: what became of it"):
            screen.press("y")
            screen.see(t("What became of it"), "Standard", seconds=_TASK_SECONDS)
        screen.press("Escape")
        screen.gone(t("What became of it"))

    def _service(self) -> None:
        screen, t = self._screen, self._t
        screen.press("7")
        screen.see(f"─ {t('Services')}")
        with self._step("create a service: its test fails"):
            screen.press("n")
            screen.see(t("Base URL"))
            screen.type("Essai")
            screen.press("Tab")
            screen.type("http://127.0.0.1:9")
            screen.press("C-t")
            screen.see("✗ tcp")
        with self._step("create a service: saved"):
            screen.press("C-s")
            screen.see(t("saved: {target}").format(target="Essai")[:12])
        screen.see(f"─ {t('Services')}")
        with self._step("test a service that answers"):
            self._find("API")
            screen.press("C-t")
            screen.see("✓ tcp", f"✓ {t('users')}", "50", seconds=30)
        screen.press("Escape", "Escape")

    def _users(self) -> None:
        screen, t = self._screen, self._t
        screen.press("5")
        screen.see(f"─ {t('Users')}")
        with self._step("fetch users: counted"):
            screen.press("I")
            screen.see(t("Import users from"), "API RH")
            screen.press("1")
            screen.see(t("Import users from {service}").format(service="API RH"), t("Listed"))
        with self._step("fetch users: the end"):
            screen.press("y")
            screen.see(t("users of {service}").format(service="API RH"), seconds=_TASK_SECONDS)
        with self._step("push users: on their way"):
            screen.press("p")
            screen.see(t("Bring to terminals"))
            screen.press("1")
            screen.see(t("Which terminals? M marks all of the site."))
            screen.press("Enter")
            question = t("only what differs is sent, and read back; a terminal that is away is waited for")
            screen.see(question[:20])
            screen.press("y")
            screen.gone(question[:20])
        with self._step("push users: the end, in the tasks"):
            screen.press("8")
            screen.see(t("Tasks"), "1/1", seconds=_TASK_SECONDS)

    def _small(self) -> None:
        screen = self._screen
        text = self._t("This terminal is too small: {columns}x{rows}. The console needs {least}: enlarge it.")
        with self._step("a terminal that is too small, and large again"):
            screen.resize(50, 12)
            screen.see(text.partition("{")[0].strip())
            screen.resize(self._columns, self._rows)
            screen.gone(text.partition("{")[0].strip())
            screen.see("tm20tui")

    def _stop(self) -> None:
        screen, t = self._screen, self._t
        with self._step("stop the server"):
            screen.press("C-q")
            screen.see(t("Quit"))
            screen.press("s")
            screen.see(t("Stop the server"))
            words = t("Type {word} to confirm:").partition("{word}")
            line = next(line for line in screen.text().splitlines() if words[0].strip() in line)
            screen.type(line.partition(words[0])[2].split()[0].rstrip(words[2]))
            screen.press("Enter")
            screen.ended()

    def _find(self, words: str) -> None:
        """Filter for a row."""
        screen = self._screen
        screen.press("/")
        screen.type(words)
        screen.press("Enter")
        screen.see(self._t("filter: {filter}").format(filter=words))


if __name__ == "__main__":
    raise SystemExit(main())
