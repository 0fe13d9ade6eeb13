"""Writing a batch: a few statements for many rows, in the order of their foreign keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from bridges.batch import Rows
from core.bulk import insert_many, update_many
from core.tables import action, attempt, crosswalk, decision, delivery, event, observation, value
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
    "hops",
    "cause",
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
        requeue(conn, rows.again, now, by=None)
    if rows.applied:
        update_many(conn, crosswalk, "id", [{"id": row, **one} for row, one in rows.applied.items()])


_DEAD = (
    select(action.c.id, action.c.attempts, action.c.fence, action.c.reason, delivery.c.reason.label("asked"))
    .join(event, event.c.id == action.c.event_id)
    .join(delivery, delivery.c.id == event.c.delivery_id)
    .where(action.c.id.in_(bindparam("ids", expanding=True)), action.c.state == State.DEAD.value)
    .order_by(action.c.id)
    .with_for_update(of=action)
)


def requeue(conn: Connection, action_ids: list[str], now: Micros, *, by: str | None, why: str | None = None) -> int:
    """
    Make dead actions due again with the same key; done ones stay done, waiting and held ones stay where they are.

    Who decided so, when and why is kept among their attempts; ``by`` None: whoever asked for the replay of their delivery.
    """
    dead = conn.execute(_DEAD, {"ids": action_ids}).all()
    insert_many(conn, attempt, [decided(row, by or row.asked or "replay", "try it again", why, now) for row in dead])
    return conn.execute(
        update(action)
        .where(action.c.id.in_([row.id for row in dead]))
        .values(state=State.WAITING.value, next_at=now, reason=None, attempts=0, ended_at=None)
    ).rowcount


def decided(row: Any, by: str, what: str, why: str | None, now: Micros) -> dict[str, Any]:
    """Return what is kept among an action's attempts of a decision about it: it tells why the next one was made, or none."""
    return {
        "action_id": row.id,
        "n": row.attempts,
        "fence": row.fence,
        "worker": by,
        "started_at": now,
        "ended_at": now,
        "outcome": "decided",
        "family": None,
        "code": None,
        "detail": {"what": f"{by}: {what}.", "why": why or (f"It was dead: {row.reason}" if row.reason else "")},
    }
