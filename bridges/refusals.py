"""
What was refused at the door, kept within bounds: a flood of refusals must not become a flood of rows.

Of each (connector, code) the first few of a span are kept one by one, with what came; the rest of the span is counted and
kept as one row that says how many there were.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from core.clock import SECOND
from core.database import Database
from core.tables import refusal
from core.words import Micros

SPAN_S = 10.0
EACH = 20
"""Rows of one (connector, code) per span; whatever comes more is counted."""
UNWRITTEN = ("store-away", "cannot-store", "no-room")
"""Refusals because nothing can be written: they are counted, and told when it can."""
KINDS = 1000
"""How many (connector, code) are told apart within a span; a flood of invented names is one more."""
OTHERS = "(others)"
ADMISSION = ("overloaded", "too-fast", "no-room", "store-away", "cannot-store")
"""Refusals of what we could not keep; every other is about what was sent."""
GAP_S = 60
"""A door that has refused nothing for so long is open again."""
LOOK_BACK = 5_000
"""Rows looked at to find out since when, at most."""


@dataclass(slots=True)
class _Span:
    began: float
    kept: int = 0
    more: int = 0
    last: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Refusing:
    """That the doors refuse what cannot be kept: since when, when last, and by which codes."""

    since: Micros
    last: Micros
    codes: tuple[str, ...]


def refusing(conn: Connection, now: Micros) -> Refusing | None:
    """Return since when the doors refuse without a longer pause; None when they do not."""
    query = select(refusal.c.at, refusal.c.code).where(refusal.c.code.in_(ADMISSION)).order_by(refusal.c.at.desc())
    since, last, codes = now, None, dict[str, None]()
    for at, code in conn.execute(query.limit(LOOK_BACK)):
        if since - at > GAP_S * SECOND:
            break
        since, last = at, last or at
        codes[code] = None
    return None if last is None else Refusing(since, last, tuple(codes))


class Refusals:
    """Keeps refusals; one per process, safe for threads."""

    def __init__(self, db: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._db, self._monotonic = db, monotonic
        self._lock = threading.Lock()
        self._spans: dict[tuple[str, str], _Span] = {}

    def keep(self, row: dict[str, Any], write: Callable[[Callable[[], None]], object] = lambda work: work()) -> None:
        """
        Keep one refusal (the columns of the table, without its time), or count it.

        ``write`` is given what writes, when there is anything to write: an event loop has a thread do it.
        """
        rows = self._due()
        with self._lock:
            key = (row["connector"], row["code"])
            if key not in self._spans and len(self._spans) >= KINDS:
                key = (OTHERS, row["code"])
            span = self._spans.setdefault(key, _Span(self._monotonic()))
            if span.kept < EACH and row["code"] not in UNWRITTEN:
                span.kept += 1
                rows.append(row)
            else:
                span.more += 1
                span.last = {**row, "connector": key[0]}
        if rows:
            write(lambda: self._write(rows))

    def flush(self) -> None:
        """Write what was only counted so far."""
        self._write(self._due(everything=True))

    def _due(self, *, everything: bool = False) -> list[dict[str, Any]]:
        """End the spans whose time is over, and return the rows that say what was only counted in them."""
        now = self._monotonic()
        with self._lock:
            over = [key for key, span in self._spans.items() if everything or now - span.began > SPAN_S]
            ended = [self._spans.pop(key) for key in over]
        return [
            {**span.last, "detail": f"{span.more} more like this within {SPAN_S:.0f} s. The last: {span.last['detail']}"[:2000]}
            for span in ended
            if span.last is not None
        ]

    def _write(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        try:
            with self._db.write() as conn:
                now = self._db.now(conn)
                conn.execute(refusal.insert(), [{"at": now, **row} for row in rows])
        except DBAPIError:
            with self._lock:  # told later: they are counted in the span that comes next
                for row in rows:
                    span = self._spans.setdefault((row["connector"], row["code"]), _Span(self._monotonic()))
                    span.more, span.last = span.more + 1, row
