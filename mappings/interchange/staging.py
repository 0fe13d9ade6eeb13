"""
Where checked lines wait on disk before any of them is written: sorted by key, each key once.

A temporary SQLite file, because a million lines do not belong into memory, and because what two lines say of one
key is found by its unique index.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from core.words import Micros


class Wanted(NamedTuple):
    """One checked line: a key, the master ID that it says (if any), and the time for which it holds."""

    number: int
    connector_id: int
    etype: str
    norm: str
    raw: str
    gid: str | None
    valid_from: Micros | None
    valid_to: Micros | None
    first_seen: Micros | None

    @property
    def key(self) -> tuple[int, str, str]:
        """What it is about."""
        return (self.connector_id, self.etype, self.norm)


_COLUMNS = ", ".join(Wanted._fields)
_ORDER = "connector_id, etype, norm, valid_to IS NULL, valid_to"
_INSERT = f"INSERT OR IGNORE INTO wanted ({_COLUMNS}) VALUES ({', '.join('?' * len(Wanted._fields))})"  # noqa: S608


class Staged:
    """The lines of one file; used in a ``with``, gone at its end."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tieline-ids-")
        self._conn = sqlite3.connect(Path(self._folder.name) / "staged.db", isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-16384"):
            self._conn.execute(f"PRAGMA {pragma}")
        self._conn.execute(
            "CREATE TABLE wanted (number INTEGER, connector_id INTEGER, etype TEXT, norm TEXT, raw TEXT, gid TEXT,"
            " valid_from INTEGER, valid_to INTEGER, first_seen INTEGER)"
        )
        self._conn.execute("CREATE UNIQUE INDEX once ON wanted (connector_id, etype, norm, coalesce(valid_to, 0))")
        self.count = 0

    def __enter__(self) -> Staged:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._conn.close()
        self._folder.cleanup()

    def add(self, lines: Sequence[Wanted]) -> list[tuple[Wanted, int, str | None]]:
        """Keep lines; return those whose key another line has already, with that line's number and master ID."""
        before = self._conn.total_changes
        self._conn.execute("BEGIN")
        self._conn.executemany(_INSERT, lines)
        self._conn.execute("COMMIT")
        taken = self._conn.total_changes - before
        self.count += taken
        return [] if taken == len(lines) else list(self._doubles(lines))

    def _doubles(self, lines: Sequence[Wanted]) -> Iterator[tuple[Wanted, int, str | None]]:
        query = "SELECT number, gid FROM wanted WHERE connector_id = ? AND etype = ? AND norm = ? AND coalesce(valid_to, 0) = ?"
        for one in lines:
            number, gid = self._conn.execute(query, (*one.key, one.valid_to or 0)).fetchone()
            if number != one.number:
                yield one, number, gid

    def portions(self, size: int) -> Iterator[list[Wanted]]:
        """Yield the lines in the order of their keys, the closed times of a key before the open one."""
        found = self._conn.execute(f"SELECT {_COLUMNS} FROM wanted ORDER BY {_ORDER}")  # noqa: S608 - our own names
        while rows := found.fetchmany(size):
            yield [Wanted(*row) for row in rows]
