"""What a group of frames becomes: unique punches, what is owed, what is set aside."""

from __future__ import annotations

import zlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from sqlalchemy import Connection, update

from tests.ingest.frames import RECEIVED_AT, log_frame, make_terminal, record, rows, store, user_frame
from tm20tui.ingest.access import Access
from tm20tui.ingest.config import IngestConfig
from tm20tui.ingest.frames import BrokenFrame, RegFrame
from tm20tui.ingest.users import decide_qr_code
from tm20tui.protocol import Reg, decode
from tm20tui.store import schema, services
from tm20tui.store.engine import Database
from tm20tui.store.services import ServiceDraft
from tm20tui.store.vault import Vault


async def add_service(
    database: Database, vault: Vault, name: str, terminal_ids: tuple[int, ...] | None = None
) -> int:
    draft = ServiceDraft(name=name, base_url="http://hr.example", terminal_ids=terminal_ids)
    return (await database.write(services.add_service, vault, draft, RECEIVED_AT)).id


async def test_the_same_frame_three_times_is_one_row_and_one_delivery(
    database: Database, vault: Vault
) -> None:
    terminal = await make_terminal(database)
    service = await add_service(database, vault, "HR")
    frame = log_frame(terminal, record(17), record(18))
    first = await store(database, vault, frame, log_frame(terminal, record(17)))
    again = await store(database, vault, frame)
    assert [(receipt.stored, receipt.duplicates) for receipt in first + again] == [(2, 0), (0, 1), (0, 2)]
    assert first[0].owed == {service}
    assert again[0].owed == set()
    assert [row["enrollid"] for row in await rows(database, "punches")] == ["17", "18"]
    assert [row["service_id"] for row in await rows(database, "deliveries")] == [service, service]


async def test_a_punch_is_owed_to_every_service_that_serves_its_terminal(
    database: Database, vault: Vault
) -> None:
    here = await make_terminal(database, "HERE")
    there = await make_terminal(database, "THERE")
    everywhere = await add_service(database, vault, "everywhere")
    only_there = await add_service(database, vault, "only there", (there.id,))
    await store(database, vault, log_frame(here, record()), log_frame(there, record()))
    owed = {(row["punch_id"], row["service_id"]) for row in await rows(database, "deliveries")}
    assert owed == {(1, everywhere), (2, everywhere), (2, only_there)}


async def test_everything_a_record_says_is_kept(database: Database, vault: Vault) -> None:
    terminal = await make_terminal(database)
    said = record(
        "0000123",
        name=" Zoé ",
        mode=8,
        inout=1,
        event=2,
        temp=3650,
        verifymode=13,
        image="data:image/jpeg;base64," + b64encode(b"\xff\xd8jpeg").decode(),
    )
    await store(database, vault, log_frame(terminal, said))
    (row,) = await rows(database, "punches")
    (photo,) = await rows(database, "photos")
    assert photo["jpeg"] == b"\xff\xd8jpeg"
    expected = {
        "enrollid": "123",
        "name": "Zoé",
        "time_raw": "2026-06-02 08:00:00",
        "time_utc": datetime(2026, 6, 2, 6, 0, tzinfo=UTC),
        "timezone": "Europe/Paris",
        "fold": 0,
        "time_problem": None,
        "mode": 8,
        "inout": 1,
        "event": 2,
        "verifymode": 13,
        "temperature": 36.5,
        "direction": "out",
        "photo_digest": photo["digest"],
        "received_at": RECEIVED_AT,
        "sync_status": "pending",
    }
    assert {name: row[name] for name in expected} == expected


async def test_a_bad_record_goes_to_quarantine_and_the_rest_is_stored(
    database: Database, vault: Vault
) -> None:
    terminal = await make_terminal(database)
    frame = log_frame(terminal, record(1), record("not a number"), "junk", record(2))
    for _ in range(2):
        (receipt,) = await store(database, vault, frame)
        assert receipt.quarantined == 2
    assert [row["enrollid"] for row in await rows(database, "punches")] == ["1", "2"]
    bad = await rows(database, "quarantine")
    assert [(row["sn"], row["field"]) for row in bad] == [(terminal.sn, "enrollid"), (terminal.sn, "record")]
    assert "not a number" in bad[0]["raw"]
    assert all(row["reason"] for row in bad)


