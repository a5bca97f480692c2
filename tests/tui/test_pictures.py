"""Every mode as operators see it: compared with the pictures in `pictures/`.

After a change that is meant, look at the new ones and keep them with
`TM20_TEST_KEEP_PICTURES=1 pytest tests/tui/test_pictures.py`.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui import scene
from tests.tui.world import World, client, console, running
from tm20tui.locale import read_catalogue
from tm20tui.tui.modes import MODES

PICTURES = Path(__file__).parent / "pictures"
SIZES = ((80, 24), (120, 36))
_KEEP = os.environ.get("TM20_TEST_KEEP_PICTURES") == "1"
ENGLISH = re.compile(
    r"\b(online|offline|pending|failed|sent|never|approve|refresh|waiting|today|Terminals|Delivery|Users|Schedules|"
    r"Tasks|Log|Seen|Name|State|retry|blocked|queued|confirmed|nothing|none|page up|help)\b"
)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("company")) as world:
        scene.set_up(world)
        yield world


_albums: dict[tuple[tuple[int, int], str], dict[str, str]] = {}
_FIRST_SECONDS, _STILL_SECONDS = 1.6, 0.6
"""What the server looked like before is shown until the first snapshot, then modes ask for theirs."""


def album(world: World, size: tuple[int, int], language: str) -> dict[str, str]:
    """Pictures of all modes in one console, each once it stands still."""

    async def run() -> dict[str, str]:
        found: dict[str, str] = {}
        who = client(language=language)
        async with console(world, who, size=size, backend=scene.Posed(world)) as seen:
            await seen.until(lambda: any(line.undelivered for line in seen.app.seen.terminals), "counted")
            await asyncio.sleep(_FIRST_SECONDS)
            for mode in MODES:
                await seen.press(str(mode.NUMBER))
                await seen.press("f5")
                before, since = "", time.monotonic()
                while time.monotonic() - since < _STILL_SECONDS:
                    await asyncio.sleep(0.1)
                    await seen.pilot.pause()
                    if (now := seen.text()) != before:
                        before, since = now, time.monotonic()
                found[mode.MODE] = before
        return found

    if (size, language) not in _albums:
        _albums[size, language] = asyncio.run(run())
    return _albums[size, language]


@pytest.mark.parametrize("mode", [mode.MODE for mode in MODES])
@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_mode_looks_as_it_did(company: World, mode: str, size: tuple[int, int], language: str) -> None:
    picture = album(company, size, language)[mode]
    path = PICTURES / f"{mode}-{size[0]}x{size[1]}-{language}.txt"
    if language == "fr":
        foreign = set(ENGLISH.findall(picture)) - set(read_catalogue("fr").values())
        assert not foreign, f"English in a French picture: {foreign}\n{picture}"
    assert "S3CRET" not in picture
    if _KEEP:
        PICTURES.mkdir(exist_ok=True)
        path.write_text(scene.still(picture), encoding="utf-8")
    assert scene.still(picture) == path.read_text(encoding="utf-8"), picture
