"""
Polling by the time of the last change: each round begins a span before the newest change seen.

A change carries the time it was made and may be committed later, and many things may carry one time. Which states
of the span were handed out is kept in the cursor, so nothing comes twice and nothing is lost. Ask for ``size(limit)``
rows from ``since``, oldest first: a page then holds something new, or is the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.clock import SECOND
from core.jsons import sha256
from core.words import Json, Micros


class Overlap:
    """
    Where a stream stands, read from its cursor.

    >>> first = Overlap(None, 60)
    >>> first.take([("a", 10, {"n": 1}), ("b", 10, {"n": 1})], 1), first.more
    ([{'n': 1}], True)
    >>> then = Overlap(first.cursor(), 60)
    >>> then.take([("a", 10, {"n": 1}), ("b", 10, {"n": 1})], 1), then.more
    ([{'n': 1}], False)
    """

    def __init__(self, cursor: Json, overlap_s: int) -> None:
        self._span = overlap_s * SECOND
        self._seen: dict[str, list[Any]] = dict(cursor["seen"]) if cursor else {}
        self._newest: Micros | None = cursor["at"] if cursor else None
        self.more = False

    @property
    def since(self) -> Micros | None:
        """From when to ask; None: from the beginning that makes sense."""
        return None if self._newest is None else self._newest - self._span

    def size(self, limit: int) -> int:
        """How many rows to ask for."""
        return limit + len(self._seen) + 1

    def take(self, rows: Iterable[tuple[str, Micros, Any]], limit: int) -> list[Any]:
        """Return the contents that are new; rows are (id, time of change, content), oldest first."""
        fresh: list[Any] = []
        for name, at, content in rows:
            mark = sha256(content)[:16]
            if self._seen.get(name, [0, ""])[1] != mark:
                if len(fresh) == limit:
                    self.more = True
                    break
                fresh.append(content)
            self._seen[name] = [at, mark]
            self._newest = at if self._newest is None else max(self._newest, at)
        return fresh

    def cursor(self) -> Json:
        """Return what the next page starts from."""
        if self._newest is None:
            return None
        kept = {name: one for name, one in self._seen.items() if one[0] >= self._newest - self._span}
        return {"at": self._newest, "seen": kept}
