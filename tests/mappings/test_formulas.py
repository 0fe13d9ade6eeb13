from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.words import FieldState, Json
from mappings.catalogue import Written
from mappings.formulas import cycles, recompute
from mappings.translate import Translated
from mappings.values import Current, Stamp, differences, seen
from tests.mappings.definitions import world

CATALOGUE = world()
STAMP = Stamp(1, "east", "alert", 7, observed_at=10, source_at=5, version_id=3, event_id="evt_1", delivery_id=8)


def known(**fields: Json) -> dict[str, Current]:
    told = {
        name: Translated(FieldState.NULL if word is None else FieldState.PRESENT, word, word, "$")
        for name, word in fields.items()
    }
    return differences({}, told, STAMP, CATALOGUE).after


def test_a_formula_follows_its_operand_and_the_next_follows_it() -> None:
    """Priority is computed from severity, urgent from priority, in that order, in one go."""
    current = known(severity=4)
    found = recompute(CATALOGUE, "alert", current, ["severity"], STAMP)
    assert found.changes == {"priority": [None, "P1"], "urgent": [None, True]}
    assert [row["field"] for row in found.observations] == ["priority", "urgent"]


def test_operands_are_named_by_their_observations() -> None:
    """A computed observation says which observations it was made from, and by which version of which formula."""
    current = known(severity=4)
    priority, urgent = recompute(CATALOGUE, "alert", current, ["severity"], STAMP).observations
    assert priority["inputs"] == {"alert.severity": current["severity"].observation_id}
    assert urgent["inputs"] == {"alert.priority": priority["id"]}
    assert (priority["version_id"], priority["path"], priority["connector_id"], priority["delivery_id"]) == (
        20, "formula:alert-priority", None, None,
    )  # fmt: skip


def test_what_is_not_read_is_not_computed() -> None:
    """A change of another field computes nothing; the same result again stores nothing and stops there."""
    first = recompute(CATALOGUE, "alert", known(severity=4), ["severity"], STAMP)
    assert recompute(CATALOGUE, "alert", first.after, ["title"], STAMP).observations == []
    higher = {**first.after, "severity": known(severity=5)["severity"]}
    again = recompute(CATALOGUE, "alert", higher, ["severity"], STAMP)
    assert (again.changes, again.observations) == ({}, [])


def test_without_an_operand_there_is_no_value() -> None:
    """A null operand empties a computed field that had a value, and makes nothing where there was none."""
    assert recompute(CATALOGUE, "alert", known(severity=None), ["severity"], STAMP).observations == []
    first = recompute(CATALOGUE, "alert", known(severity=4), ["severity"], STAMP)
    emptied = recompute(CATALOGUE, "alert", {**first.after, **known(severity=None)}, ["severity"], STAMP)
    assert emptied.changes == {"priority": ["P1", None], "urgent": [True, None]}
    assert emptied.observations[0]["state"] == "null"
    assert "alert.severity" in str(emptied.observations[0]["raw"]) or emptied.observations[0]["raw"]


def test_a_failing_formula_is_an_invalid_value_that_says_why() -> None:
    """A division by zero is not a value; the reason is kept where the raw text would be."""
    broken = Written(
        "formula", "alert-priority", {"of": "alert.priority", "expression": '10 / alert.severity > 1 ? "P1" : "P2"'}
    )
    catalogue = world(broken)
    current = known(severity=0)
    found = recompute(catalogue, "alert", current, ["severity"], STAMP)
    row = next(row for row in found.observations if row["path"] == "formula:alert-priority" and row["state"] == "invalid")
    assert row["value"] is None
    assert "10 / alert.severity" in row["raw"]
    assert seen(found.after["priority"]) is None


def test_a_word_outside_the_list_is_invalid() -> None:
    """A formula cannot bring a word into a closed list."""
    catalogue = world(
        Written("formula", "alert-priority", {"of": "alert.priority", "expression": '"P" + string(alert.severity)'})
    )
    row = recompute(catalogue, "alert", known(severity=9), ["severity"], STAMP).observations[-1]
    assert (row["state"], row["value"]) == ("invalid", None)
    assert "'P9'" in row["raw"]


def test_a_circle_is_kept_out_and_named() -> None:
    """Two formulas that need each other are broken; the others are computed."""
    loop = Written("formula", "alert-severity", {"of": "alert.severity", "expression": "alert.urgent ? 5 : 1"})
    catalogue = world(loop)
    assert catalogue.formulas_of("alert") == ()
    assert sorted(name for _, name in catalogue.broken) == ["alert-priority", "alert-severity", "alert-urgent"]
    assert "needs itself" in catalogue.broken["formula", "alert-severity"].why


@given(st.dictionaries(st.sampled_from("abcde"), st.sets(st.sampled_from("abcde"), max_size=3), max_size=5))
def test_every_circle_found_is_one_and_none_is_missed(reads: dict[str, set[str]]) -> None:
    """A reported circle is a real one; where none is reported, the formulas can be ordered."""
    found = cycles(reads)
    for circle in found:
        assert circle[0] == circle[-1]
        assert all(after in reads[before] for before, after in pairwise(circle))
    waiting = {name: set(read) & set(reads) for name, read in reads.items()}
    while ready := [name for name, read in waiting.items() if not read & waiting.keys()]:
        for name in ready:
            del waiting[name]
    assert bool(found) is bool(waiting)
