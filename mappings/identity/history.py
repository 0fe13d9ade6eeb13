"""
What happened to master IDs, as a stream that anybody may read again from any place: merged and unmerged, never deleted.

Each entry says which master ID answered through which before and after. It is written in the transaction of the edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from core.tables import identity_event
from core.words import Micros
from mappings.identity.words import Moved

MERGED, UNMERGED = "identity.merged", "identity.unmerged"


@dataclass(frozen=True, slots=True)
class Happened:
    """One entry of the stream."""

    id: int
    type: str
    etype: str
    edge_id: int | None
    moved: list[dict[str, str]]
    made_by: str
    at: Micros


def record(
    conn: Connection, type_: str, etype: str, moved: Sequence[Moved], *, edge_id: int | None, made_by: str, now: Micros
) -> None:
    """Add an entry; where no master ID answers through another than before, nothing happened."""
    if moved:
        conn.execute(
            identity_event.insert().values(
                type=type_,
                etype=etype,
                edge_id=edge_id,
                moved=[{"master_id": one.gid, "before": one.before, "after": one.after} for one in moved],
                made_by=made_by,
                at=now,
            )
        )


def read(conn: Connection, after: int = 0, limit: int = 100, *, etype: str | None = None) -> list[Happened]:
    """Return entries in the order in which they happened, from behind the one with this id."""
    columns: list[Any] = [identity_event.c[name] for name in Happened.__slots__]
    query = select(*columns).where(identity_event.c.id > after).order_by(identity_event.c.id).limit(limit)
    if etype is not None:
        query = query.where(identity_event.c.etype == etype)
    return [Happened(*row) for row in conn.execute(query)]
