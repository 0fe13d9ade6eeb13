"""
Master IDs: batched look-ups among 1,000,000 ids with the hop to the survivor, and resolve-or-mint by 8 processes at once.

``python -m bench.ids [ids] [sqlite|postgresql]``. Bars on SQLite: 100,000 look-ups per second in batches of 1,000 through
SQLAlchemy; 5,000 resolves per second one by one and 25,000 in batches of 100, half of each writer's ids wanted by all
eight; no id with two answers, no entity without an id. Beside each stands the bare statement in the same run: sqlite3
alone, and a two-table get-or-insert. The closing line is the worst of the three as a part of its bar.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from core.database import Database
from core.ids import new_id
from core.migrations import upgrade
from core.tables import connector
from mappings.identity import Resolved, Want, resolve, resolve_or_mint
from mappings.identity.opening import known_or_minted

LOOK_UPS, SINGLE, BATCHED = 100_000, 5_000, 25_000
WRITERS, ROUNDS, BATCH = 8, 3, 1_000
NOW = 1_767_225_600_000_000
PREFIXES = {"customer": "CUST"}
spawn = multiprocessing.get_context("spawn")


def external(n: int) -> str:
    """Return the n-th id of the one big source."""
    return f"EC-{20260000 + n % 365}-{n:07d}"


def prepare(url: str) -> Database:
    """Make an empty register with one connector."""
    db = Database(url, pool_size=2)
    upgrade(db)
    with db.write() as conn:
        row = {"id": 1, "name": "crm", "kind": "memory", "settings": {}, "state": "ok", "created_at": 1, "updated_at": 1}
        conn.execute(connector.insert().values(row))
    return db


def fill(db: Database, count: int) -> None:
    """Put ids in; every twentieth entity answers through the one before it."""
    for start in range(0, count, 50_000):
        wants = [Want(1, "customer", external(n)) for n in range(start, min(count, start + 50_000))]
        with db.write() as conn:
            resolve_or_mint(conn, db, wants, PREFIXES, NOW)
    with db.write() as conn:
        conn.execute(text("UPDATE entity SET survivor_id = id - 1 WHERE id % 20 = 0"))
    if db.dialect == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as plain:
            plain.execute(text("ANALYZE"))


def look_up(db: Database, count: int) -> tuple[float, float]:
    """Return ids per second: ours, and (SQLite) the bare statement beside it."""
    chance = random.Random(len(db.dialect))
    wanted = [[external(chance.randrange(count)) for _ in range(BATCH)] for _ in range(40)]
    with db.read() as conn:
        began = time.perf_counter()
        for ids in wanted:
            found = resolve(conn, [Want(1, "customer", one) for one in ids])
            assert all(isinstance(one, Resolved) for one in found.values())
        ours = 40 * BATCH / (time.perf_counter() - began)
    return ours, bare_look_up(db, wanted) if db.dialect == "sqlite" else ours


def bare_look_up(db: Database, wanted: list[list[str]]) -> float:
    """The same question to sqlite3 without anything of ours."""
    conn = sqlite3.connect(str(db.url.database))
    query = (
        "SELECT k.value, s.gid FROM json_each(?) k CROSS JOIN crosswalk x ON x.connector_id = 1 AND x.etype = 'customer'"
        " AND x.external_norm = k.value AND x.valid_to IS NULL CROSS JOIN entity h ON h.id = x.home_id"
        " CROSS JOIN entity s ON s.id = h.survivor_id"
    )
    began = time.perf_counter()
    for ids in wanted:
        assert len(conn.execute(query, (json.dumps(ids),)).fetchall()) == BATCH
    took = time.perf_counter() - began
    conn.close()
    return 40 * BATCH / took


def ids_of(number: int, each: int, run: str) -> list[str]:
    """Return one writer's ids: half its own, half wanted by all, in an order of its own."""
    found = [f"{run}-shared-{n}" for n in range(each // 2)] + [f"{run}-own-{number}-{n}" for n in range(each // 2)]
    random.Random(number).shuffle(found)
    return found


def write(url: str, number: int, each: int, batch: int, run: str, start: Any, answers: Any) -> None:
    """One writer process."""
    db = Database(url, pool_size=2)
    ids = ids_of(number, each, run)
    with db.read() as conn:
        conn.execute(text("SELECT 1"))
    start.wait()
    began, told = time.perf_counter(), {}
    for at in range(0, each, batch):
        wants = [Want(1, "customer", one) for one in ids[at : at + batch]]
        for want, answer in known_or_minted(db, wants, PREFIXES).items():
            assert isinstance(answer, Resolved), answer
            told[want.external_id] = answer.gid
    answers.put((time.perf_counter() - began, told))
    db.close()


def bare_write(path: str, number: int, each: int, batch: int, run: str, start: Any, answers: Any) -> None:
    """The same by two tables and nothing else: look, and insert what is missing in one transaction."""
    conn = sqlite3.connect(path, timeout=60, isolation_level=None)
    conn.execute("PRAGMA synchronous=FULL")
    ids = ids_of(number, each, run)
    start.wait()
    began, told = time.perf_counter(), {}
    for at in range(0, each, batch):
        missing = []
        for one in ids[at : at + batch]:
            row = conn.execute("SELECT gid FROM xref WHERE ext = ?", (one,)).fetchone()
            if row is None:
                missing.append(one)
            else:
                told[one] = row[0]
        if missing:
            conn.execute("BEGIN IMMEDIATE")
            for one in missing:
                row = conn.execute("SELECT gid FROM xref WHERE ext = ?", (one,)).fetchone()
                if row is None:
                    gid = conn.execute("INSERT INTO entity (id) VALUES (NULL)").lastrowid
                    conn.execute("INSERT INTO xref VALUES (?, ?)", (one, gid))
                    row = (gid,)
                told[one] = row[0]
            conn.execute("COMMIT")
    answers.put((time.perf_counter() - began, told))


def race(target: Any, place: str, each: int, batch: int) -> tuple[float, int]:
    """Let eight processes write at once; return resolves per second and how many ids have two answers."""
    start, answers, run = spawn.Barrier(WRITERS), spawn.Queue(), new_id("run")
    writers = [spawn.Process(target=target, args=(place, n, each, batch, run, start, answers)) for n in range(WRITERS)]
    for one in writers:
        one.start()
    told = [answers.get(timeout=600) for _ in writers]
    for one in writers:
        one.join()
    seen: dict[str, set[Any]] = {}
    for _, each_told in told:
        for name, gid in each_told.items():
            seen.setdefault(name, set()).add(gid)
    return WRITERS * each / max(took for took, _ in told), sum(len(gids) > 1 for gids in seen.values())


def orphans(db: Database) -> int:
    """Count the entities without an id."""
    with db.read() as conn:
        query = "SELECT count(*) FROM entity e WHERE NOT EXISTS (SELECT 1 FROM crosswalk x WHERE x.home_id = e.id)"
        return int(conn.execute(text(query)).scalar_one())


@contextmanager
def store(dialect: str) -> Iterator[str]:
    """Give the URL of a fresh store."""
    if dialect == "sqlite":
        with tempfile.TemporaryDirectory(prefix="ids-") as folder:
            yield f"sqlite:///{folder}/tieline.db"
        return
    server = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
    name = new_id("tieline_bench")
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        yield server.rsplit("/", 1)[0] + "/" + name
    finally:
        with admin.connect() as conn:
            conn.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


def main(count: int = 1_000_000, dialect: str = "sqlite") -> bool:
    """Measure and print the closing line."""
    with store(dialect) as url, tempfile.TemporaryDirectory(prefix="ids-bare-") as folder:
        db = prepare(url)
        writing = {}
        bad = 0
        for what, each, batch in (("single", 400, 1), ("batched", 4_000, 100)):
            rates = []
            for n in range(ROUNDS):
                rate, twice = race(write, url, each, batch)
                bad += twice
                bare = _bare(Path(folder) / f"{what}-{n}.db", each, batch)
                rates.append((rate, bare))
                print(f"{what}: ours {rate:,.0f} resolves/s   bare sqlite3 {bare:,.0f}   two answers {twice}")
            writing[what] = statistics.median(rate for rate, _ in rates)
        lost = orphans(db)
        print(f"entities without an id: {lost}")
        fill(db, count)
        pairs = [look_up(db, count) for _ in range(ROUNDS + 2)]
        for ours, beside in pairs:
            print(f"look-ups among {count:,}: ours {ours:,.0f} ids/s   bare sqlite3 {beside:,.0f}   ratio {ours / beside:.3f}")
        db.close()
    looked = max(ours for ours, _ in pairs)
    parts = {
        "look-ups": (looked, LOOK_UPS),
        "single": (writing["single"], SINGLE),
        "batched": (writing["batched"], BATCHED),
    }
    figure, beside = min(parts.values(), key=lambda one: one[0] / one[1])
    holds = not bad and not lost and figure >= beside
    print("  ".join(f"{name} {rate:,.0f} of {bar:,}" for name, (rate, bar) in parts.items()))
    print(
        json.dumps(
            {"figure": round(figure, 1), "beside": beside, "ratio": round(figure / beside, 4), "bar": 1.0, "holds": holds}
        )
    )
    return holds


def _bare(path: Path, each: int, batch: int) -> float:
    conn = sqlite3.connect(path)
    conn.execute("PRAGMA journal_mode=WAL")
    conn.execute("CREATE TABLE entity (id INTEGER PRIMARY KEY)")
    conn.execute("CREATE TABLE xref (ext TEXT PRIMARY KEY, gid INTEGER) WITHOUT ROWID")
    conn.close()
    return race(bare_write, str(path), each, batch)[0]


if __name__ == "__main__":
    asked = sys.argv[1:]
    sys.exit(0 if main(int(asked[0]) if asked else 1_000_000, asked[1] if len(asked) > 1 else "sqlite") else 1)
