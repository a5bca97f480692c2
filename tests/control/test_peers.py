"""Who may come in, and as what: the kernel's word, the configuration's roles."""

from __future__ import annotations

import grp
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.control.conftest import HELLO, running_control
from tests.ingest.frames import rows
from tm20tui.control import server
from tm20tui.control.peers import Peer, role_of
from tm20tui.operations.call import Role
from tm20tui.settings import OperatorsSettings

NOBODY = "nobody"
CLIENT = """
import json, os, socket, sys
path, uid, gid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.setgroups([]); os.setgid(gid); os.setuid(uid)
with socket.socket(socket.AF_UNIX) as s:
    try:
        s.connect(path)
    except PermissionError:
        print(json.dumps({"denied": True})); sys.exit()
    try:
        s.sendall(b'{"hello":1,"for":"operations"}\\n')
    except BrokenPipeError:  # refused before it was said; why can be read
        pass
    lines = s.makefile()
    hello = json.loads(lines.readline())
    answers = [hello]
    if "error" not in hello:
        for line in sys.argv[4:]:
            s.sendall(line.encode() + b"\\n")
            answers.append(json.loads(lines.readline()))
    print(json.dumps(answers))
"""


def peer(uid: int = 4242, name: str = "ann", groups: tuple[str, ...] = ()) -> Peer:
    return Peer(1, uid, name, frozenset(groups))


@pytest.mark.parametrize(
    ("who", "users", "groups", "role"),
    [
        (peer(), {}, {}, None),
        (peer(0, "root"), {}, {}, "admin"),
        (peer(os.geteuid(), "tm20"), {"tm20": "viewer"}, {}, "admin"),
        (peer(), {"ann": "viewer"}, {}, "viewer"),
        (peer(), {"bob": "admin"}, {}, None),
        (peer(groups=("hr", "it")), {}, {"hr": "viewer", "it": "operator"}, "operator"),
        (peer(groups=("hr",)), {"ann": "admin"}, {"hr": "viewer"}, "admin"),
        (peer(groups=("hr",)), {"ann": "viewer"}, {"hr": "operator"}, "operator"),
        (peer(groups=("x",)), {}, {"hr": "operator"}, None),
        (peer(name="uid 4242"), {"ann": "admin"}, {}, None),
    ],
)
def test_the_highest_role_of_an_account_and_its_groups_counts(
    who: Peer, users: dict[str, Role], groups: dict[str, Role], role: Role | None
) -> None:
    assert role_of(who, users, groups) == role


@pytest.fixture
def nobody() -> pwd.struct_passwd:
    """An account that is not ours; only root can become it."""
    if os.geteuid() != 0:
        pytest.skip("OTHER ACCOUNTS NOT TESTED: only root can become another user")
    return pwd.getpwnam(NOBODY)


def open_up(folder: Path) -> None:
    """Let other accounts reach a file in there."""
    for each in (folder, *folder.parents):
        if str(each).startswith("/tmp/") and each.owner() == "root":
            each.chmod(each.stat().st_mode | 0o011)


async def ask_as(path: Path, who: pwd.struct_passwd, *requests: dict[str, Any]) -> Any:
    """What another account is answered: the hello, then one answer for each request."""
    command = [sys.executable, "-c", CLIENT, str(path), str(who.pw_uid), str(who.pw_gid)]
    lines = [json.dumps(request) for request in requests]
    done = await trio.run_process([*command, *lines], capture_stdout=True, stderr=subprocess.STDOUT)
    return json.loads(done.stdout)


async def test_another_account_is_kept_out_by_the_file(
    nobody: pwd.struct_passwd, sqlite_url: str, tmp_path: Path
) -> None:
    open_up(tmp_path)
    async with running_control(sqlite_url, tmp_path) as running:
        assert await ask_as(running.server.path, nobody) == {"denied": True}


async def test_an_account_without_a_role_is_refused_with_a_sentence(
    nobody: pwd.struct_passwd, sqlite_url: str, tmp_path: Path
) -> None:
    open_up(tmp_path)
    group = grp.getgrgid(nobody.pw_gid).gr_name
    async with running_control(sqlite_url, tmp_path, control={"group": group}) as running:
        (hello,) = await ask_as(running.server.path, nobody)
        (entry,) = await rows(running.gateway.database, "audit")
        assert (entry["operator"], entry["operation"], entry["outcome"]) == (
            "nobody",
            "control.connect",
            "refused",
        )
    assert hello["error"]["code"] == "forbidden"
    assert hello["error"]["message"].startswith("nobody has no role here")


