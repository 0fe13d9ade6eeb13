"""Identity: who an external id is, what is known of a master ID, and what a steward may say about both."""

from __future__ import annotations

from pydantic import Field
from sqlalchemy import Connection, select

from core.errors import NotFoundError, TielineError
from core.tables import connector, crosswalk, entity, identity_edge
from gateway.api.paging import next_of, turn_of
from gateway.known import Known, known_of
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Paged, Time, moment, time
from mappings import identity

subject = Subject("identity", "Master IDs: who is who across all systems")


class Entity(Answer):
    """One master ID; `master_id` is who answers for it today."""

    requested: str
    master_id: str
    moved: bool = Field(description="true if the requested ID was merged into another")


class MasterIds(Body):
    """Master IDs that were given out at any time."""

    ids: list[str] = Field(min_length=1, max_length=1000)


class Entities(Answer):
    """What became of each; `unknown` were never given out."""

    items: list[Entity]
    unknown: list[str]


class AskedId(Body):
    """One id as a connector writes it."""

    connector: str
    entity: str = Field(description="the type: device, ticket, …")
    external_id: str = Field(min_length=1, max_length=500)


class Asks(Body):
    """Ids of other systems whose master ID is wanted; nothing is minted."""

    items: list[AskedId] = Field(min_length=1, max_length=1000)


class Resolved(Answer):
    """The master ID of one external id, or why there is none."""

    connector: str
    entity: str
    external_id: str
    master_id: str | None
    problem: str | None


class AllResolved(Answer):
    """The answers, in the order of the questions."""

    items: list[Resolved]


class ExternalId(Answer):
    """What another system calls it."""

    connector: str
    external_id: str
    origin: str
    home: str = Field(description="the master ID it was first given to")
    first_seen: Time
    last_seen: Time


class Edge(Answer):
    """What was said about two entities, and by whom."""

    id: int
    kind: str
    one: str
    other: str
    made_by: str
    made_at: Time
    rule: str | None
    ended_by: str | None
    ended_at: Time | None


class EntityAnswer(Answer):
    """Everything that is known of one entity."""

    requested: str
    master_id: str
    moved: bool
    type: str
    minted_at: Time
    members: list[str] = Field(description="every master ID that answers through this one")
    external_ids: list[ExternalId]
    edges: list[Edge]
    fields: dict[str, Known]


class ListedEntity(Answer):
    """One entity in a list."""

    master_id: str
    type: str
    minted_at: Time


class ListedEntities(Answer):
    """A page of entities that answer for themselves, newest first."""

    items: list[ListedEntity]
    next: str | None


class EntityFilter(Paged):
    """Which entities."""

    type: str | None = None


class Pair(Body):
    """Two master IDs, and why."""

    one: str
    other: str
    why: str = Field(min_length=1, max_length=500)


class Link(Body):
    """An external id that belongs to a master ID."""

    connector: str
    external_id: str = Field(min_length=1, max_length=500)
    master_id: str


class MovedAnswer(Answer):
    """One master ID that now resolves to another."""

    master_id: str
    before: str
    after: str


class Changed(Answer):
    """What an edge did; ending `edge_id` undoes exactly this."""

    edge_id: int | None
    new: bool
    moved: list[MovedAnswer]


@subject.get("/entities")
def list_entities(call: Call, query: EntityFilter) -> ListedEntities:
    """List the entities that answer for themselves (merged ones answer through their survivor)."""
    asked = select(entity.c.id, entity.c.gid.label("master_id"), entity.c.etype.label("type"), entity.c.minted_at)
    asked = asked.where(entity.c.survivor_id == entity.c.id)
    if query.type is not None:
        asked = asked.where(entity.c.etype == query.type)
    with call.parts.db.read() as conn:
        rows, after = turn_of(query).read(conn, asked, entity.c.id)
    items = [ListedEntity(master_id=row["master_id"], type=row["type"], minted_at=row["minted_at"]) for row in rows]
    return ListedEntities(items=items, next=next_of(after))


@subject.get("/entities/<master_id>")
def get_entity(call: Call, master_id: str) -> EntityAnswer:
    """Show an entity: what every system calls it, its fields with their sources, its merges."""
    with call.parts.db.read() as conn:
        found = who(conn, master_id)
        top = conn.execute(entity.select().where(entity.c.id == found.entity_id)).mappings().one()
        members = identity.members(conn, [found.entity_id])[found.entity_id]
        return EntityAnswer(
            requested=master_id,
            master_id=found.gid,
            moved=found.moved,
            type=top["etype"],
            minted_at=moment(top["minted_at"]),
            members=[
                row[0] for row in conn.execute(select(entity.c.gid).where(entity.c.id.in_(members)).order_by(entity.c.id))
            ],
            external_ids=_external_ids(conn, members),
            edges=_edges(conn, members),
            fields=known_of(conn, found.entity_id, top["etype"]),
        )


@subject.post("/identity/current", scope="read")
def current_ids(call: Call, body: MasterIds) -> Entities:
    """Say who each master ID is today; one that was given out once resolves for ever."""
    with call.parts.db.read() as conn:
        found = identity.current(conn, body.ids)
    known = [Entity(requested=one.requested, master_id=one.gid, moved=one.moved) for one in found.values()]
    return Entities(items=known, unknown=[one for one in dict.fromkeys(body.ids) if one not in found])


@subject.post("/identity/resolve", scope="read", also=(404,))
def resolve_ids(call: Call, body: Asks) -> AllResolved:
    """Say which master ID each external id has; nothing is minted."""
    wants = [identity.Want(call.parts.registered.row(one.connector).id, one.entity, one.external_id) for one in body.items]
    with call.parts.db.read() as conn:
        found = identity.resolve(conn, wants)
    return AllResolved(items=[_answered(one, found[want]) for one, want in zip(body.items, wants, strict=True)])


