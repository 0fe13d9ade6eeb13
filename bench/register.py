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
from mappings.matching import Features, MatchSpec, Rule, compile_rule, index

CHUNK = 5000


def rule_of(fields: Mapping[str, str], etype: str = "thing") -> Rule:
    """Return the rule of an entity whose author says how its fields compare; every threshold is the default."""
    return compile_rule(etype, MatchSpec.model_validate({"fields": dict(fields)}))


def open_register(folder: Path, name: str) -> Database:
    """Return a fresh database."""
    database = Database(f"sqlite:///{folder}/{name}.db")
    upgrade(database)
    return database


def fill(db: Database, rule: Rule, records: Sequence[Mapping[str, Any]], first: int = 1) -> None:
    """Make an entity of each record, numbered from ``first``, and keep it prepared."""
    for start in range(0, len(records), CHUNK):
        chunk = records[start : start + CHUNK]
        rows = [
            {"id": n, "gid": f"T-2026-{n:07d}", "etype": rule.etype, "minted_at": n, "survivor_id": n}
            for n in range(first + start, first + start + len(chunk))
        ]
        prepared: dict[int, Features] = {
            row["id"]: rule.prepare(record)
            for row, record in zip(rows, chunk, strict=True)  # type: ignore[misc]
        }
        with db.write() as conn:
            insert_many(conn, entity, rows)
            index.put(conn, rule, prepared, 1)


def groups(db: Database) -> list[list[int]]:
    """Return who is one with whom."""
    found: dict[int, list[int]] = {}
    with db.read() as conn:
        for survivor, one in conn.execute(text("SELECT survivor_id, id FROM entity")).all():
            found.setdefault(survivor, []).append(one)
    return list(found.values())