async def test_a_viewer_looks_and_is_refused_what_changes_something(
    nobody: pwd.struct_passwd, sqlite_url: str, tmp_path: Path
) -> None:
    open_up(tmp_path)
    group = grp.getgrgid(nobody.pw_gid).gr_name
    sections = {"control": {"group": group}, "operators": {"groups": {group: "viewer"}}}
    async with running_control(sqlite_url, tmp_path, **sections) as running:
        terminal = await running.add_terminal("ZX1")
        arguments = {"terminal_id": terminal.id}
        hello, listed, approved = await ask_as(
            running.server.path,
            nobody,
            {"id": 1, "operation": "terminals.list"},
            {"id": 2, "operation": "terminals.approve", "arguments": arguments},
        )
        async with running.client() as lines:
            audit = (await lines.ask(1, operation="audit.list"))["result"]["entries"][0]
    assert (hello["operator"], hello["role"]) == ("nobody", "viewer")
    assert [row["terminal"]["sn"] for row in listed["result"]] == ["ZX1"]
    assert approved["error"]["code"] == "forbidden"
    assert (audit["operator"], audit["outcome"], audit["operation"]) == (
        "nobody",
        "refused",
        "terminals.approve",
    )


async def test_one_account_cannot_take_every_connection(
    nobody: pwd.struct_passwd, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_CLIENTS_OF_A_USER", 0)
    open_up(tmp_path)
    group = grp.getgrgid(nobody.pw_gid).gr_name
    sections = {"control": {"group": group}, "operators": {"users": {"nobody": "viewer"}}}
    async with running_control(sqlite_url, tmp_path, **sections) as running:
        (hello,) = await ask_as(running.server.path, nobody)
        assert hello["error"]["code"] == "unavailable"
        async with running.client() as lines:
            assert (await lines.ask(1, operation="terminals.list"))["result"] == []


async def test_roles_that_change_hold_for_who_is_connected(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "identify", lambda _credentials: peer())
    async with (
        running_control(sqlite_url, tmp_path, operators={"users": {"ann": "operator"}}) as running,
        running.client() as lines,
    ):
        terminal = await running.add_terminal("ZX1")
        approve = {"operation": "terminals.approve", "arguments": {"terminal_id": terminal.id}}
        assert "result" in await lines.ask(1, **approve)
        await running.server.change_operators(
            OperatorsSettings(groups={"hr": "admin"}, users={"ann": "viewer"})
        )
        answer = await lines.ask(2, **approve)
        assert answer["error"]["message"] == "terminals.approve needs the role operator; ann is viewer"
        await running.server.change_operators(OperatorsSettings())
        assert await lines.hear() is None


async def test_what_operators_do_is_told_to_operators_only_also_once_they_are_none_any_more(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "identify", lambda _credentials: peer())
    async with (
        running_control(sqlite_url, tmp_path, operators={"users": {"ann": "operator"}}) as running,
        running.client() as lines,
    ):
        events = running.gateway.events
        assert (await lines.ask(1, follow="events", kinds=["operation", "quarantine"]))[
            "result"
        ] == "following"
        with trio.fail_after(30):
            while not events.hears("operation"):
                await trio.sleep(0.01)
        events.publish("operation", operation="terminals.block")
        events.publish("quarantine", quarantined=1)
        assert [(await lines.hear() or {})["event"]["kind"] for _ in range(2)] == ["operation", "quarantine"]
        await running.server.change_operators(OperatorsSettings(users={"ann": "viewer"}))
        events.publish("operation", operation="terminals.block")
        events.publish("quarantine", quarantined=2)
        assert (await lines.hear() or {})["event"]["kind"] == "quarantine"


async def test_one_of_two_that_are_alike_leaves_and_the_other_stays_known(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "identify", lambda _credentials: peer())
    async with (
        running_control(sqlite_url, tmp_path, operators={"users": {"ann": "operator"}}) as running,
        running.raw() as first,
    ):

        async def until_known(count: int) -> None:
            with trio.fail_after(30):
                while len(running.server._known) != count:
                    await trio.sleep(0.01)

        await until_known(1)
        async with running.raw():
            await until_known(2)
        await until_known(1)
        await first.say(HELLO)
        assert (await first.hear() or {})["role"] == "operator"
        await running.server.change_operators(OperatorsSettings())
        assert await first.hear() is None
