"""Who could this record be? The question of people and of other systems; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from core.words import Json
from mappings.identity.rows import query
from mappings.matching import index
from mappings.matching.rule import Band, Evidence, Rule

ASKED = 0
"""The number of a record that has no entity."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    One thing that a record may be: who answers for it today, and the evidence of its best record.

    ``band`` is LINK only for a candidate that no other rivals within the margin.
    """

    survivor_id: int
    gid: str
    entity_id: int
    evidence: Evidence
    band: Band


def candidates(conn: Connection, rule: Rule, record: Mapping[str, Json], *, limit: int = 5) -> list[Candidate]:
    """Return the likeliest things that a record (plain values by field) may be, the best first."""
    features = rule.prepare(record)
    found = index.candidates(conn, rule, {ASKED: features})[ASKED]
    best: dict[int, tuple[float, int]] = {}
    kept = index.kept(conn, rule, found)
    for row in kept.values():
        points = rule.points(features, row.features)
        if row.survivor_id not in best or points > best[row.survivor_id][0]:
            best[row.survivor_id] = (points, row.entity_id)
    ranked = sorted(best.items(), key=lambda one: (-one[1][0], one[0]))
    gids = {row[0]: row[1] for row in query(conn, "SELECT id, gid FROM entity WHERE id IN {ids}", ids=list(best))}
    rivalled = len(ranked) > 1 and ranked[0][1][0] - ranked[1][1][0] < rule.margin
    answer = []
    for survivor, (points, entity_id) in ranked[:limit]:
        band = rule.band(points)
        if band is Band.LINK and (rivalled or survivor != ranked[0][0]):
            band = Band.REVIEW
        answer.append(Candidate(survivor, gids[survivor], entity_id, rule.score(features, kept[entity_id].features), band))
    return answer
