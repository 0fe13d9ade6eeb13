"""
Does work get on? How long the oldest row has waited that is due and that anybody could take now.

A row in somebody's hands, behind an earlier one of its order, or of a connector that is held or whose breaker is open is
not waiting for a worker, so it does not count: what is left says that no worker looks.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, exists, func, or_, select, text

from bridges.claims import claimable
from core.tables import connector, delivery, lane, stream
from core.words import Micros

_UNHANDLED = select(func.min(delivery.c.next_at)).where(
    delivery.c.connector_id == connector.c.id,
    delivery.c.state == text("'waiting'"),
    delivery.c.next_at <= bindparam("now"),
)
_LANES = (
    select(_UNHANDLED.correlate(connector).scalar_subquery())
    .select_from(connector)
    .where(~exists().where(lane.c.connector_id == connector.c.id, lane.c.lease_until >= bindparam("now")))
)
_POLLS = (
    select(func.min(stream.c.next_at))
    .select_from(stream.join(connector, connector.c.id == stream.c.connector_id))
    .where(
        stream.c.enabled,
        connector.c.state == "ok",
        stream.c.next_at <= bindparam("now"),
        or_(stream.c.lease_until.is_(None), stream.c.lease_until < bindparam("now")),
    )
)


def oldest_unclaimed(conn: Connection, now: Micros) -> dict[str, float]:
    """Return the seconds that the oldest claimable row has waited, by kind of work; 0 when nothing is due."""
    lanes = [at for at in conn.execute(_LANES, {"now": now}).scalars() if at is not None]
    found = {
        "deliveries": min(lanes, default=None),
        "actions": claimable(conn, now),
        "polls": conn.execute(_POLLS, {"now": now}).scalar_one(),
    }
    return {kind: 0.0 if at is None else round((now - at) / 1_000_000, 3) for kind, at in found.items()}
