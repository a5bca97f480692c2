from __future__ import annotations

from tests.protocol.strategies import as_json
from tm20tui.protocol import DevInfo, Reg, decode
from tm20tui.protocol.devinfo import read_devinfo

TOLD = {
    "modelname": "tfs30",
    "firmware": "TH600 V9.9",
    "usersize": 3000,
    "usedlog": "902",
    "time": "2025-06-01 07:59:12",
}
READ = DevInfo(
    "tfs30", "TH600 V9.9", time="2025-06-01 07:59:12", capacities={"usersize": 3000, "usedlog": 902}
)


def test_devinfo_is_found_nested_and_flattened() -> None:
    assert read_devinfo({"cmd": "reg", "sn": "Z1", "devinfo": TOLD}) == READ
    assert read_devinfo({"cmd": "reg", "sn": "Z1", **TOLD}) == READ
    assert read_devinfo({"devinfo": {**TOLD, " mac ": " M "}, "firmware": "other"}).mac == "M"
    assert read_devinfo({"devinfo": TOLD, "firmware": "other"}).firmware == "TH600 V9.9"


def test_devinfo_may_be_anything() -> None:
    devinfo: object
    for devinfo in (None, [], "x", 7, {}, {"modelname": [], "usersize": "many", "usedlog": True}):
        assert read_devinfo({"devinfo": devinfo}).capacities == {}


def test_devinfo_is_bounded() -> None:
    info = read_devinfo({"devinfo": {f"used{n}": "9" * 9000 for n in range(9000)}})
    assert len(info.raw) <= 152
    assert len(as_json(info.raw)) < 60_000


def test_devinfo_made_by_hand_is_read_back() -> None:
    assert decode(Reg("Z1", devinfo=READ).encode()) == Reg("Z1", devinfo=READ)
