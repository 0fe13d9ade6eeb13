"""
The steward's queue: pairs that a person has to judge, and every judgement with the evidence that lay before it.

A pair has one review for ever. Decided once, it is not asked again, unless the decision is undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Row, select

from core.bulk import insert_many, update_many
from core.database import Database
from core.errors import ConflictError, NotFoundError
from core.tables import review, review_decision
from core.words import Micros
from mappings.identity.edges import distinct, merge, unmerge
from mappings.identity.rows import query
from mappings.identity.words import Change
from mappings.matching.closure import Held
from mappings.matching.rule import Evidence, Rule

Verdict: TypeAlias = Literal["same", "distinct", "later"]
VERDICTS: tuple[Verdict, ...] = ("same", "distinct", "later")
STATES = ("open", "later", "same", "distinct", "gone")
"""``gone``: the two became one, or were kept apart, by another way than this review."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision did: its number, and the edge that it made, if it made one."""

    review_id: int
    decision_id: int
    change: Change | None


def propose(conn: Connection, rule: Rule, found: Sequence[tuple[Held, Evidence]], now: Micros) -> list[Held]:
    """Ask about pairs; return those that are asked anew. One that stands in the queue is brought up to date."""
    if not found:
        return []
    standing = _standing(conn, [(one.pair.a, one.pair.b) for one, _ in found])
    fresh: list[dict[str, Any]] = []
    newer: list[dict[str, Any]] = []
    asked: list[Held] = []
    for one, evidence in found:
        said = {
            "points": evidence.points,
            "evidence": evidence.as_json(),
            "reason": str(one.why),
            "behind": list(one.behind),
            "changed_at": now,
        }
        row = standing.get((one.pair.a, one.pair.b))
        if row is None:
            asked.append(one)
            fresh.append(said | {"etype": rule.etype, "a_id": one.pair.a, "b_id": one.pair.b, "state": "open", "made_at": now})
        elif row.state == "gone" or (row.state == "open" and (row.points, row.reason) != (evidence.points, str(one.why))):
            asked += [one] * (row.state == "gone")
            newer.append({"id": row.id, "state": "open", **said})
    insert_many(conn, review, fresh)
    update_many(conn, review, "id", newer)
    return asked


def _standing(conn: Connection, pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Any]:
    wanted = set(pairs)
    rows = query(
        conn, "SELECT id, a_id, b_id, state, points, reason FROM review WHERE a_id IN {ids}", ids=sorted({a for a, _ in wanted})
    )
    return {(row.a_id, row.b_id): row for row in rows if (row.a_id, row.b_id) in wanted}


def put_off(conn: Connection, members: Iterable[int]) -> set[tuple[int, int]]:
    """Return the pairs among these about which a steward wants to decide later himself."""
    ids = sorted(members)
    rows = query(
        conn, "SELECT a_id, b_id FROM review WHERE state = 'later' AND a_id IN {ids} AND b_id IN {others}", ids=ids, others=ids
    )
    return {(row[0], row[1]) for row in rows}


def assign(conn: Connection, review_ids: Iterable[int], assignee: str | None, now: Micros) -> int:
    """Give reviews to somebody, or to nobody; return how many there were."""
    chosen = review.c.id.in_(sorted(set(review_ids)))
    return conn.execute(review.update().where(chosen).values(assignee=assignee, changed_at=now)).rowcount


def decide(
    conn: Connection,
    db: Database,
    review_id: int,
    verdict: Verdict,
    *,
    made_by: str,
    now: Micros,
    why: str | None = None,
    until: Micros | None = None,
) -> Decided:
    """
    Judge a pair: ``same`` joins it, ``distinct`` keeps it apart, ``later`` keeps machines off until ``until``.

    Refused where it is decided already (undo first) or where another edge says the contrary.
    """
    db.lock_key(conn, "identity-edges")
    row = get(conn, review_id)
    if row.state in ("same", "distinct"):
        raise ConflictError(
            f"Review {review_id} is decided: {row.state}.",
            why="A decision stands until it is undone.",
            fix=f"Undo it first: tieline reviews undo {review_id}",
        )
    change: Change | None = None
    if verdict == "same":
        evidence = {"why": why, "review": review_id, "points": row.points}
        change = merge(
            conn, db, row.a_id, row.b_id, made_by=made_by, now=now, rule="steward", score=row.points, evidence=evidence
        )
    elif verdict == "distinct":
        change = distinct(
            conn, db, row.a_id, row.b_id, made_by=made_by, now=now, rule="steward", evidence={"why": why, "review": review_id}
        )
    made = conn.execute(
        review_decision.insert().values(
            review_id=review_id,
            verdict=verdict,
            points=row.points,
            evidence=row.evidence,
            why=why,
            edge_id=change.edge_id if change is not None and change.new else None,
            made_by=made_by,
            made_at=now,
        )
    )
    assert made.inserted_primary_key is not None
    decision_id = int(made.inserted_primary_key[0])
    here = review.update().where(review.c.id == review_id)
    conn.execute(here.values(state=verdict, decision_id=decision_id, later_until=until, changed_at=now))
    return Decided(review_id, decision_id, change)


def undo(conn: Connection, db: Database, review_id: int, *, made_by: str, now: Micros) -> Decided:
    """Take the decision in force back: the edge that it made is ended, the pair is open again, the decision stays on record."""
    db.lock_key(conn, "identity-edges")
    row = get(conn, review_id)
    if row.decision_id is None:
        raise ConflictError(f"Review {review_id} has no decision.", why=f"It is {row.state}.", fix="Nothing is to be undone.")
    found = conn.execute(select(review_decision).where(review_decision.c.id == row.decision_id)).one()
    change = None if found.edge_id is None else unmerge(conn, db, found.edge_id, ended_by=made_by, now=now)
    taken_back = review_decision.update().where(review_decision.c.id == found.id)
    conn.execute(taken_back.values(undone_by=made_by, undone_at=now))
    here = review.update().where(review.c.id == review_id)
    conn.execute(here.values(state="open", decision_id=None, later_until=None, changed_at=now))
    return Decided(review_id, int(found.id), change)


def tidy(conn: Connection, etype: str, now: Micros) -> int:
    """
    Bring the queue up to date; return how many left it.

    Open pairs that became one, or were declared distinct, by another way are gone; what was put off and is due is open.
    """
    due = (review.c.state == "later") & (review.c.later_until <= now) & (review.c.etype == etype)
    conn.execute(review.update().where(due).values(state="open", decision_id=None, later_until=None, changed_at=now))
    rows = query(
        conn,
        "SELECT r.id FROM review r JOIN entity a ON a.id = r.a_id JOIN entity b ON b.id = r.b_id"
        " WHERE r.etype = :etype AND r.state IN ('open', 'later') AND (a.survivor_id = b.survivor_id OR EXISTS"
        " (SELECT 1 FROM identity_edge g WHERE g.a_id = r.a_id AND g.b_id = r.b_id AND g.kind = 'distinct'"
        " AND g.ended_at IS NULL))",
        etype=etype,
    )
    update_many(conn, review, "id", [{"id": row[0], "state": "gone", "changed_at": now} for row in rows])
    return len(rows)


def get(conn: Connection, review_id: int) -> Row[Any]:
    """Return one review, or say that there is none."""
    row = conn.execute(select(review).where(review.c.id == review_id)).one_or_none()
    if row is None:
        raise NotFoundError(
            f"There is no review {review_id}.", why="Reviews are never deleted.", fix="List them: tieline reviews"
        )
    return row
