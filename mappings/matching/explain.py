"""
Why two master IDs are one, why they are not, and what would have to change.

It asks the scorer and the plan that link: what it says is what a run of matching would do now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import Connection, select

from core.tables import entity, identity_edge, review
from core.words import Json
from mappings.matching import index, linking, telling
from mappings.matching.closure import Held, Pair, Why
from mappings.matching.rule import Evidence, Features, Rule
from mappings.matching.telling import Titles, Told

Relation = Literal["same", "distinct", "open"]


@dataclass(slots=True)
class Explained:
    """
    What is known about two entities. ``says`` is the answer in sentences, ``reasons`` the evidence field by field,
    ``changes`` what would lead to another answer; ``edges`` are the edges behind it.
    """

    relation: Relation
    says: list[Told] = field(default_factory=list)
    reasons: list[Told] = field(default_factory=list)
    changes: list[Told] = field(default_factory=list)
    edges: list[int] = field(default_factory=list)
    review_id: int | None = None
    evidence: Evidence | None = None


def explain(conn: Connection, rule: Rule | None, one: int, other: int, titles: Titles) -> Explained:
    """Explain two entities (exactly these, merged or not)."""
    found = _relation(conn, one, other)
    pair = (min(one, other), max(one, other))
    found.review_id = conn.execute(select(review.c.id).where(review.c.a_id == pair[0], review.c.b_id == pair[1])).scalar()
    if rule is None:
        found.says.append(
            Told("This entity is never matched: its definition has no `match`.", "该实体不做匹配：其定义中没有 match。")
        )
        return found
    kept = index.kept(conn, rule, pair)
    raw = index.records_of(conn, rule, pair)
    features = {record: kept[record].features if record in kept else rule.prepare(raw.get(record, {})) for record in pair}
    evidence = found.evidence = rule.score(features[one], features[other])
    left, right = raw.get(one, {}), raw.get(other, {})
    weighed = sorted(evidence.reasons, key=lambda said: -abs(said.points))
    found.reasons = [
        telling.reason(said, titles, left.get(said.field), right.get(said.field))
        for said in weighed
        if said.level != "missing" or left.get(said.field) is not None or right.get(said.field) is not None
    ]
    found.says.append(telling.verdict(evidence.points, rule.link, rule.review))
    if found.relation == "open":
        held = _held(conn, rule, features, pair)
        if held is not None:
            found.says.append(telling.WHYS[held.why])
            found.changes += _settle(conn, held)
        found.changes += _gains(rule, evidence, titles, left, right)
    return found


def _relation(conn: Connection, one: int, other: int) -> Explained:
    survivors = dict(conn.execute(select(entity.c.id, entity.c.survivor_id).where(entity.c.id.in_((one, other)))).all())
    if survivors[one] == survivors[other]:
        edges = linking.path_of(conn, one, other)
        listed = ", ".join(map(str, edges))
        return Explained(
            "same",
            [Told(f"They are one thing, by edge {listed}.", f"二者为同一对象，依据关联 {listed}。")],
            [*_told_edges(conn, edges)],
            [Told(f"Ending edge {listed} would part them.", f"撤销关联 {listed} 即可拆分。")],
            edges,
        )
    members = [row[0] for row in conn.execute(select(entity.c.id).where(entity.c.survivor_id.in_(sorted(survivors.values()))))]
    edge = identity_edge.c
    between = select(edge.id, edge.made_by, edge.a_id, edge.b_id).where(
        edge.kind == "distinct", edge.ended_at.is_(None), edge.a_id.in_(members), edge.b_id.in_(members)
    )
    for row in conn.execute(between).all():
        return Explained(
            "distinct",
            [
                Told(
                    f"{row.made_by} declared them, or two that they stand for, distinct (edge {row.id}).",
                    f"{row.made_by} 已声明二者（或其所代表的对象）不同（关联 {row.id}）。",
                )
            ],
            changes=[Told(f"End edge {row.id} if that is wrong.", f"如有误，请撤销关联 {row.id}。")],
            edges=[row.id],
        )
    return Explained("open", [Told("They are two things today.", "二者目前为两个对象。")])


def _told_edges(conn: Connection, edges: list[int]) -> list[Told]:
    edge = identity_edge.c
    rows = conn.execute(select(edge.id, edge.made_by, edge.rule, edge.score).where(edge.id.in_(edges)).order_by(edge.id))
    told = []
    for row in rows:
        points = "" if row.score is None else f", {row.score:g}"
        told.append(
            Told(
                f"Edge {row.id} was made by {row.made_by} ({row.rule or '-'}{points}).",
                f"关联 {row.id} 由 {row.made_by} 建立（{row.rule or '-'}{points}）。",
            )
        )
    return told


def _held(conn: Connection, rule: Rule, features: dict[int, Features], pair: tuple[int, int]) -> Held | None:
    """Return why a run of matching would not link this pair now; None: it would, or the evidence is too little to ask."""
    evidence = rule.points(features[pair[0]], features[pair[1]])
    pairs = {Pair(*pair, round(evidence, 2)), *linking.pairs_of(conn, rule, features, frozenset())}
    ground = linking.ground_of(conn, rule, sorted(pairs), features)
    if pair in ground.apart:
        return Held(Pair(*pair, evidence), Why.KEPT_APART, pair)
    made = linking.planned(ground, pairs)
    return next((one for one in made.held if one.pair[:2] == pair), None)


def _settle(conn: Connection, held: Held) -> list[Told]:
    """Say what a person can do about a law that stands in the way."""
    if held.why is Why.UNSURE:
        return []
    gids = dict(conn.execute(select(entity.c.id, entity.c.gid).where(entity.c.id.in_(held.behind))).all())
    one, other = (gids[record] for record in held.behind)
    return [
        Told(
            f"Decide about {one} and {other} first (same or distinct), or merge these two by hand.",
            f"请先判断 {one} 与 {other}（相同或不同），或手动合并这两个对象。",
        )
    ]


def _gains(rule: Rule, evidence: Evidence, titles: Titles, left: dict[str, Json], right: dict[str, Json]) -> list[Told]:
    """Say which equal values would lift the evidence over the upper threshold, the strongest first."""
    missing = rule.link - evidence.points
    if missing <= 0:
        return []
    if evidence.open:
        proofs = [part.field for part in rule.parts if part.kind.proof]
        chosen = [one for one in evidence.reasons if one.field in proofs]
    else:
        chosen = [one for one in evidence.reasons if one.best - one.points > 0.5]
    chosen = sorted(chosen, key=lambda one: one.points - one.best)[:4]
    return [
        telling.gain(one.field, one.level, round(one.best - one.points, 2), titles, enough=one.best - one.points >= missing)
        for one in chosen
    ]
