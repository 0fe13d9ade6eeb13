"""
When a change of form is worth a word: pure, from counts before and counts now.

While a stream is learned (its first ``LEARNED`` sampled records) everything is new and nothing is told. Later a new path or a
new type is told at once; that a path vanished or its nulls jumped is judged at the end of each window of records, against
everything before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from core.words import Json, Micros
from mappings.profiles.tree import fits

LEARNED = 20
WINDOW = 50
"""Sampled records after which shares are compared."""
ENOUGH = 20
"""Values that a share must rest on, before and now."""
JUMP = 0.25
"""How far a share of nulls must move to be told."""
SIGMAS = 4.0
"""And how unlikely it must be by chance."""
USUAL = 0.5
"""A path that stood in this share of records is missed when it stands in none."""
REMEMBERED = 2_000
"""Records that weigh on the base at most: older ones fade."""


class Window(NamedTuple):
    """Counts: records (for a path: those it stands in), values there, and nulls among them."""

    records: int = 0
    values: int = 0
    nulls: int = 0

    def plus(self, other: Window) -> Window:
        """Return both together."""
        return Window(*(one + more for one, more in zip(self, other, strict=True)))

    def faded(self, records: int) -> Window:
        """Return it with less weight when it rests on more records than are remembered."""
        if records <= REMEMBERED:
            return self
        return Window(*(int(one * REMEMBERED / records) for one in self))


NOTHING = Window()


@dataclass(slots=True)
class Known:
    """What is known of one path; ``accepted`` are the types that the contract allows, None: not the path itself."""

    path: str
    types: dict[str, int] = field(default_factory=dict)
    accepted: list[str] | None = None
    form: str | None = None
    here: int = 0
    first_seen: Micros = 0
    last_seen: Micros = 0
    base: Window = NOTHING
    window: Window = NOTHING
    gone_at: Micros | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One drift: new_path, vanished, type_changed or null_rate; or, with ``back``, that an earlier one is over."""

    path: str
    kind: str
    before: Json = None
    after: Json = None
    back: bool = False


def judge(known: Known, seen: dict[str, int], *, learning: bool) -> list[Change]:
    """Say at once what is new at a path: the path itself, or a type there; while learning everything is accepted."""
    words = [word for word in seen if word != "null"]
    if learning:
        known.accepted = sorted({*(known.accepted or ()), *words})
        return []
    if known.accepted is None:
        return [Change(known.path, "new_path", None, sorted(seen))] if known.here == 0 else []
    fresh = [word for word in words if not fits(word, set(known.accepted)) and not known.types.get(word)]
    if not fresh:
        return []
    if not known.accepted:  # until now there was only null: the first type is no change
        known.accepted = sorted(words)
        return []
    return [Change(known.path, "type_changed", sorted(known.accepted), sorted(fresh))]


def close_window(known: Known, base: int, window: int, now: Micros) -> list[Change]:
    """
    Judge a path at the end of a window (``base`` and ``window`` count the stream's records), and begin the next one.

    >>> path = Known("$.a", here=90, base=Window(90, 90, 0), window=Window(0, 0, 0))
    >>> [one.kind for one in close_window(path, 100, 50, 0)]
    ['vanished']
    """
    found: list[Change] = []
    now_, was = known.window, known.base
    if now_.records == 0 and known.gone_at is None and base >= ENOUGH and was.records >= USUAL * base:
        known.gone_at = now
        found.append(Change(known.path, "vanished", round(was.records / base, 3), 0))
    if jumped(was, now_):
        found.append(Change(known.path, "null_rate", _share(was), _share(now_)))
        known.base = now_  # from here on this is the usual
    else:
        known.base = was.plus(now_).faded(base + window)
    known.window = NOTHING
    return found


def jumped(was: Window, now: Window) -> bool:
    """Say whether the share of nulls moved, further than chance would move it."""
    if was.values < ENOUGH or now.values < ENOUGH:
        return False
    one, other = was.nulls / was.values, now.nulls / now.values
    if abs(one - other) < JUMP:
        return False
    pooled = (was.nulls + now.nulls) / (was.values + now.values)
    spread = (pooled * (1 - pooled) * (1 / was.values + 1 / now.values)) ** 0.5
    return bool(spread > 0 and abs(one - other) / spread >= SIGMAS)


def _share(counts: Window) -> float:
    return round(counts.nulls / counts.values, 3) if counts.values else 0.0