async def test_doors_and_strangers_are_not_punches(database: Database, vault: Vault) -> None:
    terminal = await make_terminal(database)
    frame = log_frame(terminal, record(0, event=1), record(99999999, event=2), record(0, event=1))
    (receipt,) = await store(database, vault, frame)
    assert (receipt.stored, receipt.events) == (0, 3)
    assert await rows(database, "punches") == []
    assert [row["kind"] for row in await rows(database, "terminal_events")] == ["door", "stranger"]


@pytest.mark.parametrize(
    ("time", "problem"),
    [
        ("0000-00-00 00:00:00", "unreadable"),
        ("2000-01-01 00:00:00", "too old"),
        ("2031-01-01 08:00:00", "in the future"),
    ],
)
async def test_an_impossible_time_is_kept_and_held(
    database: Database, vault: Vault, time: str, problem: str
) -> None:
    terminal = await make_terminal(database)
    await add_service(database, vault, "HR")
    await store(database, vault, log_frame(terminal, record(time=time)))
    (row,) = await rows(database, "punches")
    assert (row["time_raw"], row["time_problem"]) == (time, problem)
    assert [delivery["status"] for delivery in await rows(database, "deliveries")] == ["held"]


async def test_an_operator_may_have_impossible_times_delivered(database: Database, vault: Vault) -> None:
    terminal = await make_terminal(database)
    await add_service(database, vault, "HR")
    frame = log_frame(terminal, record(time="2000-01-01 00:00:00"))
    await store(database, vault, frame, deliver_impossible_times=True)
    assert [delivery["status"] for delivery in await rows(database, "deliveries")] == ["pending"]


NIGHT_AFTER = datetime(2026, 10, 25, 9, 0, tzinfo=UTC)


async def utc_hours(database: Database) -> list[str]:
    return [f"{row['time_utc']:%H:%M}" for row in await rows(database, "punches")]


@pytest.mark.parametrize("frames_apart", [False, True])
async def test_two_punches_in_the_repeated_hour_keep_their_order(
    database: Database, vault: Vault, frames_apart: bool
) -> None:
    terminal = await make_terminal(database)
    records = [
        record(1, "2026-10-25 02:30:00"),
        record(2, "2026-10-25 02:30:00"),
        record(3, "2026-10-25 02:40:00"),
    ]
    if frames_apart:
        for one in records:
            await store(database, vault, log_frame(terminal, one, received_at=NIGHT_AFTER))
    else:
        await store(database, vault, log_frame(terminal, *records, received_at=NIGHT_AFTER))
    assert await utc_hours(database) == ["00:30", "01:30", "01:40"]


async def test_sending_again_does_not_move_the_order_of_the_repeated_hour(
    database: Database, vault: Vault
) -> None:
    terminal = await make_terminal(database)
    first = log_frame(terminal, record(1, "2026-10-25 02:30:00"), received_at=NIGHT_AFTER)
    await store(database, vault, first)
    await store(database, vault, first, first)
    await store(
        database, vault, log_frame(terminal, record(2, "2026-10-25 02:31:00"), received_at=NIGHT_AFTER)
    )
    assert await utc_hours(database) == ["00:30", "00:31"]


async def test_a_later_live_punch_says_nothing_about_a_backlog_of_the_repeated_hour(
    database: Database, vault: Vault
) -> None:
    terminal = await make_terminal(database)
    later = log_frame(terminal, record(9, "2026-10-25 04:10:00"), received_at=NIGHT_AFTER)
    await store(database, vault, later)
    times = ("02:20:00", "02:20:00", "02:40:00", "02:20:10")
    backlog = [record(number, f"2026-10-25 {time}") for number, time in enumerate(times, 1)]
    await store(database, vault, log_frame(terminal, *backlog, received_at=NIGHT_AFTER))
    assert await utc_hours(database) == ["03:10", "00:20", "00:20", "00:40", "01:20"]


