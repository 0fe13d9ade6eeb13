"""Eight writer processes at once: half of each one's ids are wanted by all of them."""

from __future__ import annotations

import multiprocessing
import queue
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import SpawnProcess
from typing import Any

import pytest
from sqlalchemy import text

from core.database import Database
from core.errors import ConflictError
from core.tables import connector
from mappings.identity import (
    Entry,
    Mode,
    Resolved,
    Want,
    current,
    distinct,
    link,
    merge,
    mint,
    resolve_or_mint,
    unmerge,
    write,
)
from mappings.identity.history import read
from mappings.identity.opening import known_or_minted
from mappings.interchange import Line, Terms, bring

WRITERS = 8
OWN = 120
NOW = 1_767_225_600_000_000
PREFIXES = {"customer": "CUST"}
spawn = multiprocessing.get_context("spawn")


def register(db: Database) -> None:
    with db.write() as conn:
        conn.execute(
            connector.insert().values(id=1, name="crm", kind="memory", settings={}, state="ok", created_at=1, updated_at=1)
        )


def resolve_all(url: str, number: int, batch: int, start: Any, answers: Any) -> None:
    """One writer: its own ids and the shared ones, shuffled, in batches of one transaction each."""
    db = Database(url, pool_size=2)
    ids = [f"shared-{i}" for i in range(OWN)] + [f"own-{number}-{i}" for i in range(OWN)]
    random.Random(number).shuffle(ids)
    told: dict[str, tuple[int, str, bool]] = {}
    start.wait()
    for at in range(0, len(ids), batch):
        wants = [Want(1, "customer", one) for one in ids[at : at + batch]]
        with db.write() as conn:
            found = resolve_or_mint(conn, db, wants, {"customer": "CUST"}, NOW + number)
        for want, answer in found.items():
            assert isinstance(answer, Resolved), answer
            told[want.external_id] = (answer.entity_id, answer.gid, answer.minted)
    db.close()
    answers.put(told)


def merge_around(url: str, number: int, start: Any, answers: Any) -> None:
    """One steward: merges and unmerges random pairs of the same few entities, and links ids to them."""
    db = Database(url, pool_size=2)
    chance = random.Random(number)
    start.wait()
    for step in range(25):
        a, b = chance.sample(range(1, 9), 2)
        with db.write() as conn:
            change = merge(conn, db, a, b, made_by=str(number), now=NOW)
        if chance.random() < 0.4:
            with db.write() as conn:
                unmerge(conn, db, change.edge_id, ended_by=str(number), now=NOW)
        with db.write() as conn:
            link(conn, db, 1, "customer", f"linked-{step % 5}", a, NOW)
    db.close()
    answers.put({})


def live_through_everything(url: str, number: int, start: Any, answers: Any) -> None:
    """One of eight who do everything at once: ask, add, link, merge, keep apart, end, close and bring files in."""
    db = Database(url, pool_size=2)
    chance = random.Random(number)
    told: dict[str, tuple[int, str, bool]] = {}
    start.wait()
    for step in range(14):
        wants = [Want(1, "customer", f"K-{chance.randrange(30)}") for _ in range(10)]
        for want, answer in known_or_minted(db, wants, PREFIXES).items():
            assert isinstance(answer, Resolved), answer
            told[want.external_id] = (answer.home_id, answer.home_gid, answer.minted)
        gid = chance.choice(list(told.values()))[1]
        with db.write() as conn:
            write(conn, db, Mode.ADD, [Entry(1, "customer", f"N-{chance.randrange(40)}")], PREFIXES, NOW)
            write(conn, db, Mode.LINK, [Entry(1, "customer", f"L-{chance.randrange(20)}", gid)], PREFIXES, NOW)
        one, other = chance.sample([row_id for row_id, _, _ in told.values()], 2)
        with db.write() as conn, suppress(ConflictError):
            said = distinct if step % 4 == 3 else merge
            change = said(conn, db, one, other, made_by=str(number), now=NOW)
            if chance.random() < 0.3:
                unmerge(conn, db, change.edge_id, ended_by=str(number), now=NOW)
        cells = {"connector": "crm", "entity": "customer", "master_id": gid}
        lines = [Line(n, {**cells, "external_id": f"F-{chance.randrange(60)}"}) for n in range(2, 8)]
        bring(db, lines, PREFIXES, Terms(skip_faulty=True))
    db.close()
    answers.put(told)


