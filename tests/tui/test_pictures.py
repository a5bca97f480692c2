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
from tests.tui.world import Console, World, client, console, running
from tm20tui.locale import read_catalogue
from tm20tui.tui.modes import MODES

PICTURES = Path(__file__).parent / "pictures"
SIZES = ((80, 24), (120, 36))
LANGUAGES = ("fr", "en")
_KEEP = os.environ.get("TM20_TEST_KEEP_PICTURES") == "1"
_STILL_SECONDS = 3.0 if _KEEP else 15.0
ENGLISH = re.compile(
    r"\b(online|offline|pending|failed|sent|never|approve|refresh|waiting|today|Terminals|Delivery|Users|Schedules|"
    r"Tasks|Log|Seen|Name|State|retry|blocked|queued|confirmed|nothing|none|page up|help)\b"
)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("company")) as world:
        scene.set_up(world)
        yield world


def path(mode: str, size: tuple[int, int], language: str) -> Path:
    """Where its picture is kept."""
    return PICTURES / f"{mode}-{size[0]}x{size[1]}-{language}.txt"


async def taken(seen: Console, kept: Path) -> str:
    """What the console shows once that is what is kept, or once it has stood still for long."""
    expected = "" if _KEEP or not kept.exists() else kept.read_text(encoding="utf-8")
    picture, since, looks = "", time.monotonic(), 0
    while looks < 2 and time.monotonic() - since < _STILL_SECONDS:
        await asyncio.sleep(0.1)
        await seen.pilot.pause()
        if (now := seen.text()) != picture:
            picture, since = now, time.monotonic()
        looks = looks + 1 if scene.still(now) == expected else 0
    return picture


async def album(world: World, size: tuple[int, int], language: str) -> dict[str, str]:
    """Pictures of all modes in one console."""
    found: dict[str, str] = {}
    who = client(language=language)
    async with console(world, who, size=size, backend=scene.Posed(world)) as seen:
        await seen.until(lambda: any(line.undelivered for line in seen.app.seen.terminals), "counted")
        for mode in MODES:
            await seen.press(str(mode.NUMBER))
            await seen.press("f5")
            found[mode.MODE] = await taken(seen, path(mode.MODE, size, language))
    return found


@pytest.fixture(scope="module")
def albums(company: World) -> dict[tuple[tuple[int, int], str], dict[str, str]]:
    """Of all consoles, looked at side by side."""
    kinds = [(size, language) for size in SIZES for language in LANGUAGES]

    async def run() -> list[dict[str, str]]:
        return await asyncio.gather(*(album(company, *kind) for kind in kinds))

    return dict(zip(kinds, asyncio.run(run()), strict=True))


@pytest.mark.parametrize("mode", [mode.MODE for mode in MODES])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_mode_looks_as_it_did(
    albums: dict[tuple[tuple[int, int], str], dict[str, str]],
    mode: str,
    size: tuple[int, int],
    language: str,
) -> None:
    picture = albums[size, language][mode]
    kept = path(mode, size, language)
    if language == "fr":
        foreign = set(ENGLISH.findall(picture)) - set(read_catalogue("fr").values())
        assert not foreign, f"English in a French picture: {foreign}\n{picture}"
    assert "S3CRET" not in picture
    if _KEEP:
        PICTURES.mkdir(exist_ok=True)
        kept.write_text(scene.still(picture), encoding="utf-8")
    assert scene.still(picture) == kept.read_text(encoding="utf-8"), picture
