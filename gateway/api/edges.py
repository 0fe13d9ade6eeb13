"""What a steward may say about two master IDs, what would follow from it, and what has happened so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import Field
from sqlalchemy import Connection, select

from bridges.moves import announce
from core.errors import NotFoundError
from core.tables import entity
from core.words import Micros
from gateway.api.identity import AskedId, Resolved, resolved, who_exactly
from gateway.consequences import Consequences, consequences
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Claim, Query, Time, Whole, moment
from mappings import identity
from mappings.identity import history, reviews

subject = Subject("edges", "Merging, unmerging and keeping apart; the stream of what happened")


class Trying(Query):
    """Whether to do it, or only to show what would follow."""

    dry_run: Claim = Field(False, description="show what would follow, and change nothing")


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


class Preference(Body):
    """A wish that this master ID survives its merges; the lower rank wins, null withdraws the wish."""

    master_id: str
    rank: int | None = Field(ge=1, le=1_000_000)


class Assignment(AskedId):
    """Whose an external id is, for the whole time since it was first seen."""

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
    asked: int = Field(description="keys that came while the two were one: a person is asked whose they are")
    dry_run: bool
    as_of: Time
    consequences: Consequences | None = Field(description="only of a dry run")


class IdentityEvent(Answer):
    """Master IDs that answered through another from then on."""

    id: int
    type: str = Field(description="identity.merged or identity.unmerged")
    entity: str
    edge_id: int | None
    moved: list[MovedAnswer]
    made_by: str
    at: Time


class IdentityEvents(Answer):
    """A part of the stream, oldest first."""

    items: list[IdentityEvent]
    after: int = Field(description="what to go on from")


class Place(Query):
    """From where the stream is read."""

    after: Whole = Field(0, ge=0, description="the id of the last entry that is known; 0: from the beginning")
    limit: Whole = Field(100, ge=1, le=1000, description="at most so many")
    entity: str | None = None


@subject.post("/identity/merge", scope="identity:write", also=(404, 409))
def merge_entities(call: Call, query: Trying, body: Pair) -> Changed:
    """
    Say that two master IDs are one thing; ending the edge undoes it.

    A dry run shows which keys each master ID would gain or lose, and the bridges, snapshots and tickets concerned.
    """
    with _turn(call, dry_run=query.dry_run) as (conn, now):
        one, other = who_exactly(conn, body.one), who_exactly(conn, body.other)
        made = identity.merge(
            conn, call.parts.db, one, other, made_by=call.caller.name, now=now, rule="steward", evidence={"why": body.why}
        )
        return changed(call, conn, "merged", made, now, dry_run=query.dry_run)


@subject.post("/identity/distinct", scope="identity:write", also=(404, 409))
def declare_distinct(call: Call, query: Trying, body: Pair) -> Changed:
    """Say that two master IDs are not one thing, and may not become it through others."""
    with _turn(call, dry_run=query.dry_run) as (conn, now):
        one, other = who_exactly(conn, body.one), who_exactly(conn, body.other)
        made = identity.distinct(
            conn, call.parts.db, one, other, made_by=call.caller.name, now=now, rule="steward", evidence={"why": body.why}
        )
        return changed(call, conn, "merged", made, now, dry_run=query.dry_run)


@subject.post("/identity/edges/<edge_id>/end", scope="identity:write")
def end_edge(call: Call, edge_id: str, query: Trying) -> Changed:
    """
    End one edge (unmerge), whatever was made after it.

    Keys that were linked while the two were one stay where they are, and a person is asked whose they are.
    """
    if not edge_id.isascii() or not edge_id.isdigit() or len(edge_id) > 15:
        raise NotFoundError(f"There is no edge {edge_id!r}.", why="Edges have numbers.", fix="See the entity's edges.")
    with _turn(call, dry_run=query.dry_run) as (conn, now):
        done = identity.unmerge(conn, call.parts.db, int(edge_id), ended_by=call.caller.name, now=now)
        return changed(call, conn, "unmerged", done, now, dry_run=query.dry_run)


@subject.post("/identity/pin", scope="identity:write", also=(404,))
def pin_entity(call: Call, query: Trying, body: Preference) -> Changed:
    """Wish that a master ID survives whatever it is merged with, or withdraw the wish."""
    with _turn(call, dry_run=query.dry_run) as (conn, now):
        chosen = who_exactly(conn, body.master_id)
        moved = identity.pin(conn, call.parts.db, chosen, body.rank, made_by=call.caller.name, now=now)
        change = identity.Change(0, new=True, moved=moved)
        return changed(call, conn, "merged", change, now, dry_run=query.dry_run)


@subject.post("/identity/link", scope="identity:write", also=(404, 409))
def link_id(call: Call, body: Link) -> Changed:
    """Say that an external id belongs to a master ID; if it has another one already, the two are merged."""
    row = call.parts.registered.row(body.connector)
    with _turn(call, dry_run=False) as (conn, now):
        home = who_exactly(conn, body.master_id)
        etype = _type_of(conn, home)
        made = identity.link(conn, call.parts.db, row.id, etype, body.external_id, home, now, made_by=call.caller.name)
        return changed(call, conn, "merged", made.change or identity.Change(0, new=False), now, dry_run=False)


@subject.post("/identity/assign", scope="identity:write", also=(404, 409))
def assign_id(call: Call, body: Assignment) -> Resolved:
    """Answer whose an external id is that came while two things were one; the question is closed by that."""
    row = call.parts.registered.row(body.connector)
    with call.parts.db.write() as conn:
        now = call.parts.db.now(conn)
        want = identity.Want(row.id, body.entity, body.external_id)
        found = identity.resolve(conn, [want])[want]
        if not isinstance(found, identity.Resolved):
            raise found
        reviews.assign(conn, call.parts.db, found.crosswalk_id, who_exactly(conn, body.master_id), now=now)
        return resolved(body, identity.resolve(conn, [want])[want], moment(now))


@subject.get("/identity/events")
def list_identity_events(call: Call, query: Place) -> IdentityEvents:
    """Read what happened to master IDs, oldest first, from any place: merged and unmerged, never deleted."""
    with call.parts.db.read() as conn:
        found = history.read(conn, query.after, query.limit, etype=query.entity)
    items = [
        IdentityEvent(
            id=one.id,
            type=one.type,
            entity=one.etype,
            edge_id=one.edge_id,
            moved=[MovedAnswer(**each) for each in one.moved],
            made_by=one.made_by,
            at=moment(one.at),
        )
        for one in found
    ]
    return IdentityEvents(items=items, after=items[-1].id if items else query.after)


@contextmanager
def _turn(call: Call, *, dry_run: bool) -> Iterator[tuple[Connection, Micros]]:
    """Give a transaction that is kept, or (a dry run) one that never is; then wake who handles what it announced."""
    with call.parts.db.trial() if dry_run else call.parts.db.write() as conn:
        yield conn, call.parts.db.now(conn)
    if not dry_run:
        call.parts.ring()


def changed(
    call: Call, conn: Connection, happened: str, change: identity.Change, now: Micros, *, dry_run: bool = False
) -> Changed:
    """Write what an edge did, and announce it to the bridges unless nothing of it stays."""
    if not dry_run:
        announce(call.parts.db, conn, happened, change)
    return Changed(
        edge_id=change.edge_id or None,
        new=change.new,
        moved=[MovedAnswer(master_id=one.gid, before=one.before, after=one.after) for one in change.moved],
        asked=change.asked,
        dry_run=dry_run,
        as_of=moment(now),
        consequences=consequences(conn, change) if dry_run else None,
    )


def _type_of(conn: Connection, entity_id: int) -> str:
    return str(conn.execute(select(entity.c.etype).where(entity.c.id == entity_id)).scalar_one())
