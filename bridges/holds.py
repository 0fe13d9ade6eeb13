"""
Holding a connector: nothing is dropped, nothing is sent, everything says by whom it is held.

A person's hold stops handling and sending; a repair's hold (credentials) stops only sending and
polling, because what the system pushes to us is still good. Releasing lets all go on in order.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, case, select, update

from core.repairs import close_repair
from core.tables import action, connector, delivery, stream
from core.words import Micros, State


def hold(conn: Connection, connector_id: int, *, by: str, now: Micros) -> None:
    """Hold a connector and its waiting actions; ``by`` is ``person:<name>`` or ``repair:<key>``."""
    conn.execute(
        update(connector)
        .where(connector.c.id == connector_id)
        .values(state="held", held_by=by, held_since=now, updated_at=_after(now))
    )
    hold_actions(conn, connector_id, by=by)


def hold_actions(conn: Connection, connector_id: int, *, by: str) -> int:
    """Turn a connector's waiting actions, except those in a worker's hands, into held ones."""
    return conn.execute(
        update(action)
        .where(action.c.connector_id == connector_id, action.c.state == State.WAITING, action.c.lease_owner.is_(None))
        .values(state=State.HELD.value, held_by=by, next_at=None)
    ).rowcount


def release(conn: Connection, connector_id: int, *, now: Micros) -> int:
    """
    Let a connector go on: its held actions and deliveries become due, its streams are polled again.

    Returns how many rows were released. The connector's repair, if one held it, is closed.
    """
    row = conn.execute(connector.select().where(connector.c.id == connector_id).with_for_update()).mappings().one()
    conn.execute(
        update(connector)
        .where(connector.c.id == connector_id)
        .values(
            state="ok",
            held_by=None,
            held_since=None,
            breaker_failures=0,
            breaker_open_until=None,
            breaker_reason=None,
            updated_at=_after(now),
        )
    )
    held_by = row["held_by"]
    if held_by and held_by.startswith("repair:"):
        close_repair(conn, held_by.removeprefix("repair:"), now=now)
    due = {"state": State.WAITING.value, "held_by": None, "next_at": now}
    freed = conn.execute(
        update(action)
        .where(
            action.c.connector_id == connector_id,
            action.c.state == State.HELD,
            action.c.held_by.not_like("step:%"),
            action.c.held_by.not_like("dead:%"),
            action.c.held_by.not_like("budget:%"),
        )
        .values(due)
    ).rowcount
    freed += conn.execute(
        update(delivery).where(delivery.c.connector_id == connector_id, delivery.c.state == State.HELD).values(due)
    ).rowcount
    conn.execute(update(stream).where(stream.c.connector_id == connector_id).values(next_at=now, failures=0))
    return freed


def stand_as_now(conn: Connection, planned: list[dict[str, Any]], now: Micros) -> None:
    """
    Let planned actions that would be held with their connector be due, where it was released in the meantime.

    Planning knows the connectors as they were half a second ago; nobody would release these again. A release
    that is under way waits for our commit, and then finds them.
    """
    held = [row for row in planned if row["state"] == State.HELD and not row["held_by"].startswith("step:")]
    if not held:
        return
    query = select(connector.c.id, connector.c.state).where(connector.c.id.in_({row["connector_id"] for row in held}))
    states = {row.id: row.state for row in conn.execute(query.order_by(connector.c.id).with_for_update(read=True))}
    for row in held:
        if states.get(row["connector_id"]) == "ok":
            row |= {"state": State.WAITING.value, "held_by": None, "next_at": now}


def _after(now: Micros) -> ColumnElement[int]:
    """Return a mark that differs from every earlier one: open instances are made anew when it changes."""
    return case((connector.c.updated_at >= now, connector.c.updated_at + 1), else_=now + 1)
