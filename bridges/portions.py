"""
Portions: a long list of deliveries cut so that what is about one thing stays together. Pure.

A trial holds SQLite's write lock and, on PostgreSQL, rows that handlers want. In portions nobody waits long;
kept together, a thing's second state is still judged after its first.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

LARGEST = 200
"""Records of one portion: about as long as a handler's own batch holds the lock, a few times over."""

T = TypeVar("T", bound=Hashable)


def cut(things: Mapping[T, Sequence[Hashable]], largest: int = LARGEST) -> list[list[T]]:
    """
    Cut items, given in order with the things each is about, into portions of at most ``largest`` things told of.

    Items about a common thing come into one portion, in their order; only where they alone are too many, they are cut.

    >>> cut({1: ["a"], 2: ["b"], 3: ["a"], 4: ["c"]}, largest=2)
    [[1, 3], [2, 4]]
    >>> cut({1: ["a"], 2: ["a", "b"], 3: ["b"]}, largest=3)
    [[1, 2], [3]]
    """
    portions: list[list[T]] = []
    room = 0
    for together in _together(things):
        size = sum(_weight(things[one]) for one in together)
        if room < size:
            portions.append([])
            room = largest
        for one in together:
            if room < _weight(things[one]) and portions[-1]:
                portions.append([])
                room = largest
            portions[-1].append(one)
            room -= _weight(things[one])
    return portions


def _weight(about: Sequence[Hashable]) -> int:
    return max(1, len(about))


def _together(things: Mapping[T, Sequence[Hashable]]) -> Iterable[list[T]]:
    """Return the items that belong together by common things, each group in its order, the groups by their first item."""
    leads: dict[T, T] = {one: one for one in things}

    def lead(one: T) -> T:
        while leads[one] != one:
            leads[one] = leads[leads[one]]
            one = leads[one]
        return one

    first: dict[Hashable, T] = {}
    for one, about in things.items():
        for thing in about:
            leads[lead(one)] = lead(first.setdefault(thing, one))
    groups: dict[T, list[T]] = {}
    for one in things:
        groups.setdefault(lead(one), []).append(one)
    return groups.values()
