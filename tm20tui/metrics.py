"""`/metrics`: the server's numbers as Prometheus reads them.

Made from memory alone: the meters, the roster, the couriers, and what the watch read last
(a few seconds ago). Labels are services, states and outcomes, of which there are few;
never a serial or a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from tm20tui import __version__
from tm20tui.alarms import Severity
from tm20tui.meters import Histogram
from tm20tui.model import utc_now
from tm20tui.snapshot import TerminalState, state_of
from tm20tui.store.deliveries import DeliveryCounts

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render(gateway: Gateway) -> bytes:
    """The answer to a scrape, to be sent as `CONTENT_TYPE`."""
    registry = CollectorRegistry()
    registry.register(_Scrape(gateway))
    return generate_latest(registry)


class _Scrape(Collector):
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def collect(self) -> Iterable[Metric]:
        """Every family, once."""
        gateway = self._gateway
        yield InfoMetricFamily("tm20_build", "The program that runs", {"version": __version__})
        started_at = gateway.started_at.timestamp()
        yield GaugeMetricFamily("tm20_start_time_seconds", "When the server started, Unix time", started_at)
        yield from self._ingest()
        yield from self._states()
        yield from self._deliveries()
        meters = gateway.meters
        yield _counter("tm20_commands", "Commands to terminals by outcome", "outcome", meters.commands)
        yield _counter("tm20_api_requests", "Answers of the HTTP API", "status", meters.requests)
        for name, about, histogram in (
            ("tm20_ack_seconds", "From a terminal's punches to their acknowledgement", meters.ack),
            ("tm20_commit_seconds", "Database transactions of ingest, with their wait", meters.commit),
            ("tm20_loop_lag_seconds", "How late the event loop woke a sleeping task", meters.loop_lag),
        ):
            yield _histogram(name, about, histogram)

    def _ingest(self) -> Iterator[Metric]:
        done = self._gateway.writer.statistics()
        for name, about, count in (
            ("tm20_punches_stored", "Punches stored since the start", done.stored),
            ("tm20_punches_duplicate", "Punches that were stored already", done.duplicates),
            ("tm20_records_quarantined", "Records kept aside as unusable", done.quarantined),
            ("tm20_frames", "Messages of terminals stored", done.frames),
            ("tm20_commits", "Database transactions of ingest", done.commits),
        ):
            yield CounterMetricFamily(name, about, count)
        works = float(done.failing_since is None)
        yield GaugeMetricFamily("tm20_database_up", "1 while punches can be stored", works)

    def _states(self) -> Iterator[Metric]:
        gateway = self._gateway
        stored = gateway.watch.stored
        sessions = gateway.roster.views()
        known = stored.terminals if stored is not None else ()
        states = Counter(state_of(terminal, sessions.get(terminal.id)) for terminal in known)
        yield _gauge(
            "tm20_terminals",
            "Terminals by state",
            "state",
            {state: states[state] for state in get_args(TerminalState)},
        )
        alarms = Counter(alarm.severity for alarm in gateway.alarms.active())
        yield _gauge(
            "tm20_alarms",
            "Alarms that last",
            "severity",
            {severity: alarms[severity] for severity in get_args(Severity)},
        )
        if stored is not None:
            age = (utc_now() - stored.read_at).total_seconds()
            yield GaugeMetricFamily("tm20_counts_age_seconds", "Age of what was read from the database", age)

    def _deliveries(self) -> Iterator[Metric]:
        gateway = self._gateway
        which = ("service_id", "service")
        depth = GaugeMetricFamily(
            "tm20_queue_deliveries", "Deliveries that are owed", labels=(*which, "status")
        )
        oldest = GaugeMetricFamily(
            "tm20_queue_oldest_seconds", "How long the oldest pending delivery waits, 0 if none", labels=which
        )
        outcomes = CounterMetricFamily(
            "tm20_deliveries", "Deliveries settled since the start", labels=(*which, "outcome")
        )
        up = GaugeMetricFamily("tm20_service_up", "1 while the service takes deliveries", labels=which)
        stored = gateway.watch.stored
        now = utc_now()
        for service in () if stored is None else stored.services:
            assert stored is not None
            labels = (str(service.id), service.name)
            counts = stored.counts.get(service.id, DeliveryCounts())
            for status in ("pending", "in_flight", "held", "failed"):
                depth.add_metric((*labels, status), getattr(counts, status))
            at = stored.oldest.get(service.id)
            oldest.add_metric(labels, 0 if at is None else max(0.0, (now - at).total_seconds()))
        for courier in gateway.dispatcher.status():
            labels = (str(courier.service_id), courier.name)
            outcomes.add_metric((*labels, "sent"), courier.sent)
            outcomes.add_metric((*labels, "failed"), courier.refused)
            up.add_metric(labels, float(courier.is_active and courier.health == "healthy"))
        yield from (depth, oldest, outcomes, up)


def _gauge(name: str, about: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=(label,))
    for word, value in values.items():
        family.add_metric((word,), value)
    return family


def _counter(name: str, about: str, label: str, values: Counter[str]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, about, labels=(label,))
    for word, value in sorted(values.items()):
        family.add_metric((word,), value)
    return family


def _histogram(name: str, about: str, histogram: Histogram) -> HistogramMetricFamily:
    buckets = [(f"{bound:g}".replace("inf", "+Inf"), count) for bound, count in histogram.buckets()]
    return HistogramMetricFamily(name, about, buckets=buckets, sum_value=histogram.sum)
