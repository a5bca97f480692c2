"""One terminal's connection, from its first `reg` to its end.

Reads a frame, has ingest store it, and only then acknowledges: what is not committed
is not answered, and the terminal sends it again.
"""

from __future__ import annotations

import logging
from collections import deque
from zoneinfo import ZoneInfo

import trio

from tm20tui.errors import FrameError, StoreUnavailable
from tm20tui.events import EventKind
from tm20tui.ingest.frames import LogFrame, RegFrame, UserFrame
from tm20tui.ingest.registration import measure_drift
from tm20tui.model import Terminal, utc_now
from tm20tui.protocol import (
    Push,
    Reg,
    Reply,
    SendLog,
    SendQrCode,
    SendUser,
    UnknownPush,
    acknowledge,
    decode,
    format_cloudtime,
    log_accepted,
    qrcode_answer,
    reg_accepted,
    reg_refused,
    user_accepted,
)
from tm20tui.terminals.broken import as_text, keep_broken
from tm20tui.terminals.command_slot import CommandSlot
from tm20tui.terminals.context import TAKEN, SessionContext
from tm20tui.terminals.roster import SessionState, SessionView
from tm20tui.terminals.wire import Disconnected, Wire

log = logging.getLogger(__name__)

_LONGEST_SERIAL = 64
# Whoever has not said who it is gets no time for large texts; a `reg` has 2 kB.
_LARGEST_FIRST_FRAME = 65_536
# A terminal may be given another serial while connected; whoever has many is inventing them.
_SERIAL_CHANGES_ALLOWED = 2
_BROKEN_FRAMES_ALLOWED = 30
_BROKEN_WINDOW_SECONDS = 60.0
# Asking for firmware: a bare "yes" would promise an update that is not there.
_NOTHING_TO_OFFER = frozenset({"otacheck", "otaget"})


