"""Recognising what came before costs as much among many keys as among few; ``bench/dedupe.py`` measures it with a million."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import orjson
from sqlalchemy import event as listening
from sqlalchemy import text

from bridges import retention
from bridges.storing import _KNOWN, Arrival, Receipt, store
from core.database import Database
from core.jsons import dumps, sha256
from core.tables import delivery, remembered
from tests.bridges.plant import Plant

BATCH = 250
BODY = {"id": "7001", "name": "Oil hot", "severity": 1, "status": "problem", "acknowledged": False, "manual_close": True,
        "notes": [], "at": "2026-01-01T00:00:00Z"}  # fmt: skip
DAY = 86_400


def take(plant: Plant, keys: list[str]) -> list[Receipt]:
    """Let arrivals with these keys come in one transaction, as the inbox stores them."""
    body = orjson.dumps({"alert": {**BODY}})
    with plant.db.write() as conn:
        arrivals = [(Arrival(plant.ids["monitoring"], body, {}, one), sha256(body), one) for one in keys]
        return store(plant.db, conn, arrivals)


def fill(plant: Plant, first: int, count: int) -> None:
    for start in range(first, first + count, BATCH):
        take(plant, [f"key-{n}" for n in range(start, start + BATCH)])


def statements(db: Database, plant: Plant, keys: list[str]) -> int:
    """Return how many statements it takes to store these."""
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    listening.listen(db.engine, "before_cursor_execute", note)
    try:
        take(plant, keys)
    finally:
        listening.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


def test_each_of_many_is_known_again_at_hand_or_archived(plant: Plant) -> None:
    """Of 500 keys, half archived by now, each comes again as what it is; none is stored twice."""
    fill(plant, 0, 250)
    plant.work()
    plant.clock.move(2 * DAY)
    retention.run(plant.db, retention.Policy(live_days=1, archive_days=3, dedupe_days=400), pause=lambda _: None)
    fill(plant, 250, 250)
    before = len(plant.rows(delivery)), len(plant.rows(remembered))
    assert before == (251, 249)  # the newest one stays at hand
    chosen = [f"key-{n}" for n in range(0, 500, 7)]
    assert {one.status for one in take(plant, chosen)} == {"duplicate"}
    assert (len(plant.rows(delivery)), len(plant.rows(remembered))) == before


def test_as_many_statements_among_many_as_among_few(plant: Plant) -> None:
    """A batch of known and new ones takes the same statements, whatever is stored already."""
    fill(plant, 0, BATCH)
    few = statements(plant.db, plant, [f"key-{n}" for n in range(25)] + [f"new-{n}" for n in range(25)])
    fill(plant, 2000, 2000)
    many = statements(plant.db, plant, [f"key-{n}" for n in range(2000, 2025)] + [f"newer-{n}" for n in range(25)])
    assert few == many


def test_a_key_is_found_by_an_index(plant: Plant) -> None:
    """Neither the deliveries at hand nor what is remembered is ever read through."""
    is_sqlite = plant.db.dialect == "sqlite"
    query = str(_KNOWN[plant.db.dialect])
    keys = [f"key-{n}" for n in range(20)]
    given = {"connector": plant.ids["monitoring"], "names": dumps(keys) if is_sqlite else keys}
    with plant.db.read() as conn:
        if not is_sqlite:
            conn.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the tables are nearly empty here
        rows = conn.execute(text(f"EXPLAIN {'QUERY PLAN ' if is_sqlite else ''}{query}"), given).all()
    plan = "\n".join(str(row) for row in rows)
    assert "uq_delivery_connector_external" in plan
    assert ("sqlite_autoindex_remembered_1" if is_sqlite else "pk_remembered") in plan
    assert "SCAN delivery" not in plan
    assert "Seq Scan" not in plan


def test_no_key_is_kept_in_memory(plant: Plant) -> None:
    """Two thousand more keys leave this process as large as it was."""
    fill(plant, 0, 1000)
    tracemalloc.start()
    try:
        fill(plant, 1000, 500)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        fill(plant, 1500, 2000)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 40_000, "twenty bytes a key would be a list of them"
