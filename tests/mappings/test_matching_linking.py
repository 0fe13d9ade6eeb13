"""Matching against the register, online and in batch, on both databases: edges where it is sure, reviews where not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from core.database import Database
from core.tables import identity_edge, match_key, match_record
from mappings.identity import distinct, merge, unmerge
from mappings.matching import asking, batch, index, linking, reviews
from mappings.matching.rule import Band
from tests.mappings.registers import NOW, RULE, asked, customers, register, review_of, rule_of, say, survivors

ZHANG = {"name": "张伟", "phone": "13800138000", "birthday": "1980-01-02", "email": "zhang@example.cn"}
AGAIN = {"name": "張偉", "phone": "+86 138 0013 8000", "birthday": "1980年1月2日"}
RELATIVE = {"name": "张丽", "phone": "13800138000", "birthday": "1982-05-06"}
THIN = {"name": "张伟"}


def test_a_run_joins_what_is_sure_and_asks_about_the_rest(db: Database) -> None:
    """The edge says rule, points and evidence; a second run finds nothing to compare; everything again changes nothing."""
    with register(db, ZHANG, AGAIN, THIN, {"name": "李娜", "phone": "13911112222"}) as (one, again, thin, other):
        dry = batch.match(db, RULE, dry=True)
        assert (dry.compared, dry.linked, survivors(db)[again]) == (4, 1, again)
        told: list[tuple[int, int]] = []
        found = batch.match(db, RULE, progress=lambda done, total: told.append((done, total)))
        assert (found.compared, found.linked, told[-1]) == (4, 1, (4, 4))
        assert survivors(db) == {one: one, again: one, thin: thin, other: other}
        assert set(asked(db)) == {(one, thin), (again, thin)}
        with db.read() as conn:
            edge = conn.execute(select(identity_edge)).one()
        assert (edge.made_by, edge.rule, edge.score) == ("matching", f"match:{RULE.digest}", 25.0)
        assert {said["field"]: said["level"] for said in edge.evidence["reasons"]}["phone"] == "equal"
        assert batch.match(db, RULE).compared == 0
        once_more = batch.match(db, RULE, everything=True)
        assert (once_more.compared, once_more.linked, once_more.proposed) == (4, 0, 0)


def test_a_record_that_comes_is_matched_at_once_and_like_in_a_run(db: Database) -> None:
    """Online and batch are one scorer and one plan."""
    with db.write() as conn:
        one, relative = customers(conn, db, ZHANG, RELATIVE)
        index.prepare_again(conn, RULE, [one, relative], NOW)
        [new] = customers(conn, db, AGAIN, source="erp")
        done = linking.enter(conn, db, RULE, {new: AGAIN}, NOW)
    assert list(done.edges) == [(one, new)]
    assert survivors(db)[new] == one
    with db.write() as conn:
        unmerge(conn, db, done.edges[one, new].edge_id, ended_by="ann", now=NOW)
    assert batch.match(db, RULE, everything=True).linked == 0  # a person parted them
    with db.read() as conn:
        answer = asking.candidates(conn, RULE, AGAIN)
    assert [(said.entity_id, said.band) for said in answer][:2] == [(one, Band.REVIEW), (new, Band.REVIEW)]  # two fit


def test_two_records_of_one_batch_find_each_other(db: Database) -> None:
    """What comes together is compared with each other, not only with what was there."""
    with db.write() as conn:
        one, two = customers(conn, db, ZHANG, AGAIN)
        done = linking.enter(conn, db, RULE, {one: ZHANG, two: AGAIN}, NOW)
    assert list(done.edges) == [(one, two)]


def test_distinct_and_unmerged_are_respected_through_others(db: Database) -> None:
    """Two that a person keeps apart are not joined by a third that fits both; the third is asked about."""
    twin = {**ZHANG, "email": "other@example.cn"}
    with register(db, ZHANG, twin) as (one, two):
        with db.write() as conn:
            distinct(conn, db, one, two, made_by="ann", now=NOW)
        assert batch.match(db, RULE).linked == 0
        assert asked(db) == {}  # that pair is decided
        with db.write() as conn:
            [third] = customers(conn, db, {**ZHANG, "email": None} | {"email": "zhang@example.cn"})
        batch.match(db, RULE)
        assert survivors(db) == {one: one, two: two, third: one}
        assert asked(db)[two, third] == ("open", "kept_apart")


def test_a_steward_may_join_again_what_was_parted(db: Database) -> None:
    """A same edge that a person made after an ended one lets machines join others to that group."""
    with register(db, ZHANG, AGAIN) as (one, again):
        batch.match(db, RULE)
        with db.write() as conn:
            edge = conn.execute(select(identity_edge.c.id)).scalar_one()
            unmerge(conn, db, edge, ended_by="ann", now=NOW)
            assert linking.kept_apart(conn, [one, again]) == [(one, again)]
            merge(conn, db, one, again, made_by="ann", now=NOW)
            assert linking.kept_apart(conn, [one, again]) == []


def test_a_weak_member_guards_its_group(db: Database) -> None:
    """A group in which a steward put somebody else is not joined with who fits only one of its members."""
    stranger = {"name": "李娜", "phone": "13911112222", "birthday": "1990-09-09"}
    with register(db, ZHANG, stranger) as (one, other):
        with db.write() as conn:
            merge(conn, db, one, other, made_by="ann", now=NOW)
            [again] = customers(conn, db, AGAIN)
        batch.match(db, RULE)
        assert survivors(db)[again] == again
        assert asked(db) == {(one, again): ("open", "guarded")}


def test_what_changes_is_prepared_again_and_due(db: Database) -> None:
    """New values replace old keys; a changed rule prepares everything anew; a record that says nothing more is forgotten."""
    with register(db, ZHANG, {"name": "王芳", "phone": "13700000001"}) as (one, other):
        batch.match(db, RULE)
        with db.write() as conn:
            say(conn, other, AGAIN, at=NOW + 1)
            assert index.prepare_again(conn, RULE, [one, other], NOW, unless_same=True) == 2
        found = batch.match(db, RULE)
        assert (found.compared, found.linked) == (1, 1)
        assert batch.match(db, rule_of(fields={"name": "person", "phone": "phone"})).prepared == 2
        with db.write() as conn:
            conn.execute(text("DELETE FROM value"))
            index.prepare_again(conn, RULE, [one, other], NOW)
            assert conn.execute(select(match_record)).all() == conn.execute(select(match_key)).all() == []


def test_a_key_that_everybody_has_finds_nobody(db: Database) -> None:
    """A shared switchboard costs nothing and says nothing; what is rare still finds."""
    crowd: list[dict[str, Any]] = [
        {"name": f"赵{chr(0x4E00 + 7 * n)}", "phone": "0755-86013388"} for n in range(index.TOO_COMMON + 5)
    ]
    with register(db, *crowd, ZHANG | {"phone": "0755-86013388"}) as ids:
        batch.match(db, RULE)
        with db.read() as conn:
            found = index.candidates(conn, RULE, {0: RULE.prepare({"phone": "0755-86013388", "email": "zhang@example.cn"})})
        assert found == {0: [ids[-1]]}


def test_one_that_fits_two_is_joined_with_neither(db: Database) -> None:
    """Two different people within the margin: both pairs are asked about, contested."""
    left = {"name": "张伟", "phone": "13800138000", "street": "中山路1号"}
    right = {"name": "张伟", "birthday": "1980-01-02", "email": "a@b.cn", "phone": "13900139000", "street": "人民大道九百号"}
    both = {"name": "张伟", "phone": "13800138000", "birthday": "1980-01-02"}
    with register(db, left, right, both) as (one, two, third):
        batch.match(db, rule_of(review=8))
        assert survivors(db) == {one: one, two: two, third: third}
        assert {pair: said[1] for pair, said in asked(db).items()} == {(one, third): "contested", (two, third): "contested"}


NAMES = st.sampled_from(["张伟", "张炜", "李娜", "zhang wei", None])
PHONES = st.sampled_from(["13800138000", "13911112222", "0755-86013388", None])
DAYS = st.sampled_from(["1980-01-02", "1980-02-01", "1990-09-09", None])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    records=st.lists(st.fixed_dictionaries({"name": NAMES, "phone": PHONES, "birthday": DAYS}), min_size=2, max_size=6),
    apart=st.tuples(st.integers(0, 5), st.integers(0, 5)),
)
def test_no_register_ever_holds_a_distinct_pair_in_one_group(
    sqlite_db: Database, records: list[dict[str, Any]], apart: tuple[int, int]
) -> None:
    """Whatever comes and whoever is declared distinct: a run keeps them apart, and every group fits together."""
    with sqlite_db.write() as conn:
        for table in (
            "review_decision",
            "review",
            "match_key",
            "match_record",
            "identity_event",
            "identity_edge",
            "value",
            "observation",
        ):
            conn.execute(text(f"DELETE FROM {table}"))
        conn.execute(text("DELETE FROM entity"))
        said = [{name: one for name, one in record.items() if one is not None} for record in records]
        ids = customers(conn, sqlite_db, *said)
        a, b = (ids[n % len(ids)] for n in apart)
        if a != b:
            distinct(conn, sqlite_db, a, b, made_by="ann", now=NOW)
    batch.match(sqlite_db, RULE)
    today = survivors(sqlite_db)
    assert a == b or today[a] != today[b]
    features = {one: RULE.prepare(record) for one, record in zip(ids, said, strict=True)}
    for one in ids:
        for other in ids:
            if one < other and today[one] == today[other]:
                assert RULE.points(features[one], features[other]) >= RULE.review


@pytest.mark.parametrize("state", ["open", "decided"])
def test_a_review_is_asked_once(db: Database, state: str) -> None:
    """A pair has one review for ever; new evidence brings an open one up to date and leaves a decided one alone."""
    with register(db, ZHANG, THIN) as (one, thin):
        batch.match(db, RULE)
        number = review_of(db, one, thin)
        if state == "decided":
            with db.write() as conn:
                reviews.decide(conn, db, number, "distinct", made_by="ann", now=NOW)
        with db.write() as conn:
            say(conn, thin, {"phone": "13911112222"})
            index.prepare_again(conn, RULE, [thin], NOW)
        batch.match(db, RULE)
        with db.read() as conn:
            row = reviews.get(conn, number)
        assert (row.points, row.state) == ((5.5, "open") if state == "open" else (7.0, "distinct"))
        assert len(asked(db)) == 1
