"""
Lanes: one handler at a time per connector, in the order of acceptance.

Who takes a lane gets a fence; whoever was there before can end nothing any more. The lease bridges only the
moments between two transactions: while a batch is written, its row of the lane is locked, and nobody waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from core.clock import SECOND
from core.database import Database
from core.tables import delivery, lane
from core.words import State

LEASE_S = 20
_ENDED: dict[str, Any] = {"tries": 0, "trying_id": None, "lease_owner": None, "lease_until": None}
_DUE = delivery.c.state == State.WAITING.value


@dataclass(frozen=True, slots=True)
class Begun:
    """A lane in a handler's hands: how often its head was begun without an end, this time included."""

    fence: int
    tries: int
    head: int | None


def begin(db: Database, connector_id: int, owner: str) -> Begun | None:
    """Take the lane, if nobody has it, and count the beginning, so that a beginning without an end is seen."""
    with db.write() as conn:
        now = db.now(conn)
        insert: Any = sqlite.insert(lane) if db.dialect == "sqlite" else postgresql.insert(lane)
        conn.execute(insert.values(connector_id=connector_id).on_conflict_do_nothing())
        free = or_(lane.c.lease_until.is_(None), lane.c.lease_until < now, lane.c.lease_owner == owner)
        row = conn.execute(
            select(lane).where(lane.c.connector_id == connector_id, free).with_for_update(skip_locked=True)
        ).one_or_none()
        if row is None:
            return None
        head = conn.execute(select(func.min(delivery.c.id)).where(delivery.c.connector_id == connector_id, _DUE)).scalar_one()
        begun = Begun(row.fence + 1, row.tries + 1 if head is not None and row.trying_id == head else 1, head)
        conn.execute(
            update(lane)
            .where(lane.c.connector_id == connector_id)
            .values(
                lease_owner=owner,
                lease_until=now + LEASE_S * SECOND,
                fence=begun.fence,
                tries=begun.tries,
                trying_id=head,
            )
        )
        return begun


def end(conn: Connection, connector_id: int, fence: int) -> bool:
    """Give the lane back within the transaction that ends the batch; False when it was taken over."""
    ours = update(lane).where(lane.c.connector_id == connector_id, lane.c.fence == fence)
    return conn.execute(ours.values(_ENDED)).rowcount == 1


def go_on(db: Database, conn: Connection, connector_id: int, fence: int, done: int) -> int | None:
    """
    Keep the lane and count the beginning of the next batch, within the transaction that ends the one up to ``done``.

    Return the delivery that the next batch begins with. None, and the lane is given back: nothing more waits, or it was
    taken over.
    """
    now = db.now(conn)
    rest = (delivery.c.connector_id == connector_id, _DUE, delivery.c.next_at <= now, delivery.c.id > done)
    head: int | None = conn.execute(select(func.min(delivery.c.id)).where(*rest)).scalar_one()
    if head is None:
        end(conn, connector_id, fence)
        return None
    ours = update(lane).where(lane.c.connector_id == connector_id, lane.c.fence == fence)
    kept = conn.execute(ours.values(tries=1, trying_id=head, lease_until=now + LEASE_S * SECOND))
    return head if kept.rowcount == 1 else None


def is_ours(conn: Connection, connector_id: int, fence: int) -> bool:
    """Say whether the lane is still ours, and keep it so until the end of this transaction."""
    query = select(lane.c.fence).where(lane.c.connector_id == connector_id).with_for_update()
    return bool(conn.execute(query).scalar_one() == fence)


def give_back(db: Database, connector_id: int, owner: str) -> None:
    """Give the lane back after a look that failed without harm: it does not count as a beginning without an end."""
    with db.write() as conn:
        conn.execute(update(lane).where(lane.c.connector_id == connector_id, lane.c.lease_owner == owner).values(_ENDED))
