"""Merge, unmerge, distinct: edges in any order, and a survivor that depends on nothing but them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, text

from core.database import Database
from core.errors import ConflictError, NotFoundError
from core.tables import entity, identity_edge
from mappings.identity import DistinctError, current, distinct, members, merge, mint, pin, unmerge
from mappings.identity.components import Member, components, survivor

NOW = 1_767_225_600_000_000


def mint_many(conn: Connection, db: Database, n: int) -> list[int]:
    return [mint(conn, db, "customer", "CUST", NOW + i)[0] for i in range(n)]


def survivors(conn: Connection) -> dict[int, int]:
    return {row.id: row.survivor_id for row in conn.execute(select(entity.c.id, entity.c.survivor_id))}


def same(conn: Connection, db: Database, a: int, b: int) -> int:
    return merge(conn, db, a, b, made_by="ann", now=NOW).edge_id


def test_a_chain_and_its_middle(db: Database) -> None:
    """A-B, B-C: all answer as A; ending A-B leaves B answering for C; ending B-C later restores everything."""
    with db.write() as conn:
        a, b, c = mint_many(conn, db, 3)
        first = same(conn, db, b, a)
        change = merge(conn, db, c, b, made_by="ann", now=NOW)
        assert survivors(conn) == {a: a, b: a, c: a}
        assert [(m.before, m.after) for m in change.moved] == [("CUST-2026-000003", "CUST-2026-000001")]
        split = unmerge(conn, db, first, ended_by="ann", now=NOW)
        assert survivors(conn) == {a: a, b: b, c: b}
        assert [m.entity_id for m in split.moved] == [b, c]
        unmerge(conn, db, change.edge_id, ended_by="ann", now=NOW)
        assert survivors(conn) == {a: a, b: b, c: c}


def test_every_gid_answers_in_one_hop(db: Database) -> None:
    """Every master ID ever issued resolves; one that never was issued is missing from the answer."""
    with db.write() as conn:
        ids = mint_many(conn, db, 5)
        for one in ids[1:]:
            same(conn, db, one, one - 1)
    gids = [f"CUST-2026-{n:06d}" for n in range(1, 7)]
    with db.read() as conn:
        answers = current(conn, gids)
        assert members(conn, [ids[0]]) == {ids[0]: ids}
    assert {gid: (one.gid, one.moved) for gid, one in answers.items()} == {
        gid: ("CUST-2026-000001", gid != "CUST-2026-000001") for gid in gids[:5]
    }


def test_the_same_edge_again_changes_nothing(db: Database) -> None:
    """Merging, declaring distinct and ending are idempotent."""
    with db.write() as conn:
        a, b, c = mint_many(conn, db, 3)
        edge = same(conn, db, a, b)
        again = merge(conn, db, b, a, made_by="bob", now=NOW)
        assert (again.edge_id, again.new, again.moved) == (edge, False, ())
        apart = distinct(conn, db, a, c, made_by="ann", now=NOW)
        assert not distinct(conn, db, c, a, made_by="ann", now=NOW).new
        assert unmerge(conn, db, apart.edge_id, ended_by="ann", now=NOW).new
        assert not unmerge(conn, db, apart.edge_id, ended_by="ann", now=NOW).new


def test_distinct_blocks_directly_and_through_others(db: Database) -> None:
    """Two that are declared distinct are not joined by a direct merge nor by a chain; the error names the edge."""
    with db.write() as conn:
        a, b, c = mint_many(conn, db, 3)
        edge = distinct(conn, db, a, c, made_by="ann", now=NOW).edge_id
        same(conn, db, a, b)
        with pytest.raises(DistinctError, match=f"edge {edge}"):
            same(conn, db, b, c)
        with pytest.raises(DistinctError):
            same(conn, db, a, c)
        assert survivors(conn) == {a: a, b: a, c: c}
        with pytest.raises(ConflictError, match="Edge 2 says that the two are same"):
            distinct(conn, db, a, b, made_by="ann", now=NOW)
        unmerge(conn, db, edge, ended_by="ann", now=NOW)
        same(conn, db, b, c)
        assert survivors(conn) == {a: a, b: a, c: a}


def test_what_is_joined_through_others_is_not_declared_distinct(db: Database) -> None:
    """Two that are one through a third must be unmerged before they can be declared distinct."""
    with db.write() as conn:
        a, b, c = mint_many(conn, db, 3)
        same(conn, db, a, b)
        same(conn, db, b, c)
        with pytest.raises(ConflictError, match="are one thing today"):
            distinct(conn, db, a, c, made_by="ann", now=NOW)


def test_only_things_of_one_type(db: Database) -> None:
    """Entities of two types, an entity with itself, and an unknown edge are refused."""
    with db.write() as conn:
        a, _ = mint(conn, db, "customer", "CUST", NOW)
        b, _ = mint(conn, db, "device", "DEV", NOW)
        with pytest.raises(ConflictError, match="CUST-2026-000001 is a customer"):
            same(conn, db, a, b)
        with pytest.raises(ConflictError):
            same(conn, db, a, a)
        with pytest.raises(NotFoundError):
            unmerge(conn, db, 77, ended_by="ann", now=NOW)
        with pytest.raises(NotFoundError):
            same(conn, db, a, 77)


def test_the_oldest_survives(db: Database) -> None:
    """Age is the moment of minting, not the order of rows; of two minted in one moment the first row."""
    with db.write() as conn:
        young, old, twin = (mint(conn, db, "customer", "CUST", NOW + after)[0] for after in (9, 1, 1))
        same(conn, db, young, old)
        same(conn, db, young, twin)
        assert survivors(conn) == {young: old, old: old, twin: old}


def test_a_pinned_entity_survives(db: Database) -> None:
    """A steward's pin wins over age, the lower pin over the higher; withdrawn, age decides again."""
    with db.write() as conn:
        a, b, c = mint_many(conn, db, 3)
        same(conn, db, a, b)
        same(conn, db, b, c)
        assert [m.after for m in pin(conn, db, c, 2, made_by="ann", now=NOW)] == ["CUST-2026-000003"] * 3
        pin(conn, db, b, 1, made_by="ann", now=NOW)
        assert survivors(conn) == {a: b, b: b, c: b}
        pin(conn, db, b, None, made_by="ann", now=NOW)
        pin(conn, db, c, None, made_by="ann", now=NOW)
        assert survivors(conn) == {a: a, b: a, c: a}


