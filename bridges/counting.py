"""
How many attempts ended how, ever: counted in the commit that records them.

Attempts leave for the archive, and workers come and go on other machines; a counter that only grows can be read of
neither. So it is a few rows, one statement per commit and not per attempt, in slots like those of the inbox.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, func, select, text

from core.tables import attempt_count

SLOTS = 16
OWN = 0
"""Stands for a connector where the act is our own."""
Ending = tuple[int, str, str, str]
"""(connector, outcome, family, code)"""

_COUNT = text(
    "INSERT INTO attempt_count (connector_id, outcome, family, code, slot, n)"
    " VALUES (:connector, :outcome, :family, :code, :slot, :n)"
    " ON CONFLICT (connector_id, outcome, family, code, slot) DO UPDATE SET n = attempt_count.n + :n"
)


def count(conn: Connection, attempts: Iterable[tuple[int | None, Mapping[str, Any]]]) -> None:
    """Count attempts (each with its action's connector) in the caller's transaction; every writer in the same order."""
    found: Counter[Ending] = Counter(
        (connector_id or OWN, row["outcome"], row["family"] or "", row["code"] or "") for connector_id, row in attempts
    )
    for (connector_id, outcome, family, code), n in sorted(found.items()):
        conn.execute(
            _COUNT,
            {
                "connector": connector_id,
                "outcome": outcome,
                "family": family,
                "code": code,
                "slot": os.getpid() % SLOTS,
                "n": n,
            },
        )


def counts(conn: Connection) -> dict[Ending, int]:
    """Return how many attempts ended how, since the beginning."""
    labels = (attempt_count.c.connector_id, attempt_count.c.outcome, attempt_count.c.family, attempt_count.c.code)
    query = select(*labels, func.sum(attempt_count.c.n)).group_by(*labels)
    return {(row[0], row[1], row[2], row[3]): int(row[4]) for row in conn.execute(query)}
