"""
The checker: from what was promised, what the far side saw and what the books say, whether the promise was kept. Pure.

Promised: (thing, step), in the order in which each thing's steps were promised. Seen: (key, thing, step) of every call that
reached the far side whole, in order; the first call of a key is its effect, because the far side honours keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the far side logged it."""

    key: str
    thing: int
    step: int


@dataclass(slots=True)
class Verdict:
    """What is wrong, in sentences; nothing is wrong when there are none."""

    faults: list[str] = field(default_factory=list)
    promised: int = 0
    effects: int = 0
    calls: int = 0

    @property
    def holds(self) -> bool:
        """Say whether the promise was kept."""
        return not self.faults


def judge(
    promised: Iterable[Pair],
    calls: Sequence[Call],
    deliveries: Mapping[str, int],
    unexplained: Iterable[str] = (),
    problems: Iterable[str] = (),
) -> Verdict:
    """
    Compare the histories with the books.

    ``deliveries`` are the books' counts by state at the end, ``unexplained`` what ended without a reason, ``problems``
    every fault of the accounting identity that was seen after a kill.
    """
    wanted = list(promised)
    effects: dict[str, Call] = {}
    for call in calls:
        effects.setdefault(call.key, call)
    verdict = Verdict(promised=len(wanted), effects=len(effects), calls=len(calls))
    done: dict[Pair, int] = {}
    for one in effects.values():
        done[(one.thing, one.step)] = done.get((one.thing, one.step), 0) + 1
    verdict.faults += [f"lost: {pair} was promised and never done." for pair in sorted(set(wanted) - done.keys())]
    verdict.faults += [f"doubled: {pair} was done {n} times, under {n} keys." for pair, n in sorted(done.items()) if n > 1]
    verdict.faults += [f"invented: {pair} was done and never promised." for pair in sorted(done.keys() - set(wanted))]
    last: dict[int, int] = {}
    for one in effects.values():
        if one.step < last.get(one.thing, -1):
            verdict.faults.append(f"disorder: thing {one.thing} had step {one.step} after step {last[one.thing]}.")
        last[one.thing] = max(one.step, last.get(one.thing, -1))
    open_rows = {state: n for state, n in deliveries.items() if n and state not in ("done", "skipped")}
    verdict.faults += [f"unfinished: {n} deliveries are {state}." for state, n in sorted(open_rows.items())]
    verdict.faults += [f"unexplained: {one}" for one in unexplained]
    verdict.faults += [f"books: {one}" for one in problems]
    return verdict
