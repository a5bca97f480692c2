"""Completeness and pulls over HTTP."""

from __future__ import annotations

from tests.api.conftest import Running
from tests.api.world import fill


async def test_completeness_over_http(api: Running) -> None:
    await fill(api.gateway)
    url = "/devices/api/terminals/1/completeness/"
    answer = (await api.client.get(url, params={"from": "2025-12-29", "to": "2025-12-31"})).json()
    assert answer["success"] is True
    assert [day["day"] for day in answer["days"]] == ["2025-12-29", "2025-12-30", "2025-12-31"]
    assert all(day["reason"] == "not reconciled yet" and not day["is_complete"] for day in answer["days"])
    assert all(day["reported"] is None for day in answer["days"])
    assert sum(day["stored"] for day in answer["days"]) > 0
    assert len((await api.client.get(url)).json()["days"]) == 7
    wrong = await api.client.get(url, params={"from": "2026-02-30"})
    assert wrong.status_code == 400
    assert "from" in wrong.text
    assert (await api.client.get("/devices/api/terminals/999/completeness/")).status_code == 404


async def test_a_terminal_that_is_away_cannot_be_pulled_from(api: Running) -> None:
    await fill(api.gateway)
    for verb, body in (("pull-new", {}), ("pull-all", {"from_day": "2026-06-01"})):
        answer = await api.client.post(f"/devices/api/terminals/1/{verb}/", json=body)
        assert answer.status_code == 409, answer.text
        assert "is not connected" in answer.json()["error"]