def run(target: Callable[..., None], url: str, *extra: Any) -> list[dict[str, tuple[int, str, bool]]]:
    """Start all writers at the same moment and return what each was told."""
    start, answers = spawn.Barrier(WRITERS), spawn.Queue()
    writers: list[SpawnProcess] = [spawn.Process(target=target, args=(url, n, *extra, start, answers)) for n in range(WRITERS)]
    for one in writers:
        one.start()
    told: list[dict[str, tuple[int, str, bool]]] = []
    while len(told) < WRITERS:
        try:
            told.append(answers.get(timeout=1))
        except queue.Empty:
            assert not [one.exitcode for one in writers if one.exitcode], "a writer failed; its error is above"
    for one in writers:
        one.join(30)
    assert [one.exitcode for one in writers] == [0] * WRITERS
    return told


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 60])
def test_eight_writers_agree(db: Database, database_url: str, batch: int) -> None:
    """No id gets two master IDs, no entity is left without an id, each is minted once; SQLite leaves no gap."""
    register(db)
    told = run(resolve_all, database_url, batch)

    everyone: dict[str, set[tuple[int, str]]] = {}
    minted: dict[str, int] = {}
    for one in told:
        for external_id, (entity_id, gid, made) in one.items():
            everyone.setdefault(external_id, set()).add((entity_id, gid))
            minted[external_id] = minted.get(external_id, 0) + made
    assert len(everyone) == OWN + WRITERS * OWN
    assert [pairs for pairs in everyone.values() if len(pairs) != 1] == []
    assert set(minted.values()) == {1}
    with db.read() as conn:
        count = {name: conn.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in ("entity", "crosswalk")}
        orphans = conn.execute(
            text("SELECT count(*) FROM entity e WHERE NOT EXISTS (SELECT 1 FROM crosswalk x WHERE x.home_id = e.id)")
        ).scalar_one()
        strangers = conn.execute(
            text("SELECT count(*) FROM entity WHERE survivor_id IS NULL OR survivor_id <> id")
        ).scalar_one()
        issued = conn.execute(text("SELECT next - 1 FROM id_sequence WHERE scope = 'CUST-2026'")).scalar_one()
    assert (count["entity"], count["crosswalk"], orphans, strangers) == (len(everyone), len(everyone), 0, 0)
    if db.dialect == "sqlite":
        assert issued == len(everyone)
    else:
        assert issued >= len(everyone)


@pytest.mark.slow
def test_eight_stewards_agree(db: Database, database_url: str) -> None:
    """Merges, unmerges and links of the same entities by eight processes leave one lawful state."""
    from tests.mappings.test_identity_edges import check_laws

    register(db)
    with db.write() as conn:
        for _ in range(8):
            mint(conn, db, "customer", "CUST", NOW)
    run(merge_around, database_url)
    with db.read() as conn:
        check_laws(conn)
        homes = conn.execute(text("SELECT external_norm, count(*) FROM crosswalk GROUP BY external_norm")).all()
    assert sorted(tuple(row) for row in homes) == [(f"linked-{n}", 1) for n in range(5)]


@pytest.mark.slow
def test_eight_who_do_everything_at_once(db: Database, database_url: str) -> None:
    """Every answer is the same for all; one hop, no distinct pair joined, no orphan, every number accounted for, one stream."""
    from tests.mappings.test_identity_edges import check_laws

    register(db)
    told = run(live_through_everything, database_url)

    homes: dict[str, set[tuple[int, str]]] = {}
    minted: dict[str, int] = {}
    for one in told:
        for external_id, (home_id, gid, made) in one.items():
            homes.setdefault(external_id, set()).add((home_id, gid))
            minted[external_id] = minted.get(external_id, 0) + made
    assert [pairs for pairs in homes.values() if len(pairs) != 1] == []
    assert max(minted.values()) <= 1
    with db.read() as conn:
        check_laws(conn)
        double = conn.execute(
            text("SELECT external_norm FROM crosswalk WHERE valid_to IS NULL GROUP BY external_norm HAVING count(*) > 1")
        ).all()
        orphans = conn.execute(
            text("SELECT count(*) FROM entity e WHERE NOT EXISTS (SELECT 1 FROM crosswalk x WHERE x.home_id = e.id)")
        ).scalar_one()
        entities = conn.execute(text("SELECT count(*) FROM entity")).scalar_one()
        given = conn.execute(text("SELECT next - 1 FROM id_sequence")).scalar_one()
        tops = {gid: gid for gid in conn.execute(text("SELECT gid FROM entity")).scalars()}
        for event in read(conn, limit=100_000):
            tops |= {one["master_id"]: one["after"] for one in event.moved}
        assert tops == {gid: one.gid for gid, one in current(conn, tops).items()}
    assert (double, orphans) == ([], 0)
    assert given == entities if db.dialect == "sqlite" else given >= entities


def test_more_writers_than_connections(postgres_url: str) -> None:
    """The counter's short transaction never waits for a connection that a waiting writer holds."""
    db = Database(postgres_url, pool_size=2)
    register(db)
    inside = threading.Barrier(4)
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            with db.write() as conn:
                inside.wait(10)
                resolve_or_mint(conn, db, [Want(1, "customer", f"c{number}")], {"customer": "CUST"}, NOW)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    db.close()
    assert failures == []
