"""The plan: no group holds two that are kept apart or that do not fit, and no order of anything changes it."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mappings.identity.components import components
from mappings.matching.closure import Pair, Plan, Why, plan

LINK, REVIEW, MARGIN = 12.0, 2.0, 3.0
N = 8
PAIRS = [(a, b) for a in range(N) for b in range(a + 1, N)]
SAID = st.fixed_dictionaries(
    {pair: st.sampled_from([-9.0, 0.0, 1.9, 2.0, 7.0, 11.9, 12.0, 13.0, 16.0, 20.0]) for pair in PAIRS}
)
SOME = st.lists(st.sampled_from(PAIRS), max_size=5, unique=True)


def made(said: dict[tuple[int, int], float], groups: Any = (), apart: Any = (), order: Any = None) -> Plan:
    pairs = [Pair(*pair, points) for pair, points in said.items()]
    listed = list(apart)
    if order is not None:
        order.shuffle(pairs)
        order.shuffle(listed)
    return plan(pairs, groups, listed, lambda a, b: said.get((a, b)), (LINK, REVIEW, MARGIN))


def joined(found: Plan, groups: Any = ()) -> list[set[int]]:
    before = [(min(group), one) for group in groups for one in group]
    return components(range(N), [*before, *(pair[:2] for pair in found.links)])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SAID, SOME, SOME, st.randoms(use_true_random=False))
def test_the_laws_of_joining(said: Any, apart: Any, edges: Any, order: Any) -> None:
    """
    Whatever the evidence: nobody kept apart becomes one, every newly joined pair fits, and no order matters.

    What stood together before stays so, whatever is said about it now.
    """
    groups = [group for group in components(range(N), edges) if len(group) > 1]
    home = {one: n for n, group in enumerate(components(range(N), edges)) for one in group}
    apart = [pair for pair in apart if home[pair[0]] != home[pair[1]]]
    found = made(said, groups, apart)
    for group in joined(found, groups):
        for a, b in PAIRS:
            if a in group and b in group and home[a] != home[b]:
                assert (a, b) not in apart
                assert said[a, b] >= REVIEW
    for pair in found.links:
        assert pair.points >= LINK
    again = made(said, [sorted(group, reverse=True) for group in reversed(groups)], apart, order)
    assert again.links == found.links
    assert again.held == found.held


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SAID)
def test_nothing_worth_asking_is_dropped(said: Any) -> None:
    """Every pair from the lower threshold on is joined in the end, or held with its reason."""
    found = made(said)
    groups = joined(found)
    asked = {one.pair[:2] for one in found.held}
    for pair, points in said.items():
        together = any(pair[0] in group and pair[1] in group for group in groups)
        assert (points >= REVIEW) <= (together or pair in asked)


def test_a_second_that_fits_nearly_as_well_stops_both() -> None:
    """Two candidates within the margin that do not fit each other: a person says; farther apart, the best is joined."""
    near = made({(0, 1): 20.0, (0, 2): 18.0, (1, 2): -5.0})
    assert not near.links
    assert {one.why for one in near.held} == {Why.CONTESTED}
    far = made({(0, 1): 20.0, (0, 2): 16.0, (1, 2): -5.0})
    assert [pair[:2] for pair in far.links] == [(0, 1)]
    friends = made({(0, 1): 20.0, (0, 2): 18.0, (1, 2): 3.0})
    assert [pair[:2] for pair in friends.links] == [(0, 1), (0, 2)]


def test_a_weak_pair_guards_two_groups() -> None:
    """Two good pairs are not made one by a third that leaves a bad pair between them; it says which pair."""
    said = {(0, 1): 20.0, (2, 3): 20.0, (1, 2): 16.0, (0, 2): 5.0, (1, 3): 5.0, (0, 3): 1.0}
    found = made(said)
    assert [pair[:2] for pair in found.links] == [(0, 1), (2, 3)]
    guarded = next(one for one in found.held if one.pair[:2] == (1, 2))
    assert (guarded.why, sorted(guarded.behind)) == (Why.GUARDED, [0, 3])


def test_who_says_nothing_contradicts_nobody() -> None:
    """A member of a group that has nothing to compare does not guard it."""
    found = plan([Pair(0, 1, 20.0)], [[1, 2]], [], lambda a, b: None if 2 in (a, b) else 20.0, (LINK, REVIEW, MARGIN))
    assert [pair[:2] for pair in found.links] == [(0, 1)]


def test_kept_apart_holds_through_others_and_a_rival_that_is_ruled_out_is_none() -> None:
    """0 and 2 are kept apart: 1 may join one of them only; and 2 contests nothing that it may not be."""
    said = {(0, 1): 20.0, (1, 2): 15.0, (0, 2): 14.0}
    found = made(said, apart=[(0, 2)])
    assert [pair[:2] for pair in found.links] == [(0, 1)]
    assert [(one.pair[:2], one.why, one.behind) for one in found.held] == [((1, 2), Why.KEPT_APART, (2, 0))]
    ruled_out = made({(0, 1): 20.0, (0, 2): 19.0, (1, 2): -5.0}, apart=[(0, 2)])
    assert [pair[:2] for pair in ruled_out.links] == [(0, 1)]
