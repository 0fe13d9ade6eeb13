"""Replay: handle again what was received, with the same keys; the plan first."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bridges import replay
from bridges.loops import Guards
from core.words import State
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Moment

subject = Subject("replay", "Handle again what was received; nothing is done twice")


class Which(Body):
    """What is to be handled again: one event, or everything of a window, a bridge, a mapping, a connector or a state."""

    id: str | None = Field(None, description="rcp_… or evt_…")
    since: Moment | None = None
    until: Moment | None = None
    bridge: str | None = None
    connector: str | None = None
    state: State | None = None
    mapping: str | None = Field(None, description="what this mapping refused, or of which it could not use a field")

    def choice(self) -> replay.Choice:
        """Return it as the engine takes it."""
        state = self.state and self.state.value
        return replay.Choice(self.id, self.since, self.until, self.bridge, self.connector, state, self.mapping)


class Replayed(Answer):
    """What a replay would do, or has set going."""

    dry: bool = Field(description="true: nothing was done")
    deliveries: list[str]
    decisions: list[dict[str, Any]]
    actions: list[dict[str, Any]] = Field(description="what would be added")
    already: list[dict[str, Any]] = Field(description="what has its key already: it is not done twice")
    portions: int = Field(1, description="dry run: in how many parts it was tried, none knowing of the others")


@subject.post("/replay/plan", scope="read", also=(404,))
def plan_replay(call: Call, body: Which) -> Replayed:
    """Say what a replay would do; the same evaluator as production, and nothing is sent."""
    guards = Guards(call.parts.settings.hops, call.parts.settings.writes)
    found = replay.plan(call.parts.db, call.parts.registered, body.choice(), guards=guards)
    return Replayed.model_validate(found.as_dict())


@subject.post("/replay/run", scope="events:replay", also=(404,))
def run_replay(call: Call, body: Which) -> Replayed:
    """Replay: with the same keys, so what was done is not done again."""
    found = replay.run(call.parts.db, body.choice(), by=call.caller.name)
    call.parts.ring()
    return Replayed.model_validate(found.as_dict())
