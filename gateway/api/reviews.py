"""Reviews: pairs that a person has to judge, alone or many at once; every judgement can be undone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import Connection, Select, select

from core.errors import InputError, NotFoundError
from core.tables import entity, review, review_decision
from core.words import Json, Micros
from gateway.api.edges import Changed, changed
from gateway.api.matching import Both, FieldEvidence
from gateway.api.paging import next_of, turn_of
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Moment, Paged, Time, moment, time
from mappings.identity import Change
from mappings.matching import reviews, telling

subject = Subject("reviews", "Pairs that a person has to judge")

State = Literal["open", "later", "same", "distinct", "gone"]
ReviewId = Annotated[int, Field(ge=1, le=10**15)]


class Review(Answer):
    """One pair, why no machine may decide it, and the evidence."""

    id: int
    entity: str
    one: str
    other: str
    points: float
    reason: str = Field(description="unsure, contested, guarded or kept_apart")
    why: Both = Field(description="the reason in words")
    behind: list[str] = Field(description="the two master IDs behind the reason")
    state: State
    assignee: str | None
    later_until: Time | None
    made_at: Time
    changed_at: Time
    fields: list[FieldEvidence]


class Reviews(Answer):
    """A page of reviews, newest first."""

    items: list[Review]
    next: str | None


class ReviewFilter(Paged):
    """Which reviews; without `state` those that wait for somebody."""

    state: State | None = None
    entity: str | None = None
    assignee: str | None = Field(None, description="'' for those that nobody has")
    reason: Literal["unsure", "contested", "guarded", "kept_apart"] | None = None
    master_id: str | None = Field(None, description="with this master ID on one side")


class Judgement(Answer):
    """A decision that was made about a pair, in force or undone."""

    id: int
    verdict: Literal["same", "distinct", "later"]
    points: float
    why: str | None
    made_by: str
    made_at: Time
    undone_by: str | None
    undone_at: Time | None


class OneReview(Review):
    """A review with every decision ever made about it."""

    decisions: list[Judgement]


class Handover(Body):
    """Who is to judge which reviews; null: nobody."""

    ids: list[ReviewId] = Field(min_length=1, max_length=1000)
    assignee: str | None = Field(max_length=200)


class Assigned(Answer):
    """How many reviews changed hands."""

    count: int


class Verdicts(Body):
    """One verdict about one or many reviews."""

    ids: list[ReviewId] = Field(min_length=1, max_length=1000)
    verdict: Literal["same", "distinct", "later"]
    why: str | None = Field(None, max_length=500)
    until: Moment | None = Field(None, description="later: when it comes back; null: when somebody takes it up")


class Undo(Body):
    """Reviews whose decision is taken back."""

    ids: list[ReviewId] = Field(min_length=1, max_length=1000)


class Decided(Answer):
    """What became of one review; `problem` says why nothing did."""

    id: int
    decision: int | None
    changed: Changed | None
    problem: str | None


class AllDecided(Answer):
    """The answers, in the order of the ids; those that failed changed nothing."""

    items: list[Decided]


@subject.get("/reviews")
def list_reviews(call: Call, query: ReviewFilter) -> Reviews:
    """List the pairs that wait for a person, or those in another state."""
    asked = _select().where(review.c.state == query.state if query.state else review.c.state.in_(("open", "later")))
    for column, wanted in ((review.c.etype, query.entity), (review.c.reason, query.reason)):
        if wanted is not None:
            asked = asked.where(column == wanted)
    if query.assignee is not None:
        asked = asked.where(review.c.assignee == query.assignee if query.assignee else review.c.assignee.is_(None))
    with call.parts.db.read() as conn:
        if query.master_id is not None:
            chosen = select(entity.c.id).where(entity.c.gid == query.master_id).scalar_subquery()
            asked = asked.where((review.c.a_id == chosen) | (review.c.b_id == chosen))
        rows, after = turn_of(query).read(conn, asked, review.c.id)
        names = _names(conn, rows)
    return Reviews(items=[Review(**_review(row, names)) for row in rows], next=next_of(after))


@subject.get("/reviews/<review_id>")
def get_review(call: Call, review_id: str) -> OneReview:
    """Show one pair with its evidence and every decision about it."""
    with call.parts.db.read() as conn:
        number = _number(review_id)
        row = conn.execute(_select().where(review.c.id == number)).mappings().one_or_none()
        if row is None:
            reviews.get(conn, number)
            raise AssertionError("unreachable: get says that there is none")
        found = dict(row) | {name: time(row[name]) for name in ("later_until", "made_at", "changed_at")}
        made = conn.execute(select(review_decision).where(review_decision.c.review_id == number).order_by(review_decision.c.id))
        decisions = [_judgement(one) for one in made.mappings()]
        return OneReview(**_review(found, _names(conn, [found])), decisions=decisions)


@subject.post("/reviews/assign", scope="identity:write")
def assign_reviews(call: Call, body: Handover) -> Assigned:
    """Give reviews to somebody."""
    with call.parts.db.write() as conn:
        count = reviews.assign(conn, body.ids, body.assignee, call.parts.db.now(conn))
    return Assigned(count=count)


@subject.post("/reviews/decide", scope="identity:write")
def decide_reviews(call: Call, body: Verdicts) -> AllDecided:
    """
    Judge pairs: same joins, distinct keeps apart, later keeps machines off.

    Each is judged for itself; one that cannot be says why and holds up no other.
    """
    return AllDecided(items=[_decide(call, number, body) for number in dict.fromkeys(body.ids)])


@subject.post("/reviews/undo", scope="identity:write")
def undo_reviews(call: Call, body: Undo) -> AllDecided:
    """Take decisions back: the edge that each made is ended, the pair is open again, the record of it stays."""
    return AllDecided(items=[_undo(call, number) for number in dict.fromkeys(body.ids)])


def _decide(call: Call, number: int, body: Verdicts) -> Decided:
    try:
        with call.parts.db.write() as conn:
            now = call.parts.db.now(conn)
            done = reviews.decide(
                conn,
                call.parts.db,
                number,
                body.verdict,
                made_by=call.caller.name,
                now=now,
                why=body.why,
                until=body.until if body.verdict == "later" else None,
            )
            told = _changed(call, conn, "merged", done.change, now)
    except InputError as error:
        return _failed(number, error)
    return Decided(id=number, decision=done.decision_id, changed=told, problem=None)


def _undo(call: Call, number: int) -> Decided:
    try:
        with call.parts.db.write() as conn:
            now = call.parts.db.now(conn)
            done = reviews.undo(conn, call.parts.db, number, made_by=call.caller.name, now=now)
            told = _changed(call, conn, "unmerged", done.change, now)
    except InputError as error:
        return _failed(number, error)
    return Decided(id=number, decision=done.decision_id, changed=told, problem=None)


def _changed(call: Call, conn: Connection, happened: str, change: Change | None, now: Micros) -> Changed | None:
    return None if change is None else changed(call, conn, happened, change, now)


def _failed(number: int, error: InputError) -> Decided:
    return Decided(id=number, decision=None, changed=None, problem=f"{error.what} {error.why} {error.fix}")


def _select() -> Select[Any]:
    one, other = entity.alias("one"), entity.alias("other")
    return (
        select(review, one.c.gid.label("one"), other.c.gid.label("other"))
        .join(one, one.c.id == review.c.a_id)
        .join(other, other.c.id == review.c.b_id)
    )


def _names(conn: Connection, rows: list[dict[str, Any]]) -> dict[int, str]:
    ids = {one for row in rows for one in _behind(row)}
    return {row.id: row.gid for row in conn.execute(select(entity.c.id, entity.c.gid).where(entity.c.id.in_(sorted(ids))))}


def _behind(row: dict[str, Any]) -> list[int]:
    return list(row["behind"] or ())


def _review(row: dict[str, Any], names: dict[int, str]) -> dict[str, Json]:
    why = telling.WHYS[row["reason"]]
    told = ("id", "one", "other", "points", "reason", "state", "assignee", "later_until", "made_at", "changed_at")
    return {name: row[name] for name in told} | {
        "entity": row["etype"],
        "why": Both(en=why.en, zh=why.zh),
        "behind": [names[one] for one in _behind(row)],
        "fields": [
            FieldEvidence(compared_as=one["kind"], **{name: one[name] for name in ("field", "level", "points", "best")})
            for one in row["evidence"]["reasons"]
        ],
    }


def _judgement(row: Any) -> Judgement:
    return Judgement(
        id=row["id"],
        verdict=row["verdict"],
        points=row["points"],
        why=row["why"],
        made_by=row["made_by"],
        made_at=moment(row["made_at"]),
        undone_by=row["undone_by"],
        undone_at=time(row["undone_at"]),
    )


def _number(review_id: str) -> int:
    if not review_id.isascii() or not review_id.isdigit() or len(review_id) > 15:
        raise NotFoundError(
            f"There is no review {review_id!r}.", why="Reviews have numbers.", fix="List them: GET /api/v1/reviews"
        )
    return int(review_id)
