"""Writing a batch: a few statements for many rows, in the order of their foreign keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, update

from bridges.batch import Rows
from core.bulk import insert_many, update_many
from core.tables import action, crosswalk, decision, event, observation, value
from core.words import Micros, State

_REHANDLED = (
    "type",
    "etype",
    "entity_id",
    "handled_at",
    "changes",
    "state",
    "reason",
    "held_by",
    "next_at",
    "mapping_version_id",
    "runs",
    "error",
)
_EVENT_AGAIN = (
    update(event).where(event.c.id == bindparam("row")).values({name: bindparam(f"new_{name}") for name in _REHANDLED})
)


def write(conn: Connection, rows: Rows, known_events: Mapping[tuple[int, int], Mapping[Any, Any]], now: Micros) -> None:
    """Write everything a batch made."""
    old = {row["id"] for row in known_events.values()}
    new_events = [row for row in rows.events if row["id"] not in old]
    insert_many(conn, event, new_events)
    again = [row for row in rows.events if row["id"] in old]
    if again:
        conn.execute(_EVENT_AGAIN, [{"row": row["id"]} | {f"new_{name}": row[name] for name in _REHANDLED} for row in again])
    insert_many(conn, observation, rows.observations)
    insert_many(conn, value, list(rows.values.values()), replace=("entity_id", "field", "connector_id"))
    insert_many(conn, decision, rows.decisions)
    insert_many(conn, action, rows.actions)
    if rows.again:
        requeue(conn, rows.again, now)
    if rows.applied:
        update_many(conn, crosswalk, "id", [{"id": row, **one} for row, one in rows.applied.items()])


def requeue(conn: Connection, action_ids: list[str], now: Micros) -> int:
    """Make dead actions due again with the same key; done ones stay done, waiting and held ones stay where they are."""
    return conn.execute(
        update(action)
        .where(action.c.id.in_(action_ids), action.c.state == State.DEAD)
        .values(state=State.WAITING.value, next_at=now, reason=None, attempts=0, ended_at=None)
    ).rowcount
