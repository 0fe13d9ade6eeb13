"""Actions: what is to be done in other systems, how far it is, and what a person may decide about it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bridges import actions, explain
from core.words import State
from gateway import listings
from gateway.api.paging import next_of, turn_of
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Open, Paged, Time

subject = Subject("actions", "What is to be done in other systems")


class Action(Answer):
    """One thing to do."""

    id: str
    bridge: str
    step: str
    act: str
    connector: str | None = Field(description="null: an act of our own, such as a snapshot")
    target: str | None
    event_id: str
    urgent: bool
    state: State
    reason: str | None
    held_by: str | None
    next_at: Time | None
    attempts: int
    created_at: Time
    ended_at: Time | None
    external_id: str | None
    error: Any


class Actions(Answer):
    """A page of actions, newest first."""

    items: list[Action]
    next: str | None


class ActionFilter(Paged):
    """Which actions."""

    connector: str | None = None
    bridge: str | None = None
    state: State | None = None


class Attempt(Open):
    """One try."""

    n: int
    outcome: str
    started_at: Time
    ended_at: Time
    family: str | None
    code: str | None
    detail: Any


class ActionTrail(Open):
    """An action with its arguments, its outcome and every attempt."""

    id: str
    event_id: str
    bridge: str
    step: str
    act: str
    connector: str | None
    target: str | None
    state: State
    reason: str | None
    held_by: str | None
    hops: int = Field(1, description="how many writes of our own lie behind it, this one counted")
    next_at: Time | None
    external_id: str | None
    arguments: Any
    outcome: Any
    error: Any
    attempts: list[Attempt]


class Reason(Body):
    """Why a person decides so; it is kept with what is decided about."""

    why: str = Field(min_length=1, max_length=500)


@subject.get("/actions")
def list_actions(call: Call, query: ActionFilter) -> Actions:
    """List actions, newest first."""
    with call.parts.db.read() as conn:
        rows, after = listings.actions(
            conn, turn_of(query), connector_name=query.connector, state=query.state, bridge=query.bridge
        )
    return Actions(items=[Action(**row) for row in rows], next=next_of(after))


@subject.get("/actions/<id>")
def get_action(call: Call, id: str) -> ActionTrail:  # noqa: A002 the path's own word
    """Show an action with every attempt."""
    with call.parts.db.read() as conn:
        return ActionTrail.model_validate(explain.action_trail(conn, id))


@subject.post("/actions/<id>/retry", scope="actions:write", also=(409,))
def retry_action(call: Call, id: str) -> ActionTrail:  # noqa: A002 the path's own word
    """Try a dead or waiting action again now, by the same key; of a dead one is kept who decided so."""
    with call.parts.db.write() as conn:
        actions.retry(conn, id, by=call.caller.name, now=call.parts.db.now(conn))
    call.parts.ring()
    return get_action(call, id)


@subject.post("/actions/<id>/skip", scope="actions:write", also=(409,))
def skip_action(call: Call, id: str, body: Reason) -> ActionTrail:  # noqa: A002 the path's own word
    """Decide that an action is rightly not done; who and why are kept, and those behind it are skipped too."""
    with call.parts.db.write() as conn:
        actions.skip(conn, id, by=call.caller.name, reason=body.why, now=call.parts.db.now(conn))
    call.parts.ring()
    return get_action(call, id)


@subject.post("/actions/<id>/release", scope="actions:write", also=(409,))
def release_action(call: Call, id: str) -> ActionTrail:  # noqa: A002 the path's own word
    """Let a held action go on."""
    with call.parts.db.write() as conn:
        actions.release(conn, id, now=call.parts.db.now(conn))
    call.parts.ring()
    return get_action(call, id)
