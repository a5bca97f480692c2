"""Group commit: one writer takes frames from all sessions and lets them share a transaction.

While one commit runs the next group collects, so that an fsync is paid once for
every frame that waited for it. A frame that cannot be stored is found by storing its
group one by one, and its records one by one: it costs its neighbours nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

import trio

from tm20tui.errors import StoreUnavailable
from tm20tui.events import EventBus
from tm20tui.ingest.announce import announce_stored
from tm20tui.ingest.config import IngestConfig
from tm20tui.ingest.frames import BrokenFrame, Frame, LogFrame, Receipt, UserFrame
from tm20tui.ingest.transaction import write_frames
from tm20tui.meters import Meters
from tm20tui.model import utc_now
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault

log = logging.getLogger(__name__)

_WAITING_FRAMES = 1000
"""Frames that may wait for a group; past it sessions wait, and TCP makes terminals wait."""


@dataclass(slots=True)
class _Waiting:
    frame: Frame
    done: trio.Event = field(default_factory=trio.Event)
    receipt: Receipt | None = None
    error: StoreUnavailable | None = None


@dataclass(frozen=True, slots=True)
class IngestStatistics:
    """What the writer has done since it started; `failing_since` is set while the database refuses."""

    frames: int
    commits: int
    stored: int
    duplicates: int
    quarantined: int
    failing_since: datetime | None
    failure: str


class GroupWriter:
    """Stores frames. `run` it in one task; any task may `submit`."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        config: IngestConfig,
        site_id: int,
        news: Callable[[Iterable[int]], None],
        *,
        events: EventBus | None = None,
        meters: Meters | None = None,
    ) -> None:
        """`news` is called after each commit with the ids of services that are owed something new."""
        self._database = database
        self._vault = vault
        self._config = config
        self._site_id = site_id
        self._news = news
        self._events = events or EventBus()
        self._commit_seconds = (meters or Meters()).commit
        self._sender, self._receiver = trio.open_memory_channel[_Waiting](_WAITING_FRAMES)
        self._frames = self._commits = self._stored = self._duplicates = self._quarantined = 0
        self._failing_since: datetime | None = None
        self._failure = ""

    async def submit(self, frame: Frame) -> Receipt:
        """Store a frame; return only after the commit.

        Raises:
            StoreUnavailable: nothing was stored; do not acknowledge.
        """
        waiting = _Waiting(frame)
        try:
            await self._sender.send(waiting)
        except trio.ClosedResourceError:
            raise StoreUnavailable("the server is stopping") from None
        await waiting.done.wait()
        if waiting.error is not None:
            raise waiting.error
        assert waiting.receipt is not None
        return waiting.receipt

    def statistics(self) -> IngestStatistics:
        """Counts since the start."""
        return IngestStatistics(
            frames=self._frames,
            commits=self._commits,
            stored=self._stored,
            duplicates=self._duplicates,
            quarantined=self._quarantined,
            failing_since=self._failing_since,
            failure=self._failure,
        )

    def note_works(self) -> None:
        """Something was written: the database refuses no longer."""
        if self._failing_since is not None:
            log.warning("the database works again: terminals are acknowledged")
            self._failing_since, self._failure = None, ""

    def close(self) -> None:
        """Take no more frames; `run` returns once those waiting are stored."""
        self._sender.close()

    async def run(self) -> None:
        """Store groups until closed."""
        async for first in self._receiver:
            group = [first]
            rows = _rows(first.frame)
            while rows < self._config.max_rows:
                try:
                    waiting = self._receiver.receive_nowait()
                except (trio.WouldBlock, trio.EndOfChannel):
                    break
                group.append(waiting)
                rows += _rows(waiting.frame)
            with trio.CancelScope(shield=True):
                await self._store_group(group)

    async def _store_group(self, group: list[_Waiting]) -> None:
        try:
            receipts = await self._write([waiting.frame for waiting in group])
        except StoreUnavailable as error:
            self._note_failure(error)
            for waiting in group:
                waiting.error = error
                waiting.done.set()
        except Exception:
            log.exception("a group of %d frames could not be stored: storing them one by one", len(group))
            for waiting in group:
                await self._store_alone(waiting)
        else:
            for waiting, receipt in zip(group, receipts, strict=True):
                self._finish(waiting, receipt)
        self._announce(group)

    async def _store_alone(self, waiting: _Waiting) -> None:
        try:
            self._finish(waiting, (await self._write([waiting.frame]))[0])
        except StoreUnavailable as error:
            self._note_failure(error)
            waiting.error = error
            waiting.done.set()
        except Exception as error:  # noqa: BLE001 (whatever it is, the frame is taken apart)
            try:
                self._finish(waiting, await self._store_pieces(waiting.frame, error))
            except StoreUnavailable as unavailable:
                self._note_failure(unavailable)
                waiting.error = unavailable
                waiting.done.set()
            except Exception as last:
                log.exception("a frame can neither be stored nor quarantined: it is not acknowledged")
                waiting.error = StoreUnavailable(f"the frame cannot be stored: {type(last).__name__}")
                waiting.done.set()

    async def _store_pieces(self, frame: Frame, error: Exception) -> Receipt:
        """Each record by itself; what still fails goes to quarantine with the reason."""
        total = Receipt()
        if isinstance(frame, LogFrame):
            for record in frame.records:
                piece = replace(frame, records=(record,), bad=(), raw="")
                try:
                    _add(total, (await self._write([piece]))[0])
                except StoreUnavailable:
                    raise
                except Exception as reason:  # noqa: BLE001 (it becomes the reason in quarantine)
                    raw = str(record._replace(image=None))
                    _add(total, (await self._write([_broken(frame, raw, reason)]))[0])
            if frame.bad:
                _add(total, (await self._write([replace(frame, records=())]))[0])
            if len(frame.records) > 1:
                total.access = None
            return total
        if isinstance(frame, UserFrame):
            return (await self._write([_broken(frame, frame.raw, error)]))[0]
        raise error

    async def _write(self, frames: list[Frame]) -> list[Receipt]:
        started = trio.current_time()
        receipts = await self._database.write(
            write_frames, frames, config=self._config, site_id=self._site_id, vault=self._vault
        )
        self._commit_seconds.observe(trio.current_time() - started)
        self._commits += 1
        self.note_works()
        return receipts

    def _finish(self, waiting: _Waiting, receipt: Receipt) -> None:
        self._frames += 1
        self._stored += receipt.stored
        self._duplicates += receipt.duplicates
        self._quarantined += receipt.quarantined
        waiting.receipt = receipt
        waiting.done.set()

    def _announce(self, group: list[_Waiting]) -> None:
        owed = {
            service for waiting in group if waiting.receipt is not None for service in waiting.receipt.owed
        }
        if owed:
            self._news(owed)
        if self._events.hears("punches.stored"):
            done = [(waiting.frame, waiting.receipt) for waiting in group if waiting.receipt is not None]
            announce_stored(self._events, done)

    def _note_failure(self, error: StoreUnavailable) -> None:
        if self._failing_since is None:
            self._failing_since = utc_now()
            log.error("punches cannot be stored, terminals keep them: %s", error)
        self._failure = str(error)


def _rows(frame: Frame) -> int:
    return frame.rows if isinstance(frame, LogFrame) else 1


def _add(total: Receipt, part: Receipt) -> None:
    total.stored += part.stored
    total.duplicates += part.duplicates
    total.events += part.events
    total.quarantined += part.quarantined
    total.access = part.access
    total.owed |= part.owed


def _broken(frame: LogFrame | UserFrame, raw: str, error: Exception) -> BrokenFrame:
    cause = getattr(error, "orig", None) or error
    reason = f"cannot be stored: {type(cause).__name__}: {' '.join(str(cause).split())[:200]}"
    return BrokenFrame(frame.terminal, frame.terminal.sn, frame.received_at, raw, reason)