class Session:
    """The conversation with one terminal. `run` it once; it returns when the connection is over."""

    def __init__(self, wire: Wire, context: SessionContext) -> None:
        self.wire = wire
        self.address = wire.address
        self.terminal: Terminal | None = None
        self.slot = CommandSlot()
        self._context = context
        self._sn = ""
        self._registered = False
        self._connected_at = utc_now()
        self._last_heard_at = self._connected_at
        self.heard = trio.current_time()
        self._frame_at = self.heard
        self._times_heard = 0
        self.last_ping = self.heard
        self.pinging = False
        self.has_ponged = False
        self._scope = trio.CancelScope()
        self._ending: tuple[int, str] | None = None
        self._punches = self._duplicates = self._changes = 0
        self._broken: deque[float] = deque(maxlen=_BROKEN_FRAMES_ALLOWED)
        self._broken_frames = 0

    async def run(self) -> None:
        """Serve the connection until it ends, is ended, or says nothing for too long at the start."""
        self._scope.deadline = trio.current_time() + self._context.settings.first_reg_seconds
        try:
            with self._scope:
                while True:
                    data = await self.wire.receive()
                    self.note_traffic()
                    self._frame_at = self.heard
                    if not self._registered and len(data) > _LARGEST_FIRST_FRAME:
                        self.end(1009, "too large before reg")
                        await trio.lowlevel.checkpoint()
                    self.slot.busy = True
                    await self._handle(data)
                    self.slot.rest()
        except Disconnected:
            pass
        finally:
            self.slot.close()
            if self._sn:
                self._context.roster.leave(self._sn, self)
            if self.terminal is not None and self._registered:
                self._context.note_seen(self.terminal.id, self._last_heard_at)
                self._context.tell("terminal.disconnected", self._sn, self.address, self.terminal)
        if self._scope.cancelled_caught:
            await self.wire.close(*(self._ending or (1008, "no reg")))

    def end(self, code: int, reason: str) -> None:
        """Close the connection soon, with this code and reason."""
        self._ending = self._ending or (code, reason)
        self._scope.cancel()

    def note_traffic(self) -> None:
        """The peer was heard: it is alive."""
        self.heard = trio.current_time()
        self._times_heard += 1
        self._last_heard_at = utc_now()

    async def prove_alive(self, seconds: float) -> bool:
        """Whether the peer answers a ping, or says anything, within that time."""
        heard_before = self._times_heard
        with trio.move_on_after(seconds):
            try:
                await self.wire.ping()
            except Disconnected:
                return False
            self.has_ponged = True
            self.note_traffic()
        return self._times_heard > heard_before

    def view(self) -> SessionView | None:
        """What to show of it; None before it has said who it is."""
        if self.terminal is None:
            return None
        return SessionView(
            terminal_id=self.terminal.id,
            sn=self.terminal.sn,
            state=self._state(self.terminal),
            address=self.address,
            connected_at=self._connected_at,
            last_heard_at=self._last_heard_at,
            punches=self._punches,
            duplicates=self._duplicates,
            broken_frames=self._broken_frames,
        )

    def _state(self, terminal: Terminal) -> SessionState:
        if terminal.admission == "blocked":
            return "blocked"
        if not self._registered:
            return "waiting"
        silence = trio.current_time() - self.heard
        return "online" if silence < self._context.settings.offline_after_seconds else "offline"

    async def _handle(self, data: str | bytes) -> None:
        try:
            push = decode(data)
        except FrameError as error:
            await self._handle_broken(data, error)
            return
        try:
            if isinstance(push, Reg):
                await self._handle_reg(push)
            elif not self._registered or self.terminal is None:
                # Not admitted: unanswered, the terminal keeps what it has and asks again.
                return
            else:
                await self._handle_push(push, self.terminal, data)
        except StoreUnavailable:
            # The writer has raised the alarm; without an answer the terminal sends it again.
            self.slot.withhold()

    async def _handle_push(self, push: Push | Reply, terminal: Terminal, data: str | bytes) -> None:
        match push:
            case SendLog():
                await self._handle_log(push, terminal, data)
                self.slot.acknowledged()
            case SendUser():
                await self._context.writer.submit(UserFrame(terminal, utc_now(), push, as_text(data)))
                await self.wire.send(user_accepted(self._cloudtime("always")))
                self.slot.acknowledged()
            case SendQrCode():
                access = await self._context.decide_qr_code(terminal, push.record, utc_now())
                who, name, message = access.enrollid or None, access.name or None, access.message or None
                answer = qrcode_answer(terminal.sn, access.granted, who, name, message, cmd=push.cmd)
                await self.wire.send(answer)
            case Reply():
                if not self.slot.deliver(push):
                    log.debug("an answer nobody waits for: %s", push.ret, extra={"serial": self._sn})
            case UnknownPush():
                log.debug("unknown push %s: acknowledged", push.cmd, extra={"serial": self._sn})
                await self.wire.send(acknowledge(push.cmd, push.cmd not in _NOTHING_TO_OFFER))

    async def _handle_reg(self, push: Reg) -> None:
        context = self._context
        sn = push.sn.strip()
        if not sn or len(sn) > _LONGEST_SERIAL or not sn.isprintable():
            log.warning("refused a terminal without a usable serial number", extra={"address": self.address})
            await self.wire.send(reg_refused("no usable serial number"))
            return
        if self._sn and self._sn.casefold() != sn.casefold():
            self._changes += 1
            if self._changes > _SERIAL_CHANGES_ALLOWED:
                log.warning("refused: one connection, many serial numbers", extra={"address": self.address})
                self.end(1008, "one connection is one terminal")
                await trio.lowlevel.checkpoint()
            self.slot.close()
            context.roster.leave(self._sn, self)
            self._registered, self.terminal, self._sn, self.slot = False, None, "", CommandSlot()
        if not await context.roster.claim(sn, self):
            context.alarm_takeover(sn, self.address)
            await self.wire.send(reg_refused(TAKEN))
            self.end(1008, TAKEN)
            await trio.lowlevel.checkpoint()
            return
        self._sn = sn
        receipt = await context.writer.submit(RegFrame(push, self.address, utc_now()))
        first = not self._registered
        self.terminal = receipt.terminal
        self._registered = not receipt.refusal and receipt.terminal is not None
        if self._registered:
            self._scope.deadline = float("inf")
            if first:
                context.tell("terminal.connected", sn, self.address, self.terminal)
            await self.wire.send(
                reg_accepted(self._cloudtime("always", "reg"), not context.settings.accept_new_users)
            )
            if self.terminal is not None:
                context.note_reg(self.terminal, push.devinfo, first)
            self.slot.registered(True)
            if first:
                context.roster.ready(self)
            return
        self.slot.registered(False)
        waits = receipt.terminal is not None and receipt.terminal.admission == "pending"
        if waits:
            self._scope.deadline = float("inf")
        kind: EventKind = "terminal.waiting" if waits else "terminal.refused"
        context.tell(kind, sn, self.address, receipt.terminal, receipt.refusal)
        await self.wire.send(reg_refused(receipt.refusal))

    async def _handle_log(self, push: SendLog, terminal: Terminal, data: str | bytes) -> None:
        frame = LogFrame(
            terminal, ZoneInfo(terminal.timezone), utc_now(), push.records, push.bad, as_text(data)
        )
        if len(push.records) == 1:
            drift = measure_drift(push.records[0].time_raw, terminal.timezone, frame.received_at)
            if drift is not None:
                self._context.note_drift(terminal.id, drift)
        receipt = await self._context.writer.submit(frame)
        self._punches += receipt.stored
        self._duplicates += receipt.duplicates
        access = receipt.access
        await self.wire.send(
            log_accepted(
                len(push.records) + len(push.bad) if push.count is None else push.count,
                push.logindex,
                self._cloudtime("always"),
                None if access is None else int(access.granted),
                None if access is None or not access.message else access.message,
            )
        )
        self._context.meters.ack.observe(trio.current_time() - self._frame_at)

    async def _handle_broken(self, data: str | bytes, error: FrameError) -> None:
        now = trio.current_time()
        self._broken.append(now)
        self._broken_frames += 1
        log.warning("not a frame: %s", error.reason, extra={"serial": self._sn, "address": self.address})
        if len(self._broken) == _BROKEN_FRAMES_ALLOWED and now - self._broken[0] < _BROKEN_WINDOW_SECONDS:
            self.end(1008, "too many broken frames")
            return
        if not self._registered or self.terminal is None:
            return
        try:
            found, stored = await keep_broken(self._context.writer, self.terminal, data, error.reason)
        except StoreUnavailable:
            self.slot.withhold()
            return
        self._punches += stored
        if found is None or not found.cmd:
            return
        if found.cmd == "sendlog":
            count = len(found.records) + len(found.bad) if found.count is None else found.count
            await self.wire.send(log_accepted(count, found.logindex, self._cloudtime("always")))
        else:
            await self.wire.send(acknowledge(found.cmd))

    def _cloudtime(self, *when: str) -> str | None:
        if self.terminal is None or self._context.settings.cloudtime not in when:
            return None
        return format_cloudtime(utc_now().astimezone(ZoneInfo(self.terminal.timezone)))
