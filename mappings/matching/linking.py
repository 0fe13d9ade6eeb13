"""
From candidates to edges and reviews: online (a record that just came) and in batch, by the same plan.

An automatic edge says which rule made it, with which points and which evidence; it is ended like any other.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

from sqlalchemy import Connection

from core.database import Database
from core.errors import ConflictError
from core.words import Json, Micros
from mappings.identity.edges import merge
from mappings.identity.rows import query
from mappings.identity.words import Change
from mappings.matching import index, reviews
from mappings.matching.closure import Held, Pair, Plan, Why, plan
from mappings.matching.rule import Evidence, Features, Rule

MADE_BY = "matching"
"""Who stands behind an automatic edge."""


@dataclass(slots=True)
class Linked:
    """What matching did: edges made (with what moved), pairs given to a person."""

    edges: dict[tuple[int, int], Change] = field(default_factory=dict)
    proposed: list[Held] = field(default_factory=list)


@dataclass(slots=True)
class Ground:
    """What a plan has to know of the entities that its pairs touch."""

    rule: Rule
    features: dict[int, Features]
    groups: list[list[int]] = field(default_factory=list)
    apart: list[tuple[int, int]] = field(default_factory=list)

    def points(self, a: int, b: int) -> float | None:
        """Return the points of two records; None where one of them has nothing to compare."""
        one, other = self.features.get(a), self.features.get(b)
        return None if one is None or other is None else self.rule.points(one, other)

    def evidence(self, a: int, b: int) -> Evidence:
        """Return the evidence of two records that are both known here."""
        return self.rule.score(self.features[a], self.features[b])


def enter(conn: Connection, db: Database, rule: Rule, records: Mapping[int, Mapping[str, Json]], now: Micros) -> Linked:
    """
    Match records that just came (by their home entity) against the register, and keep them in the index.

    What is sure is joined, what needs a person becomes a review. ``conn`` is a writing transaction. Records of one
    entity enter one transaction after the other: two that came at the same moment must see each other.
    """
    db.lock_key(conn, "matching", rule.etype)
    prepared = {one: rule.prepare(record) for one, record in records.items()}
    telling = {one: features for one, features in prepared.items() if any(form is not None for form in features)}
    index.put(conn, rule, telling, now, matched=True)
    pairs = pairs_of(conn, rule, telling, telling)
    if not pairs:
        return Linked()
    db.lock_key(conn, "identity-edges")
    ground = ground_of(conn, rule, pairs, telling)
    return apply(conn, db, ground, planned(ground, pairs), now)


def pairs_of(conn: Connection, rule: Rule, records: Mapping[int, Features], due: Container[int] | None) -> list[Pair]:
    """
    Return the pairs worth a look: from the lower threshold on.

    ``due`` are all that get their turn (None: everybody), so that a pair of two of them is compared once.
    """
    wanted = index.candidates(conn, rule, records, wanted=partial(_once, due))
    others = index.kept(conn, rule, {other for found in wanted.values() for other in found} - records.keys())
    found: list[Pair] = []
    for one, candidates in wanted.items():
        features = records[one]
        for other in candidates:
            beside = records.get(other) or (others[other].features if other in others else None)
            if beside is not None and (points := rule.points(features, beside)) >= rule.review:
                found.append(Pair(min(one, other), max(one, other), round(points, 2)))
    return found


def _once(due: Container[int] | None, one: int, other: int) -> bool:
    return other < one or (due is not None and other not in due)


def ground_of(conn: Connection, rule: Rule, pairs: Sequence[Pair], known: Mapping[int, Features]) -> Ground:
    """Load the groups of every record of the pairs, their features, and who is kept apart."""
    touched = {record for pair in pairs for record in (pair.a, pair.b)}
    rows = query(
        conn,
        "SELECT m.survivor_id, m.id FROM entity e JOIN entity m ON m.survivor_id = e.survivor_id WHERE e.id IN {ids}",
        ids=sorted(touched),
    )
    groups: dict[int, set[int]] = {}
    for survivor, member in rows:
        groups.setdefault(survivor, set()).add(member)
    members = {one for group in groups.values() for one in group}
    missing = members - known.keys()
    features = {one: row.features for one, row in index.kept(conn, rule, missing).items()}
    features |= {one: known[one] for one in members & known.keys()}
    alone = [sorted(group) for group in groups.values() if len(group) > 1]
    return Ground(rule, features, alone, kept_apart(conn, members))


def kept_apart(conn: Connection, members: Iterable[int]) -> list[tuple[int, int]]:
    """
    Return the pairs that no machine may join: distinct, unmerged by somebody, or put off by a steward.

    A ``same`` edge that a person made again after an ended one overrules it.
    """
    ids = sorted(set(members))
    distinct: set[tuple[int, int]] = set()
    ended: set[tuple[int, int]] = set()
    same: set[tuple[int, int]] = set()
    for side in ("a_id", "b_id"):
        for a, b, kind, ended_at in query(
            conn, f"SELECT a_id, b_id, kind, ended_at FROM identity_edge WHERE {side} IN {{ids}}", ids=ids  # noqa: S608
        ):  # fmt: skip
            if kind == "distinct" and ended_at is None:
                distinct.add((a, b))
            elif kind == "same":
                (same if ended_at is None else ended).add((a, b))
    return sorted(distinct | (ended - same) | reviews.put_off(conn, ids))


def planned(ground: Ground, pairs: Iterable[Pair]) -> Plan:
    """Say what to join and what to ask."""
    rule = ground.rule
    return plan(pairs, ground.groups, ground.apart, ground.points, (rule.link, rule.review, rule.margin))


def apply(conn: Connection, db: Database, ground: Ground, made: Plan, now: Micros) -> Linked:
    """Make the planned edges and reviews; an edge that somebody forbade meanwhile becomes a review."""
    done = Linked()
    for pair in made.links:
        evidence = ground.evidence(pair.a, pair.b)
        try:
            done.edges[pair.a, pair.b] = merge(
                conn,
                db,
                pair.a,
                pair.b,
                made_by=MADE_BY,
                now=now,
                rule=f"match:{ground.rule.digest}",
                score=evidence.points,
                evidence=evidence.as_json(),
            )
        except ConflictError:  # declared distinct since it was planned
            done.proposed.append(Held(pair, Why.KEPT_APART, (pair.a, pair.b)))
    for held in made.held:
        if held.pair.a in ground.features and held.pair.b in ground.features:
            done.proposed.append(held)
    done.proposed = reviews.propose(conn, ground.rule, [(one, ground.evidence(*one.pair[:2])) for one in done.proposed], now)
    return done


def path_of(conn: Connection, one: int, other: int) -> list[int]:
    """Return the active ``same`` edges by which two entities are one, the fewest; [] when they are not."""
    beside: dict[int, list[tuple[int, int]]] = {}
    rows = query(
        conn,
        "SELECT g.id, g.a_id, g.b_id FROM entity e JOIN entity m ON m.survivor_id = e.survivor_id"
        " JOIN identity_edge g ON g.a_id = m.id AND g.kind = 'same' AND g.ended_at IS NULL WHERE e.id = :one",
        one=one,
    )
    edge_of: dict[tuple[int, int], int] = {}
    for edge, a, b in rows:
        beside.setdefault(a, []).append((b, edge))
        beside.setdefault(b, []).append((a, edge))
        edge_of[a, b] = edge_of[b, a] = edge
    came = {one: one}
    waiting = [one]
    for record in waiting:
        for near, _ in beside.get(record, ()):
            if near not in came:
                came[near] = record
                waiting.append(near)
    if other not in came or other == one:
        return []
    way = [other]
    while way[-1] != one:
        way.append(came[way[-1]])
    return [edge_of[pair] for pair in pairwise(reversed(way))]
