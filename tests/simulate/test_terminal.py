from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.simulate.conftest import Rig

MakeRig = Callable[..., Rig]


@pytest.mark.parametrize(("family", "delay"), [("TH600", 2.0), ("TH900", 0.2), ("AiFace", 0.2)])
def test_reg_comes_after_the_familys_delay_and_again_every_20_seconds(
    make_rig: MakeRig, family: str, delay: float
) -> None:
    rig = make_rig(family)
    rig.terminal.connected(rig.now)
    assert rig.later(delay - 0.01) == []
    assert [frame["cmd"] for frame in rig.later(0.02)] == ["reg"]
    assert rig.later(19.9) == []
    assert len(rig.later(0.2)) == 1
    rig.tell(ret="reg", result=False, reason="not registered")
    assert rig.terminal.tally.trouble == "registration refused: not registered"
    assert len(rig.later(40)) == 2
    rig.tell(ret="reg", result=True)
    assert rig.later(60) == []


def test_devinfo_has_the_shape_of_the_family(make_rig: MakeRig) -> None:
    shapes = {}
    for family in ("TH600", "TH900", "AiFace"):
        rig = make_rig(family)
        rig.register()
        shapes[family] = rig.sent[0]
    assert "cpusn" in shapes["TH600"]
    assert "cpusn" not in shapes["TH900"]
    assert shapes["AiFace"]["devinfo"]["modelname"] == "AiFace"
    assert "usedrtlog" in shapes["AiFace"]["devinfo"]
    assert shapes["TH600"]["devinfo"]["useduser"] == 5
    assert shapes["TH600"]["sn"] == "TH6SIM000001"


def test_cloudtime_sets_the_clock(make_rig: MakeRig) -> None:
    rig = make_rig(drift_seconds=9999.0)
    rig.register(cloudtime="2031-05-06 07:08:09")
    rig.terminal.punch(rig.now, 1)
    (frame,) = rig.later(5)
    assert frame["record"][0]["time"].startswith("2031-05-06 07:08:")


@pytest.mark.parametrize("wrong", ["2026-03-02T08:00:00Z", "02/03/2026 08:00:00", 0, None])
def test_cloudtime_in_another_format_is_a_violation(make_rig: MakeRig, wrong: object) -> None:
    rig = make_rig()
    rig.register(cloudtime=wrong)
    assert rig.ledger.violations == {"cloudtime in a wrong format": 1}


def test_punches_made_while_away_come_in_batches_of_18_and_then_live_ones_singly(make_rig: MakeRig) -> None:
    rig = make_rig(users=60)
    rig.terminal.punch(rig.now, 20)
    rig.register()
    (first,) = rig.later(1)
    assert (first["count"], first["logindex"], len(first["record"])) == (18, 0, 18)
    (second,) = rig.ack(first)
    assert (second["count"], second["logindex"]) == (2, 18)
    assert rig.ack(second) == []
    rig.terminal.punch(rig.now, 1)
    assert rig.later(2.9) == []
    (live,) = rig.later(0.2)
    assert (live["count"], live["logindex"]) == (1, 20)
    rig.ack(live)
    assert rig.ledger.acked_count == 21
    assert rig.ledger.violation_count == 0


def test_aiface_names_its_records_and_always_sends_logindex_0(make_rig: MakeRig) -> None:
    rig = make_rig("AiFace")
    rig.register()
    for _ in range(2):
        rig.terminal.punch(rig.now, 1)
        (frame,) = rig.later(1)
        assert frame["logindex"] == 0
        assert frame["record"][0]["name"]
        rig.ack(frame)
    assert rig.ledger.acked_count == 2


@pytest.mark.parametrize(
    "changes",
    [{"count": 2}, {"count": "1"}, {"logindex": 7}, {"logindex": None}, {"logindex": False}, {"count": True}],
)
def test_an_acknowledgement_with_a_wrong_echo_is_not_one(
    make_rig: MakeRig, changes: dict[str, object]
) -> None:
    rig = make_rig()
    rig.register()
    rig.terminal.punch(rig.now, 1)
    (frame,) = rig.later(4)
    rig.ack(frame, **changes)
    assert rig.ledger.acked_count == 0
    assert rig.ledger.violations == {"acknowledged with a wrong count or logindex": 1}
    assert rig.later(20)[0] == frame


