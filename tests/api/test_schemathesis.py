"""schemathesis against the running server: what it answers is what its OpenAPI document says.

Bounded and with one seed, so that it finds the same each time. Longer by hand:
TM20_TEST_SCHEMATHESIS_EXAMPLES=100.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import trio

from tests.api.conftest import running_api
from tests.api.world import fill

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("TM20_TEST_SCHEMATHESIS_EXAMPLES", "4")
SEED = "20260302"


async def test_the_server_does_what_its_document_says(sqlite_url: str, tmp_path: Path) -> None:
    async with running_api(sqlite_url, tmp_path, api={"max_body_bytes": 65536}) as api:
        await fill(api.gateway)
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG)),
            *("run", f"{api.server.address}openapi.json", "--seed", SEED),
            *("--max-examples", EXAMPLES, "--no-color", "--suppress-health-check", "all"),
            # It would be read for ever.
            *("--exclude-path", "/devices/api/events/", "--request-timeout", "10"),
        ]
        with trio.fail_after(600):
            done = await trio.run_process(
                command, capture_stdout=True, capture_stderr=True, check=False, cwd=tmp_path
            )
        said = re.sub(r"\n{3,}", "\n\n", done.stdout.decode() + done.stderr.decode())
        assert done.returncode == 0, said[-20_000:]
        assert re.search(r"\d{4} generated", said), said[-2000:]
        assert (await api.client.get("/readyz")).status_code == 200
