"""Hypothesis strategies: JSON values in general, and frames that look almost right."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tm20tui.protocol.commands import COMMANDS

any_text = st.text(st.characters(), max_size=30)
"""Includes control characters and lone surrogates."""

scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 60),
    st.integers(),
    st.integers(10**28, 10**40),
    st.floats(),
    any_text,
    st.sampled_from(["0", " 7 ", "2025-06-01 08:00:00", "08:00~12:00", "01-01", "true", "/9j/4AA="]),
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)

_MEMBERS = """
sn cpusn devinfo count logindex record records data log enrollid name time mode inout event temp
verifymode image note card pwd backupnum admin enable result reason msg from to stn status holidays shifts
dayzone weekzone lockgroup items schedules radio modelname usersize usedlog opendelay enflag cloudtime
belltimes ctrl doornum language starttime sections startday endday profile
"""
MEMBERS = _MEMBERS.split()

rows = st.dictionaries(st.sampled_from(MEMBERS) | any_text, values, max_size=8)
names = st.sampled_from(["reg", "sendlog", "senduser", "sendqrcode", "sendpin", "other", *COMMANDS])


@st.composite
def frames(draw: st.DrawFn) -> dict[str, Any]:
    """An object with a known name and arbitrary members, some of them rows of arbitrary members."""
    members = draw(st.dictionaries(st.sampled_from(MEMBERS), values | st.lists(rows, max_size=3), max_size=8))
    return {draw(st.sampled_from(["cmd", "ret"])): draw(names), **members}


def as_json(value: Any) -> str:
    return json.dumps(value)
