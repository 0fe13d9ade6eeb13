"""The pure part: which entities are one, and which of them survives. No database here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from core.words import Micros


class Member(NamedTuple):
    """What decides who survives."""

    id: int
    gid: str
    minted_at: Micros
    pinned: int | None
    survivor_id: int


def survivor(members: Iterable[Member]) -> Member:
    """
    Return who answers for all of them: the lowest pin, else the oldest; it depends on nothing else.

    >>> old, new = Member(1, "A-2026-000001", 5, None, 1), Member(2, "A-2026-000002", 9, None, 2)
    >>> survivor([new, old]).gid, survivor([old, new._replace(pinned=1)]).gid
    ('A-2026-000001', 'A-2026-000002')
    """
    return min(members, key=lambda one: (one.pinned is None, one.pinned or 0, one.minted_at, one.id))


def components(ids: Iterable[int], edges: Iterable[tuple[int, int]]) -> list[set[int]]:
    """
    Return the groups that the edges make of the ids.

    >>> components([1, 2, 3, 4], [(1, 2), (2, 3)])
    [{1, 2, 3}, {4}]
    """
    root = {one: one for one in ids}

    def find(one: int) -> int:
        while root[one] != one:
            root[one] = root[root[one]]
            one = root[one]
        return one

    for a, b in edges:
        root[find(a)] = find(b)
    groups: dict[int, set[int]] = {}
    for one in root:
        groups.setdefault(find(one), set()).add(one)
    return sorted(groups.values(), key=min)
