"""Profiles: every path counted within bounds, no value kept, and a change of form told once and rightly."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mappings.models import ContractSpec
from mappings.profiles import Known, Tree, Window, deviation, judge
from mappings.profiles.judging import close_window, jumped
from mappings.profiles.tree import MOST_KEYS, MOST_PATHS, above, form_of, words_of

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)
KEYS = st.sampled_from(["a", "b", "10560", "客户", "x y", "it's", "\x00", "k" * 200])
RECORDS = st.dictionaries(
    KEYS, st.recursive(LEAVES, lambda one: st.lists(one, max_size=3) | st.dictionaries(KEYS, one, max_size=3))
)


def tree_of(*records: dict[str, Any]) -> Tree:
    tree = Tree()
    for one in records:
        tree.add(one)
    return tree


def seen(tree: Tree) -> dict[str, dict[str, int]]:
    return {node.path: words_of(node.types) for node in tree.nodes() if node.path != "$"}


def test_types_and_nulls_are_counted_at_every_path() -> None:
    """Objects and lists are gone into; items of a list are one place; a number as a key is any key."""
    tree = tree_of({"id": 1, "tags": [{"tag": "x"}, {"tag": None}], "by": {"10560": 1.5}}, {"id": "1", "by": {"10561": None}})

    assert seen(tree) == {
        "$.id": {"integer": 1, "string": 1},
        "$.tags": {"list": 1},
        "$.tags[*]": {"object": 2},
        "$.tags[*].tag": {"string": 1, "null": 1},
        "$.by": {"object": 2},
        "$.by.*": {"number": 1, "null": 1},
    }
    assert {node.path: node.here for node in tree.nodes()}["$.tags[*].tag"] == 1, "one record, whatever number of items"


@given(st.lists(RECORDS, max_size=5))
def test_any_record_is_counted_within_bounds_and_kept_by_its_own_contract(records: list[dict[str, Any]]) -> None:
    """Paths stay few and short, whatever keys come; a contract of everything that was seen holds none of it back."""
    tree = tree_of(*records)

    found = seen(tree)
    assert len(found) <= MOST_PATHS
    assert all(len(path) <= 400 and path.isprintable() and above(path) in {"$", *found} for path in found)
    accepted = {path: frozenset(types) for path, types in found.items()}
    assert [deviation(one, accepted) for one in records] == [None] * len(records)


def test_a_record_of_many_keys_is_bounded() -> None:
    """A thousand different keys are at most so many paths, and the rest is any key."""
    tree = tree_of({f"k{n}": {f"i{m}": 1 for m in range(50)} for n in range(1000)})
    assert len(seen(tree)) <= MOST_PATHS
    wide = tree_of(*({f"key{n}": n} for n in range(1000)))
    assert len(seen(wide)) == MOST_KEYS + 1


@given(st.text(max_size=60) | st.integers() | st.floats(allow_nan=False))
def test_a_form_holds_no_character_of_the_value(value: Any) -> None:
    """Nobody can read a person's number out of a profile."""
    form = form_of(value)
    assert form is not None
    assert not any(char.isalnum() and char not in "9Aa字" for char in form)
    assert len(form) <= 41


def known(
    path: str = "$.a", *, here: int = 100, types: dict[str, int] | None = None, accepted: list[str] | None = None
) -> Known:
    return Known(path, types=types or {"string": here}, accepted=["string"] if accepted is None else accepted, here=here)


def test_what_is_new_is_told_at_once_but_not_while_learning() -> None:
    """A path, a type; a whole number where numbers came is none, and neither is null, nor the first value after nulls."""
    assert judge(Known("$.a"), {"string": 1}, learning=True) == []
    assert [one.kind for one in judge(Known("$.a"), {"string": 1}, learning=False)] == ["new_path"]
    assert [one.kind for one in judge(known(), {"integer": 1}, learning=False)] == ["type_changed"]
    assert judge(known(accepted=["number"], types={"number": 9}), {"integer": 1}, learning=False) == []
    assert judge(known(), {"null": 1}, learning=False) == []
    assert judge(known(types={"null": 9}, accepted=[]), {"string": 1}, learning=False) == []


def test_a_path_that_was_usual_and_is_nowhere_has_vanished_once() -> None:
    """Told at the end of the window in which it stood nowhere, and not again; a rare one is never missed."""
    one = known()
    one.base = Window(95, 95, 0)
    assert [(change.kind, change.before) for change in close_window(one, 100, 50, 7)] == [("vanished", 0.95)]
    assert (one.gone_at, close_window(one, 150, 50, 8)) == (7, [])
    rare = known()
    rare.base = Window(10, 10, 0)
    assert close_window(rare, 100, 50, 7) == []


def test_a_jump_of_nulls_is_told_and_chance_is_not() -> None:
    """From none to half is a jump, and back as well; one in ten more is not; few values prove nothing."""
    assert jumped(Window(100, 100, 0), Window(50, 50, 25))
    assert jumped(Window(100, 100, 60), Window(50, 50, 0))
    assert not jumped(Window(100, 100, 5), Window(50, 50, 8))
    assert not jumped(Window(100, 100, 0), Window(10, 10, 10))
    chance = random.Random(7)
    told = 0
    for _ in range(300):
        one = known()
        one.base = Window(500, 500, 150)
        one.window = Window(50, 50, sum(chance.random() < 0.3 for _ in range(50)))
        told += len(close_window(one, 500, 50, 0))
    assert told == 0, "a source whose nulls do not change is never reported"


def test_old_counts_fade() -> None:
    """A base of years does not hide what is usual now: it weighs as two thousand records at most."""
    one = known()
    one.base = Window(90_000, 90_000, 0)
    one.window = Window(50, 50, 5)
    close_window(one, 90_000, 50, 0)
    assert one.base.records <= 2_000


def test_a_contract_counts_for_a_path_and_what_is_below() -> None:
    """The nearest word above a path decides."""
    contract = ContractSpec(mode="quarantine", paths={"$.tags": "evolve", "$.tags[*].tag": "freeze"})
    asked = [contract.mode_of(path) for path in ("$.a", "$.tags", "$.tags[*].value", "$.tags[*].tag", "$.tagsmore")]
    assert asked == ["quarantine", "evolve", "evolve", "freeze", "quarantine"]
    record = {"tags": [1], "new": 1}
    assert deviation(record, {}, contract.holds) == ("$.new", "integer")
