"""Matching: who a record may be, why two master IDs are one or not, and what the thresholds should be."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from sqlalchemy import Connection, select

from core.errors import NotFoundError
from core.tables import entity
from gateway.api.identity import who_exactly
from gateway.operations import Call, Subject
from gateway.shapes import Answer, Body, Query
from mappings import catalogue
from mappings.matching import Evidence, Rule, asking, telling
from mappings.matching import explain as explaining
from mappings.matching import tune as tuning
from mappings.matching.telling import Told

subject = Subject("matching", "Are these two one thing? Evidence, explained")


class Both(Answer):
    """A sentence in both languages."""

    en: str
    zh: str


class FieldEvidence(Answer):
    """What one field says."""

    field: str
    compared_as: str = Field(description="the way of comparing that the entity's definition names")
    level: str = Field(description="equal, close, sound, part, swapped, brand, sister, differs or missing")
    points: float = Field(description="each point doubles the odds that the two are one thing")
    best: float = Field(description="what equal values would give")


class EvidenceAnswer(Answer):
    """What speaks for and against two records being one thing."""

    points: float
    chance: float = Field(description="the points as a number from 0 to 1")
    fields: list[FieldEvidence]


class AskedRecord(Body):
    """A record whose thing is wanted; nothing is minted and nothing is written."""

    entity: str = Field(description="the type: customer, device, …")
    values: dict[str, Any] = Field(description="plain values by field")
    limit: int = Field(5, ge=1, le=40)


class Candidate(Answer):
    """One thing that the record may be."""

    master_id: str
    band: Literal["link", "review", "apart"] = Field(
        description="link: sure, and no other comes near; review: a person has to say; apart: too little"
    )
    evidence: EvidenceAnswer


class Candidates(Answer):
    """The likeliest, best first."""

    items: list[Candidate]


class PairAsked(Query):
    """Two master IDs."""

    one: str
    other: str


class ExplainedPair(Answer):
    """Why two master IDs are one thing or not, and what would have to change."""

    one: str
    other: str
    relation: Literal["same", "distinct", "open"]
    says: list[Both]
    reasons: list[Both] = Field(description="the evidence field by field, the weightiest first")
    changes: list[Both] = Field(description="what would lead to another answer")
    edges: list[int] = Field(description="the edges behind it")
    review: int | None = Field(description="the review of this pair, if there is one")
    evidence: EvidenceAnswer | None


class EntityAsked(Query):
    """A type of entity."""

    entity: str


class CurvePoint(Answer):
    """What a threshold would have done to the judged pairs."""

    threshold: float
    linked: int
    precision: float
    surely: float = Field(description="the lower end of the 95 % interval of the precision")
    recall: float


class Tuned(Answer):
    """Precision and recall on the stewards' own decisions, and proposed thresholds."""

    entity: str
    same: int = Field(description="pairs that people joined")
    distinct: int = Field(description="pairs that people parted")
    link: float = Field(description="the upper threshold today")
    review: float = Field(description="the lower threshold today")
    proposed_link: float | None = Field(description="null: too few decisions to say")
    proposed_review: float | None
    curve: list[CurvePoint]


@subject.post("/identity/match", scope="read", also=(404,))
def match_record(call: Call, body: AskedRecord) -> Candidates:
    """Say which things a record may be, with the evidence; nothing is written."""
    with call.parts.db.read() as conn:
        rule = rule_of(conn, body.entity)
        found = asking.candidates(conn, rule, body.values, limit=body.limit)
    items = [Candidate(master_id=one.gid, band=one.band.value, evidence=evidence_of(one.evidence)) for one in found]
    return Candidates(items=items)


@subject.get("/identity/explain", also=(404,))
def explain_pair(call: Call, query: PairAsked) -> ExplainedPair:
    """Say why two master IDs are one thing, or why not, and what would have to change."""
    with call.parts.db.read() as conn:
        one, other = who_exactly(conn, query.one), who_exactly(conn, query.other)
        etypes = list(conn.execute(select(entity.c.etype).where(entity.c.id.in_((one, other)))).scalars())
        if len(set(etypes)) > 1 or one == other:
            raise NotFoundError(
                f"{query.one} and {query.other} are no pair.",
                why="A pair is two different master IDs of one type.",
                fix="Name two master IDs of one type.",
            )
        live = catalogue.load(conn)
        found = explaining.explain(conn, live.rules.get(etypes[0]), one, other, titles_of(live, etypes[0]))
    return ExplainedPair(
        one=query.one,
        other=query.other,
        relation=found.relation,
        says=_both(found.says),
        reasons=_both(found.reasons),
        changes=_both(found.changes),
        edges=found.edges,
        review=found.review_id,
        evidence=None if found.evidence is None else evidence_of(found.evidence),
    )


@subject.get("/identity/tune", also=(404,))
def tune_thresholds(call: Call, query: EntityAsked) -> Tuned:
    """Show precision and recall at every threshold on the stewards' own decisions, and propose thresholds."""
    with call.parts.db.read() as conn:
        rule = rule_of(conn, query.entity)
        found = tuning.tune(tuning.labels(conn, rule))
    return Tuned(
        entity=query.entity,
        same=found.same,
        distinct=found.distinct,
        link=rule.link,
        review=rule.review,
        proposed_link=found.link,
        proposed_review=found.review,
        curve=[
            CurvePoint(
                threshold=one.threshold,
                linked=one.linked,
                precision=round(one.precision, 5),
                surely=round(one.surely, 5),
                recall=round(one.recall, 5),
            )
            for one in found.curve
        ],
    )


def rule_of(conn: Connection, etype: str) -> Rule:
    """Return the match rule of an entity, or say that it has none."""
    live = catalogue.load(conn)
    rule = live.rules.get(etype)
    if rule is None:
        known = ", ".join(sorted(live.rules)) or "none"
        raise NotFoundError(
            f"The entity {etype!r} is not matched.",
            why=f"Its definition has no `match`. Matched are: {known}.",
            fix="Add `match` to the definition of the entity and publish it.",
        )
    return rule


def titles_of(live: catalogue.Catalogue, etype: str) -> telling.Titles:
    """Return what people call the fields of an entity."""
    spec = live.entities.get(etype)
    if spec is None:
        return {}
    return {name: (one.title.en, one.title.zh) for name, one in spec.fields.items() if one.title is not None}


def evidence_of(found: Evidence) -> EvidenceAnswer:
    """Write evidence."""
    fields = [
        FieldEvidence(field=one.field, compared_as=one.kind, level=one.level, points=one.points, best=one.best)
        for one in found.reasons
    ]
    return EvidenceAnswer(points=found.points, chance=round(found.chance, 6), fields=fields)


def _both(told: list[Told]) -> list[Both]:
    return [Both(en=one.en, zh=one.zh) for one in told]
