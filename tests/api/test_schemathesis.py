"""schemathesis against the running server: what it answers is what its OpenAPI document says.

Bounded and with one seed, so that it finds the same each time. Longer by hand:
TM20_TEST_SCHEMATHESIS_EXAMPLES=100.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
import trio

from tests.api.conftest import running_api
from tests.api.world import fill

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("TM20_TEST_SCHEMATHESIS_EXAMPLES", "4")
SEED = "20260302"
# Parts that workers share; the last is whatever the others are not, so that no URL is left out.
PARTS = {
    "terminals": "/terminals/",
    "configs": "/(third-party-configs|mappings)/",
    "deliveries": "/(attendance|deliveries|quarantine)/",
}
EVERYTHING_ELSE = "everything else"


def chosen(part: str) -> list[str]:
    """The options that choose a part; a URL of two parts belongs to the first."""
    names = list(PARTS)
    if part == EVERYTHING_ELSE:
        return ["--exclude-path-regex", "|".join(PARTS.values())]
    earlier = [PARTS[name] for name in names[: names.index(part)]]
    excluded = ["--exclude-path-regex", "|".join(earlier)] if earlier else []
    return ["--include-path-regex", PARTS[part], *excluded]


@pytest.mark.parametrize("part", [*PARTS, EVERYTHING_ELSE])
async def test_the_server_does_what_its_document_says(sqlite_url: str, tmp_path: Path, part: str) -> None:
    async with running_api(sqlite_url, tmp_path, api={"max_body_bytes": 65536}) as api:
        await fill(api.gateway)
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG)),
            *("run", f"{api.server.address}openapi.json", "--seed", SEED),
            *chosen(part),
            *("--max-examples", EXAMPLES, "--no-color", "--suppress-health-check", "all"),
            # It would be read for ever.
            *("--exclude-path", "/devices/api/events/", "--request-timeout", "30"),
        ]
        with trio.fail_after(600):
            done = await trio.run_process(
                command, capture_stdout=True, capture_stderr=True, check=False, cwd=tmp_path
            )
        said = re.sub(r"\n{3,}", "\n\n", done.stdout.decode() + done.stderr.decode())
        assert done.returncode == 0, said[-20_000:]

        assert re.search(r"[1-9]\d{2,} generated", said), said[-2000:]
        assert (await api.client.get("/readyz")).status_code == 200
