"""The accounting identity: nothing is dropped, and anybody may check."""

from __future__ import annotations

from pydantic import Field

from bridges.accounting import balance
from gateway.operations import Call, Subject
from gateway.shapes import Answer

subject = Subject("accounting", "accepted = done + skipped + waiting + held + dead, at every instant")


class States(Answer):
    """How many rows stand in each state."""

    done: int
    skipped: int
    waiting: int
    held: int
    dead: int


class Balance(Answer):
    """Both sides of the identity, from independent counts of one instant."""

    holds: bool
    accepted: int = Field(description="deliveries ever accepted, counted in the accepting commit")
    deliveries: States
    events: States
    actions: States
    oldest_due_s: float
    problems: list[str] = Field(description="what is missing; empty while the identity holds")


@subject.get("/accounting")
def get_accounting(call: Call) -> Balance:
    """Count both sides of the accounting identity now."""
    return Balance.model_validate(balance(call.parts.db).as_dict())
