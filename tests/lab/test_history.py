"""The checker of the chaos harness finds each fault that is planted, and nothing where there is none."""

from __future__ import annotations

import pytest

from lab.chaos.history import Call, Pair, judge

PROMISED: list[Pair] = [(1, 0), (2, 0), (1, 1), (2, 1)]
CALLS = [Call("a", 1, 0), Call("b", 2, 0), Call("b", 2, 0), Call("c", 1, 1), Call("d", 2, 1)]
DONE = {"done": 4, "skipped": 0, "waiting": 0, "held": 0, "dead": 0}


def test_a_kept_promise_has_no_fault() -> None:
    """A call that came twice under one key is one effect."""
    verdict = judge(PROMISED, CALLS, DONE)
    assert verdict.holds
    assert (verdict.promised, verdict.effects, verdict.calls) == (4, 4, 5)


@pytest.mark.parametrize(
    ("fault", "calls", "deliveries", "unexplained", "problems"),
    [
        ("lost: (2, 1)", CALLS[:-1], DONE, [], []),
        ("doubled: (2, 1)", [*CALLS, Call("e", 2, 1)], DONE, [], []),
        ("invented: (3, 0)", [*CALLS, Call("e", 3, 0)], DONE, [], []),
        ("disorder: thing 1", [CALLS[3], *CALLS[:3], CALLS[4]], DONE, [], []),
        ("unfinished: 1 deliveries are dead", CALLS, {**DONE, "done": 3, "dead": 1}, [], []),
        ("unexplained: rcp_1", CALLS, DONE, ["rcp_1"], []),
        ("books: 3 accepted", CALLS, DONE, [], ["3 accepted, 4 there"]),
    ],
)
def test_each_planted_fault_is_found(
    fault: str, calls: list[Call], deliveries: dict[str, int], unexplained: list[str], problems: list[str]
) -> None:
    """A lost event, a doubled effect, a broken order, an unexplained end: one sentence each, and no other."""
    [said] = judge(PROMISED, calls, deliveries, unexplained, problems).faults
    assert said.startswith(fault)