OPS = st.lists(
    st.tuples(st.sampled_from(["merge", "merge", "merge", "unmerge", "distinct", "pin"]), st.integers(0, 7), st.integers(0, 7)),
    max_size=25,
)


def check_laws(conn: Connection) -> None:
    """One hop, survivor by the pure function, no component with a distinct pair."""
    rows = {row.id: Member(*row) for row in conn.execute(text("SELECT id, gid, minted_at, pinned, survivor_id FROM entity"))}
    active = conn.execute(select(identity_edge).where(identity_edge.c.ended_at.is_(None))).all()
    for group in components(rows, [(e.a_id, e.b_id) for e in active if e.kind == "same"]):
        assert {rows[one].survivor_id for one in group} == {survivor(rows[one] for one in group).id}
    for one in rows.values():
        assert rows[one.survivor_id].survivor_id == one.survivor_id
    for edge in active:
        if edge.kind == "distinct":
            assert rows[edge.a_id].survivor_id != rows[edge.b_id].survivor_id


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ops=OPS, order=st.randoms(use_true_random=False))
def test_any_history_keeps_the_laws(sqlite_db: Database, ops: list[tuple[str, int, int]], order: Any) -> None:
    """Whatever is merged, ended, declared distinct or pinned, in any order: unmerge(merge) is the identity."""
    with sqlite_db.write() as conn:
        ids = [mint(conn, sqlite_db, "customer", "CUST", NOW + 5 * i % 8)[0] for i in range(8)]
        live: list[int] = []
        for op, i, j in ops:
            before = survivors(conn)
            try:
                if op == "merge":
                    change = merge(conn, sqlite_db, ids[i], ids[j], made_by="h", now=NOW)
                    if change.new:
                        after = survivors(conn)
                        unmerge(conn, sqlite_db, change.edge_id, ended_by="h", now=NOW)
                        assert survivors(conn) == before
                        live.append(same(conn, sqlite_db, ids[i], ids[j]))
                        assert survivors(conn) == after
                elif op == "distinct":
                    live.append(distinct(conn, sqlite_db, ids[i], ids[j], made_by="h", now=NOW).edge_id)
                elif op == "pin":
                    pin(conn, sqlite_db, ids[i], j or None, made_by="ann", now=NOW)
                elif live:
                    unmerge(conn, sqlite_db, live.pop(i % len(live)), ended_by="h", now=NOW)
            except ConflictError:
                assert survivors(conn) == before
            check_laws(conn)
        replay_in_another_order(conn, sqlite_db, order)
        conn.rollback()


def replay_in_another_order(conn: Connection, db: Database, order: Any) -> None:
    """End all edges, make the active ``same`` ones again shuffled: everybody answers as before."""
    told = survivors(conn)
    edges = conn.execute(select(identity_edge).where(identity_edge.c.ended_at.is_(None))).all()
    for edge in edges:
        unmerge(conn, db, edge.id, ended_by="h", now=NOW)
    assert all(one == top for one, top in survivors(conn).items())
    pairs = [(edge.a_id, edge.b_id) for edge in edges if edge.kind == "same"]
    order.shuffle(pairs)
    for a, b in pairs:
        same(conn, db, a, b)
    assert survivors(conn) == told
