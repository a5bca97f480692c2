"""One terminal without its socket: texts in, texts out, time as an argument.

The connection calls `connected`, `receive`, `due` and `disconnected`; the fleet calls
`punch`. Every method that may have something to say returns the texts to send, in
order; `wake_at` is when `due` must be called next.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tm20tui.simulate.clock import WallClock, format_wall_time
from tm20tui.simulate.commands import answer
from tm20tui.simulate.device import Device, Message, log_row, senduser
from tm20tui.simulate.firmware import Family
from tm20tui.simulate.ledger import Ledger, Punch
from tm20tui.simulate.memory import LogStore, StoredUser, UserTable
from tm20tui.simulate.people import Person
from tm20tui.simulate.stats import Tally

BACKLOG_BATCH = 18
REPEAT_SECONDS = 20.0
SENDUSER_REPEAT_SECONDS = 5.0
REBOOT_SECONDS = 8.0
NEVER = math.inf


@dataclass(frozen=True, slots=True)
class Traits:
    """How the fleet wants its terminals to be.

    `batch`: records of one live frame. `closed_loop`: make the next batch as soon as the
    last one is acknowledged. `time_scale` multiplies every wait of the firmware; `patience_seconds`,
    where it is given, is how long an answer is waited for before the question is repeated, as it is.
    `enrol_seconds`: mean time between two enrolments at the keypad, `inf` for none.
    `history`: stored logs a terminal keeps for `getalllog`.
    """

    seed: int | None = None
    batch: int = 1
    closed_loop: bool = False
    time_scale: float = 1.0
    patience_seconds: float | None = None
    drift_seconds: float = 0.0
    enrol_seconds: float = 600.0
    history: int = 5000


@dataclass(slots=True)
class _Outstanding:
    """The one `sendlog` waiting for its acknowledgement."""

    number: int
    count: int
    logindex: int
    text: str
    sent_at: float
    resend_at: float
    resends: int = 0


class Terminal:
    """State of one terminal. `allowance` grants how many of the wanted punches may still be made."""

    def __init__(
        self,
        index: int,
        family: Family,
        roster: Sequence[Person],
        *,
        traits: Traits,
        ledger: Ledger,
        tally: Tally,
        allowance: Callable[[int], int] = lambda wanted: wanted,
    ) -> None:
        self.sn = f"{family.serial_prefix}{index:06}"
        self.family = family
        self.traits = traits
        self.closed_loop = traits.closed_loop
        self.rng = random.Random(f"terminal/{traits.seed}/{index}")
        drift = self.rng.uniform(-traits.drift_seconds, traits.drift_seconds)
        self.device = Device(
            family, self.sn, WallClock(drift), UserTable(roster), LogStore(max(1, traits.history))
        )
        self.device.has_thermometer = family.names_records and index % 2 == 0
        self.ledger = ledger
        self.tally = tally
        self._allowance = allowance
        self._scale = traits.time_scale
        self._patience = traits.patience_seconds or REPEAT_SECONDS * self._scale
        self._senduser_patience = traits.patience_seconds or SENDUSER_REPEAT_SECONDS * self._scale
        self._first_number = ledger.next_number(self.sn)

        self.is_connected = False
        self.is_registered = False
        self.wants_close = False
        self.reconnect_after_seconds = 0.0
        self._reg_at = NEVER
        self._send_from = 0.0
        self._outstanding: _Outstanding | None = None
        self._late_acks: Counter[tuple[int, int]] = Counter()
        self._backlog = 0
        self._live_ready: deque[float] = deque()
        self._replies: deque[tuple[float, Message]] = deque()
        self._extra_sent_at = -NEVER
        self._enrol_at = NEVER
        self._nosenduser = False

        self._cycle = [person.enrollid for person in roster]
        self.rng.shuffle(self._cycle)
        self._made = 0
        self._last_second: dict[int, int] = {}
        started = self.device.clock.second() - int(abs(drift))
        self._spare_second = started - 3 * 86400 - random.randrange(200 * 86400)

    # ------------------------------------------------------------ what happens to it

    def connected(self, now: float) -> None:
        """The WebSocket is open; `reg` follows after the family's delay."""
        self.is_connected = True
        self.wants_close = False
        self._forget_connection()
        self._reg_at = now + self.family.reg_delay_seconds * self._scale

    def disconnected(self) -> None:
        """The connection is gone: whatever was not acknowledged is backlog."""
        self.is_connected = self.is_registered = False
        self._forget_connection()

    def punch(self, now: float, count: int) -> None:
        """People pass: `count` punches are made and, when connected, will be sent."""
        count = self._allowance(count)
        if count <= 0:
            return
        first = self._number(self.device.logs.total)
        punches = [self._next_punch() for _ in range(count)]
        self.device.logs.append(punches)
        self.ledger.made(self.sn, first, punches)
        self.tally.made += count
        if self.is_registered:
            delay = 0.0 if self.closed_loop else self.family.live_delay_seconds * self._scale
            self._live_ready.extend([now + delay] * count)
        else:
            self._backlog += count

    def receive(self, text: str | bytes, now: float) -> list[str]:
        """A text from the server; acknowledgements act at once, commands are answered a while later."""
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self._violation("not a JSON object")
            return []
        if "ret" in message:
            self._reply_received(message, now)
        elif isinstance(message.get("cmd"), str):
            self._command_received(message, now)
        else:
            self._violation("neither cmd nor ret")
        return self.due(now)

    # ------------------------------------------------------------ what it wants to say

    @property
    def wake_at(self) -> float:
        """When `due` has something to do, if nothing arrives before."""
        at = self._reg_at
        if self._replies:
            at = min(at, self._replies[0][0])
        if not self.is_registered:
            return at
        if self._outstanding is not None:
            at = min(at, self._outstanding.resend_at)
        elif self._backlog:
            at = min(at, self._send_from)
        elif self._live_ready:
            at = min(at, self._live_ready[0])
        if self.device.outbox:
            at = min(at, self._extra_sent_at + self._senduser_patience)
        return min(at, self._enrol_at)

    def due(self, now: float) -> list[str]:
        """Everything whose time has come."""
        texts: list[str] = []
        if now >= self._reg_at:
            texts.append(self._reg_text())
            heartbeat = self.family.repeats_reg_seconds
            if not self.is_registered:
                self._reg_at = now + self._patience
            else:
                self._reg_at = NEVER if heartbeat is None else now + heartbeat * self._scale
        while self._replies and self._replies[0][0] <= now:
            self._answer_command(self._replies.popleft()[1], now, texts)
        if self.is_registered:
            if now >= self._enrol_at:
                self._enrol_at = now + self._until_next_enrolment()
                self._enrol_somebody()
            self._send_extra(now, texts)
            self._send_logs(now, texts)
        return texts

    # ------------------------------------------------------------ replies and commands

    def _reply_received(self, message: Message, now: float) -> None:
        ret, result = message["ret"], message.get("result")
        if result is not True and result is not False:
            self._violation("reply without result")
        if "cloudtime" in message and not self.device.clock.set(message["cloudtime"]):
            self._violation("cloudtime in a wrong format")
        if ret == "sendlog":
            self._log_reply(message, now)
        elif ret == "reg":
            self._reg_reply(message, now)
        elif self.device.outbox and ret == self.device.outbox[0]["cmd"]:
            if result is True:
                self.device.outbox.pop(0)
                self._extra_sent_at = -NEVER
        elif ret not in {"senduser", "sendqrcode"}:
            self._violation("reply to nothing that was asked")

    def _reg_reply(self, message: Message, now: float) -> None:
        if message.get("result") is not True:
            self.is_registered = False
            self.tally.trouble = f"registration refused: {message.get('reason', 'no reason given')}"
            if self._reg_at == NEVER:
                self._reg_at = now + REPEAT_SECONDS * self._scale
            return
        self._nosenduser = message.get("nosenduser") is True
        if self.is_registered:
            return
        self.is_registered = True
        self.tally.trouble = ""
        heartbeat = self.family.repeats_reg_seconds
        self._reg_at = NEVER if heartbeat is None else now + heartbeat * self._scale
        self._send_from = now + 0.5 * self._scale
        self._enrol_at = now + self._until_next_enrolment()
        if self.closed_loop and not self.device.logs.pending:
            self.punch(now, self.traits.batch)

    def _log_reply(self, message: Message, now: float) -> None:
        sent = self._outstanding
        if message.get("result") is not True:
            self.tally.refused += 1
            return
        count, logindex = message.get("count"), message.get("logindex")
        echoed = type(count) is int and type(logindex) is int
        if sent is not None and echoed and count == sent.count and logindex == sent.logindex:
            self._accepted(sent, now)
        elif echoed and self._late_acks.get((count, logindex), 0) > 0:  # type: ignore[arg-type]
            self._late_acks[count, logindex] -= 1  # type: ignore[index]
        elif sent is None:
            self._violation("acknowledged a sendlog that was not sent")
        else:
            self._violation("acknowledged with a wrong count or logindex")

    def _accepted(self, sent: _Outstanding, now: float) -> None:
        pending = self.device.logs.pending
        for _ in range(sent.count):
            pending.popleft()
        self._outstanding = None
        if sent.resends:
            self._late_acks[sent.count, sent.logindex] += sent.resends
        self.ledger.acked(self.sn, sent.number, sent.count)
        self.tally.acked += sent.count
        self.tally.acked_after(now - sent.sent_at)
        if self.closed_loop and not pending:
            self.punch(now, self.traits.batch)

    def _command_received(self, message: Message, now: float) -> None:
        self.tally.commands += 1
        if not self.is_registered:
            self._violation("command before the reg reply")
        if self._replies:
            self._violation("two commands at once")
        ready_at = self._replies[-1][0] if self._replies else now
        self._replies.append((ready_at + self.family.command_seconds * self._scale, message))

    def _answer_command(self, message: Message, now: float, texts: list[str]) -> None:
        device = self.device
        first_pending = self._number(device.logs.first_pending)
        waiting = len(device.outbox)
        reply = answer(device, message)
        if device.lost_pending:
            self._logs_cleared(first_pending, device.lost_pending)
            device.lost_pending = 0
        if message["cmd"] == "cleanlog" and self.family.names_records and not self._nosenduser:
            device.outbox.extend(senduser(device, user, n) for user, n in device.users.credentials())
        if len(device.outbox) > waiting == 0:
            self._extra_sent_at = now
        if device.reboots:
            device.reboots = False
            self.wants_close = True
            self.reconnect_after_seconds = REBOOT_SECONDS
            return
        if reply is not None:
            texts.append(_dump(reply))
            if self.family.resends_on_traffic and self._outstanding is not None:
                self._resend(self._outstanding, texts)

    def _logs_cleared(self, number: int, count: int) -> None:
        self.ledger.discarded(self.sn, number, count)
        if self._outstanding is not None:
            sent, self._outstanding = self._outstanding, None
            self._late_acks[sent.count, sent.logindex] += 1 + sent.resends
        self._backlog = 0
        self._live_ready.clear()

    # ------------------------------------------------------------ sending

    def _send_logs(self, now: float, texts: list[str]) -> None:
        sent = self._outstanding
        if sent is not None:
            if now < sent.resend_at:
                return
            if sent.resends >= self.family.resends:
                self.wants_close = True
                self.reconnect_after_seconds = 4.0
                return
            sent.resend_at = now + self._patience
            self._resend(sent, texts)
            return
        largest = max(BACKLOG_BATCH, self.traits.batch)
        if self._backlog:
            if now < self._send_from:
                return
            count = min(self._backlog, largest)
            self._backlog -= count
        else:
            count = 0
            while self._live_ready and count < largest and self._live_ready[0] <= now:
                self._live_ready.popleft()
                count += 1
            if count == 0:
                return
        logs = self.device.logs
        position = logs.first_pending
        logindex = position if self.family.stores_position else 0
        rows = self._rows(list(islice(logs.pending, count)))
        text = f'{{"cmd":"sendlog","sn":"{self.sn}","count":{count},"logindex":{logindex},"record":[{rows}]}}'
        self._outstanding = _Outstanding(
            self._number(position), count, logindex, text, now, now + self._patience
        )
        self.tally.frames += 1
        texts.append(text)

    def _rows(self, punches: list[Punch]) -> str:
        if not self.family.names_records:
            return ",".join(
                [
                    f'{{"enrollid":{p.enrollid},"time":"{p.time}","mode":{p.mode},"inout":{p.inout},'
                    f'"event":{p.event}}}'
                    for p in punches
                ]
            )
        return ",".join([_dump(log_row(self.device, punch)) for punch in punches])

    def _resend(self, sent: _Outstanding, texts: list[str]) -> None:
        sent.resends += 1
        self.tally.frames += 1
        self.tally.resends += 1
        texts.append(sent.text)

    def _send_extra(self, now: float, texts: list[str]) -> None:
        if self.device.outbox and now >= self._extra_sent_at + self._senduser_patience:
            self._extra_sent_at = now
            texts.append(_dump(self.device.outbox[0]))

    def _reg_text(self) -> str:
        reg: dict[str, Any] = {"cmd": "reg", "sn": self.sn}
        if self.family.has_cpusn:
            reg["cpusn"] = f"{self.sn[-6:]:0>16}"
        return _dump(reg | {"devinfo": self.device.devinfo()})

    # ------------------------------------------------------------ life at the terminal

    def _next_punch(self) -> Punch:
        """The next person of the cycle, now; somebody who already passed this second is dated back instead.

        That happens under load only. The spare seconds lie days before the start and are
        used once each, so no terminal ever holds the same person and second twice.
        """
        rng, clock = self.rng, self.device.clock
        round_number, place = divmod(self._made, len(self._cycle))
        enrollid = self._cycle[place]
        self._made += 1
        second = clock.second()
        if second > self._last_second.get(enrollid, -1):
            self._last_second[enrollid] = second
            time = clock.text(second)
        else:
            time = format_wall_time(self._spare_second - round_number)
        modes = self.family.modes
        return Punch(enrollid, time, modes[int(rng.random() * len(modes))], 0, 0)

    def _enrol_somebody(self) -> None:
        """At the keypad; on a face terminal one time in four somebody shows a QR code instead."""
        if self.family.names_records and self.rng.random() < 0.25:
            self.device.outbox.append(
                {"cmd": "sendqrcode", "sn": self.sn, "record": str(self.rng.choice(self._cycle))}
            )
        elif not self._nosenduser:
            rows = self.device.users.rows
            enrollid = max(rows, default=0) + 1
            user = rows[enrollid] = StoredUser(enrollid, f"New {enrollid}", credentials={0: None})
            self.device.outbox.append(senduser(self.device, user, 0))

    def _until_next_enrolment(self) -> float:
        mean = self.traits.enrol_seconds * self._scale
        return self.rng.expovariate(1 / mean) if mean < NEVER else NEVER

    def _forget_connection(self) -> None:
        self._reg_at = self._enrol_at = NEVER
        self._outstanding = None
        self._late_acks.clear()
        self._replies.clear()
        self._live_ready.clear()
        self._extra_sent_at = -NEVER
        self._backlog = len(self.device.logs.pending)

    def _number(self, position: int) -> int:
        """The ledger's number of the record at a storage position; it does not restart with the storage."""
        return self._first_number + self.device.logs.cleared + position

    def _violation(self, text: str) -> None:
        self.ledger.violation(self.sn, text)


def _dump(message: Message) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))
