"""What delivery needs of the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeliveryConfig:
    """`backoff_seconds` are the pauses after 1, 2, ... failures in a row, the last repeats;
    `jitter` is the share by which each varies either way. `lease_seconds` is how long a
    batch belongs to its node without news, at least the service's timeout and a margin.
    With `deliver_impossible_times`, a new service takes over punches without a trustworthy
    time as they are; otherwise they are held. With `services_know_log_ids`, every service is
    known to take a record once even if it comes again under another key.
    """

    allow_private_hosts: bool = False
    backoff_seconds: Sequence[float] = (5, 15, 60, 300, 900, 1800, 3600)
    jitter: float = 0.2
    retry_sweep_minutes: float = 60
    retry_after_cap_seconds: float = 86400
    lease_seconds: float = 120
    deliver_impossible_times: bool = False
    services_know_log_ids: bool = False

    @property
    def longest_wait_seconds(self) -> float:
        """No pause after a failure is longer."""
        step = max(self.backoff_seconds, default=0.0) * (1 + self.jitter)
        return max(step, self.retry_after_cap_seconds)
