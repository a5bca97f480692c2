"""Starting: what is wrong is said in one line with its exit code; headless loads no console."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.process.server import Server, service_draft, serving, until
from tests.process.terminal import dialled
from tm20tui.simulate.hr import HrService, serve_hr


async def refused(server: Server, code: int) -> str:
    """Start it and expect it to end with `code`; the one line it said."""
    server.spawn(fresh=True)
    assert await server.ended() == code
    (line,) = server.said().splitlines()
    assert line.startswith("tm20tui: ")
    return line


async def test_a_second_server_on_the_port_says_so_and_exits_3(tmp_path: Path) -> None:
    with serving(tmp_path / "first") as first, serving(tmp_path / "second") as second:
        await first.start()
        second.environment["TM20_TERMINALS__PORT"] = str(first.port)
        said = await refused(second, 3)
        assert f"port {first.port} is taken" in said
        async with dialled(first) as terminal:
            assert (await terminal.punch(1))["result"] is True


async def test_a_second_server_on_the_database_says_so_and_exits_3(tmp_path: Path) -> None:
    with serving(tmp_path / "first") as first, serving(tmp_path / "second", first.database_url) as second:
        await first.start()
        said = await refused(second, 3)
        assert "another tm20tui server uses the database" in said
        first.kill()
        # The lock has died with its holder.
        await second.start()


@pytest.mark.postgres
async def test_a_second_server_on_a_postgres_database_exits_3(
    clean_postgres_url: str, tmp_path: Path
) -> None:
    with (
        serving(tmp_path / "a", clean_postgres_url) as first,
        serving(tmp_path / "b", clean_postgres_url) as second,
    ):
        await first.start()
        assert "another tm20tui server uses the database" in await refused(second, 3)
        assert await first.stop() == 0
        await second.start()


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("TM20_TERMINALS__PORT", "70000", "terminals.port"),
        ("TM20_TERMINALS__ADMISSION", "anybody", "terminals.admission"),
        ("TM20_SITE__TIMEZONE", "Mars/Olympus", "site.timezone"),
        ("TM20_DATABASE__URL", "mysql://root@localhost/x", "database.url"),
        ("TM20_TERMINALS__HOST", "192.0.2.1", "terminals.host"),
        ("TM20_NOSUCH", "1", "TM20_NOSUCH"),
    ],
)
async def test_a_wrong_setting_is_one_line_and_exits_2(
    tmp_path: Path, name: str, value: str, key: str
) -> None:
    with serving(tmp_path) as server:
        server.environment[name] = value
        said = await refused(server, 2)
    assert key in said
    assert value in said


@pytest.mark.parametrize("query", ["", "?sslmode=nonsense"])
async def test_a_database_that_cannot_be_used_is_said_without_its_password(
    tmp_path: Path, query: str
) -> None:
    with serving(tmp_path, f"postgresql://somebody:s3cr3t@127.0.0.1:9/nowhere{query}") as server:
        assert "s3cr3t" not in await refused(server, 1)


async def test_headless_never_imports_textual(tmp_path: Path) -> None:
    """Watched by the interpreter itself, over a whole life: terminals, punches, deliveries, drain."""
    receiver = HrService()
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_hr, receiver, "127.0.0.1", 0)
        with serving(
            tmp_path, PYTHONPROFILEIMPORTTIME="1", TM20_API__ENABLED="true", TM20_API__PORT="0"
        ) as server:
            server.prepare(service_draft("HR", port))
            await server.start(fresh=True)
            async with dialled(server) as terminal:
                await terminal.punch(1)
            await until(lambda: receiver.records)
            assert await server.stop() == 0
        nursery.cancel_scope.cancel()
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in server.said().splitlines()
        if line.startswith("import time:")
    }
    assert {"tm20tui", "trio", "sqlalchemy"} <= imported
    assert "textual" not in imported
