"""Identity: who an external id is, what is known of a master ID, and what a steward may say about both."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import Connection, select

from core.errors import NotFoundError, TielineError
from core.tables import connector, crosswalk, entity, identity_edge
from gateway.api.paging import next_of, turn_of
from gateway.known import Known, known_of
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Moment, Paged, Time, moment, time
from mappings import identity

subject = Subject("identity", "Master IDs: who is who across all systems")


class Entity(Answer):
    """One master ID; `master_id` is who answers for it today."""

    requested: str
    master_id: str
    moved: bool = Field(description="true if the requested ID was merged into another")
    as_of: Time = Field(description="the moment for which this holds")


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
    at: Moment | None = Field(None, description="as the ids were used at that time; now, if left out")


class Resolved(Answer):
    """The master ID of one external id, or why there is none."""

    connector: str
    entity: str
    external_id: str
    requested: str | None = Field(description="the master ID that the id was given to")
    master_id: str | None = Field(description="who answers for that one today")
    moved: bool | None = Field(description="true if the two differ: it was merged into another")
    minted: bool = Field(description="true if the master ID was made by this very call")
    as_of: Time = Field(description="the moment for which this holds")
    problem: str | None
    code: str | None = Field(description="of the problem; docs/errors.md has a heading for it")


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
    valid_from: Time
    valid_to: Time | None = Field(description="when the source began to use it for another thing")


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
    as_of: Time
    type: str
    minted_at: Time
    members: list[str] = Field(description="every master ID that answers through this one")
    external_ids: list[ExternalId]
    former_ids: list[ExternalId] = Field(description="those that its sources use for another thing today")
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
        known_as = _external_ids(conn, members)
        return EntityAnswer(
            requested=found.requested,
            master_id=found.gid,
            moved=found.moved,
            as_of=moment(call.parts.db.now(conn)),
            type=top["etype"],
            minted_at=moment(top["minted_at"]),
            members=[
                row[0] for row in conn.execute(select(entity.c.gid).where(entity.c.id.in_(members)).order_by(entity.c.id))
            ],
            external_ids=[one for one in known_as if one.valid_to is None],
            former_ids=[one for one in known_as if one.valid_to is not None],
            edges=_edges(conn, members),
            fields=known_of(conn, found.entity_id, top["etype"]),
        )


@subject.post("/identity/current", scope="read")
def current_ids(call: Call, body: MasterIds) -> Entities:
    """
    Say who each master ID is today; one that was given out once resolves for ever.

    The check character of the spoken form is accepted, and checked.
    """
    asked = {one: identity.entered(one) for one in dict.fromkeys(body.ids)}
    with call.parts.db.read() as conn:
        found = identity.current(conn, asked.values())
        as_of = moment(call.parts.db.now(conn))
    known = [
        Entity(requested=found[gid].requested, master_id=found[gid].gid, moved=found[gid].moved, as_of=as_of)
        for gid in dict.fromkeys(asked.values())
        if gid in found
    ]
    return Entities(items=known, unknown=[one for one, gid in asked.items() if gid not in found])


@subject.post("/identity/resolve", scope="read", also=(404,))
def resolve_ids(call: Call, body: Asks) -> AllResolved:
    """Say which master ID each external id has, now or at a time; nothing is minted."""
    wants = [identity.Want(call.parts.registered.row(one.connector).id, one.entity, one.external_id) for one in body.items]
    with call.parts.db.read() as conn:
        found = identity.resolve(conn, wants, body.at)
        as_of = moment(call.parts.db.now(conn) if body.at is None else body.at)
    return AllResolved(items=[resolved(one, found[want], as_of) for one, want in zip(body.items, wants, strict=True)])


def master_id(call: Call, conn: Connection, asked: AskedId) -> str:
    """Return the master ID of one external id, or raise why there is none."""
    want = identity.Want(call.parts.registered.row(asked.connector).id, asked.entity, asked.external_id)
    found = identity.resolve(conn, [want])[want]
    if isinstance(found, TielineError):
        raise found
    return found.gid


def resolved(asked: AskedId, found: identity.Resolved | TielineError, as_of: str) -> Resolved:
    """Write what became of one external id."""
    known: dict[str, Any] = {
        "connector": asked.connector,
        "entity": asked.entity,
        "external_id": asked.external_id,
        "as_of": as_of,
    }
    if isinstance(found, TielineError):
        nobody: dict[str, Any] = {"requested": None, "master_id": None, "moved": None, "minted": False}
        return Resolved(**known, **nobody, problem=f"{found.what} {found.why}", code=found.code)
    return Resolved(
        **known,
        requested=found.home_gid,
        master_id=found.gid,
        moved=found.moved,
        minted=found.minted,
        problem=None,
        code=None,
    )


def who(conn: Connection, master_id: str) -> identity.Current:
    """Return who answers for a master ID today, or say that it was never given out."""
    gid = identity.entered(master_id)
    found = identity.current(conn, [gid]).get(gid)
    if found is None:
        raise NotFoundError(
            f"There is no master ID {master_id!r}.",
            why="It was never given out; given ones resolve for ever.",
            fix="Look it up by an external id: POST /api/v1/identity/resolve.",
        )
    return found


def who_exactly(conn: Connection, master_id: str) -> int:
    """Return the row of exactly this master ID, merged or not."""
    found = who(conn, master_id)
    return int(conn.execute(select(entity.c.id).where(entity.c.gid == found.requested)).scalar_one())


def _external_ids(conn: Connection, members: list[int]) -> list[ExternalId]:
    query = (
        select(crosswalk, connector.c.name.label("connector"), entity.c.gid.label("home"))
        .join(connector, connector.c.id == crosswalk.c.connector_id)
        .join(entity, entity.c.id == crosswalk.c.home_id)
        .where(crosswalk.c.home_id.in_(members))
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
            valid_from=moment(row["valid_from"]),
            valid_to=time(row["valid_to"]),
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
