"""
What Prometheus may ask: the accounting identity, the oldest due row, the doors, the actions.

States are read from the rows at the moment of asking (they are the truth, and they are shared by all
processes); only what the doors of this process accepted and refused is counted in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from bridges.accounting import balance
from core.database import Database
from core.tables import connector, repair


class Counters:
    """What this process counted at its doors."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._doors = Counter(
            "tieline_door_requests",
            "Deliveries at the doors of this process by what became of them.",
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

    def __init__(self, db: Database) -> None:
        self._db = db

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Say nothing beforehand, so that making an application reads nothing."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every gauge from one read."""
        yield from self._accounting()
        with self._db.read() as conn:
            by_state = select(connector.c.state, func.count()).group_by(connector.c.state)
            connectors = {row[0]: int(row[1]) for row in conn.execute(by_state)}
            open_repairs = conn.execute(select(func.count()).where(repair.c.closed_at.is_(None))).scalar_one()
        yield _states("tieline_connectors", "Connectors by state.", connectors)
        yield _one("tieline_repairs_open", "Open repairs: what a person must fix.", open_repairs)

    def _accounting(self) -> Iterator[GaugeMetricFamily]:
        found = balance(self._db)
        yield _states("tieline_deliveries", "Deliveries by state: the accounting identity.", found.deliveries)
        yield _states("tieline_events", "Events by state.", found.events)
        yield _states("tieline_actions", "Actions by state.", found.actions)
        yield _one("tieline_deliveries_accepted", "Deliveries ever accepted.", found.accepted)
        yield _one("tieline_accounting_balanced", "1 while accepted = done+skipped+waiting+held+dead.", float(found.holds))
        yield _one("tieline_oldest_due_seconds", "Age of the oldest row that is due and not done.", found.oldest_due_s)


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    found = GaugeMetricFamily(name, text)
    found.add_metric([], value)
    return found


def _states(name: str, text: str, counts: Mapping[str, int]) -> GaugeMetricFamily:
    found = GaugeMetricFamily(name, text, labels=["state"])
    for word, count in counts.items():
        found.add_metric([word], count)
    return found


class Metrics:
    """The registry of one application, so that two of them in one process do not meet."""

    def __init__(self, db: Database) -> None:
        self.registry = CollectorRegistry()
        self.counters = Counters(self.registry)
        self.registry.register(Rows(db))

    def text(self) -> bytes:
        """Write the exposition format."""
        return generate_latest(self.registry)
