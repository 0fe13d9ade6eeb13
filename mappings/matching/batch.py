"""
Match a whole entity: what is new or changed since the last time, or everything again.

Comparing only reads. Joining goes in short transactions, and each checks the laws anew, so that what people do
meanwhile is respected. Killed in between, the rest is done by the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from core.database import Database
from mappings.identity import Change
from mappings.identity.rows import query
from mappings.matching import index, linking, reviews
from mappings.matching.closure import Pair, Plan
from mappings.matching.rule import Rule

PORTION = 100
"""Pairs per writing transaction: the doors wait for the same write lock on SQLite."""

Progress = Callable[[int, int], None]
"""Told how many records of how many were compared."""
Joined = Callable[[Connection, Change], None]
"""Told what every edge moved, in its transaction."""


@dataclass(slots=True)
class Matched:
    """What a run did, or (dry) would have done."""

    prepared: int = 0
    compared: int = 0
    pairs: int = 0
    linked: int = 0
    proposed: int = 0
    gone: int = 0


def match(
    db: Database,
    rule: Rule,
    *,
    everything: bool = False,
    dry: bool = False,
    progress: Progress = lambda _done, _total: None,
    joined: Joined = lambda _conn, _change: None,
) -> Matched:
    """Match one entity; ``dry`` says what would be joined and asked, and changes nothing but the index."""
    done = Matched(prepared=prepare(db, rule))
    with db.read() as conn:
        started = db.now(conn)
        due = _due(conn, rule, everything)
        pairs: list[Pair] = []
        for chunk in _chunks(due):
            records = {one: row.features for one, row in index.kept(conn, rule, chunk).items()}
            pairs += linking.pairs_of(conn, rule, records, None if everything else frozenset(due))
            done.compared += len(chunk)
            progress(done.compared, len(due))
        ground = linking.ground_of(conn, rule, pairs, {})
        made = linking.planned(ground, pairs)
    done.pairs = len(pairs)
    if dry:
        done.linked, done.proposed = len(made.links), len(made.held)
        return done
    _carry_out(db, rule, made, done, joined)
    with db.write() as conn:
        done.gone = reviews.tidy(conn, rule.etype, db.now(conn))
    for chunk in _chunks(due):
        with db.write() as conn:
            query(
                conn,
                "UPDATE match_record SET matched_at = :now WHERE entity_id IN {ids} AND prepared_at <= :now",
                ids=chunk,
                now=started,
            )
    return done


def prepare(db: Database, rule: Rule) -> int:
    """Bring the index up to this rule: entities that were never prepared, or by an earlier rule."""
    done, last = 0, 0
    while True:
        with db.write() as conn:
            rows = query(
                conn,
                "SELECT e.id FROM entity e LEFT JOIN match_record r ON r.entity_id = e.id AND r.rule = :rule"
                " WHERE e.etype = :etype AND e.id > :last AND r.entity_id IS NULL ORDER BY e.id LIMIT :most",
                rule=rule.digest,
                etype=rule.etype,
                last=last,
                most=index.CHUNK,
            )
            if not rows:
                return done
            done += index.prepare_again(conn, rule, [row[0] for row in rows], db.now(conn))
            last = rows[-1][0]


def _carry_out(db: Database, rule: Rule, made: Plan, done: Matched, joined: Joined) -> None:
    for start in range(0, len(made.links), PORTION):
        portion = made.links[start : start + PORTION]
        with db.write() as conn:
            db.lock_key(conn, "identity-edges")
            ground = linking.ground_of(conn, rule, portion, {})
            linked = linking.apply(conn, db, ground, linking.planned(ground, portion), db.now(conn))
            for change in linked.edges.values():
                joined(conn, change)
        done.linked += len(linked.edges)
        done.proposed += len(linked.proposed)
    for start in range(0, len(made.held), PORTION):
        with db.write() as conn:
            db.lock_key(conn, "identity-edges")
            held = made.held[start : start + PORTION]
            ground = linking.ground_of(conn, rule, [one.pair for one in held], {})
            linked = linking.apply(conn, db, ground, Plan(held=held), db.now(conn))
        done.proposed += len(linked.proposed)


def _due(conn: Connection, rule: Rule, everything: bool) -> list[int]:
    new = "" if everything else " AND matched_at IS NULL"
    sql = f"SELECT entity_id FROM match_record WHERE etype = :etype AND rule = :rule{new} ORDER BY entity_id"  # noqa: S608
    return [row[0] for row in query(conn, sql, etype=rule.etype, rule=rule.digest)]


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), index.CHUNK):
        yield ids[start : start + index.CHUNK]