def test_a_refused_batch_stays_and_is_no_violation(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.register()
    rig.terminal.punch(rig.now, 1)
    (frame,) = rig.later(4)
    rig.tell(ret="sendlog", result=False, reason=1)
    assert (rig.terminal.tally.refused, rig.ledger.violation_count) == (1, 0)
    assert rig.later(20) == [frame]


def test_unacknowledged_batch_is_resent_three_times_then_the_terminal_hangs_up_and_starts_over(
    make_rig: MakeRig,
) -> None:
    rig = make_rig()
    rig.register()
    rig.terminal.punch(rig.now, 1)
    (frame,) = rig.later(4)
    assert rig.later(61) == [frame] * 3
    assert not rig.terminal.wants_close
    assert rig.later(20) == []
    assert rig.terminal.wants_close
    rig.terminal.disconnected()
    rig.register()
    assert rig.later(1) == [frame]


def test_th600_resends_at_once_when_another_frame_is_exchanged(make_rig: MakeRig) -> None:
    rig = make_rig("TH600")
    rig.register()
    rig.terminal.punch(rig.now, 1)
    (frame,) = rig.later(4)
    rig.tell(cmd="getdevinfo")
    said = rig.later(1)
    assert [message.get("ret") or message["cmd"] for message in said] == ["getdevinfo", "sendlog"]
    rig.ack(frame)
    rig.terminal.punch(rig.now, 1)
    rig.later(4)
    rig.ack(frame)  # the copy's acknowledgement comes late: neither a violation nor the new frame's
    assert rig.ledger.acked_count == 1
    assert rig.ledger.violation_count == 0


def test_every_other_aiface_measures_temperatures(make_rig: MakeRig) -> None:
    for index, measured in ((1, False), (2, True)):
        rig = make_rig("AiFace", index=index)
        rig.terminal.punch(rig.now, 1)
        rig.register()
        (frame,) = rig.later(1)
        assert ("temp" in frame["record"][0]) is measured


def test_aiface_does_not_resend_but_hangs_up_after_20_seconds(make_rig: MakeRig) -> None:
    rig = make_rig("AiFace")
    rig.register()
    rig.terminal.punch(rig.now, 1)
    rig.later(1)
    assert rig.later(25) == []
    assert rig.terminal.wants_close


def test_acknowledging_what_was_not_sent_is_a_violation(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.register()
    rig.tell(ret="sendlog", result=True, count=1, logindex=0)
    rig.tell(ret="setuserinfo", result=True)
    rig.tell(nonsense=True)
    rig.terminal.receive("{", rig.now)
    assert rig.ledger.violations == {
        "acknowledged a sendlog that was not sent": 1,
        "reply to nothing that was asked": 1,
        "neither cmd nor ret": 1,
        "not a JSON object": 1,
    }


def test_two_commands_at_once_and_one_before_reg_are_violations_yet_answered_in_order(
    make_rig: MakeRig,
) -> None:
    rig = make_rig("AiFace")
    rig.terminal.connected(rig.now)
    rig.tell(cmd="gettime")
    rig.later(5)
    rig.tell(ret="reg", result=True)
    rig.tell(cmd="getdevinfo")
    rig.tell(cmd="gettime")
    assert [message["ret"] for message in rig.later(1)] == ["getdevinfo", "gettime"]
    assert rig.ledger.violations == {"command before the reg reply": 1, "two commands at once": 1}


def test_an_enrolment_is_sent_until_answered_by_its_own_name_unless_the_server_does_not_want_any(
    make_rig: MakeRig,
) -> None:
    rig = make_rig("TH600", enrol_seconds=30.0)
    rig.register(nosenduser=True)
    assert rig.later(1000) == []
    rig = make_rig("TH600", enrol_seconds=30.0)
    rig.register(nosenduser=False)
    while not (said := rig.later(1)):
        pass
    assert said[0]["cmd"] == "senduser"
    assert re.fullmatch(r"[0-9a-f()]+", said[0]["record"])
    rig.tell(ret="sendlog", result=True)
    assert rig.ledger.violation_count == 1
    assert said[0] in rig.later(5.1)
    rig.tell(ret="senduser", result=True)
    assert said[0] not in rig.later(6)


def test_no_terminal_holds_the_same_person_and_second_twice(make_rig: MakeRig) -> None:
    rig = make_rig("AiFace", users=3, closed_loop=True, batch=7)
    (frame,) = rig.register() or rig.later(1)
    for _ in range(300):
        (frame,) = rig.ack(frame)
    rig.tell(cmd="settime", cloudtime="2026-03-02 08:00:00")
    for _ in range(100):
        (frame,) = [message for message in rig.ack(frame) if message.get("cmd") == "sendlog"]
    seen = [(entry.punch.enrollid, entry.punch.time) for entry in rig.ledger.entries()]
    assert len(seen) == 401 * 7
    assert len(set(seen)) == len(seen)


def test_same_seed_same_people_in_the_same_order(make_rig: MakeRig) -> None:
    orders = []
    for seed in (5, 5, 6):
        rig = make_rig(users=40, seed=seed)
        rig.terminal.punch(0, 40)
        orders.append([(entry.punch.enrollid, entry.punch.mode) for entry in rig.ledger.entries()])
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]


def test_cleared_logs_are_booked_as_discarded_and_positions_start_again(make_rig: MakeRig) -> None:
    rig = make_rig("TH900")
    rig.terminal.punch(rig.now, 3)
    rig.register()
    (frame,) = rig.later(0.6)
    assert rig.command("cleanlog") == {"ret": "cleanlog", "sn": "TH9SIM000001", "result": True}
    rig.ack(frame)
    assert (rig.ledger.acked_count, rig.ledger.discarded_count, rig.ledger.violation_count) == (0, 3, 0)
    rig.terminal.punch(rig.now, 1)
    (frame,) = rig.later(2)
    assert frame["logindex"] == 0
    rig.ack(frame)
    assert [(entry.number, entry.acked) for entry in rig.ledger.entries()] == [
        (0, False),
        (1, False),
        (2, False),
        (3, True),
    ]
