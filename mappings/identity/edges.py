"""
Merge, unmerge, distinct: edges between entities. Nothing moves but ``entity.survivor_id``.

The survivor is a pure function of the active edges, so edges may be made and ended in any order and
unmerge(merge) is the identity. No component ever holds two entities that were declared distinct.
All changes of edges stand in one line (one lock): they are rare, and each must see the one before.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from core.database import Database
from core.errors import ConflictError, NotFoundError
from core.tables import entity, identity_edge
from core.words import Json, Micros
from mappings.identity import history, reviews
from mappings.identity.components import Member, components, survivor
from mappings.identity.errors import DistinctError
from mappings.identity.rows import query
from mappings.identity.words import Change, Moved

_EDGE = identity_edge.c
_ACTIVE = "SELECT id, a_id, b_id, kind FROM identity_edge WHERE a_id IN {ids} AND ended_at IS NULL"
_MEMBERS = "SELECT id, gid, minted_at, pinned, survivor_id FROM entity WHERE survivor_id IN {ids}"


def merge(
    conn: Connection,
    db: Database,
    one_id: int,
    other_id: int,
    *,
    made_by: str,
    now: Micros,
    rule: str | None = None,
    score: float | None = None,
    evidence: Json = None,
) -> Change:
    """Say that two entities are the same thing; the same edge again changes nothing. Distinct ones are refused."""
    a, b, etype = _pair(conn, db, one_id, other_id)
    members = _members(conn, [a.survivor_id, b.survivor_id])
    if standing := _standing(conn, a.id, b.id, "same"):
        return Change(standing, new=False)
    if a.survivor_id != b.survivor_id:
        _refuse_distinct(conn, members)
    made = {"made_by": made_by, "made_at": now, "rule": rule, "score": score, "evidence": evidence}
    edge_id = _insert(conn, a.id, b.id, "same", made)
    moved = _settle(conn, members)
    history.record(conn, history.MERGED, etype, moved, edge_id=edge_id, made_by=made_by, now=now)
    return Change(edge_id, new=True, moved=moved)


def distinct(
    conn: Connection,
    db: Database,
    one_id: int,
    other_id: int,
    *,
    made_by: str,
    now: Micros,
    rule: str | None = None,
    evidence: Json = None,
) -> Change:
    """Say that two entities are not the same thing, and may not become it through others. Joined ones are refused."""
    a, b, _ = _pair(conn, db, one_id, other_id)
    if standing := _standing(conn, a.id, b.id, "distinct"):
        return Change(standing, new=False)
    if a.survivor_id == b.survivor_id:
        raise ConflictError(
            f"{a.gid} and {b.gid} are one thing today.",
            why="Edges of `same` join them, directly or through others.",
            fix="End those edges first (unmerge), then declare them distinct.",
        )
    return Change(
        _insert(conn, a.id, b.id, "distinct", {"made_by": made_by, "made_at": now, "rule": rule, "evidence": evidence}),
        new=True,
    )


def unmerge(conn: Connection, db: Database, edge_id: int, *, ended_by: str, now: Micros) -> Change:
    """
    End one edge, of either kind, whatever was made after it; an ended edge again changes nothing.

    Keys that were linked since the edge was made, to a thing that is now two, are asked about (``reviews``).
    """
    db.lock_key(conn, "identity-edges")
    edge = conn.execute(select(_EDGE.a_id, _EDGE.kind, _EDGE.made_at, _EDGE.ended_at).where(_EDGE.id == edge_id)).one_or_none()
    if edge is None:
        raise NotFoundError(
            f"There is no identity edge {edge_id}.", why="Edges are never deleted.", fix="Look up the edge's number."
        )
    if edge.ended_at is not None:
        return Change(edge_id, new=False)
    conn.execute(identity_edge.update().where(_EDGE.id == edge_id).values(ended_by=ended_by, ended_at=now))
    if edge.kind == "distinct":
        return Change(edge_id, new=True)
    top, etype = conn.execute(select(entity.c.survivor_id, entity.c.etype).where(entity.c.id == edge.a_id)).one()
    members = _members(conn, [top])
    moved = _settle(conn, members)
    history.record(conn, history.UNMERGED, etype, moved, edge_id=edge_id, made_by=ended_by, now=now)
    asked = reviews.ask_whose(conn, [one.id for one in members], moved, edge.made_at, now) if moved else 0
    return Change(edge_id, new=True, moved=moved, asked=asked)


def pin(conn: Connection, db: Database, entity_id: int, rank: int | None, *, made_by: str, now: Micros) -> tuple[Moved, ...]:
    """Wish that this entity survives whatever it is merged with (the lower rank wins), or withdraw the wish."""
    db.lock_key(conn, "identity-edges")
    conn.execute(entity.update().where(entity.c.id == entity_id).values(pinned=rank))
    moved = _settle(conn, _members(conn, [_one(conn, entity_id).survivor_id]))
    etype = conn.execute(select(entity.c.etype).where(entity.c.id == entity_id)).scalar_one()
    history.record(conn, history.MERGED, etype, moved, edge_id=None, made_by=made_by, now=now)
    return moved


def _pair(conn: Connection, db: Database, one_id: int, other_id: int) -> tuple[Member, Member, str]:
    """Take the lock and return both, the lower id first, and what they are."""
    if one_id == other_id:
        raise ConflictError("An entity cannot be related to itself.", why="Both ends are the same.", fix="Name two entities.")
    db.lock_key(conn, "identity-edges")
    a, b = _one(conn, min(one_id, other_id)), _one(conn, max(one_id, other_id))
    kinds = [conn.execute(select(entity.c.etype).where(entity.c.id == one.id)).scalar_one() for one in (a, b)]
    if kinds[0] != kinds[1]:
        raise ConflictError(
            f"{a.gid} is a {kinds[0]}, {b.gid} is a {kinds[1]}.",
            why="Only entities of one type can be related.",
            fix="Check the master IDs.",
        )
    return a, b, str(kinds[0])


def _one(conn: Connection, entity_id: int) -> Member:
    rows = query(conn, "SELECT id, gid, minted_at, pinned, survivor_id FROM entity WHERE id = :id", id=entity_id)
    if not rows:
        raise NotFoundError(f"There is no entity {entity_id}.", why="Entities are never deleted.", fix="Look up the master ID.")
    return Member(*rows[0])


def _members(conn: Connection, survivor_ids: list[int]) -> list[Member]:
    return [Member(*row) for row in query(conn, _MEMBERS, ids=sorted(set(survivor_ids)))]


def _standing(conn: Connection, a_id: int, b_id: int, kind: str) -> int | None:
    """Return the active edge of this kind between the two; one of the other kind is refused."""
    edge = conn.execute(
        select(_EDGE.id, _EDGE.kind).where(_EDGE.a_id == a_id, _EDGE.b_id == b_id, _EDGE.ended_at.is_(None))
    ).one_or_none()
    if edge is not None and edge.kind != kind:
        error = DistinctError if edge.kind == "distinct" else ConflictError
        raise error(
            f"Edge {edge.id} says that the two are {edge.kind}.",
            why="Two things cannot be the same and distinct.",
            fix="End that edge first.",
        )
    return None if edge is None else int(edge.id)


def _refuse_distinct(conn: Connection, members: list[Member]) -> None:
    """Refuse to make one component of entities of which two are declared distinct."""
    names = {one.id: one.gid for one in members}
    for edge in query(conn, _ACTIVE + " AND kind = 'distinct'", ids=list(names)):
        if edge.b_id in names:
            raise DistinctError(
                f"{names[edge.a_id]} and {names[edge.b_id]} were declared distinct (edge {edge.id}).",
                why="The merge would make one thing of them.",
                fix="End that edge first if it is wrong; otherwise these two are not the same.",
                edge=edge.id,
            )


def _insert(conn: Connection, a_id: int, b_id: int, kind: str, made: dict[str, Json]) -> int:
    result = conn.execute(identity_edge.insert().values(a_id=a_id, b_id=b_id, kind=kind, **made))
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def _settle(conn: Connection, members: list[Member]) -> tuple[Moved, ...]:
    """Give every member of what was one component the survivor of the component it is in now."""
    by_id = {one.id: one for one in members}
    edges = [(row.a_id, row.b_id) for row in query(conn, _ACTIVE + " AND kind = 'same'", ids=list(by_id))]
    moved: list[Moved] = []
    for group in components(by_id, edges):
        top = survivor(by_id[one] for one in group)
        changed = [by_id[one] for one in group if by_id[one].survivor_id != top.id]
        if changed:
            query(conn, "UPDATE entity SET survivor_id = :top WHERE id IN {ids}", top=top.id, ids=[one.id for one in changed])
            moved += [Moved(one.id, one.gid, by_id[one.survivor_id].gid, top.gid) for one in changed]
    return tuple(sorted(moved))
