"""What arrived, what was parsed from it, and what was turned away."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from bridges import deliveries, explain
from core.words import State
from gateway import listings
from gateway.api.actions import ActionTrail, Reason
from gateway.api.paging import next_of, turn_of
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Moment, Open, Paged, Time

subject = Subject("events", "What arrived, and what became of it")


class Delivery(Answer):
    """The raw bytes that arrived, without the bytes."""

    id: int
    receipt: str
    connector: str
    origin: Literal["push", "poll", "replay"]
    stream: str | None
    received_at: Time
    state: State
    reason: str | None
    held_by: str | None
    next_at: Time | None
    seen: int = Field(description="how often it was delivered")
    events: int | None = Field(description="how many events it was parsed into; null until then")
    size: int
    error: Any


class Deliveries(Answer):
    """A page of deliveries, newest first."""

    items: list[Delivery]
    next: str | None


class Event(Answer):
    """One thing that was parsed from a delivery."""

    id: str
    receipt: str
    connector: str
    stream: str
    type: str
    external_id: str
    master_id: str | None
    at: Time | None = Field(description="the source's own time")
    handled_at: Time
    changes: dict[str, Any] | None = Field(description="field -> [old, new]")
    state: State
    reason: str | None
    held_by: str | None


class Events(Answer):
    """A page of events, newest first."""

    items: list[Event]
    next: str | None


class Refusal(Answer):
    """Something that a door turned away, and why."""

    id: int
    at: Time
    connector: str
    code: str
    detail: str
    size: int | None
    head: str = Field(description="the first 256 bytes")
    remote: str | None


class Refusals(Answer):
    """A page of refusals, newest first."""

    items: list[Refusal]
    next: str | None


class Conflict(Answer):
    """Another body under a known id; both are kept."""

    id: int
    at: Time
    receipt: str
    connector: str
    external_id: str
    first_sha256: str
    other_sha256: str
    first: str = Field(description="the first 4096 bytes of what was accepted")
    other: str = Field(description="the first 4096 bytes of what came later")
    seen: int


class Conflicts(Answer):
    """A page of conflicts, newest first."""

    items: list[Conflict]
    next: str | None


class TrailDelivery(Open):
    """What arrived, as it arrived."""

    receipt: str
    connector: str
    origin: str
    received_at: Time
    state: State
    reason: str | None
    held_by: str | None
    body: str
    size: int
    error: Any


class TrailDecision(Open):
    """What a bridge decided, and why."""

    id: str
    bridge: str
    verdict: str
    clause: str | None
    left: Any
    right: Any
    reason: str | None


class TrailEvent(Open):
    """One event with every decision on it and every action that followed."""

    id: str
    type: str
    master_id: str | None
    external_id: str
    state: State
    reason: str | None
    held_by: str | None
    hops: int = Field(0, description="how many writes of our own lie behind it, one following from the other")
    cause: str | None = Field(None, description="the action of ours that it follows from: act_…")
    changes: Any
    decisions: list[TrailDecision]
    actions: list[ActionTrail]


class Trail(Open):
    """What became of a delivery: its events, the decisions on them, the actions and every attempt."""

    id: str
    summary: list[str] = Field(description="the same in sentences")
    delivery: TrailDelivery
    events: list[TrailEvent]


class DeliveryFilter(Paged):
    """Which deliveries."""

    connector: str | None = None
    state: State | None = None
    since: Moment | None = None
    until: Moment | None = None


class EventFilter(DeliveryFilter):
    """Which events."""

    type: str | None = Field(None, description="alert.created, ticket.changed, …")
    master_id: str | None = None


class RefusalFilter(Paged):
    """Which refusals."""

    connector: str | None = None
    code: str | None = None


@subject.get("/deliveries")
def list_deliveries(call: Call, query: DeliveryFilter) -> Deliveries:
    """List what arrived, parsed or not, newest first."""
    with call.parts.db.read() as conn:
        rows, after = listings.deliveries(
            conn,
            turn_of(query),
            connector_name=query.connector,
            state=query.state,
            since=query.since,
            until=query.until,
        )
    return Deliveries(items=[Delivery(**row) for row in rows], next=next_of(after))


@subject.post("/deliveries/<receipt>/skip", scope="actions:write", also=(409,))
def skip_delivery(call: Call, receipt: str, body: Reason) -> Trail:
    """Decide that a dead or held delivery shall not be handled; who and why are kept, and a replay still can."""
    with call.parts.db.write() as conn:
        deliveries.skip(conn, receipt, by=call.caller.name, reason=body.why, now=call.parts.db.now(conn))
    return explain_event(call, receipt)


@subject.get("/events")
def list_events(call: Call, query: EventFilter) -> Events:
    """List events, newest first."""
    with call.parts.db.read() as conn:
        rows, after = listings.events(
            conn,
            turn_of(query),
            connector_name=query.connector,
            state=query.state,
            type_=query.type,
            master_id=query.master_id,
            since=query.since,
            until=query.until,
        )
    return Events(items=[Event(**row) for row in rows], next=next_of(after))


@subject.get("/events/<id>")
def explain_event(call: Call, id: str) -> Trail:  # noqa: A002 the path's own word
    """
    Say what became of a delivery (rcp_…) or an event (evt_…), down to every attempt.

    A bridge that did not fire shows the first false clause with both values.
    """
    with call.parts.db.read() as conn:
        return Trail.model_validate(explain.event(conn, id))


@subject.get("/refusals")
def list_refusals(call: Call, query: RefusalFilter) -> Refusals:
    """List what the doors turned away, with the reason."""
    with call.parts.db.read() as conn:
        rows, after = listings.refusals(conn, turn_of(query), connector_name=query.connector, code=query.code)
    return Refusals(items=[Refusal(**row) for row in rows], next=next_of(after))


@subject.get("/conflicts")
def list_conflicts(call: Call, query: Paged) -> Conflicts:
    """List other bodies that came under a known id."""
    with call.parts.db.read() as conn:
        rows, after = listings.conflicts(conn, turn_of(query))
    return Conflicts(items=[Conflict(**row) for row in rows], next=next_of(after))
