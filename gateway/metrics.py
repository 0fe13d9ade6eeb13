"""
What Prometheus may ask: the accounting identity, the oldest due row, the doors, the actions.

States are read from the rows at the moment of asking (they are the truth, and they are shared by all
processes); only what the doors of this process accepted and refused is counted in memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from bridges.accounting import balance
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Column, Connection, func, select

from core.clock import SECOND
from core.database import Database
from core.tables import action, connector, delivery, repair
from core.words import State


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
        with self._db.read() as conn:
            yield from self._accounting(conn)
            yield _by_state("tieline_actions", "Actions by state.", conn, action.c.state)
            yield _by_state("tieline_connectors", "Connectors by state.", conn, connector.c.state)
            repairs = GaugeMetricFamily("tieline_repairs_open", "Open repairs: what a person must fix.")
            repairs.add_metric([], conn.execute(select(func.count()).where(repair.c.closed_at.is_(None))).scalar_one())
            yield repairs
            yield self._oldest(conn)

    def _accounting(self, conn: Connection) -> Iterator[GaugeMetricFamily]:
        found = balance(conn)
        states = GaugeMetricFamily("tieline_deliveries", "Deliveries by state: the accounting identity.", labels=["state"])
        for state in State:
            states.add_metric([state.value], getattr(found, state.value))
        accepted = GaugeMetricFamily("tieline_deliveries_accepted", "Deliveries ever accepted.")
        accepted.add_metric([], found.accepted)
        holds = GaugeMetricFamily("tieline_accounting_balanced", "1 while accepted = done+skipped+waiting+held+dead.")
        holds.add_metric([], float(found.holds))
        yield from (states, accepted, holds)

    def _oldest(self, conn: Connection) -> GaugeMetricFamily:
        now = self._db.now(conn)
        found = GaugeMetricFamily(
            "tieline_oldest_due_seconds", "Age of the oldest row that is due and not done.", labels=["what"]
        )
        for what, table in (("delivery", delivery), ("action", action)):
            query = select(func.min(table.c.next_at)).where(table.c.state == State.WAITING.value, table.c.next_at <= now)
            oldest = conn.execute(query).scalar()
            found.add_metric([what], 0 if oldest is None else (now - oldest) / SECOND)
        return found


def _by_state(name: str, text: str, conn: Connection, state: Column[str]) -> GaugeMetricFamily:
    found = GaugeMetricFamily(name, text, labels=["state"])
    for word, count in conn.execute(select(state, func.count()).group_by(state)):
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
