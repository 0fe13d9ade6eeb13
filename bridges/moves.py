"""
Merges and unmerges as events: ``customer.merged`` and ``customer.unmerged``, on which bridges decide like on any other.

Each master ID that answers through another from now on is a delivery of our own, in the lane of the connector that knew it
first: stored in the transaction of the edge, handled in order, counted in the books, replayed like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from bridges.storing import Arrival, store
from core.database import Database
from core.ids import new_id
from core.jsons import canonical, loads, sha256
from core.tables import connector, crosswalk, entity
from core.words import Record
from mappings.identity import Change

STREAM = "tieline.identity"
"""The stream of these deliveries, whatever the connector."""

HAPPENED = ("merged", "unmerged")


@dataclass(frozen=True, slots=True)
class Move:
    """One master ID that answered through ``before`` and answers through ``after`` now."""

    etype: str
    happened: str
    gid: str
    before: str
    after: str


def announce(db: Database, conn: Connection, happened: str, change: Change) -> None:
    """Store what an edge has moved, in its transaction; where nothing is connected there is nobody to tell."""
    ids = [one.entity_id for one in change.moved]
    if not ids:
        return
    etype = conn.execute(select(entity.c.etype).where(entity.c.id == ids[0])).scalar_one()
    first = select(crosswalk.c.home_id, func.min(crosswalk.c.id).label("id")).where(crosswalk.c.home_id.in_(ids))
    oldest = first.group_by(crosswalk.c.home_id).subquery()
    knew = {
        row.home_id: row.connector_id
        for row in conn.execute(
            select(crosswalk.c.home_id, crosswalk.c.connector_id).join(oldest, oldest.c.id == crosswalk.c.id)
        )
    }
    anybody = conn.execute(select(func.min(connector.c.id))).scalar()
    arrivals = []
    for one in change.moved:
        lane = knew.get(one.entity_id, anybody)
        if lane is not None:
            told = {"etype": etype, "happened": happened, "gid": one.gid, "before": one.before, "after": one.after}
            body, key = canonical(told), f"{STREAM}:{new_id('mov')}"
            arrivals.append((Arrival(lane, body, external_id=key, stream=STREAM), sha256(body), key))
    store(db, conn, arrivals)


def read_move(delivery: Mapping[Any, Any]) -> tuple[Move, Record]:
    """Read what ``announce`` stored."""
    move = Move(**loads(delivery["body"]))
    return move, Record(STREAM, move.gid, {"before": move.before, "after": move.after}, at=delivery["received_at"])