async def test_one_instant_is_one_punch_however_it_is_spelled(database: Database, vault: Vault) -> None:
    terminal = await make_terminal(database)
    for time in ("2026-06-02 08:00:00", "2026/06/02 08:00:00", "2026-6-2 8:00:00", "2026-06-02T08:00:00"):
        await store(database, vault, log_frame(terminal, record(1, time)))
    await store(database, vault, log_frame(terminal, record(2, "2026/06/02 08:00", note={"msg": "4g"})))
    first, second = await rows(database, "punches")
    assert (first["time_raw"], first["note"]) == ("2026-06-02 08:00:00", None)
    assert second["time_raw"] == "2026-06-02 08:00:00"
    assert '"time": "2026/06/02 08:00"' in second["note"]


async def test_alternating_directions_do_not_depend_on_arrival(database: Database, vault: Vault) -> None:
    front = await make_terminal(database, "FRONT", direction_policy="alternate")
    back = await make_terminal(database, "BACK", direction_policy="alternate")
    for hour, terminal in ((17, front), (8, front), (13, front), (12, back)):
        frame = log_frame(terminal, record(7, f"2026-06-01 {hour:02}:00:00"))
        await store(database, vault, frame)
    found = sorted((row["time_raw"][11:13], row["direction"]) for row in await rows(database, "punches"))
    assert found == [("08", "in"), ("12", "out"), ("13", "in"), ("17", "out")]


async def test_large_or_unwanted_photos_cost_no_punch(database: Database, vault: Vault) -> None:
    terminal = await make_terminal(database)
    image = b64encode(b"x" * 5000).decode()
    await store(database, vault, log_frame(terminal, record(1, image=image)), photo_max_bytes=1000)
    await store(database, vault, log_frame(terminal, record(2, image=image)), keep_photos=False)
    assert await rows(database, "photos") == []
    assert len(await rows(database, "punches")) == 2


async def test_raw_frames_are_journaled_without_photos(database: Database, vault: Vault) -> None:
    terminal = await make_terminal(database)
    image = b64encode(b"secret face" * 20).decode()
    await store(database, vault, log_frame(terminal, record(1, image=image)))
    (row,) = await rows(database, "frames")
    text = zlib.decompress(row["body"]).decode()
    assert '"enrollid":1' in text
    assert image not in text
    await store(database, vault, log_frame(terminal, record(2)), keep_frames=False)
    assert len(await rows(database, "frames")) == 1


async def test_text_no_engine_can_keep_is_mended(database: Database, vault: Vault) -> None:
    terminal = await make_terminal(database)
    broken = BrokenFrame(terminal, terminal.sn, RECEIVED_AT, "nul \0 and \ud800", "not JSON")
    await store(database, vault, broken, log_frame(terminal, record(1, time="2026\0")))
    assert len(await rows(database, "quarantine")) == 1
    assert len(await rows(database, "punches")) == 1


async def test_totals_count_what_is_new(database: Database, vault: Vault) -> None:
    terminal = await make_terminal(database)
    for _ in range(2):
        await store(database, vault, log_frame(terminal, record(1), record(2)))
    assert [(row["name"], row["value"]) for row in await rows(database, "totals")] == [("punches", 2)]


