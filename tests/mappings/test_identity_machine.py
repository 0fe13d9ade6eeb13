"""
The register as a state machine: whatever is minted, linked, merged, kept apart, closed or brought in, in any order.

After every step: each master ID ever issued answers in one hop, by the pure function of the active edges; no component
holds a distinct pair; every key is where it was put; nothing is lost; the stream tells how it came to be so.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, text

from core.clock import FixedClock
from core.database import Database
from core.errors import ConflictError, TielineError
from core.tables import connector, crosswalk, entity, id_sequence, identity_edge
from mappings.identity import (
    CrosswalkStateError,
    Entry,
    Mode,
    Resolved,
    Want,
    close,
    current,
    distinct,
    merge,
    pin,
    resolve,
    unmerge,
    write,
)
from mappings.identity.components import Member, components, survivor
from mappings.identity.history import MERGED, UNMERGED, read
from mappings.interchange import Line, Terms, bring

PREFIXES = {"customer": "CUST"}
EMPTY = ("identity_event", "identity_edge", "crosswalk", "entity", "id_sequence", "repair", "id_misfit")
PLACES = st.integers(0, 11)
FEW = st.integers(0, 3)
"""Merges and distinctions meet at few entities, so that chains and contradictions come about."""
KEYS = st.tuples(st.integers(1, 2), st.sampled_from([f"K-{n}" for n in range(1, 9)]))


@dataclass
class Known:
    """What the model knows of one entity."""

    gid: str
    row_id: int


class Register(RuleBasedStateMachine):
    """The rules; the model is a list of entities, a table of open keys, and the edges."""

    def __init__(self, db: Database, clock: FixedClock) -> None:
        super().__init__()
        self.db, self.clock = db, clock
        self.entities: list[Known] = []
        self.open: dict[tuple[int, str], str] = {}
        self.rows = 0
        self.edges: dict[int, str] = {}

    @initialize()
    def begin(self) -> None:
        """Begin with four things in an empty register."""
        with self.db.write() as conn:
            for table in EMPTY:
                conn.execute(text(f"DELETE FROM {table}"))
        names = [f"F-{n}" for n in range(4)]
        for name, answer in zip(names, self.put(Mode.ADD, *(Entry(1, "customer", one) for one in names)), strict=True):
            assert isinstance(answer, Resolved)
            self.learn((1, name), answer)

    def put(self, mode: Mode, *entries: Entry) -> list[Resolved | TielineError]:
        self.clock.move(1)
        with self.db.write() as conn:
            return write(conn, self.db, mode, entries, PREFIXES, self.db.now(conn))

    def learn(self, key: tuple[int, str], answer: Resolved) -> None:
        if answer.minted:
            assert answer.gid not in {one.gid for one in self.entities}, "a number is never given twice"
            self.entities.append(Known(answer.gid, answer.entity_id))
        self.open[key] = answer.home_gid
        self.rows += 1

    @rule(key=KEYS)
    def add(self, key: tuple[int, str]) -> None:
        """ADD mints for a new key and refuses a known one."""
        (answer,) = self.put(Mode.ADD, Entry(key[0], "customer", key[1]))
        if key in self.open:
            assert isinstance(answer, CrosswalkStateError)
        else:
            assert isinstance(answer, Resolved)
            assert answer.minted
            self.learn(key, answer)

    @rule(keys=st.lists(KEYS, min_size=1, max_size=6))
    def resolve_or_mint(self, keys: list[tuple[int, str]]) -> None:
        """Whatever is known stays, whatever is new is minted, once."""
        answers = self.put(Mode.RESOLVE_OR_MINT, *(Entry(one, "customer", name) for one, name in keys))
        for key, answer in zip(keys, answers, strict=True):
            assert isinstance(answer, Resolved)
            if key not in self.open:
                self.learn(key, answer)
            assert answer.home_gid == self.open[key]

    @rule(key=KEYS, at=PLACES)
    def link(self, key: tuple[int, str], at: int) -> None:
        """LINK gives a new key to a known entity and refuses a known key."""
        if not self.entities:
            return
        home = self.entities[at % len(self.entities)]
        (answer,) = self.put(Mode.LINK, Entry(key[0], "customer", key[1], home.gid))
        assert isinstance(answer, CrosswalkStateError) == (key in self.open)
        if isinstance(answer, Resolved):
            self.learn(key, answer)
            assert answer.home_gid == home.gid

    @rule(key=KEYS, name=st.sampled_from([f"K-{n}" for n in range(1, 9)]))
    def update(self, key: tuple[int, str], name: str) -> None:
        """UPDATE takes the place of a known key."""
        new = (key[0], name)
        (answer,) = self.put(Mode.UPDATE, Entry(key[0], "customer", name, replaces=key[1]))
        if key in self.open and new not in self.open:
            assert isinstance(answer, Resolved)
            home = self.open.pop(key)
            self.learn(new, answer)
            assert answer.home_gid == home
        else:
            assert isinstance(answer, CrosswalkStateError)

    @rule(key=KEYS)
    def reuse(self, key: tuple[int, str]) -> None:
        """A closed key answers as of the time before."""
        if key not in self.open:
            return
        want = Want(key[0], "customer", key[1])
        self.clock.move(1)
        with self.db.write() as conn:
            found = resolve(conn, [want])[want]
            assert isinstance(found, Resolved)
            before = self.db.now(conn) - 1
            close(conn, found.crosswalk_id, self.db.now(conn))
            then = resolve(conn, [want], before)[want]
            assert isinstance(then, Resolved)
            assert then.home_gid == self.open.pop(key)

    @rule(keys=st.lists(KEYS, min_size=1, max_size=4, unique=True), at=PLACES, adopt=st.booleans())
    def bring_in(self, keys: list[tuple[int, str]], at: int, adopt: bool) -> None:
        """A file with a master ID (ours or another register's) is taken, or refused as a whole."""
        self.clock.move(1)
        gid = self.entities[at % len(self.entities)].gid if self.entities and not adopt else f"CUST-2024-{at + 1:06d}"
        names = {1: "crm", 2: "erp"}
        lines = [
            Line(n, {"connector": names[one], "entity": "customer", "external_id": name, "master_id": gid})
            for n, (one, name) in enumerate(keys, 2)
        ]
        tops = self.tops()
        fits = all(key not in self.open or tops.get(self.open[key]) == tops.get(gid, gid) for key in keys)
        report = bring(self.db, lines, PREFIXES, Terms(adopt=True))
        assert report.written == fits, report.faults
        if not fits:
            return
        if gid not in tops and any(key not in self.open for key in keys):
            with self.db.read() as conn:
                self.entities.append(Known(gid, current(conn, [gid])[gid].entity_id))
        for key in keys:
            if key not in self.open:
                self.open[key] = gid
                self.rows += 1

    @rule(said=st.lists(st.tuples(st.booleans(), FEW, FEW), min_size=1, max_size=5))
    def say(self, said: list[tuple[bool, int, int]]) -> None:
        """A steward says several things in a row: these are one, those are not."""
        for same, one, other in said:
            (self.merge if same else self.keep_apart)(one, other)

    def merge(self, one: int, other: int) -> None:
        """A merge is allowed or leaves no trace; ending it is the identity; making it again is the same."""
        if not self.entities:
            return
        a, b = self.entities[one % len(self.entities)], self.entities[other % len(self.entities)]
        before = self.tops()
        self.clock.move(1)
        with self.db.write() as conn:
            now = self.db.now(conn)
            try:
                made = merge(conn, self.db, a.row_id, b.row_id, made_by="m", now=now)
            except ConflictError:
                made = None
            if made is not None and made.new:
                after = self.tops(conn)
                unmerge(conn, self.db, made.edge_id, ended_by="m", now=now)
                assert self.tops(conn) == before
                made = merge(conn, self.db, a.row_id, b.row_id, made_by="m", now=now)
                assert self.tops(conn) == after
                self.edges[made.edge_id] = "same"
        if made is None:
            assert self.tops() == before

    def keep_apart(self, one: int, other: int) -> None:
        """Two that are one cannot be kept apart; others can."""
        if not self.entities:
            return
        a, b = self.entities[one % len(self.entities)], self.entities[other % len(self.entities)]
        tops = self.tops()
        with self.db.write() as conn:
            try:
                made = distinct(conn, self.db, a.row_id, b.row_id, made_by="m", now=self.db.now(conn))
            except ConflictError:
                assert tops[a.gid] == tops[b.gid]
            else:
                assert tops[a.gid] != tops[b.gid]
                self.edges[made.edge_id] = "distinct"

    @rule(at=PLACES)
    def end(self, at: int) -> None:
        """Any edge ends, whatever was made after it."""
        if self.edges:
            edge = sorted(self.edges)[at % len(self.edges)]
            self.clock.move(1)
            with self.db.write() as conn:
                assert unmerge(conn, self.db, edge, ended_by="m", now=self.db.now(conn)).new
            del self.edges[edge]

    @rule(at=PLACES, rank=st.none() | st.integers(1, 3))
    def pin(self, at: int, rank: int | None) -> None:
        """A pin moves the survivor of its component, nobody else's."""
        if self.entities:
            with self.db.write() as conn:
                chosen = self.entities[at % len(self.entities)].row_id
                pin(conn, self.db, chosen, rank, made_by="m", now=self.db.now(conn))

    def tops(self, conn: Any = None) -> dict[str, str]:
        """Return who answers for each master ID ever issued."""
        if conn is None:
            with self.db.read() as fresh:
                return self.tops(fresh)
        return {gid: one.gid for gid, one in current(conn, [one.gid for one in self.entities]).items()}

    @invariant()
    def every_id_answers_by_the_pure_function_of_the_edges(self) -> None:
        """One hop, the survivor of the component, no distinct pair inside one."""
        with self.db.read() as conn:
            columns = (entity.c.id, entity.c.gid, entity.c.minted_at, entity.c.pinned, entity.c.survivor_id)
            rows = {row.id: Member(*row) for row in conn.execute(select(*columns))}
            active = conn.execute(select(identity_edge).where(identity_edge.c.ended_at.is_(None))).all()
        assert {one.gid for one in rows.values()} == {one.gid for one in self.entities}, "nothing lost, nothing from nowhere"
        assert {edge.id for edge in active} == self.edges.keys()
        for group in components(rows, [(edge.a_id, edge.b_id) for edge in active if edge.kind == "same"]):
            top = survivor(rows[one] for one in group)
            assert {rows[one].survivor_id for one in group} == {top.id}
        for edge in active:
            if edge.kind == "distinct":
                assert rows[edge.a_id].survivor_id != rows[edge.b_id].survivor_id

    @invariant()
    def every_key_is_where_it_was_put(self) -> None:
        """Open keys resolve to the survivor of their home; every row ever written is there; every number is accounted for."""
        wants = {key: Want(key[0], "customer", key[1]) for key in self.open}
        tops = self.tops()
        with self.db.read() as conn:
            found = resolve(conn, wants.values())
            there = conn.execute(select(crosswalk.c.id)).all()
            given = sum(conn.execute(select(id_sequence.c.next - 1).where(id_sequence.c.scope != "CUST-2024")).scalars())
        for key, want in wants.items():
            answer = found[want]
            assert isinstance(answer, Resolved)
            assert (answer.home_gid, answer.gid) == (self.open[key], tops[self.open[key]])
        assert len(there) == self.rows
        minted = sum(not one.gid.startswith("CUST-2024") for one in self.entities)
        assert given == minted if self.db.dialect == "sqlite" else given >= minted

    @invariant()
    def the_stream_tells_how_it_came_to_be_so(self) -> None:
        """Replayed from the beginning, the events give who answers for whom today."""
        told = {one.gid: one.gid for one in self.entities}
        with self.db.read() as conn:
            for event in read(conn, limit=10_000):
                assert event.type in (MERGED, UNMERGED)
                for one in event.moved:
                    assert told[one["master_id"]] == one["before"]
                    told[one["master_id"]] = one["after"]
        assert told == self.tops()

    def teardown(self) -> None:
        """In the end: the same edges in another order give the same answers."""
        with self.db.write() as conn:
            told = self.tops(conn)
            now = self.db.now(conn)
            query = select(identity_edge).where(identity_edge.c.ended_at.is_(None), identity_edge.c.kind == "same")
            edges = conn.execute(query).all()
            for edge in edges:
                unmerge(conn, self.db, edge.id, ended_by="m", now=now)
            assert all(one == top for one, top in self.tops(conn).items())
            random.Random(len(edges)).shuffle(edges)  # type: ignore[arg-type]
            for edge in edges:
                merge(conn, self.db, edge.b_id, edge.a_id, made_by="m", now=now)
            assert self.tops(conn) == told


def run(db: Database, clock: FixedClock, examples: int) -> None:
    with db.write() as conn:
        for number, name in enumerate(("crm", "erp"), start=1):
            row = {
                "id": number,
                "name": name,
                "kind": "memory",
                "settings": {},
                "state": "ok",
                "created_at": 1,
                "updated_at": 1,
            }
            conn.execute(connector.insert().values(row))

    class Here(Register):
        def __init__(self) -> None:
            super().__init__(db, clock)

    limits = settings(max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Here, settings=limits)


def test_the_register_in_any_order(db: Database, clock: FixedClock) -> None:
    """A few histories on each engine, every time."""
    run(db, clock, 6)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_register_in_many_orders(db: Database, clock: FixedClock) -> None:
    """More of them."""
    run(db, clock, 40)
