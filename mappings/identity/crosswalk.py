"""Questions about the crosswalk, and links made on purpose."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from core.database import Database
from core.errors import NotFoundError, TransientError
from core.tables import crosswalk, entity
from core.words import Micros
from mappings.identity import shapes
from mappings.identity.edges import merge
from mappings.identity.mint import take
from mappings.identity.rows import find, query
from mappings.identity.words import Change, Current, Linked, Origin


def link(
    conn: Connection,
    db: Database,
    connector_id: int,
    etype: str,
    external_id: str,
    entity_id: int,
    now: Micros,
    origin: Origin = Origin.LINK,
    *,
    made_by: str = "tieline",
) -> Linked:
    """
    Say that an external id belongs to this entity; doing it twice does it once.

    If the id has another home already (its push came before our answer), it keeps that home and a `same`
    edge joins the two. Refused where the id is none, or where the two were declared distinct.
    """
    shape = shapes.load(conn, [connector_id]).of(connector_id, etype)
    key = (connector_id, etype, shapes.norm(shape, etype, external_id))
    here = conn.execute(select(entity.c.etype).where(entity.c.id == entity_id)).scalar_one_or_none()
    if here != etype:
        raise NotFoundError(
            f"There is no {etype} {entity_id}.",
            why=f"That entity is {here or 'unknown'}.",
            fix="Link an id to an entity of its own type.",
        )
    if key not in find(conn, [key]):
        take(conn, db, [(key, external_id, entity_id, Origin(origin))], {}, now)
    row = find(conn, [key]).get(key)
    if row is None:
        raise TransientError(f"The id {external_id!r} of {etype} was closed while it was linked.", why="The source re-uses it.")
    change: Change | None = None
    if row.home_id != entity_id:
        top = conn.execute(select(entity.c.survivor_id).where(entity.c.id == entity_id)).scalar_one()
        if top != row.survivor_id:
            change = merge(conn, db, row.home_id, entity_id, made_by=made_by, now=now, rule=f"link:{origin}")
            row = find(conn, [key])[key]
    return Linked(row.crosswalk_id, row.survivor_id, row.gid, change)


def close(conn: Connection, crosswalk_id: int, now: Micros) -> bool:
    """Say that the source re-uses this id for another thing: the next sight of it mints. False: closed already."""
    open_row = (crosswalk.c.id == crosswalk_id) & crosswalk.c.valid_to.is_(None)
    return conn.execute(crosswalk.update().where(open_row).values(valid_to=now)).rowcount == 1


def current(conn: Connection, gids: Iterable[str]) -> dict[str, Current]:
    """Say who each master ID is today, for every master ID ever issued; one that never was is missing."""
    rows = query(
        conn,
        "SELECT e.gid, s.gid, s.id FROM entity e JOIN entity s ON s.id = e.survivor_id WHERE e.gid IN {gids}",
        gids=sorted(set(gids)),
    )
    return {row[0]: Current(row[0], row[1], row[2], moved=row[0] != row[1]) for row in rows}


def members(conn: Connection, survivor_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return, for each survivor, all entities that it answers for, itself included."""
    found: dict[int, list[int]] = {one: [] for one in survivor_ids}
    for row in query(conn, "SELECT survivor_id, id FROM entity WHERE survivor_id IN {ids} ORDER BY id", ids=sorted(found)):
        found[row[0]].append(row[1])
    return found


def external_ids(conn: Connection, entity_ids: Iterable[int], connector_id: int) -> dict[int, str]:
    """
    Return what a connector calls these entities, as it writes it; missing where it does not know them.

    A merged thing may have several ids there: its own comes first, then the survivor's, then the oldest.
    """
    rows = query(
        conn,
        "SELECT e.id, x.home_id, e.survivor_id, x.id, x.external_raw FROM entity e"
        " JOIN entity m ON m.survivor_id = e.survivor_id"
        " JOIN crosswalk x ON x.home_id = m.id AND x.connector_id = :connector AND x.etype = e.etype AND x.valid_to IS NULL"
        " WHERE e.id IN {ids}",
        ids=sorted(set(entity_ids)),
        connector=connector_id,
    )
    best: dict[int, tuple[tuple[bool, bool, int], str]] = {}
    for asked, home, top, row_id, raw in rows:
        rank = (home != asked, home != top, row_id)
        if asked not in best or rank < best[asked][0]:
            best[asked] = (rank, raw)
    return {asked: raw for asked, (_, raw) in best.items()}
