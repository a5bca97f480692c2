"""Signing secrets as operators handle them: made or entered, replaced, dropped, never told again."""

from __future__ import annotations

import json

import pytest

from tests.ingest.frames import rows
from tests.operations.conftest import Desk
from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.hr.signing import new_signing_secret, read_signing_secret
from tm20tui.operations import services, signing
from tm20tui.operations.registry import to_json
from tm20tui.store.services import get_secrets


async def add(desk: Desk, **given: object) -> int:
    least = {"name": "hr", "base_url": "https://hr.example"}
    return (await services.add_service(desk.call(), least | given)).id


async def secrets_of(desk: Desk, service_id: int) -> tuple[str, str]:
    found = await desk.database.read(get_secrets, desk.vault, service_id)
    return found.signing_secret, found.old_signing_secret


async def test_a_secret_is_made_shown_once_and_replaced_with_an_overlap(desk: Desk) -> None:
    ident = await add(desk)
    first = await signing.rotate_signing_secret(desk.call(), ident)
    assert first.new_secret is not None
    assert len(read_signing_secret(first.new_secret)) == 32
    assert (first.service.has_signing_secret, first.service.has_old_signing_secret) == (True, False)
    second = await signing.rotate_signing_secret(desk.call(), ident, overlap_hours=None)
    assert second.service.has_old_signing_secret
    assert second.service.old_signing_until is None
    assert await secrets_of(desk, ident) == (second.new_secret, first.new_secret)
    assert not (await signing.drop_old_signing_secret(desk.call(), ident)).has_old_signing_secret
    assert await secrets_of(desk, ident) == (second.new_secret, "")
    with pytest.raises(Conflict, match="no old signing secret"):
        await signing.drop_old_signing_secret(desk.call(), ident)


async def test_a_secret_that_is_entered_is_never_told_again(desk: Desk) -> None:
    one, two = new_signing_secret(), new_signing_secret()
    ident = await add(desk, signing_secret=one)
    done = await signing.rotate_signing_secret(desk.call(), ident, signing_secret=two)
    assert done.new_secret is None
    assert done.service.old_signing_until is not None
    shown = json.dumps([to_json(done), to_json(await services.list_services(desk.call()))])
    for line in [shown, *(str(dict(row)) for row in await rows(desk.database, "audit"))]:
        assert one not in line
        assert two not in line
    for row in await rows(desk.database, "services"):
        assert two.encode() not in row["signing_secret_sealed"]


async def test_entering_another_by_a_change_rotates_too_and_an_empty_one_ends_it(desk: Desk) -> None:
    one, two = new_signing_secret(), new_signing_secret()
    ident = await add(desk, signing_secret=one)
    assert await secrets_of(desk, ident) == (one, "")
    changed = await services.change_service(desk.call(), ident, {"signing_secret": two})
    assert changed.old_signing_until is not None
    assert await secrets_of(desk, ident) == (two, one)
    await services.change_service(desk.call(), ident, {"signing_secret": two, "requests_per_minute": 10})
    assert await secrets_of(desk, ident) == (two, one)
    changed = await services.change_service(desk.call(), ident, {"signing_secret": ""})
    assert (changed.has_signing_secret, changed.requests_per_minute) == (False, 10)
    assert await secrets_of(desk, ident) == ("", "")


async def test_another_host_needs_the_signing_secret_again_and_gets_no_old_one(desk: Desk) -> None:
    one, two = new_signing_secret(), new_signing_secret()
    ident = await add(desk, signing_secret=one)
    elsewhere = {"base_url": "https://elsewhere.example"}
    with pytest.raises(InvalidInput, match="signing_secret must be entered again") as caught:
        await services.change_service(desk.call(), ident, elsewhere)
    assert caught.value.field == "signing_secret"
    await services.change_service(desk.call(), ident, elsewhere | {"signing_secret": two})
    assert await secrets_of(desk, ident) == (two, "")


async def test_what_cannot_be_is_refused_by_field(desk: Desk) -> None:
    ident = await add(desk)
    with pytest.raises(InvalidInput, match="must be whsec_") as caught:
        await signing.rotate_signing_secret(desk.call(), ident, signing_secret="hunter2-hunter2")
    assert caught.value.field == "signing_secret"
    assert "hunter2" not in str(caught.value)
    with pytest.raises(InvalidInput, match="must not be empty"):
        await signing.rotate_signing_secret(desk.call(), ident, signing_secret="")
    with pytest.raises(InvalidInput, match="overlap_hours"):
        await signing.rotate_signing_secret(desk.call(), ident, overlap_hours=-1)
    with pytest.raises(NotFound):
        await signing.rotate_signing_secret(desk.call(), 99)
    with pytest.raises(InvalidInput, match="requests_per_minute"):
        await services.change_service(desk.call(), ident, {"requests_per_minute": 0})
    await signing.rotate_signing_secret(desk.call(), ident, signing_secret="env:HR_SIGNING")
