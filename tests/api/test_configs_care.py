"""What is done to a config besides changing its fields: tested, signed anew, back-filled."""

from __future__ import annotations

import json

from tests.api.conftest import Running
from tests.api.test_operators_resources import ask
from tests.api.world import fill
from tm20tui.hr.signing import new_signing_secret, read_signing_secret

PLACE = "third-party-configs/"


async def test_a_config_is_tested_saved_or_not_and_no_secret_is_told(api: Running) -> None:
    await fill(api.gateway)
    given = {
        "name": "new",
        "base_url": "http://127.0.0.1:9",
        "auth_type": "bearer",
        "auth_token": "s3cr3t-t0k",
    }
    for url, body in ((f"{PLACE}test/", given), (f"{PLACE}1/test/", given)):
        found = await ask(api, "POST", url, body)
        assert found["status"] == "failed"
        assert [step["name"] for step in found["steps"]] == [
            "name",
            "tcp",
            "tls",
            "auth",
            "users",
            "attendance",
        ]
        assert found["steps"][1]["state"] == "failed"
        assert set(json.loads(found["request"]["body"])) == {"attendance"}
        assert "s3cr3t-t0k" not in json.dumps(found)
    names = [one["name"] for one in (await ask(api, "GET", PLACE))["configs"]]
    assert "new" not in names


async def test_a_signing_secret_is_made_shown_once_and_the_old_one_dropped(api: Running) -> None:
    await fill(api.gateway)
    await ask(api, "PATCH", f"{PLACE}1/", {"signing_secret": new_signing_secret(), "requests_per_minute": 60})
    done = await ask(api, "POST", f"{PLACE}1/signing/rotate/", {"overlap_hours": 1})
    assert len(read_signing_secret(done["new_secret"])) == 32
    config = (await ask(api, "GET", f"{PLACE}1/"))["config"]
    assert (config["has_signing_secret"], config["has_old_signing_secret"]) == (True, True)
    assert config["requests_per_minute"] == 60
    assert done["new_secret"] not in json.dumps(config)
    dropped = await ask(api, "DELETE", f"{PLACE}1/signing/old/")
    assert dropped["config"]["has_old_signing_secret"] is False
    await ask(api, "DELETE", f"{PLACE}1/signing/old/", status=409)


async def test_a_back_fill_is_counted_before_it_begins(api: Running) -> None:
    await fill(api.gateway)
    body = {"name": "late", "base_url": "http://127.0.0.2:9", "is_active": False}
    late = (await ask(api, "POST", PLACE, body, status=201))["config_id"]
    wanted = {"from": "2020-01-01T00:00:00Z", "dry_run": True}
    counted = await ask(api, "POST", f"{PLACE}{late}/backfill/", wanted)
    assert counted["owed"] > 0
    assert counted["task"] is None
    begun = await ask(api, "POST", f"{PLACE}{late}/backfill/", wanted | {"dry_run": False})
    assert begun["task"]["name"] == "back-fill of late"
    wrong = await ask(api, "POST", f"{PLACE}{late}/backfill/", {"from": "2020-01-01"}, status=400)
    assert wrong["field"] == "from"
