"""A register for the tests of matching: customers with values, as two connectors would have said them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, select

from core.database import Database
from core.ids import new_id
from core.tables import connector, entity, observation, review, value
from mappings.identity import mint
from mappings.matching import MatchSpec, Rule, compile_rule

NOW = 1_767_225_600_000_000
FIELDS: dict[str, Any] = {"name": "person", "phone": "phone", "birthday": "date", "email": "email", "street": "text"}


def rule_of(**more: Any) -> Rule:
    return compile_rule("customer", MatchSpec.model_validate({"fields": FIELDS, **more}))


RULE = rule_of()


def add_connector(conn: Connection, name: str) -> int:
    """Register a connector, or return the one of that name."""
    found = conn.execute(select(connector.c.id).where(connector.c.name == name)).scalar_one_or_none()
    if found is not None:
        return int(found)
    row = {"name": name, "kind": "memory", "settings": {}, "state": "ok", "breaker_failures": 0, "created_at": NOW}
    made = conn.execute(connector.insert().values(**row, updated_at=NOW)).inserted_primary_key
    assert made is not None
    return int(made[0])


def say(
    conn: Connection,
    entity_id: int,
    record: Mapping[str, Any],
    *,
    source: str = "crm",
    at: int = NOW,
    null: tuple[str, ...] = (),
) -> None:
    """Let a connector say these fields of an entity."""
    source_id = add_connector(conn, source)
    said = [(name, "present", one) for name, one in record.items()] + [(name, "null", None) for name in null]
    for name, state, one in said:
        obs = new_id("obs")
        row = {
            "entity_id": entity_id,
            "field": name,
            "connector_id": source_id,
            "state": state,
            "value": one,
            "observed_at": at,
        }
        conn.execute(observation.insert().values(id=obs, **row))
        mine = (value.c.entity_id == entity_id) & (value.c.field == name) & (value.c.connector_id == source_id)
        conn.execute(value.delete().where(mine))
        conn.execute(value.insert().values(observation_id=obs, source_at=at, **row))


def customers(conn: Connection, db: Database, *records: Mapping[str, Any], source: str = "crm") -> list[int]:
    """Mint an entity for each record and let the source say it."""
    made = []
    for record in records:
        entity_id, _ = mint(conn, db, "customer", "CUST", NOW)
        say(conn, entity_id, record, source=source)
        made.append(entity_id)
    return made


@contextmanager
def register(db: Database, *records: Mapping[str, Any]) -> Iterator[list[int]]:
    """Give the entities of these records, committed."""
    with db.write() as conn:
        made = customers(conn, db, *records)
    yield made


def survivors(db: Database) -> dict[int, int]:
    with db.read() as conn:
        return {row.id: row.survivor_id for row in conn.execute(select(entity.c.id, entity.c.survivor_id))}


def asked(db: Database) -> dict[tuple[int, int], tuple[str, str]]:
    """Return (state, reason) of every review by its pair."""
    with db.read() as conn:
        return {(row.a_id, row.b_id): (row.state, row.reason) for row in conn.execute(select(review))}


def review_of(db: Database, a: int, b: int) -> int:
    with db.read() as conn:
        return int(conn.execute(select(review.c.id).where(review.c.a_id == a, review.c.b_id == b)).scalar_one())
