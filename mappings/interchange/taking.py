"""Taking the crosswalk out: every row that is or was, in the order of their making, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, and_, func, select

from core.clock import to_rfc3339
from core.database import Database
from core.tables import connector, crosswalk, entity

PAGE = 5000


def take_out(db: Database, *, connector_name: str | None = None, etype: str | None = None) -> Iterator[dict[str, str | None]]:
    """
    Yield the rows as the cells of a file.

    Each page is read by itself, so that a long export holds nothing open; a row that comes meanwhile stands at the end.
    """
    after = 0
    home, top = entity.alias("home"), entity.alias("top")
    query = (
        select(
            crosswalk.c.id,
            connector.c.name,
            crosswalk.c.etype,
            crosswalk.c.external_raw,
            home.c.gid.label("master_id"),
            top.c.gid.label("current_id"),
            crosswalk.c.origin,
            crosswalk.c.first_seen,
            crosswalk.c.last_seen,
            crosswalk.c.valid_from,
            crosswalk.c.valid_to,
        )
        .join(connector, connector.c.id == crosswalk.c.connector_id)
        .join(home, home.c.id == crosswalk.c.home_id)
        .join(top, top.c.id == home.c.survivor_id)
        .where(_chosen(connector_name, etype))
        .order_by(crosswalk.c.id)
        .limit(PAGE)
    )
    while True:
        with db.read() as conn:
            rows = conn.execute(query.where(crosswalk.c.id > after)).all()
        for row in rows:
            yield {
                "connector": row.name,
                "entity": row.etype,
                "external_id": row.external_raw,
                "master_id": row.master_id,
                "current_id": row.current_id,
                "origin": row.origin,
                "first_seen": to_rfc3339(row.first_seen),
                "last_seen": to_rfc3339(row.last_seen),
                "valid_from": to_rfc3339(row.valid_from),
                "valid_to": to_rfc3339(row.valid_to),
            }
        if len(rows) < PAGE:
            return
        after = rows[-1].id


def count(conn: Connection, *, connector_name: str | None = None, etype: str | None = None) -> int:
    """Return how many rows would be taken out."""
    query = select(func.count()).select_from(crosswalk).join(connector, connector.c.id == crosswalk.c.connector_id)
    return int(conn.execute(query.where(_chosen(connector_name, etype))).scalar_one())


def _chosen(connector_name: str | None, etype: str | None) -> ColumnElement[bool]:
    """Rows that were valid for no time at all (``reviews.assign``) say nothing and are left out."""
    chosen: list[ColumnElement[bool]] = [crosswalk.c.valid_to.is_(None) | (crosswalk.c.valid_to > crosswalk.c.valid_from)]
    if connector_name is not None:
        chosen.append(connector.c.name == connector_name)
    if etype is not None:
        chosen.append(crosswalk.c.etype == etype)
    return and_(*chosen)
