"""
Thresholds from the steward's own decisions: precision and recall at every sum of points, and a proposal.

Labels are what people said: decisions of the queue in force, edges that they made or declared by hand, and automatic
edges that they ended. They are scored again by the rule of today, so that a change of weights shows at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from mappings.identity.rows import query
from mappings.matching import index
from mappings.matching.linking import MADE_BY
from mappings.matching.rule import Rule

CLEARANCE = 1.0
"""Points that a proposed upper threshold keeps from the strongest pair that people parted."""
ENOUGH = 20
"""Decisions of each sort below which nothing is proposed."""


@dataclass(frozen=True, slots=True)
class Label:
    """One pair that a person judged."""

    a_id: int
    b_id: int
    points: float
    same: bool


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold would have done to the judged pairs; ``surely`` is the lower end of precision (95 %)."""

    threshold: float
    linked: int
    precision: float
    surely: float
    recall: float


@dataclass(frozen=True, slots=True)
class Tuned:
    """The curve, the labels behind it, and the proposed thresholds (None: too few decisions to say)."""

    same: int
    distinct: int
    curve: tuple[Point, ...]
    link: float | None
    review: float | None


def tune(labels: Sequence[Label]) -> Tuned:
    """
    Return the curve and what it proposes.

    ``link``: the lowest threshold that joins no pair that people parted, with a clearance; ``review``: the highest one
    that loses at most one in a hundred of those that they joined (never above ``link``).

    >>> judged = [Label(1, 2, 10.0 + n % 5, True) for n in range(40)] + [Label(1, 2, 2.0 + n % 4, False) for n in range(40)]
    >>> found = tune(judged)
    >>> found.link, found.review, found.curve[0].precision
    (6.0, 6.0, 0.5)
    """
    same = sorted(one.points for one in labels if one.same)
    parted = sorted(one.points for one in labels if not one.same)
    curve = tuple(_point(threshold, same, parted) for threshold in sorted({*same, *parted}))
    link = review = None
    if len(same) >= ENOUGH and len(parted) >= ENOUGH:
        link = math.ceil((parted[-1] + CLEARANCE) * 2) / 2
        review = min(math.floor(same[len(same) // 100] * 2) / 2, link)
    return Tuned(len(same), len(parted), curve, link, review)


def _point(threshold: float, same: Sequence[float], parted: Sequence[float]) -> Point:
    right = sum(points >= threshold for points in same)
    wrong = sum(points >= threshold for points in parted)
    linked = right + wrong
    precision = right / linked if linked else 1.0
    return Point(threshold, linked, precision, lower_end(right, linked), right / len(same) if same else 0.0)


def lower_end(right: int, of: int) -> float:
    """
    Return the lower end of the 95 % interval of a share (Wilson): ten right of ten is not yet certainty.

    >>> round(lower_end(10, 10), 3), round(lower_end(3000, 3000), 4)
    (0.722, 0.9987)
    """
    if not of:
        return 0.0
    z = 1.959964
    share = right / of
    middle = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (middle - spread) / (1 + z * z / of))


def labels(conn: Connection, rule: Rule) -> list[Label]:
    """Return what people said about pairs of this entity, scored by the rule of today."""
    judged: dict[tuple[int, int], bool] = {}
    for a, b, kind, made_by, ended_at in query(
        conn,
        "SELECT g.a_id, g.b_id, g.kind, g.made_by, g.ended_at FROM identity_edge g JOIN entity e ON e.id = g.a_id"
        " WHERE e.etype = :etype AND (g.rule IS NULL OR g.rule NOT LIKE 'link:%') ORDER BY g.id",
        etype=rule.etype,
    ):
        if made_by == MADE_BY:
            if ended_at is not None:
                judged[a, b] = False
        elif ended_at is None:
            judged[a, b] = kind == "same"
        else:
            judged.pop((a, b), None)  # taken back: nobody says so today
    for a, b, verdict in query(
        conn,
        "SELECT r.a_id, r.b_id, d.verdict FROM review_decision d JOIN review r ON r.decision_id = d.id"
        " WHERE r.etype = :etype AND d.verdict <> 'later'",
        etype=rule.etype,
    ):
        judged[a, b] = verdict == "same"
    return list(_scored(conn, rule, judged))


def _scored(conn: Connection, rule: Rule, judged: dict[tuple[int, int], bool]) -> Iterable[Label]:
    features = {one: row.features for one, row in index.kept(conn, rule, {one for pair in judged for one in pair}).items()}
    for (a, b), same in judged.items():
        if a in features and b in features:
            yield Label(a, b, round(rule.points(features[a], features[b]), 2), same)
