"""The graph in memory: bounded walks that count what they leave out."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.graph import DOWN, UP, FieldGraph, Walk

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40).map(
    lambda pairs: [(f"n{a}", f"n{b}") for a, b in pairs]
)


def walk(pairs: list[tuple[str, str]], start: str, direction: str, depth: int = 3, cap: int = 500) -> Walk:
    return FieldGraph(pairs).walk(start, direction, depth=depth, cap=cap, budget_s=5)


def neighbours(pairs: list[tuple[str, str]], name: str, direction: str) -> set[str]:
    return {src for src, dst in pairs if dst == name} if direction == UP else {dst for src, dst in pairs if src == name}


@given(PAIRS, st.sampled_from([UP, DOWN]), st.integers(1, 4), st.integers(1, 12))
def test_shown_and_hidden_together_are_all(pairs: list[tuple[str, str]], direction: str, depth: int, cap: int) -> None:
    """For every shown node: the edges shown in the direction of the walk and the hidden ones are all it has."""
    found = walk(pairs, "n0", direction, depth, cap)

    for name in found.levels:
        shown = {src if direction == UP else dst for src, dst in found.pairs if (dst if direction == UP else src) == name}
        assert shown == neighbours(pairs, name, direction) & found.levels.keys()
        assert len(shown) + found.hidden.get(name, 0) == len(neighbours(pairs, name, direction))
    assert len(found.levels) <= max(cap, 1)
    assert bool(found.hidden) <= bool(found.stopped)


@given(PAIRS, st.sampled_from([UP, DOWN]), st.integers(1, 12))
def test_levels_are_the_shortest_distances(pairs: list[tuple[str, str]], direction: str, depth: int) -> None:
    """A walk finds exactly what a naive breadth-first search finds, cycles or not."""
    expected, frontier = {"n0": 0}, {"n0"}
    for level in range(1, depth + 1):
        frontier = {other for name in frontier for other in neighbours(pairs, name, direction)} - expected.keys()
        expected |= dict.fromkeys(frontier, level)

    assert walk(pairs, "n0", direction, depth).levels == expected


def test_siblings_do_not_leak() -> None:
    """Walking up from one formula never shows the other formulas of its operands."""
    pairs = [("src", "a"), ("src", "b"), ("a", "c")]

    assert set(walk(pairs, "a", UP).levels) == {"a", "src"}


def test_a_hub_is_cut_and_counted() -> None:
    """Of 16,000 readers of one field, few are shown and the rest is a number."""
    graph = FieldGraph([("hub", f"f{n}") for n in range(16_000)])
    started = time.monotonic()

    found = graph.walk("hub", DOWN, depth=3, cap=100, budget_s=5)

    assert (len(found.levels), found.hidden, found.stopped) == (100, {"hub": 15_901}, ["nodes"])
    assert time.monotonic() - started < 2


def test_a_walk_ends_with_its_time() -> None:
    """A budget of nothing ends the walk early, and the answer says so."""
    graph = FieldGraph([(f"a{n}", f"a{n + 1}") for n in range(2000)])

    found = graph.walk("a0", DOWN, depth=5000, cap=10_000, budget_s=0)

    assert found.stopped == ["time"]
    assert len(found.levels) < 300


def test_an_unknown_node_stands_alone() -> None:
    """A field without edges is an answer of one node."""
    assert walk([("a", "b")], "x", UP).levels == {"x": 0}


@pytest.mark.slow
def test_three_hops_are_fast_among_a_hundred_thousand_fields() -> None:
    """At 100,000 fields and 240,000 edges a bounded question is answered in well under 10 ms."""
    fields = 100_000
    pairs = [(f"f{(n * 7919 + k * 104_729) % fields}", f"f{n}") for n in range(fields) for k in range(2)]
    pairs += [(f"f{n % 20}", f"f{n}") for n in range(0, fields, 3)]
    graph = FieldGraph(pairs)
    costs = []
    for n in range(0, fields, 500):
        started = time.perf_counter()
        for direction in (UP, DOWN):
            graph.walk(f"f{n}", direction, depth=3, cap=500, budget_s=1)
        costs.append(time.perf_counter() - started)

    assert sorted(costs)[int(len(costs) * 0.95)] < 0.05
