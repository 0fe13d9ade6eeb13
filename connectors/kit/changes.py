"""
What changed since the last poll, for systems that only show how things are now.

The cursor keeps a short mark of every thing that was handed out, and what is needed to say goodbye to it.
Nothing is handed out twice in the same state, and what is no longer shown is named once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.jsons import sha256
from core.words import Json

_MARK = 16


@dataclass(frozen=True, slots=True)
class Changes:
    """What a page holds: ids that are new or differ, what was kept of those that are gone, and the next cursor."""

    fresh: tuple[str, ...]
    gone: dict[str, Json]
    cursor: Json
    more: bool


def changes(shown: Mapping[str, Json], cursor: Json, limit: int, *, keep: Mapping[str, Json] | None = None) -> Changes:
    """
    Compare what is shown with what the cursor knows; ``keep`` is what a gone thing is remembered by.

    ``shown`` holds of each thing only what counts as a change.

    >>> first = changes({"a": 1, "b": 2}, None, 10)
    >>> first.fresh, first.gone
    (('a', 'b'), {})
    >>> then = changes({"b": 3}, first.cursor, 10)
    >>> then.fresh, then.gone, changes({"b": 3}, then.cursor, 10).fresh
    (('b',), {'a': None}, ())
    """
    known: dict[str, list[Json]] = dict(cursor["known"]) if cursor else {}
    fresh: list[str] = []
    gone: dict[str, Json] = {}
    more = False
    for name in sorted(known.keys() - shown.keys()):
        if len(gone) >= limit:
            more = True
            break
        gone[name] = known.pop(name)[1]
    for name, content in shown.items():
        mark = sha256(content)[:_MARK]
        if name in known and known[name][0] == mark:
            continue
        if len(fresh) + len(gone) >= limit:
            more = True
            break
        fresh.append(name)
        known[name] = [mark, keep.get(name) if keep else None]
    return Changes(tuple(fresh), gone, {"known": known}, more)
