"""Counters of a running fleet, and the frozen picture of them that callers get."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

_SMALLEST_SECONDS = 1e-5
_STEP = math.log(1.05)


@dataclass(frozen=True, slots=True)
class FleetStats:
    """The fleet at one moment; counts are since the start.

    `registered`: connected terminals whose `reg` was accepted. `pending`: punches made
    and neither acknowledged nor cleared. `frames`: `sendlog` texts sent, `resends` of
    them repeated. `refused`: `sendlog` answered with result false. `reconnects`: dials
    after a terminal's first. `ack_p50_seconds`, `ack_p99_seconds`: first sending to
    acknowledgement, None before the first. `trouble`: the last reason a terminal could
    not connect or register, empty once it could.
    """

    terminals: int
    connected: int
    registered: int
    made: int
    acked: int
    pending: int
    frames: int
    resends: int
    refused: int
    commands: int
    reconnects: int
    violations: int
    ack_p50_seconds: float | None
    ack_p99_seconds: float | None
    trouble: str
    elapsed_seconds: float


@dataclass
class Tally:
    """What the terminals of one fleet count into. Latencies are kept in buckets 5 % apart."""

    made: int = 0
    acked: int = 0
    frames: int = 0
    resends: int = 0
    refused: int = 0
    commands: int = 0
    reconnects: int = 0
    trouble: str = ""
    ack_buckets: Counter[int] = field(default_factory=Counter)

    def acked_after(self, seconds: float) -> None:
        self.ack_buckets[int(math.log(max(seconds, _SMALLEST_SECONDS) / _SMALLEST_SECONDS) / _STEP)] += 1

    def quantile(self, share: float) -> float | None:
        """Latency below which `share` of the acknowledgements came; None without any."""
        wanted = share * self.ack_buckets.total()
        for bucket in sorted(self.ack_buckets):
            wanted -= self.ack_buckets[bucket]
            if wanted <= 0:
                return float(_SMALLEST_SECONDS * math.exp(_STEP * (bucket + 1)))
        return None
