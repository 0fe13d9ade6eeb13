"""Id shapes and placeholders: what an id of a source looks like, learned from what it sends and confirmed by a steward."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import Connection, func, select

from core.errors import InputError, NotFoundError
from core.tables import connector, crosswalk, id_shape
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Claim, Query
from mappings import identity
from mappings.identity import learning, misfits, placeholders, shapes
from mappings.identity.publishing import Trial

subject = Subject("id_shapes", "What the ids of each source look like, and what is no id at all")


class ShapeParts(Answer):
    """A pattern, how ids are folded before they are compared, and their check digit."""

    pattern: str
    normaliser: str
    check_digit: str | None


class LearnedShape(ShapeParts):
    """A shape learned from the first ids."""

    seen: int = Field(description="from how many ids")
    covers: int = Field(description="how many of them it takes")
    thin: bool = Field(description="true if they are too few to be believed")
    odd: list[str] = Field(description="ids that it does not take")


class ProposedShape(ShapeParts):
    """A shape that would take the strange ids as well."""

    why: str


class IdShape(Answer):
    """The ids of one entity in one connector."""

    connector: str
    entity: str
    ids: int = Field(description="how many are known")
    declared: ShapeParts | None
    learned: LearnedShape | None = Field(description="from the first ids; null where a shape is declared")
    strange: list[str] = Field(description="ids that came and did not fit")
    proposed: ProposedShape | None = Field(description="a shape that takes these too")


class IdShapes(Answer):
    """Every source of ids."""

    items: list[IdShape]


class ShapeFilter(Query):
    """Which of them."""

    connector: str | None = None
    entity: str | None = None


class Declaration(Body):
    """The shape of the ids of one entity in one connector; without a pattern the learned one is confirmed."""

    connector: str
    entity: str
    pattern: str | None = Field(None, min_length=1, max_length=1000, description="RE2, for the whole id")
    normaliser: str | None = Field(None, max_length=200, description="names joined by +: trim+nfkc+upper")
    check_digit: str | None = Field(None, description="luhn, gs1 or mod_37_2")


class DryRun(Query):
    """Whether to publish it, or only to show what it would make of the known ids."""

    dry_run: Claim = False


class CollidingIds(Answer):
    """Two ids that would become one."""

    one: str
    other: str
    becomes: str
    one_id: str | None = Field(description="the master ID of the first; null: an id that could come")
    other_id: str | None


class MisfitId(Answer):
    """A known id that does not fit."""

    external_id: str
    why: str


class ShapeTrial(Answer):
    """What a shape makes of every known id."""

    ok: bool
    dry_run: bool
    shape: ShapeParts
    known: int
    changed: int = Field(description="ids whose normal form changes")
    misfits: list[MisfitId]
    misfit_count: int
    collisions: list[CollidingIds]
    collision_count: int
    counter_example: CollidingIds | None = Field(description="what a trap such as `digits` would join")


class Placeholders(Answer):
    """What stands for no id: built in, and added here."""

    built_in: list[str]
    own: list[str]


class Words(Body):
    """Words to add."""

    words: list[str] = Field(min_length=1, max_length=200)
    anyway: bool = Field(False, description="also words that are ids in use; what they are linked to stays")


@subject.get("/identity/shapes")
def list_id_shapes(call: Call, query: ShapeFilter) -> IdShapes:
    """List what the ids of each source look like: as declared, or as learned from the first of them."""
    with call.parts.db.read() as conn:
        places = _places(conn)
        items = [
            _described(conn, connector_id, name, etype, count)
            for (connector_id, name, etype), count in sorted(places.items(), key=lambda one: (one[0][1], one[0][2]))
            if query.connector in (None, name) and query.entity in (None, etype)
        ]
    return IdShapes(items=items)


@subject.post("/identity/shapes", scope="identity:write", also=(404,))
def declare_id_shape(call: Call, query: DryRun, body: Declaration) -> ShapeTrial:
    """
    Declare the shape of ids, or confirm the learned one. It is run over every known id first.

    Refused where a known id does not fit, where two would become one (the pairs are shown), and where the transform
    joins ids that could come: "take the digits" makes one of EC-20260215-8891 and EC-2026021-58891.
    """
    row = call.parts.registered.row(body.connector)
    db = call.parts.db
    with db.trial() if query.dry_run else db.write() as conn:
        shape = _wanted(conn, row.id, body)
        trial = identity.try_shape(conn, row.id, body.entity, shape)
        if not query.dry_run:
            identity.declare(conn, db, row.id, body.entity, shape, call.caller.name, db.now(conn))
    return _shown(trial, shape, dry_run=query.dry_run)


@subject.get("/identity/placeholders")
def list_placeholders(call: Call) -> Placeholders:
    """List what stands for "no id" and is refused before it can link."""
    with call.parts.db.read() as conn:
        return Placeholders(built_in=placeholders.built_in(), own=sorted(placeholders.own_words(conn)))


@subject.post("/identity/placeholders", scope="identity:write", also=(409,))
def add_placeholders(call: Call, body: Words) -> Placeholders:
    """Add words that stand for "no id" in your systems; words that are ids in use are refused."""
    db = call.parts.db
    with db.write() as conn:
        placeholders.add_words(conn, body.words, made_by=call.caller.name, now=db.now(conn), anyway=body.anyway)
        return Placeholders(built_in=placeholders.built_in(), own=sorted(placeholders.own_words(conn)))


@subject.delete("/identity/placeholders/<word>", scope="identity:write")
def remove_placeholder(call: Call, word: str) -> Placeholders:
    """Take a word off the list that was added here."""
    with call.parts.db.write() as conn:
        placeholders.remove_word(conn, word)
        return Placeholders(built_in=placeholders.built_in(), own=sorted(placeholders.own_words(conn)))


def _places(conn: Connection) -> dict[tuple[int, str, str], int]:
    """Return every (connector, entity) that has ids or a declared shape, with how many ids are known."""
    names = {row.id: row.name for row in conn.execute(select(connector.c.id, connector.c.name))}
    counted = select(crosswalk.c.connector_id, crosswalk.c.etype, func.count()).where(crosswalk.c.valid_to.is_(None))
    found = {
        (row[0], names[row[0]], row[1]): int(row[2])
        for row in conn.execute(counted.group_by(crosswalk.c.connector_id, crosswalk.c.etype))
    }
    for row in conn.execute(select(id_shape.c.connector_id, id_shape.c.etype)):
        found.setdefault((row[0], names[row[0]], row[1]), 0)
    return found


def _first(conn: Connection, connector_id: int, etype: str) -> list[str]:
    mine = (crosswalk.c.connector_id == connector_id) & (crosswalk.c.etype == etype)
    query = select(crosswalk.c.external_raw).where(mine).order_by(crosswalk.c.id).limit(learning.FIRST)
    return list(conn.execute(query).scalars())


def _described(conn: Connection, connector_id: int, name: str, etype: str, count: int) -> IdShape:
    declared = shapes.load(conn, [connector_id]).shapes.get((connector_id, etype))
    strange = misfits.examples(conn, connector_id, etype)
    first = _first(conn, connector_id, etype)
    proposed = misfits.propose(declared, etype, strange, first) if declared is not None and strange else None
    learned = learning.learn(first) if declared is None else None
    return IdShape(
        connector=name,
        entity=etype,
        ids=count,
        declared=None if declared is None else ShapeParts(**_parts(declared)),
        learned=None
        if learned is None
        else LearnedShape(
            **_parts(learned.shape), seen=learned.seen, covers=learned.covers, thin=learned.thin, odd=list(learned.odd)
        ),
        strange=strange,
        proposed=None if proposed is None else ProposedShape(**_parts(proposed.shape), why=proposed.why),
    )


def _parts(shape: identity.Shape) -> dict[str, Any]:
    return {"pattern": shape.pattern or "", "normaliser": shape.normaliser, "check_digit": shape.check_digit}


def _wanted(conn: Connection, connector_id: int, body: Declaration) -> identity.Shape:
    """Return the shape that is asked for; without a pattern it is the learned one, all of it."""
    if body.pattern is not None:
        return identity.Shape(body.pattern, body.normaliser or "trim", body.check_digit)
    if body.normaliser is not None or body.check_digit is not None:
        raise InputError(
            "A shape needs its pattern.",
            why="A normaliser or a check digit alone does not say what an id looks like.",
            fix="Write the pattern as well, or leave all three out to confirm what was learned.",
        )
    learned = learning.learn(_first(conn, connector_id, body.entity))
    if learned is None:
        raise NotFoundError(
            f"Nothing was learned about the ids of {body.entity!r} in {body.connector!r}.",
            why="No id of that entity has come from there.",
            fix="Write a pattern, or wait for the first ids.",
        )
    return learned.shape


def _shown(trial: Trial, shape: identity.Shape, *, dry_run: bool) -> ShapeTrial:
    trap = trial.trap and CollidingIds(
        one=trial.trap[0], other=trial.trap[1], becomes=trial.trap[2], one_id=None, other_id=None
    )
    return ShapeTrial(
        ok=trial.ok,
        dry_run=dry_run,
        shape=ShapeParts(**_parts(shape)),
        known=trial.known,
        changed=len(trial.changed),
        misfits=[MisfitId(**one._asdict()) for one in trial.misfits],
        misfit_count=trial.misfit_count,
        collisions=[CollidingIds(**one._asdict()) for one in trial.collisions],
        collision_count=trial.collision_count,
        counter_example=trap,
    )
