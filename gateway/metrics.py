"""
What Prometheus may ask: the books, what waits and for how long, what was refused, which system answers and which does not.

States are read from the rows at the moment of asking: they are the truth, and all processes share them. Only what a
door answered is counted in memory; several web processes add up through prometheus_client's files in the home
folder. Labels are names that people gave (connectors, streams) and closed lists of words, never ids.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from bridges import figures
from bridges.accounting import Balance, balance
from bridges.admission import Admission
from core.database import Database
from gateway.sharing import SHARED

PROOF_EVERY_S = 30.0
"""The books are proven at most so often for scrapes; each proof reads all rows at hand."""
PROOF_SHARE = 20
"""And never more than a twentieth of the time."""


class Counters:
    """What was counted at the doors."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._doors = Counter(
            "tieline_door_requests",
            "Deliveries at the doors by what became of them.",
            ["outcome"],
            registry=registry,
        )
        self._known: dict[str, Counter] = {}

    def door(self, outcome: str) -> None:
        """Count one answer of a door: accepted, duplicate, conflict, or the code of the refusal."""
        found = self._known.get(outcome)
        if found is None:
            found = self._known[outcome] = self._doors.labels(outcome)
        found.inc()


class Rows(Collector):
    """Reads the rows whenever somebody scrapes."""

    def __init__(self, db: Database, live_days: int, admission: Admission | None = None) -> None:
        self._db, self._live_days, self._admission = db, live_days, admission
        self._proof: tuple[float, float, Balance] | None = None

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Say nothing beforehand, so that making an application reads nothing."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Yield every figure."""
        yield from self._books()
        with self._db.read() as conn:
            now = self._db.now(conn)
            found = figures.read(conn, now, self._live_days)
        yield _states("tieline_connectors", "Connectors by state.", "state", found.connectors)
        yield _one("tieline_repairs_open", "Open repairs: what a person must fix.", found.repairs)
        yield _table("tieline_repairs_by_code", "The same by code; loop and write-budget: loops.", ["code"], found.to_mend)
        yield _one("tieline_late_facets", "Facets of snapshots that are late and still waited for.", found.late)
        yield _table("tieline_waiting_deliveries", "Deliveries that wait, by connector.", ["connector"], found.deliveries)
        yield _table("tieline_waiting_actions", "Actions that wait, by target and lane.", ["connector", "lane"], found.actions)
        yield _states("tieline_unclaimed_seconds", "Age of the oldest row that is free to be taken.", "work", found.unclaimed)
        yield _table(
            "tieline_lag_seconds", "From one step to the next, of the last minute.", ["step", "connector", "rank"], found.lag
        )
        yield _counted("tieline_deliveries_accepted", "Deliveries ever accepted.", ["connector"], found.accepted)
        labels = ["connector", "outcome", "family", "code"]
        yield _counted(
            "tieline_attempts", "Attempts ever ended, by how; the family says who moves next.", labels, found.attempts
        )
        yield _table("tieline_connector_held", "1 while a connector is held.", ["connector"], found.held)
        yield _table("tieline_held_actions", "Held actions by what they wait for.", ["connector", "by"], found.held_actions)
        yield _table("tieline_breaker_open", "1 while nothing is sent there.", ["connector"], found.breakers)
        yield _table("tieline_breaker_failures", "Failures in a row.", ["connector"], found.failures)
        yield _table("tieline_poll_overdue_seconds", "How late a stream is polled.", ["connector", "stream"], found.overdue)
        yield _table(
            "tieline_poll_failures",
            "Polls failed in a row, and how the last one did.",
            ["connector", "stream", "code"],
            found.poll_failures,
        )
        yield _one("tieline_archive_behind_seconds", "How far archiving lags behind its policy.", found.behind_s)
        if self._admission is not None:
            yield from self._doors(self._admission)

    def _books(self) -> Iterator[GaugeMetricFamily]:
        found = self._proven()
        yield _states("tieline_deliveries", "Deliveries by state: the accounting identity.", "state", found.deliveries)
        yield _states("tieline_events", "Events by state.", "state", found.events)
        yield _states("tieline_actions", "Actions by state.", "state", found.actions)
        yield _one("tieline_accounting_balanced", "1 while accepted = done+skipped+waiting+held+dead.", float(found.holds))
        yield _one("tieline_oldest_due_seconds", "Age of the oldest row that is due and in nobody's hands.", found.oldest_due_s)

    def _proven(self) -> Balance:
        """Return the proof of a moment ago, or a new one: it reads everything that is at hand."""
        now = time.monotonic()
        if self._proof is not None and now - self._proof[0] < max(PROOF_EVERY_S, self._proof[1] * PROOF_SHARE):
            return self._proof[2]
        found = balance(self._db)
        self._proof = (now, time.monotonic() - now, found)
        return found

    def _doors(self, admission: Admission) -> Iterator[GaugeMetricFamily]:
        load = admission.load
        yield _one("tieline_queue_seconds", "How long what waits will take at the present rate.", load.lag_s)
        yield _one("tieline_work_rate", "Deliveries worked off per second.", load.rate)
        yield _one(
            "tieline_doors_shut", "1 while the database does not answer the doors.", float(admission.trouble is not None)
        )
        if load.free_bytes is not None:
            yield _one("tieline_disk_free_bytes", "Room on the disk that holds the rows.", load.free_bytes)


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    found = GaugeMetricFamily(name, text)
    found.add_metric([], value)
    return found


def _states(name: str, text: str, label: str, counts: Mapping[str, float]) -> GaugeMetricFamily:
    return _table(name, text, [label], [((word,), count) for word, count in counts.items()])


def _table(name: str, text: str, labels: list[str], rows: Iterable[tuple[tuple[str, ...], float]]) -> GaugeMetricFamily:
    found = GaugeMetricFamily(name, text, labels=labels)
    for words, value in rows:
        found.add_metric(words, value)
    return found


def _counted(name: str, text: str, labels: list[str], rows: Iterable[tuple[tuple[str, ...], float]]) -> CounterMetricFamily:
    found = CounterMetricFamily(name, text, labels=labels)
    for words, value in rows:
        found.add_metric(words, value)
    return found


class Metrics:
    """The registry of one application, so that two of them in one process do not meet."""

    def __init__(self, db: Database, live_days: int, admission: Admission | None = None) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(Rows(db, live_days, admission))
        shared = os.environ.get(SHARED)
        self.counters = Counters(CollectorRegistry() if shared else self.registry)
        if shared:
            MultiProcessCollector(self.registry, shared)  # type: ignore[no-untyped-call] # it has no types

    def text(self) -> bytes:
        """Write the exposition format."""
        return generate_latest(self.registry)
