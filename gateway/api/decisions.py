"""Decisions: what every bridge decided about every event it looked at."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from core.words import Verdict
from gateway import listings
from gateway.api.paging import next_of, turn_of
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Paged, Time

subject = Subject("decisions", "Recorded verdicts of bridges, fired or not")


class Decision(Answer):
    """One verdict; if it did not fire: the first false clause with both values."""

    id: str
    event_id: str
    master_id: str | None
    bridge: str
    verdict: Verdict
    clause: str | None
    left: Any
    right: Any
    reason: str | None
    inputs: Any = Field(description="the values the condition read")
    actions: int
    at: Time


class Decisions(Answer):
    """A page of decisions, newest first."""

    items: list[Decision]
    next: str | None


class DecisionFilter(Paged):
    """Which decisions."""

    bridge: str | None = None
    verdict: Verdict | None = None
    event_id: str | None = None


@subject.get("/decisions")
def list_decisions(call: Call, query: DecisionFilter) -> Decisions:
    """List decisions, newest first."""
    with call.parts.db.read() as conn:
        rows, after = listings.decisions(
            conn, turn_of(query), bridge=query.bridge, verdict=query.verdict, event_id=query.event_id
        )
    return Decisions(items=[Decision(**row) for row in rows], next=next_of(after))
