"""
The accounting identity as a query: accepted = done + skipped + waiting + held + dead, at every instant.

It compares independent counts: what the inbox promised (``intake``, counted in the accepting commit)
with the rows that are there; how many events a delivery was parsed into with its event rows; how many
actions a decision added with its action rows; and that no row stands in a state without saying what
that state must say. It runs in one read transaction, so it is one instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from bridges import archive
from bridges.progress import oldest_unclaimed
from core.database import Database
from core.tables import action, decision, delivery, event, intake
from core.words import Micros, State


@dataclass(frozen=True, slots=True)
class Balance:
    """The counts of one instant; ``problems`` is empty when the identity holds."""

    accepted: int
    deliveries: dict[str, int]
    events: dict[str, int]
    actions: dict[str, int]
    oldest_due_s: float
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Say whether nothing is missing."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON for the API and the command line."""
        return {
            "holds": self.holds,
            "accepted": self.accepted,
            "deliveries": self.deliveries,
            "events": self.events,
            "actions": self.actions,
            "oldest_due_s": self.oldest_due_s,
            "problems": self.problems,
        }


def balance(db: Database) -> Balance:
    """Count everything in one instant and say what is missing, if anything is."""
    with db.read() as conn:
        if db.dialect == "postgresql":
            conn.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return count(conn, db.now(conn))


def count(conn: Connection, now: Micros) -> Balance:
    """The same within the caller's transaction."""
    accepted = int(conn.execute(select(func.coalesce(func.sum(intake.c.accepted), 0))).scalar_one())
    away = archive.counts(conn)
    deliveries, events, actions = (_by_state(conn, table, away[table.name]) for table in (delivery, event, action))
    problems = []
    if accepted != sum(deliveries.values()):
        problems.append(f"{accepted} deliveries were accepted, but {sum(deliveries.values())} are there.")
    problems += _parsed(conn)
    problems += _planned(conn)
    return Balance(accepted, deliveries, events, actions, max(oldest_unclaimed(conn, now).values()), problems)


def _by_state(conn: Connection, table: Any, away: Mapping[str, int]) -> dict[str, int]:
    """Count rows by state: those at hand, and those that have left for the archive, pruned or not."""
    counts = {str(state): away.get(state.value, 0) for state in State}
    for state, n in conn.execute(select(table.c.state, func.count()).group_by(table.c.state)):
        counts[state] += n
    return counts


def _parsed(conn: Connection) -> list[str]:
    there = select(event.c.delivery_id, func.count().label("n")).group_by(event.c.delivery_id).subquery()
    query = (
        select(delivery.c.receipt, delivery.c.events, there.c.n)
        .join(there, there.c.delivery_id == delivery.c.id, isouter=True)
        .where(delivery.c.events.is_not(None), delivery.c.events != func.coalesce(there.c.n, 0))
        .limit(5)
    )
    return [
        f"Delivery {row.receipt} was parsed into {row.events} events, but {row.n or 0} are there."
        for row in conn.execute(query)
    ]


def _planned(conn: Connection) -> list[str]:
    there = select(action.c.decision_id, func.count().label("n")).group_by(action.c.decision_id).subquery()
    query = (
        select(decision.c.id, decision.c.actions, there.c.n)
        .join(there, there.c.decision_id == decision.c.id, isouter=True)
        .where(decision.c.run == 0, decision.c.actions != func.coalesce(there.c.n, 0))
        .limit(5)
    )
    return [f"Decision {row.id} added {row.actions} actions, but {row.n or 0} are there." for row in conn.execute(query)]