def master_id(call: Call, conn: Connection, asked: AskedId) -> str:
    """Return the master ID of one external id, or raise why there is none."""
    want = identity.Want(call.parts.registered.row(asked.connector).id, asked.entity, asked.external_id)
    found = identity.resolve(conn, [want])[want]
    if isinstance(found, TielineError):
        raise found
    return found.gid


def _answered(asked: AskedId, found: identity.Resolved | TielineError) -> Resolved:
    if isinstance(found, TielineError):
        return Resolved(**asked.model_dump(), master_id=None, problem=f"{found.what} {found.why}")
    return Resolved(**asked.model_dump(), master_id=found.gid, problem=None)


@subject.post("/identity/merge", scope="identity:write", also=(404, 409))
def merge_entities(call: Call, body: Pair) -> Changed:
    """Say that two master IDs are one thing; ending the edge undoes it."""
    with call.parts.db.write() as conn:
        one, other = who_exactly(conn, body.one), who_exactly(conn, body.other)
        made = identity.merge(
            conn,
            call.parts.db,
            one,
            other,
            made_by=call.caller.name,
            now=call.parts.db.now(conn),
            rule="steward",
            evidence={"why": body.why},
        )
    return changed(made)


@subject.post("/identity/distinct", scope="identity:write", also=(404, 409))
def declare_distinct(call: Call, body: Pair) -> Changed:
    """Say that two master IDs are not one thing, and may not become it through others."""
    with call.parts.db.write() as conn:
        one, other = who_exactly(conn, body.one), who_exactly(conn, body.other)
        made = identity.distinct(
            conn,
            call.parts.db,
            one,
            other,
            made_by=call.caller.name,
            now=call.parts.db.now(conn),
            rule="steward",
            evidence={"why": body.why},
        )
    return changed(made)


@subject.post("/identity/edges/<edge_id>/end", scope="identity:write")
def end_edge(call: Call, edge_id: str) -> Changed:
    """End one edge (unmerge), whatever was made after it."""
    if not edge_id.isascii() or not edge_id.isdigit() or len(edge_id) > 15:
        raise NotFoundError(f"There is no edge {edge_id!r}.", why="Edges have numbers.", fix="See the entity's edges.")
    with call.parts.db.write() as conn:
        done = identity.unmerge(conn, call.parts.db, int(edge_id), ended_by=call.caller.name, now=call.parts.db.now(conn))
    return changed(done)


@subject.post("/identity/link", scope="identity:write", also=(404, 409))
def link_id(call: Call, body: Link) -> Changed:
    """Say that an external id belongs to a master ID."""
    row = call.parts.registered.row(body.connector)
    with call.parts.db.write() as conn:
        home = who_exactly(conn, body.master_id)
        etype = conn.execute(select(entity.c.etype).where(entity.c.id == home)).scalar_one()
        made = identity.link(
            conn,
            call.parts.db,
            row.id,
            etype,
            body.external_id,
            home,
            call.parts.db.now(conn),
            made_by=call.caller.name,
        )
    return changed(made.change) if made.change else Changed(edge_id=None, new=False, moved=[])


def changed(change: identity.Change) -> Changed:
    """Write what an edge did."""
    moved = [MovedAnswer(master_id=one.gid, before=one.before, after=one.after) for one in change.moved]
    return Changed(edge_id=change.edge_id, new=change.new, moved=moved)


def who(conn: Connection, master_id: str) -> identity.Current:
    """Return who answers for a master ID today, or say that it was never given out."""
    found = identity.current(conn, [master_id]).get(master_id)
    if found is None:
        raise NotFoundError(
            f"There is no master ID {master_id!r}.",
            why="It was never given out; given ones resolve for ever.",
            fix="Look it up by an external id: POST /api/v1/identity/resolve.",
        )
    return found


def who_exactly(conn: Connection, master_id: str) -> int:
    """Return the row of exactly this master ID, merged or not."""
    who(conn, master_id)
    return int(conn.execute(select(entity.c.id).where(entity.c.gid == master_id)).scalar_one())


def _external_ids(conn: Connection, members: list[int]) -> list[ExternalId]:
    query = (
        select(crosswalk, connector.c.name.label("connector"), entity.c.gid.label("home"))
        .join(connector, connector.c.id == crosswalk.c.connector_id)
        .join(entity, entity.c.id == crosswalk.c.home_id)
        .where(crosswalk.c.home_id.in_(members), crosswalk.c.valid_to.is_(None))
        .order_by(connector.c.name, crosswalk.c.id)
    )
    return [
        ExternalId(
            connector=row["connector"],
            external_id=row["external_raw"],
            origin=row["origin"],
            home=row["home"],
            first_seen=moment(row["first_seen"]),
            last_seen=moment(row["last_seen"]),
        )
        for row in conn.execute(query).mappings()
    ]


def _edges(conn: Connection, members: list[int]) -> list[Edge]:
    one, other = entity.alias("one"), entity.alias("other")
    query = (
        select(identity_edge, one.c.gid.label("one"), other.c.gid.label("other"))
        .join(one, one.c.id == identity_edge.c.a_id)
        .join(other, other.c.id == identity_edge.c.b_id)
        .where(identity_edge.c.a_id.in_(members) | identity_edge.c.b_id.in_(members))
        .order_by(identity_edge.c.id)
    )
    return [
        Edge(
            id=row["id"],
            kind=row["kind"],
            one=row["one"],
            other=row["other"],
            made_by=row["made_by"],
            made_at=moment(row["made_at"]),
            rule=row["rule"],
            ended_by=row["ended_by"],
            ended_at=time(row["ended_at"]),
        )
        for row in conn.execute(query).mappings()
    ]
