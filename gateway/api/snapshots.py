"""Snapshots: what was known about a subject at one moment."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

import snapshots
from gateway import listings
from gateway.api.identity import AskedId, master_id, who
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

    recipe: str = Field(description="one of GET /api/v1/definitions?kind=recipe", examples=["ticket-context"])
    subject: str | AskedId = Field(
        description="a master ID, or an id as one of the connectors writes it", examples=["ALRT-2026-000001"]
    )
    ticket: str | None = Field(None, description="the ticket's master ID, if it is for one")


class UsedRecipe(Open):
    """The recipe by which it was taken."""

    name: str
    version: int | None = None
    title: dict[str, str] | None = Field(None, description="by language: en, zh")


class About(Open):
    """Whom it is about."""

    gid: str = Field(description="the master ID")
    etype: str | None = Field(None, description="the entity: alert, device, …")


class Facet(Open):
    """One part of a snapshot, from one read."""

    status: Literal["ok", "stale", "late", "denied", "absent", "failed"]
    reason: str | None = Field(description="why it is not ok; null if it is")
    values: Facts | None = Field(description="what the source answered, by name")
    units: dict[str, str] | None = Field(None, description="the units of those values that have one")
    title: dict[str, str] | None = Field(None, description="by language: en, zh")
    source: str | None = Field(description="what was asked, in the source's own words")
    connector: str | None = None
    lookup: str | None = Field(None, description="which of the connector's lookups was asked")
    inputs: Facts | None = Field(None, description="and with what")
    stale_after_s: int | None = Field(None, description="older than this is `stale`")
    value_at: Time | None = Field(description="the source's own time of the value")
    fetched_at: Time | None = None
    age_s: float | None = Field(description="seconds between value_at and the moment it was read")
    took_ms: int | None


class LateFacet(Open):
    """What became of a facet that was late."""

    state: Literal["waiting", "done", "dead"] = Field(
        description="waiting: still asked for; done: in `completed_by`; dead: it did not come, or failed"
    )
    reason: str | None = None
    due_at: Time = Field(description="the deadline that it missed")
    until_at: Time = Field(description="how long it is waited for")
    completed_by: str | None = Field(description="the later snapshot that holds it")


class SnapshotAnswer(Open):
    """A snapshot: every facet with its status, reason, source and age; never changes once frozen."""

    id: str
    state: Literal["open", "frozen"]
    recipe: UsedRecipe
    subject: About
    ticket: str | None = Field(None, description="the ticket's master ID")
    parent: str | None = Field(description="the earlier snapshot that this one completes")
    completed_by: list[str] = Field([], description="later snapshots that hold what was late here")
    late: dict[str, LateFacet] = Field({}, description="the facets that were late, by name")
    asked_at: Time | None = None
    frozen_at: Time | None = None
    facets: dict[str, Facet] = Field({})
    fields: dict[str, Any] | None = Field(
        None, description="what we knew ourselves: `entity.field` to its value, source, path, times and observation"
    )
    entities: dict[str, Any] | None = Field(None, description="who took part: the subject and what the recipe joined")
    unjoined: Any = Field(None, description="joins that led nowhere, with the reason")
    deadline_ms: int | None = None
    format: str | None = Field(None, description="how the content is laid out: tieline.snapshot/1")
    sha256: str | None = Field(None, description="of the frozen content")
    intact: bool | None = Field(None, description="false: the row was changed behind our back")


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
        about = who(conn, body.subject if isinstance(body.subject, str) else master_id(call, conn, body.subject))
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
