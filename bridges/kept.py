"""
Keeping entities as they are: what a transaction decides on, nobody else changes before its commit.

Two lanes may tell of one entity, or of two that a bridge joins: the alert is cleared here, its ticket is resolved
there. Under READ COMMITTED each would decide on what the other is just replacing, and neither bridge would fire.
So a batch locks the entities it tells of for itself, and shares those it only reads. All in the order of their ids,
so that two batches wait for each other only by way of a join that was not foreseen; PostgreSQL ends that, and the
batch is done again. SQLite's writing transaction is alone anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from sqlalchemy import Connection, text

from core.database import Database

_ALL = "SELECT id FROM entity WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id"
_OWN, _SHARED = text(f"{_ALL} FOR NO KEY UPDATE"), text(f"{_ALL} FOR SHARE")


@dataclass(slots=True)
class Kept:
    """The entities that stay as they are until the end of this transaction."""

    db: Database
    conn: Connection
    own: set[int] = field(default_factory=set)
    """Those we may change: locked for us alone, or made by us."""
    shared: set[int] = field(default_factory=set)

    def missing(self, ids: Iterable[int]) -> set[int]:
        """Return those of these that somebody else may change now: what was read of them has to be read again."""
        return set() if self.db.dialect == "sqlite" else set(ids) - self.own - self.shared

    def take(self, own: Iterable[int] = (), shared: Iterable[int] = ()) -> None:
        """Wait until nobody else changes them, and keep them so."""
        if self.db.dialect == "sqlite":
            return
        mine = set(own) - self.own
        wanted = mine | self.missing(shared)
        for alone, ids in groupby(sorted(wanted), mine.__contains__):
            self.conn.execute(_OWN if alone else _SHARED, {"ids": list(ids)})
        self.own |= mine
        self.shared |= wanted - mine
