"""Every field that can be set is described where it is asked for."""

from __future__ import annotations

from tm20tui.delivery import draft
from tm20tui.operations import load_operations
from tm20tui.operations.fields import SCHEDULE_FIELDS, SERVICE_FIELDS
from tm20tui.schedule import rules


def test_each_field_has_its_line() -> None:
    assert set(SERVICE_FIELDS) == set(draft.NAMES)
    assert set(SCHEDULE_FIELDS) == set(rules.NAMES)
    registry = load_operations()
    for verb in ("add", "change", "replace"):
        assert registry[f"services.{verb}"].fields is SERVICE_FIELDS
        assert registry[f"schedules.{verb}"].fields is SCHEDULE_FIELDS
