"""
Which pairs a machine may join: the pure part. Its answer depends on the pairs alone, never on their order.

Joining is transitive, so one wrong edge makes one thing of two whole groups. Three laws keep that away:

- two groups that a person or a ``distinct`` edge keeps apart are never joined, not through others either;
- no two members of a joined group may have less evidence than the lower threshold (the weakest pair);
- who fits two records nearly as well, which do not fit each other, is joined with neither (the margin).

What a law forbids is a person's to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Why(StrEnum):
    """Why no machine may join a pair."""

    UNSURE = "unsure"  #: the evidence is under the upper threshold
    CONTESTED = "contested"  #: another candidate fits nearly as well and is somebody else
    GUARDED = "guarded"  #: it would join two records whose own evidence is under the lower threshold
    KEPT_APART = "kept_apart"  #: a person ended an edge between the two groups, declared them distinct, or wants to wait


class Pair(NamedTuple):
    """Two records (home entities, the lower id first) and the points of their evidence."""

    a: int
    b: int
    points: float


class Held(NamedTuple):
    """A pair that a person has to judge, why, and the two records behind that reason."""

    pair: Pair
    why: Why
    behind: tuple[int, int]


@dataclass(slots=True)
class Plan:
    """What to join, in order, and what to ask about."""

    links: list[Pair] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)


Points = Callable[[int, int], float | None]
"""The evidence of any two records; None: one of them says nothing, so it contradicts nobody."""


def plan(
    pairs: Iterable[Pair],
    groups: Iterable[Iterable[int]],
    apart: Iterable[tuple[int, int]],
    points: Points,
    thresholds: tuple[float, float, float],
) -> Plan:
    """
    Say which pairs are joined and which are held for a person.

    ``groups`` are those that are one already, ``apart`` the pairs that are kept apart, ``thresholds`` are link, review
    and margin.

    >>> said = {(1, 2): 20.0, (2, 3): 15.0, (1, 3): -4.0}
    >>> found = plan([Pair(*key, said[key]) for key in said], [], [], lambda a, b: said[a, b], (12, 2, 3))
    >>> found.links, [(one.pair[:2], one.why) for one in found.held]
    ([Pair(a=1, b=2, points=20.0)], [((2, 3), <Why.CONTESTED: 'contested'>)])
    """
    link, review, margin = thresholds
    worth = sorted({one for one in pairs if one.points >= review}, key=lambda one: (-one.points, one.a, one.b))
    joined = _Groups(groups)
    foes = _foes(apart)
    rivals = _Rivals(worth, joined.frozen(), foes, points, review, margin)
    made = Plan()
    for pair in worth:
        if joined.one(pair.a) is joined.one(pair.b) or pair.b in foes.get(pair.a, ()):
            continue
        if pair.points < link:
            made.held.append(Held(pair, Why.UNSURE, (pair.a, pair.b)))
        elif behind := rivals.of(pair):
            made.held.append(Held(pair, Why.CONTESTED, behind))
        elif behind := _foe(joined.one(pair.a), joined.one(pair.b), foes):
            made.held.append(Held(pair, Why.KEPT_APART, behind))
        elif behind := _weak(joined.one(pair.a), joined.one(pair.b), points, review):
            made.held.append(Held(pair, Why.GUARDED, behind))
        else:
            joined.join(pair.a, pair.b)
            made.links.append(pair)
    made.held = [one for one in made.held if joined.one(one.pair.a) is not joined.one(one.pair.b)]
    return made


class _Groups:
    """Who is one with whom, growing."""

    def __init__(self, groups: Iterable[Iterable[int]]) -> None:
        self._of: dict[int, set[int]] = {}
        for group in groups:
            members = set(group)
            self._of.update(dict.fromkeys(members, members))

    def one(self, record: int) -> set[int]:
        return self._of.setdefault(record, {record})

    def join(self, a: int, b: int) -> None:
        larger, smaller = sorted((self.one(a), self.one(b)), key=len, reverse=True)
        larger |= smaller
        self._of.update(dict.fromkeys(smaller, larger))

    def frozen(self) -> Mapping[int, int]:
        """Return a name for the group of each record as it is now."""
        return {record: min(members) for record, members in self._of.items()}


@dataclass(slots=True)
class _Rivals:
    """Who else a record of a pair could be, as things stood before anything was joined."""

    pairs: list[Pair]
    groups: Mapping[int, int]
    foes: Mapping[int, set[int]]
    points: Points
    review: float
    margin: float
    _beside: dict[int, list[tuple[int, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for a, b, points in self.pairs:
            self._beside.setdefault(a, []).append((b, points))
            self._beside.setdefault(b, []).append((a, points))

    def of(self, pair: Pair) -> tuple[int, int] | None:
        """Return (the record, its other candidate) that make this pair doubtful, or None."""
        for record, chosen in ((pair.a, pair.b), (pair.b, pair.a)):
            for other, points in self._beside[record]:  # the best first, as the pairs are sorted
                if points < pair.points - self.margin:
                    break
                if other == chosen or self._same(other, chosen) or self._same(other, record):
                    continue
                if other in self.foes.get(record, ()):
                    continue
                between = self.points(*sorted((other, chosen)))
                if between is not None and between < self.review:
                    return (record, other)
        return None

    def _same(self, one: int, other: int) -> bool:
        return self.groups.get(one, one) == self.groups.get(other, other)


def _foes(apart: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for a, b in apart:
        found.setdefault(a, set()).add(b)
        found.setdefault(b, set()).add(a)
    return found


def _foe(one: set[int], other: set[int], foes: Mapping[int, set[int]]) -> tuple[int, int] | None:
    smaller, larger = sorted((one, other), key=len)
    for record in sorted(smaller):
        if hit := foes.get(record, set()) & larger:
            return (record, min(hit))
    return None


def _weak(one: set[int], other: set[int], points: Points, review: float) -> tuple[int, int] | None:
    for a in sorted(one):
        for b in sorted(other):
            said = points(*sorted((a, b)))
            if said is not None and said < review:
                return (a, b)
    return None
