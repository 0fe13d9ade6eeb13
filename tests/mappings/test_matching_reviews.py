"""The steward's queue: decisions that make edges, are kept, are undone, and teach the thresholds; explained in words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from core.clock import FixedClock
from core.database import Database
from core.errors import ConflictError, NotFoundError
from core.tables import identity_edge, review_decision
from mappings.identity import distinct, merge, unmerge
from mappings.matching import batch, explain, index, reviews, tune
from tests.mappings.registers import NOW, RULE, asked, customers, register, review_of, rule_of, survivors

ZHANG = {"name": "张伟", "phone": "13800138000", "birthday": "1980-01-02"}
THIN = {"name": "张伟", "birthday": "1980-01-08"}
OTHER = {"name": "张伟", "phone": "0755-86013388"}
TITLES = {"name": ("Name", "姓名"), "phone": ("Telephone", "电话"), "birthday": ("Birthday", "生日")}


def decide(db: Database, number: int, verdict: Any, **more: Any) -> reviews.Decided:
    with db.write() as conn:
        return reviews.decide(conn, db, number, verdict, made_by="ann", now=NOW, **more)


def test_decide_and_undo_with_everything_kept(db: Database) -> None:
    """Same joins, undo parts again; the decision stays on record with its evidence, its maker and who took it back."""
    with register(db, ZHANG, THIN) as (one, thin):
        batch.match(db, RULE)
        number = review_of(db, one, thin)
        done = decide(db, number, "same", why="phoned")
        assert done.change is not None
        assert [(move.before, move.after) for move in done.change.moved] == [("CUST-2026-000002", "CUST-2026-000001")]
        assert asked(db)[one, thin][0] == "same"
        with pytest.raises(ConflictError, match="is decided: same"):
            decide(db, number, "distinct")
        with db.write() as conn:
            reviews.undo(conn, db, number, made_by="bob", now=NOW + 5)
        assert survivors(db) == {one: one, thin: thin}
        assert asked(db)[one, thin][0] == "open"
        with db.read() as conn:
            kept = conn.execute(select(review_decision)).one()
        assert (kept.verdict, kept.why, kept.made_by, kept.undone_by, kept.undone_at) == (
            "same",
            "phoned",
            "ann",
            "bob",
            NOW + 5,
        )
        assert kept.evidence["points"] == kept.points == 11.5
        with db.write() as conn, pytest.raises(ConflictError, match="has no decision"):
            reviews.undo(conn, db, number, made_by="bob", now=NOW)


def test_distinct_is_an_edge_and_later_keeps_machines_off(db: Database, clock: FixedClock) -> None:
    """What is put off is not joined even when it becomes sure, and comes back when its time is there."""
    with register(db, ZHANG, THIN, {"name": "李娜", "phone": "13911112222"}) as (one, thin, _):
        batch.match(db, RULE)
        number = review_of(db, one, thin)
        decide(db, number, "later", until=clock.now() + 60_000_000)
        sure = rule_of(link=5)
        assert batch.match(db, sure, everything=True).linked == 0
        assert asked(db)[one, thin][0] == "later"
        clock.move(61)
        batch.match(db, sure, everything=True)
        assert asked(db)[one, thin][0] == "open"
        decide(db, number, "distinct")
        with db.read() as conn:
            edge = conn.execute(select(identity_edge)).one()
        assert (edge.kind, edge.made_by, edge.rule) == ("distinct", "ann", "steward")
        assert batch.match(db, sure, everything=True).linked == 0


def test_a_pair_that_was_settled_elsewhere_leaves_the_queue(db: Database) -> None:
    """Who merges by hand, or declares distinct, need not look at the review any more."""
    with register(db, ZHANG, THIN, OTHER) as (one, thin, other):
        batch.match(db, RULE)
        assert set(asked(db)) == {(one, thin), (one, other), (thin, other)}
        with db.write() as conn:
            merge(conn, db, one, thin, made_by="ann", now=NOW)
            distinct(conn, db, one, other, made_by="ann", now=NOW)
        assert batch.match(db, RULE).gone == 2
        assert {pair: state for pair, (state, _) in asked(db).items()} == {
            (one, thin): "gone",
            (one, other): "gone",
            (thin, other): "open",
        }


def test_assigning_and_unknown_reviews(db: Database) -> None:
    """Reviews are given to somebody and taken back; one that does not exist says how to find them."""
    with register(db, ZHANG, THIN) as (one, thin):
        batch.match(db, RULE)
        number = review_of(db, one, thin)
        with db.write() as conn:
            assert reviews.assign(conn, [number, 77], "bob", NOW) == 1
            assert reviews.get(conn, number).assignee == "bob"
        with pytest.raises(NotFoundError, match="There is no review 77"):
            decide(db, 77, "same")


def test_tuning_on_what_people_said(db: Database) -> None:
    """Decisions, edges by hand and automatic edges that a person ended are labels; what was taken back is none."""
    namesakes = [{"name": f"李{chr(0x4E00 + n)}", "phone": "13800138000", "birthday": "1980-01-02"} for n in range(6)]
    with register(db, ZHANG, THIN, OTHER, {**ZHANG, "street": "中山路1号"}, *namesakes) as ids:
        batch.match(db, RULE)
        with db.write() as conn:
            [edge] = conn.execute(select(identity_edge.c.id).where(identity_edge.c.made_by == "matching")).scalars()
            unmerge(conn, db, edge, ended_by="ann", now=NOW)  # a false one
            distinct(conn, db, ids[4], ids[5], made_by="ann", now=NOW)
            gone = merge(conn, db, ids[6], ids[7], made_by="ann", now=NOW).edge_id
            unmerge(conn, db, gone, ended_by="ann", now=NOW)
        decide(db, review_of(db, ids[0], ids[1]), "same")
        decide(db, review_of(db, ids[0], ids[2]), "later")
        with db.read() as conn:
            labels = {(one.a_id, one.b_id): (one.points, one.same) for one in tune.labels(conn, RULE)}
    assert labels == {(ids[0], ids[3]): (25.0, False), (ids[4], ids[5]): (6.0, False), (ids[0], ids[1]): (11.5, True)}
    found = tune.tune([tune.Label(*pair, *said) for pair, said in labels.items()])
    assert (found.same, found.distinct, found.link) == (1, 2, None)
    assert [(one.threshold, round(one.precision, 3), one.recall) for one in found.curve] == [
        (6.0, 0.333, 1.0),
        (11.5, 0.5, 1.0),
        (25.0, 0.0, 0.0),
    ]


def test_a_proposal_keeps_clear_of_what_people_parted() -> None:
    """Link stands above the strongest parted pair, review below nearly all joined ones; with few decisions there is none."""
    same = [tune.Label(1, 2, 9 + n / 10, True) for n in range(100)]
    parted = [tune.Label(1, 2, n / 10, False) for n in range(100)]
    found = tune.tune([*same, *parted])
    assert (found.link, found.review) == (11.0, 9.0)
    assert all(one.surely < one.precision or one.precision == 0 for one in found.curve)
    assert tune.tune([*same[:19], *parted]).link is None


def explained(db: Database, one: int, other: int, rule: Any = RULE) -> explain.Explained:
    with db.read() as conn:
        return explain.explain(conn, rule, one, other, TITLES)


def words(told: list[Any]) -> str:
    for one in told:
        assert re.search("[\u4e00-\u9fff]", one.zh)
    return "\n".join(one.en for one in told)


def test_why_two_are_one(db: Database) -> None:
    """The edges that join them, who made each, the evidence, and what would part them."""
    with register(db, ZHANG, {**ZHANG, "name": "張偉"}) as (one, other):
        batch.match(db, RULE)
        found = explained(db, one, other)
        assert (found.relation, found.edges) == ("same", [1])
        assert "They are one thing, by edge 1." in words(found.says)
        assert "25 points; 12 are enough to link." in words(found.says)
        assert words(found.changes) == "Ending edge 1 would part them."
        assert "Name: 张伟 | 張偉: equal (+7)" in words(found.reasons)
        assert "姓名：张伟 | 張偉：相同（+7 分）" in [one.zh for one in found.reasons]


def test_why_two_are_not_one_and_what_would_change_it(db: Database) -> None:
    """Too little evidence names the fields that would add enough; a missing one is said to be missing."""
    with register(db, ZHANG, THIN) as (one, thin):
        batch.match(db, RULE)
        found = explained(db, thin, one)
        assert found.relation == "open"
        assert found.review_id == review_of(db, one, thin)
        assert "11.5 points: a person has to say (2 to 12)." in words(found.says)
        assert "An equal Telephone on both sides would add 9 points and link them." in words(found.changes)
        assert "If Birthday were equal, that would add 4.5 points and link them." in words(found.changes)


def test_a_steward_or_a_rival_in_the_way_is_named(db: Database) -> None:
    """Distinct names its edge; contested and guarded name the two to decide about first."""
    with register(db, ZHANG, OTHER) as (one, other):
        with db.write() as conn:
            edge = distinct(conn, db, one, other, made_by="ann", now=NOW).edge_id
        found = explained(db, one, other)
        assert (found.relation, found.edges) == ("distinct", [edge])
        assert f"End edge {edge} if that is wrong." in words(found.changes)
        stranger = {"name": "李娜", "phone": "13911112222", "birthday": "1990-09-09"}
        with db.write() as conn:
            [weak] = customers(conn, db, stranger)
            merge(conn, db, one, weak, made_by="ann", now=NOW)
            [again] = customers(conn, db, ZHANG)
            index.prepare_again(conn, RULE, [one, other, weak, again], NOW)
        found = explained(db, one, again)
        assert "would make one thing of two records that do not fit" in words(found.says)
        assert "Decide about CUST-2026-000003 and CUST-2026-000004 first" in words(found.changes)
    assert "its definition has no `match`" in words(explained(db, one, weak, None).says)
