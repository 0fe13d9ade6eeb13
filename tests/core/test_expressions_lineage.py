"""What an expression reads, what a judgement tells, and what both cost."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.expressions import Judgement, compile_condition, compile_formula
from core.expressions.tokens import clauses
from core.words import Verdict
from tests.core.expressing import TYPES

D, I = "DIRECT", "INDIRECT"  # noqa: E741


@pytest.mark.parametrize(
    ("source", "inputs"),
    [
        ("alert.score * 0.3 + double(alert.severity)", {"alert.score": D, "alert.severity": D}),
        ("alert.urgent ? alert.title : device.name", {"alert.urgent": I, "alert.title": D, "device.name": D}),
        ("alert.title == device.name", {"alert.title": D, "device.name": D}),
        ("alert.urgent ? alert.urgent : false", {"alert.urgent": D}),
        ("present(alert.title) ? 1 : 2", {"alert.title": I}),
        ("has(alert.extra.a) ? device.name : ''", {"alert.extra": I, "device.name": D}),
        ("string(alert.tags[alert.severity])", {"alert.tags": D, "alert.severity": I}),
        ("alert.tags.filter(t, t == alert.title)", {"alert.tags": D, "alert.title": I}),
        ("alert.tags.map(alert, string(alert) + device.name)", {"alert.tags": D, "device.name": D}),
        ("'alert.title ' + alert.status", {"alert.status": D}),
        ("1 + 2", {}),
    ],
)
def test_inputs_come_from_the_compiled_form(source: str, inputs: dict[str, str]) -> None:
    """Every field that is read is named, as part of the value (DIRECT) or as what decides it (INDIRECT)."""
    assert dict(compile_formula(source, TYPES).inputs) == inputs


def test_only_the_named_inputs_are_passed_in() -> None:
    """A formula cannot read what its lineage omits: other values never reach the engine."""

    class Untouchable:
        """Breaks whoever looks at it."""

        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(f"{name} of an undeclared input was read")

    formula = compile_formula("alert.severity + 1", TYPES)

    assert formula.evaluate({"alert.severity": 1, "alert.title": Untouchable(), "secret": Untouchable()}) == 2


def test_a_condition_only_decides() -> None:
    """All inputs of a condition are INDIRECT."""
    condition = compile_condition("alert.severity >= 3 && device.name != alert.title", TYPES)

    assert dict(condition.inputs) == {"alert.severity": I, "device.name": I, "alert.title": I}
    assert condition.read({"alert.severity": 1, "alert.status": "open"}) == {"alert.severity": 1}


# --- Judgements ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "values", "clause", "left", "right"),
    [
        (
            'alert.status == "Open" && alert.severity>=3',
            {"alert.status": "ＯＰＥＮ", "alert.severity": 2},
            "alert.severity>=3",
            2,
            3,
        ),
        ('alert.status == "Open"', {"alert.status": "Closed"}, 'alert.status == "Open"', "Closed", "Open"),
        ('alert.status in ["a", "B"]', {"alert.status": "C"}, 'alert.status in ["a", "B"]', "C", ["a", "B"]),
        ("alert.severity * 2 > alert.severity + 5", {"alert.severity": 1}, "alert.severity * 2 > alert.severity + 5", 2, 6),
        ("alert.urgent", {"alert.urgent": False}, "alert.urgent", False, None),
        ('alert.title.contains("Fan")', {"alert.title": "Disk"}, 'alert.title.contains("Fan")', "Disk", None),
        (
            "(alert.urgent || alert.severity > 4)",
            {"alert.urgent": False, "alert.severity": 4},
            "(alert.urgent || alert.severity > 4)",
            {"alert.urgent": False, "alert.severity": 4},
            None,
        ),
        (
            "alert.urgent && (alert.severity > 1 && alert.severity < 3)",
            {"alert.urgent": True, "alert.severity": 3},
            "alert.severity < 3",
            3,
            3,
        ),
        ("alert.score > 2 ", {"alert.score": 1.5}, "alert.score > 2", 1.5, 2),
        ("false", {}, "false", {}, None),
    ],
)
def test_the_first_false_clause_is_told_as_written_with_both_values(
    source: str, values: dict[str, Any], clause: str, left: Any, right: Any
) -> None:
    """A decision can be read by the author of the bridge, with the values as they came."""
    judged = compile_condition(source, TYPES).judge(values)

    assert judged == Judgement(Verdict.NOT_MATCHED, clause, left, right, None)


def test_an_error_is_told_only_when_nothing_is_false() -> None:
    """The order of clauses does not decide between error and no match."""
    condition = compile_condition("1 / alert.severity == 1 && alert.status == 'x'", TYPES)

    assert condition.judge({"alert.severity": 0, "alert.status": "y"}).clause == "alert.status == 'x'"
    assert condition.judge({"alert.severity": 0, "alert.status": "x"}).clause == "1 / alert.severity == 1"


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("a && b", ["a", "b"]),
        ("((a && b)) && c", ["a", "b", "c"]),
        ('a == "x && y" && b', ['a == "x && y"', "b"]),
        ("a && b || c && d", ["a && b || c && d"]),
        ("a && b ? c : d", ["a && b ? c : d"]),
        ("f(a && b) && c", ["f(a && b)", "c"]),
        ("a // && no\n && b", ["a", "b"]),
        ("!(a && b)", ["!(a && b)"]),
        ("(a) && (b || c)", ["(a)", "(b || c)"]),
    ],
)
def test_clauses_are_split_only_where_it_keeps_the_meaning(source: str, parts: list[str]) -> None:
    """Only outermost && splits; ||, ?:, calls, texts and comments are left whole."""
    assert clauses(source) == parts


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["alert.urgent", "!alert.urgent", "alert.severity > 2", "alert.severity / 0 == 1"]), st.booleans()
        ),
        min_size=1,
    )
)
def test_judging_by_clauses_agrees_with_the_whole(parts: list[tuple[str, bool]]) -> None:
    """Splitting never changes the answer the engine gives for the whole condition."""
    values = {"alert.urgent": True, "alert.severity": 3}
    joined = " && ".join(f"({part})" if wrapped else part for part, wrapped in parts)
    split = compile_condition(joined, TYPES).judge(values)
    whole = compile_condition(f"({joined}) || false", TYPES).judge(values)

    assert split.verdict is whole.verdict


# --- Cost and threads -----------------------------------------------------------------------------------------------------


def test_judging_is_cheap() -> None:
    """A condition of three clauses costs tens of microseconds at most, however large the scope is."""
    condition = compile_condition('alert.status == "open" && alert.severity >= 3 && alert.urgent', TYPES)
    values = {"alert.status": "open", "alert.severity": 5, "alert.urgent": True} | {f"alert.x{n}": n for n in range(1000)}
    best = min(_microseconds(lambda: condition.judge(values)) for _ in range(5))

    assert best < 100


def _microseconds(once: Any, times: int = 500) -> float:
    started = time.perf_counter()
    for _ in range(times):
        once()
    return (time.perf_counter() - started) / times * 1e6


def test_threads_share_a_compiled_expression() -> None:
    """Eight threads judge with one condition and never see each other's values."""
    formula = compile_formula("alert.severity * 2 + 1", TYPES)

    def work(n: int) -> bool:
        return all(formula.evaluate({"alert.severity": n + k}) == (n + k) * 2 + 1 for k in range(500))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
