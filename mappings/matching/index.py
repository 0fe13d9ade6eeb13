"""
The index of matching: prepared records, and the keys by which candidates are found.

A key that many records share (a common name, a switchboard) finds nothing by itself: it would cost more the larger the
register grows, and says little. Which candidates are worth comparing is decided by how rare the shared keys are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from core import jsons
from core.bulk import insert_many
from core.tables import match_key, match_record
from core.words import Json, Micros
from mappings.identity.rows import query
from mappings.matching.rule import Features, Rule

TOO_COMMON = 30
"""A key that more records than this share finds none of them."""
BUDGET = 16
"""Candidates compared with one record: those that share the rarest keys."""
CHUNK = 500

_HOLDERS = {
    "sqlite": text(
        "SELECT k.value, (SELECT json_group_array(entity_id) FROM"
        " (SELECT entity_id FROM match_key WHERE key = k.value LIMIT :most)) FROM json_each(:keys) AS k"
    ),
    "postgresql": text(
        "SELECT k.key, ARRAY(SELECT m.entity_id FROM match_key m WHERE m.key = k.key LIMIT :most)"
        " FROM unnest(CAST(:keys AS bigint[])) AS k (key)"
    ),
}


class Kept(NamedTuple):
    """A record of the index, with who answers for it today."""

    entity_id: int
    survivor_id: int
    features: Features


def put(conn: Connection, rule: Rule, records: Mapping[int, Features], now: Micros, *, matched: bool = False) -> None:
    """Keep prepared records by their home entity, in place of what was kept of them before."""
    if not records:
        return
    ids = list(records)
    query(conn, "DELETE FROM match_key WHERE entity_id IN {ids}", ids=ids)
    rows = [
        {
            "entity_id": one,
            "etype": rule.etype,
            "rule": rule.digest,
            "features": features,
            "prepared_at": now,
            "matched_at": now if matched else None,
        }
        for one, features in records.items()
    ]
    insert_many(conn, match_record, rows, replace=("entity_id",))
    keys = sorted((key, one) for one, features in records.items() for key in rule.keys(features))
    insert_many(conn, match_key, [{"key": key, "entity_id": one} for key, one in keys], replace=("key", "entity_id"))


def prepare_again(conn: Connection, rule: Rule, entity_ids: Sequence[int], now: Micros, *, unless_same: bool = False) -> int:
    """
    Prepare entities from the values that are kept of them; return of how many there was something to compare.

    ``unless_same`` leaves alone whose features are as they were, so that they are not due again.
    """
    done = 0
    for start in range(0, len(entity_ids), CHUNK):
        chosen = entity_ids[start : start + CHUNK]
        features = {one: rule.prepare(record) for one, record in records_of(conn, rule, chosen).items()}
        telling = {one: prepared for one, prepared in features.items() if any(form is not None for form in prepared)}
        before = kept(conn, rule, telling) if unless_same else {}
        put(conn, rule, {one: new for one, new in telling.items() if one not in before or before[one].features != new}, now)
        silent = [one for one in chosen if one not in telling]
        query(conn, "DELETE FROM match_key WHERE entity_id IN {ids}", ids=silent)
        query(conn, "DELETE FROM match_record WHERE entity_id IN {ids}", ids=silent)
        done += len(telling)
    return done


def records_of(conn: Connection, rule: Rule, entity_ids: Iterable[int]) -> dict[int, dict[str, Json]]:
    """Return the compared fields of entities by their own values (not those of what they were merged with), newest first."""
    rows = query(
        conn,
        "SELECT entity_id, field, value FROM value WHERE entity_id IN {ids} AND field IN {fields} AND state = 'present'"
        " ORDER BY entity_id, field, coalesce(source_at, observed_at)",
        ids=sorted(set(entity_ids)),
        fields=sorted(rule.fields),
    )
    found: dict[int, dict[str, Json]] = {}
    for entity_id, name, value in rows:
        found.setdefault(entity_id, {})[name] = jsons.loads(value)
    return found


def kept(conn: Connection, rule: Rule, entity_ids: Iterable[int]) -> dict[int, Kept]:
    """Return prepared records; those that an earlier rule prepared are missing until they are prepared again."""
    rows = query(
        conn,
        "SELECT r.entity_id, e.survivor_id, r.features FROM match_record r JOIN entity e ON e.id = r.entity_id"
        " WHERE r.entity_id IN {ids} AND r.rule = :rule",
        ids=sorted(set(entity_ids)),
        rule=rule.digest,
    )
    return {row[0]: Kept(row[0], row[1], jsons.loads(row[2])) for row in rows}


def _everybody(_record: int, _other: int) -> bool:
    return True


def candidates(
    conn: Connection,
    rule: Rule,
    records: Mapping[int, Features],
    *,
    wanted: Callable[[int, int], bool] = _everybody,
    budget: int = BUDGET,
) -> dict[int, list[int]]:
    """
    Return whom each record may be, by shared keys: the home entities worth comparing, the likeliest first.

    ``records`` are named by any number (a home entity's, or one of the caller's own); ``wanted`` may leave pairs out.
    """
    keys = {one: rule.keys(features) for one, features in records.items()}
    holders = _holders(conn, sorted({key for held in keys.values() for key in held}))
    found: dict[int, list[int]] = {}
    for one, held in keys.items():
        shared: dict[int, float] = {}
        for key in held:
            others = holders.get(key)
            if others:
                rarity = 1.0 / len(others)
                for other in others:
                    shared[other] = shared.get(other, 0.0) + rarity
        likely = [other for other in shared if other != one and wanted(one, other)]
        likely.sort(key=lambda other: (-shared[other], other))
        found[one] = likely[:budget]
    return found


def _holders(conn: Connection, keys: list[int]) -> dict[int, list[int]]:
    """Return who holds each key; keys that are too common are missing."""
    if not keys:
        return {}
    sqlite = conn.dialect.name == "sqlite"
    given = {"keys": jsons.dumps(keys) if sqlite else keys, "most": TOO_COMMON + 1}
    found: dict[int, list[int]] = {}
    for key, held in conn.execute(_HOLDERS[conn.dialect.name], given).all():
        ids: list[int] = jsons.loads(held) if sqlite else held
        if 0 < len(ids) <= TOO_COMMON:
            found[key] = ids
    return found
