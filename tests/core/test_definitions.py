"""The store of versions: what is live changes in one step, and everything that was live can come back."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.clock import FixedClock
from core.database import Database
from core.definitions import (
    Catalogue,
    Edge,
    generation,
    live,
    mark_tested,
    previous,
    publish,
    retire,
    rollback,
    save_version,
    unknown,
    versions,
)
from core.errors import ConflictError, NotFoundError
from core.tables import lineage_edge

A = Edge("source:zabbix/problems/$.name", "field:alert.title", "DIRECT", "IDENTITY")
B = Edge("source:zabbix/problems/$.opdata", "field:alert.title", "DIRECT", "TRANSFORMATION", "trim")


def save(db: Database, spec: dict[str, object], name: str = "m") -> int:
    with db.write() as conn:
        return save_version(conn, "mapping", name, spec, author="ann", now=db.now(conn)).version_id


def put(db: Database, version_id: int, *edges: Edge) -> int:
    with db.write() as conn:
        return publish(conn, version_id, edges=edges, now=db.now(conn))


def open_edges(db: Database) -> list[tuple[str, int]]:
    with db.read() as conn:
        found = conn.execute(select(lineage_edge.c.src, lineage_edge.c.version_id).where(lineage_edge.c.valid_to.is_(None)))
        return [(row[0], row[1]) for row in found]


def test_the_same_document_again_is_no_new_version(db: Database) -> None:
    """Versions are named by their content; the order of keys does not matter."""
    first = save(db, {"a": 1, "b": 2})

    assert save(db, {"b": 2, "a": 1}) == first
    assert save(db, {"a": 1, "b": 3}) != first
    with db.read() as conn:
        assert [(one.n, one.state) for one in versions(conn, "mapping", "m")] == [(2, "draft"), (1, "draft")]


def test_publishing_swaps_version_edges_and_generation_together(db: Database, clock: FixedClock) -> None:
    """After a publish exactly one version is live, its edges are open, all others closed, and the generation moved on."""
    first, second = save(db, {"v": 1}), save(db, {"v": 2})
    assert put(db, first, A, A, B) == 1
    clock.move(1)

    assert put(db, second, B) == 2

    with db.read() as conn:
        assert generation(conn) == 2
        assert [(one.version_id, one.spec) for one in live(conn, "mapping")] == [(second, {"v": 2})]
        gone = versions(conn, "mapping", "m")[1]
    assert (gone.state, gone.retired_at) == ("retired", clock.now())
    assert open_edges(db) == [(B.src, second)]


def test_a_publish_that_fails_leaves_everything_as_it_was(db: Database) -> None:
    """One transaction: nothing of a broken publish is seen."""
    first, second = save(db, {"v": 1}), save(db, {"v": 2})
    put(db, first, A)

    def broken() -> None:
        with db.write() as conn:
            publish(conn, second, edges=[B], now=1)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        broken()

    assert open_edges(db) == [(A.src, first)]
    with db.read() as conn:
        assert (generation(conn), [one.version_id for one in live(conn, "mapping")]) == (1, [first])


def test_a_rollback_makes_the_version_before_live_again(db: Database, clock: FixedClock) -> None:
    """One call goes back, and back again; a version number goes anywhere."""
    ids = [save(db, {"v": n}) for n in range(3)]
    for one in ids:
        clock.move(1)
        put(db, one, A)

    with db.write() as conn:
        assert rollback(conn, "mapping", "m", edges=[B], now=clock.now()).version_id == ids[1]
    assert open_edges(db) == [(B.src, ids[1])]
    clock.move(1)
    with db.write() as conn:
        assert rollback(conn, "mapping", "m", edges=[], now=clock.now() + 1).version_id == ids[2]
        assert rollback(conn, "mapping", "m", edges=[], now=clock.now() + 2, n=1).version_id == ids[0]
        with pytest.raises(ConflictError):
            previous(conn, "mapping", "m", 1)
        with pytest.raises(NotFoundError, match="no version 9"):
            previous(conn, "mapping", "m", 9)


def test_retiring_takes_a_definition_out_of_use(db: Database) -> None:
    """It is not live, its edges are closed, and its versions are kept."""
    put(db, save(db, {"v": 1}), A)

    with db.write() as conn:
        assert retire(conn, "mapping", "m", now=5) == 2
        with pytest.raises(NotFoundError, match="no live mapping"):
            retire(conn, "mapping", "m", now=6)

    assert open_edges(db) == []
    with db.read() as conn:
        assert (live(conn, "mapping"), len(versions(conn, "mapping", "m"))) == ([], 1)


def test_only_a_draft_becomes_tested(db: Database) -> None:
    """A live version stays live."""
    draft, other = save(db, {"v": 1}), save(db, {"v": 2})
    put(db, other)
    with db.write() as conn:
        mark_tested(conn, draft)
        mark_tested(conn, other)
        assert [one.state for one in versions(conn, "mapping", "m")] == ["live", "tested"]


def test_authors_at_the_same_time_wait_for_each_other(db: Database) -> None:
    """Eight threads save and publish one definition: numbers stay unique, one version is live, no generation is lost."""
    failed: list[BaseException] = []

    def work(n: int) -> None:
        try:
            for k in range(3):
                with db.write() as conn:
                    made = save_version(conn, "mapping", "m", {"v": n, "k": k}, author="a", now=k)
                    publish(conn, made.version_id, edges=[A], now=k)
        except BaseException as error:  # a thread may not swallow it
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert failed == []
    with db.read() as conn:
        assert generation(conn) == 24
        assert sorted(one.n for one in versions(conn, "mapping", "m")) == list(range(1, 25))
        assert len(live(conn, "mapping")) == 1
    assert len(open_edges(db)) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 2)), min_size=1, max_size=8))
def test_open_edges_are_always_those_of_the_live_versions(sqlite_db: Database, steps: list[tuple[str, int]]) -> None:
    """Whatever is published in whatever order, no edge of a version that is not live is open, and none is missing."""
    for name, v in steps:
        put(sqlite_db, save(sqlite_db, {"v": v}, name), A, Edge(f"source:{v}", "field:x.y", "DIRECT", "IDENTITY"))

    with sqlite_db.read() as conn:
        expected = [(src, one.version_id) for one in live(conn, "mapping") for src in (A.src, f"source:{one.spec['v']}")]
    assert sorted(open_edges(sqlite_db)) == sorted(expected)


def test_a_catalogue_gives_flat_types() -> None:
    """Each alias of a scope brings the fields of its entity."""
    catalogue = Catalogue(entities={"device": {"fields": {"name": {"type": "string"}, "load": {"type": "number"}}}})

    assert catalogue.types({"a": "device", "gone": "nothing"}) == {"a.name": "string", "a.load": "number"}


def test_a_long_list_of_known_words_is_cut_and_counted() -> None:
    """A problem stays readable however many words are known."""
    problem = unknown("x", "field", "f", [f"name{n:03}" for n in range(30)])

    assert problem.fix.endswith("name019 and 10 more.")
