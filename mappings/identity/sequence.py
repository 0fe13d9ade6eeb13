"""
The numbers of master IDs: PREFIX-YYYY-NNNNNN, the year from ``now``, no number given twice.

SQLite: the counter is in the caller's transaction, so there are no gaps. PostgreSQL: the counter moves in
a short transaction of its own, because the caller's may be long and every writer of that prefix would wait
for its end. A roll-back or a lost race leaves a gap there: a number that was never issued to anybody.
That short transaction needs no fsync of its own: its record lies before the caller's in the log.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from core.clock import SECOND
from core.database import Database
from core.errors import DefinitionError
from core.words import Micros

_CLAIM = text(
    "INSERT INTO id_sequence (scope, next) VALUES (:scope, 1 + :n) "
    "ON CONFLICT (scope) DO UPDATE SET next = id_sequence.next + :n RETURNING next"
)
_PAST = text(
    "INSERT INTO id_sequence (scope, next) VALUES (:scope, :next) "
    "ON CONFLICT (scope) DO UPDATE SET next = excluded.next WHERE id_sequence.next < excluded.next"
)
_PREFIX = re.compile(r"[A-Z][A-Z0-9]{1,7}")


def claim(conn: Connection, db: Database, prefix: str, n: int, now: Micros) -> list[str]:
    """Return n fresh master IDs of a prefix, in order."""
    if not _PREFIX.fullmatch(prefix):
        raise DefinitionError(
            f"{prefix!r} cannot be the prefix of master IDs.",
            why="A prefix is 2 to 8 capital letters or digits and begins with a letter.",
            fix="Change `prefix` of the entity: ALRT",
        )
    scope = f"{prefix}-{datetime.fromtimestamp(now // SECOND, UTC).year:04d}"
    if db.dialect == "sqlite":
        after = conn.execute(_CLAIM, {"scope": scope, "n": n}).scalar_one()
    else:
        with db.aside() as aside:
            aside.execute(text("SET LOCAL synchronous_commit = off"))
            after = aside.execute(_CLAIM, {"scope": scope, "n": n}).scalar_one()
    return [f"{scope}-{number:06d}" for number in range(after - n, after)]


def reserve(conn: Connection, db: Database, scope: str, number: int) -> None:
    """Let no number of a scope (CUST-2026) up to this one be given out any more: it came from another register."""
    past = {"scope": scope, "next": number + 1}
    if db.dialect == "sqlite":
        conn.execute(_PAST, past)
    else:  # beside the caller's transaction, as ``claim``: he may mint of the same scope next
        with db.aside() as aside:
            aside.execute(_PAST, past)
