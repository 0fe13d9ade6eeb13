"""Repairs: what a person must fix."""

from __future__ import annotations

from gateway import listings
from gateway.api.paging import next_of, turn_of
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Claim, Paged, Time

subject = Subject("repairs", "Open problems that a person must fix")


class Repair(Answer):
    """One problem; it closes by itself when it is gone."""

    id: int
    key: str
    code: str
    what: str
    why: str
    fix: str
    connector: str | None
    opened_at: Time
    seen_at: Time
    seen: int
    closed_at: Time | None


class Repairs(Answer):
    """A page of repairs, newest first."""

    items: list[Repair]
    next: str | None


class RepairFilter(Paged):
    """Which repairs."""

    closed: Claim = False


@subject.get("/repairs")
def list_repairs(call: Call, query: RepairFilter) -> Repairs:
    """List the open repairs; with `closed=true` also those that are gone."""
    with call.parts.db.read() as conn:
        rows, after = listings.repairs(conn, turn_of(query), open_only=not query.closed)
    return Repairs(items=[Repair(**row) for row in rows], next=next_of(after))
