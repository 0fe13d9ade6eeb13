"""Two versions on the same records: what changes, what newly fails, what is fixed."""

from __future__ import annotations

from typing import Any

from mappings.compared import EXAMPLES, Comparison, compare
from tests.mappings.test_cases import SPEC, made

GOOD = {"title": "Leak", "status": 1, "floor": "3"}


def against(change: dict[str, Any], *records: dict[str, Any]) -> Comparison:
    other = made(fields={**SPEC["fields"], **change})
    return compare(made(), other, ((one, {"receipt": f"r{n}"}) for n, one in enumerate(records)))


def test_the_same_mapping_changes_nothing() -> None:
    """All the same, no field named."""
    found = against({}, GOOD, {"status": 9}, {})
    assert (found.counts["same"], found.failing, found.fields, found.records) == (3, 1, {}, [])


def test_a_changed_value_is_told_with_both_sides() -> None:
    """The field, what it was, what it is, in which record."""
    found = against({"title": {"from": "$.title", "steps": ["upper"]}}, GOOD)

    assert found.counts["changed"] == 1
    [one] = found.records
    assert one["receipt"] == "r0"
    [change] = one["fields"]
    assert (change["field"], change["before"]["value"], change["after"]["value"]) == ("title", "Leak", "LEAK")


def test_newly_failing_and_newly_fixed_are_apart() -> None:
    """A word that the table newly knows is fixed; one that it no longer knows fails, and says why."""
    found = against({"status": {"from": "$.status", "table": {"1": "open", "9": "closed"}}}, {"status": 9}, {"status": 2}, GOOD)

    assert {word: found.counts[word] for word in ("newly_fixed", "newly_failing", "same", "changed")} == {
        "newly_fixed": 1, "newly_failing": 1, "same": 1, "changed": 0,
    }  # fmt: skip
    failing = next(one for one in found.records if one["verdict"] == "newly_failing")
    assert "no word '2'" in failing["fields"][0]["after"]["why"]
    assert found.fields["status"] == {"newly_failing": 1, "newly_fixed": 1, "changed": 0}


def test_without_another_version_everything_is_new() -> None:
    """What a draft would write is told before anything is live."""
    found = compare(None, made(), [(GOOD, {}), ({"status": 9}, {})])

    assert (found.counts["changed"], found.counts["newly_failing"]) == (1, 1)


def test_a_comparison_stays_small() -> None:
    """Ten thousand records that differ leave counts, and a few examples."""
    found = against({"title": {"from": "$.title", "steps": ["upper"]}}, *([GOOD] * 500))

    assert found.counts["changed"] == 500
    assert len(found.records) == 50
    assert [len(one) for one in found.examples.values()] == [EXAMPLES]