class TestAccess:
    user: ClassVar[dict[str, object]] = {}

    async def receipt(
        self, database: Database, vault: Vault, *records: object, **config: object
    ) -> Access | None:
        terminal = await make_terminal(database)
        await store(database, vault, user_frame(terminal, enrollid=17, name="Ann"))
        for column, value in self.user.items():
            await database.write(self._set, column, value)
        (receipt,) = await store(database, vault, log_frame(terminal, *records), **config)
        return receipt.access

    @staticmethod
    def _set(connection: Connection, column: str, value: object) -> None:
        connection.execute(update(schema.users).values({column: value}))

    @pytest.mark.parametrize(
        ("user", "granted"),
        [
            ({}, True),
            ({"is_enabled": False}, False),
            ({"valid_from": RECEIVED_AT + timedelta(days=1)}, False),
            ({"valid_until": RECEIVED_AT - timedelta(days=1)}, False),
            ({"valid_until": RECEIVED_AT + timedelta(days=1)}, True),
        ],
    )
    async def test_a_single_fresh_record_is_decided_by_the_user(
        self, database: Database, vault: Vault, user: dict[str, object], granted: bool
    ) -> None:
        self.user = user  # type: ignore[misc]
        access = await self.receipt(database, vault, record(17))
        assert access is not None
        assert access.granted is granted
        assert (await rows(database, "punches"))[0]["access_granted"] is granted

    async def test_history_gets_no_decision(self, database: Database, vault: Vault) -> None:
        assert await self.receipt(database, vault, record(17, "2026-06-02 07:00:00")) is None

    async def test_a_batch_gets_no_decision(self, database: Database, vault: Vault) -> None:
        assert await self.receipt(database, vault, record(17), record(18)) is None

    async def test_unknown_users_pass_unless_configured(self, database: Database, vault: Vault) -> None:
        assert await self.receipt(database, vault, record(99)) == Access(True)

    async def test_unknown_users_may_be_denied(self, database: Database, vault: Vault) -> None:
        access = await self.receipt(database, vault, record(99), unknown_users="deny")
        assert access is not None
        assert not access.granted

    async def test_a_stranger_never_passes(self, database: Database, vault: Vault) -> None:
        access = await self.receipt(database, vault, record(99999999))
        assert access is not None
        assert not access.granted


class TestUsers:
    async def test_a_user_and_a_sealed_credential_are_kept(self, database: Database, vault: Vault) -> None:
        terminal = await make_terminal(database, fpalgo="thbio3.0")
        template = "aa(12)bb" * 50
        await store(
            database, vault, user_frame(terminal, enrollid="17", name="Ann", backupnum=0, record=template)
        )
        await store(
            database, vault, user_frame(terminal, enrollid=17, name="Ann", backupnum=11, record=1234567)
        )
        (user,) = await rows(database, "users")
        assert (user["enrollid"], user["name"], user["is_enabled"]) == ("17", "Ann", True)
        kept = await rows(database, "credentials")
        assert [(row["backupnum"], row["fpalgo"]) for row in kept] == [(0, "thbio3.0"), (11, "")]
        assert vault.unseal(kept[0]["sealed"]) == template
        journal = b"".join(zlib.decompress(row["body"]) for row in await rows(database, "frames"))
        assert template.encode() not in journal
        assert b"1234567" not in journal

    async def test_another_name_is_shown_and_never_overwrites(self, database: Database, vault: Vault) -> None:
        terminal = await make_terminal(database)
        await store(database, vault, user_frame(terminal, enrollid=17, name="Marie"))
        await store(database, vault, user_frame(terminal, enrollid=17, name="Jean"))
        assert [row["name"] for row in await rows(database, "users")] == ["Marie"]
        assert [row["reported_name"] for row in await rows(database, "enrollments")] == ["Jean"]

    async def test_a_senduser_without_a_user_is_quarantined(self, database: Database, vault: Vault) -> None:
        terminal = await make_terminal(database)
        (receipt,) = await store(database, vault, user_frame(terminal, name="Nobody"))
        assert receipt.quarantined == 1
        assert await rows(database, "users") == []


