"""A register for the matching benches: records become entities of a fresh SQLite database, kept in the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import text

from core.bulk import insert_many
from core.database import Database
from core.migrations import upgrade
from core.tables import entity
from mappings.matching import Features, MatchSpec, Rule, compile_rule, index, linking
from mappings.matching.closure import Pair

CHUNK = 100_000
"""Records per transaction: keys go in sorted, and the more at once the nearer to each other they lie."""


def rule_of(fields: Mapping[str, str], etype: str = "thing") -> Rule:
    """Return the rule of an entity whose author says how its fields compare; every threshold is the default."""
    return compile_rule(etype, MatchSpec.model_validate({"fields": dict(fields)}))


def open_register(folder: Path, name: str) -> Database:
    """Return a fresh database."""
    database = Database(f"sqlite:///{folder}/{name}.db")
    upgrade(database)
    return database


def fill(db: Database, rule: Rule, records: Sequence[Mapping[str, Any]], first: int = 1) -> None:
    """
    Make an entity of each record, numbered from ``first``, and keep it prepared.

    Filling has a large page cache, on connections that are closed afterwards; what is measured has the product's own.
    """
    for start in range(0, len(records), CHUNK):
        chunk = records[start : start + CHUNK]
        ids = range(first + start, first + start + len(chunk))
        rows = [{"id": n, "gid": f"T-2026-{n:07d}", "etype": rule.etype, "minted_at": n, "survivor_id": n} for n in ids]
        prepared: dict[int, Features] = {n: rule.prepare(record) for n, record in zip(ids, chunk, strict=True)}
        with db.write() as conn:
            conn.exec_driver_sql("PRAGMA cache_size = -400000")
            insert_many(conn, entity, rows)
            index.put(conn, rule, prepared, 1)
    db.engine.dispose()


def groups(db: Database) -> list[list[int]]:
    """Return who is one with whom."""
    found: dict[int, list[int]] = {}
    with db.read() as conn:
        for survivor, one in conn.execute(text("SELECT survivor_id, id FROM entity")).all():
            found.setdefault(survivor, []).append(one)
    return list(found.values())


def pairs(db: Database, rule: Rule) -> list[Pair]:
    """Compare everybody with their candidates, as a run of matching does; return the pairs from the lower threshold on."""
    found: list[Pair] = []
    with db.read() as conn:
        ids = list(conn.execute(text("SELECT entity_id FROM match_record ORDER BY entity_id")).scalars())
        for start in range(0, len(ids), index.CHUNK):
            records = {one: row.features for one, row in index.kept(conn, rule, ids[start : start + index.CHUNK]).items()}
            found += linking.pairs_of(conn, rule, records, None)
    return found
