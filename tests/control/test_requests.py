"""What never reached its operation is refused like the rest: by role first, and in the audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ingest.frames import rows
from tests.test_gateway import running, settings_for
from tm20tui.control.requests import run_operation
from tm20tui.errors import Forbidden, InvalidInput, NotFound, OperationError
from tm20tui.operations import load_operations
from tm20tui.operations.call import Call, Operator

ANN = Operator("ann", "admin", "socket")
EYE = Operator("eye", "viewer", "socket")


@pytest.mark.parametrize(
    ("name", "given", "error"),
    [
        ("terminals.approve", {"terminal_id": "nobody"}, NotFound),
        ("terminals.approve", {}, InvalidInput),
        ("terminals.approve", {"terminal_id": 1, "x": {"token": "S3CRET"}}, InvalidInput),
        ("services.add", {"given": [1]}, InvalidInput),
    ],
)
async def test_a_change_that_cannot_be_meant_is_audited_and_a_viewer_learns_only_the_role(
    sqlite_url: str, tmp_path: Path, name: str, given: dict[str, Any], error: type[OperationError]
) -> None:
    operation = load_operations()[name]
    async with running(settings_for(sqlite_url, tmp_path)) as gateway:
        with pytest.raises(error):
            await run_operation(Call(gateway, ANN), operation, given)
        with pytest.raises(Forbidden, match=f"{name} needs the role"):
            await run_operation(Call(gateway, EYE), operation, given)
        entries = await rows(gateway.database, "audit")
    assert [(one["operator"], one["operation"], one["outcome"]) for one in entries] == [
        ("ann", name, "refused"),
        ("eye", name, "refused"),
    ]
    assert "S3CRET" not in str(entries)


async def test_a_question_that_cannot_be_meant_is_answered_only(sqlite_url: str, tmp_path: Path) -> None:
    operation = load_operations()["terminals.get"]
    async with running(settings_for(sqlite_url, tmp_path)) as gateway:
        with pytest.raises(NotFound):
            await run_operation(Call(gateway, EYE), operation, {"terminal_id": "nobody"})
        assert await rows(gateway.database, "audit") == []