class TestQrCodes:
    @pytest.mark.parametrize(
        ("code", "mode", "granted"),
        [
            ("0017", "both", True),
            ("7654321", "both", True),
            ("7654321", "enrollid", False),
            ("17", "card", False),
            ("7654321", "card", True),
            ("17", "off", False),
            ("18", "both", False),
            ("", "both", False),
            ("x" * 5000, "both", False),
            ("https://example/17", "both", False),
        ],
    )
    async def test_a_code_opens_for_the_user_it_names(
        self, database: Database, vault: Vault, code: str, mode: str, granted: bool
    ) -> None:
        terminal = await make_terminal(database)
        frame = user_frame(terminal, enrollid=17, name="Ann", backupnum=11, record=7654321)
        await store(database, vault, frame)
        config = IngestConfig(qr_codes=mode)  # type: ignore[arg-type]
        access = await database.read(decide_qr_code, 1, code, config=config, vault=vault, now=RECEIVED_AT)
        assert access.granted is granted

    async def test_a_disabled_user_stays_out(self, database: Database, vault: Vault) -> None:
        terminal = await make_terminal(database)
        await store(database, vault, user_frame(terminal, enrollid=17, name="Ann", enable=0))
        access = await database.read(
            decide_qr_code, 1, "17", config=IngestConfig(), vault=vault, now=RECEIVED_AT
        )
        assert access == Access(False, "User disabled", "17", "Ann")


class TestRegistration:
    def reg(self, sn: str = "AYXX01", time: str = "2026-06-02 08:01:05") -> RegFrame:
        push = decode(
            f'{{"cmd":"reg","sn":"{sn}","devinfo":{{"firmware":"TH600 V9.9","usedlog":7,"time":"{time}"}}}}'
        )
        assert isinstance(push, Reg)
        return RegFrame(push, "10.0.0.9:4242", RECEIVED_AT)

    @pytest.mark.parametrize(
        ("admission", "stored", "refusal"),
        [
            ("approve", "pending", "waiting for approval"),
            ("open", "approved", ""),
            ("closed", None, "unknown terminal"),
        ],
    )
    async def test_admission_of_an_unknown_serial(
        self, database: Database, vault: Vault, admission: str, stored: str | None, refusal: str
    ) -> None:
        await make_terminal(database, "OTHER")
        (receipt,) = await store(database, vault, self.reg(), admission=admission)
        assert receipt.refusal == refusal
        assert (None if receipt.terminal is None else receipt.terminal.admission) == stored

    async def test_what_it_says_is_stored_and_its_drift_measured(
        self, database: Database, vault: Vault
    ) -> None:
        await make_terminal(database, "AYXX01")
        (receipt,) = await store(database, vault, self.reg("ayxx01"))
        terminal = receipt.terminal
        assert terminal is not None
        assert (terminal.sn, terminal.firmware, terminal.capacity) == ("AYXX01", "TH600 V9.9", {"usedlog": 7})
        assert terminal.drift_seconds == 60.0
        assert terminal.last_address == "10.0.0.9:4242"

    async def test_a_serial_blocked_in_the_settings_is_refused(
        self, database: Database, vault: Vault
    ) -> None:
        await make_terminal(database, "AYXX01")
        (receipt,) = await store(database, vault, self.reg(), blocked_serials=frozenset({"ayxx01"}))
        assert receipt.refusal == "blocked by the operator"

    async def test_invented_serials_cannot_fill_the_list(self, database: Database, vault: Vault) -> None:
        await make_terminal(database, "OTHER")
        frames = [self.reg(f"FAKE{index}") for index in range(5)]
        receipts = await store(database, vault, *frames, pending_terminals_limit=3)
        assert [receipt.terminal is not None for receipt in receipts] == [True, True, True, False, False]


async def test_a_record_that_was_pulled_is_history_and_opens_no_door(
    database: Database, vault: Vault
) -> None:
    terminal = await make_terminal(database)
    live = log_frame(terminal, record(time="2026-06-02 08:00:00"))
    pulled = log_frame(terminal, record(time="2026-06-02 08:00:01"))
    pulled.is_live = False
    first, second = await store(database, vault, live, pulled)
    assert first.access is not None
    assert (second.stored, second.access) == (1, None)
