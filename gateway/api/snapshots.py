"""Snapshots: what was known about a subject at one moment."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

import snapshots
from gateway import listings
from gateway.api.identity import who
from gateway.api.paging import next_of, turn_of
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Facts, Open, Paged, Time

subject = Subject("snapshots", "What was known about a subject at one moment")


class ListedSnapshot(Answer):
    """A snapshot without its content."""

    id: str
    recipe: str
    subject: str
    ticket: str | None
    parent: str | None
    state: Literal["open", "frozen"]
    asked_at: Time
    frozen_at: Time | None


class Snapshots(Answer):
    """A page of snapshots, newest first."""

    items: list[ListedSnapshot]
    next: str | None


class SnapshotFilter(Paged):
    """Which snapshots."""

    recipe: str | None = None


class SnapshotAsk(Body):
    """What is to be known about whom."""

    recipe: str
    subject: str = Field(description="a master ID")
    ticket: str | None = Field(None, description="the ticket's master ID, if it is for one")


class UsedRecipe(Open):
    """The recipe by which it was taken."""

    name: str


class About(Open):
    """Whom it is about."""

    gid: str = Field(description="the master ID")


class Facet(Open):
    """One part of a snapshot, from one read."""

    status: Literal["ok", "stale", "late", "denied", "absent", "failed"]
    reason: str | None
    values: Facts | None
    source: str | None
    value_at: Time | None
    age_s: float | None
    took_ms: int | None


class SnapshotAnswer(Open):
    """A snapshot: every facet with its status, reason, source and age; never changes once frozen."""

    id: str
    state: Literal["open", "frozen"]
    recipe: UsedRecipe
    subject: About
    parent: str | None
    facets: dict[str, Facet] = Field({})
    sha256: str | None = None


@subject.get("/snapshots")
def list_snapshots(call: Call, query: SnapshotFilter) -> Snapshots:
    """List snapshots, newest first."""
    with call.parts.db.read() as conn:
        rows, after = listings.snapshots(conn, turn_of(query), recipe=query.recipe)
    return Snapshots(items=[ListedSnapshot(**row) for row in rows], next=next_of(after))


@subject.post("/snapshots", scope="snapshots:write", status=201, also=(404, 502))
def take_snapshot(call: Call, body: SnapshotAsk) -> SnapshotAnswer:
    """
    Take a snapshot now: every facet in parallel, within the recipe's deadline.

    What is late becomes a new snapshot that names this one as its parent; a broken source never delays it.
    """
    parts = call.parts
    with parts.db.write() as conn:
        about = who(conn, body.subject)
        ticket = who(conn, body.ticket).entity_id if body.ticket is not None else None
        made = snapshots.ask(conn, parts.db, body.recipe, about.entity_id, ticket, None, parts.db.now(conn))
    snapshots.assemble(parts.db, made, parts.registered.open)
    return get_snapshot(call, made)


@subject.get("/snapshots/<id>")
def get_snapshot(call: Call, id: str) -> SnapshotAnswer:  # noqa: A002 the path's own word
    """Show a snapshot."""
    with call.parts.db.read() as conn:
        found: Any = snapshots.read(conn, id)
    return SnapshotAnswer.model_validate(found)
