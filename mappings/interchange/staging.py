"""
Where checked lines wait on disk before any of them is written: sorted by key, each key once.

A temporary SQLite file, because a million lines do not belong into memory, and because lines in the order of their
keys meet what the register holds in the order in which it lies there.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
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
_ORDER = "connector_id, etype, norm, valid_to IS NULL, valid_to, number"
_INSERT = f"INSERT INTO wanted ({_COLUMNS}) VALUES ({', '.join('?' * len(Wanted._fields))})"  # noqa: S608 - our own names


class Double(NamedTuple):
    """A line about a key of which an earlier line speaks already."""

    line: Wanted
    first: Wanted


class Staged:
    """The lines of one file; used in a ``with``, gone at its end."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tieline-ids-")
        self._conn = sqlite3.connect(Path(self._folder.name) / "staged.db", isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-16384", "temp_store=FILE"):
            self._conn.execute(f"PRAGMA {pragma}")
        self._conn.execute(
            "CREATE TABLE wanted (number INTEGER, connector_id INTEGER, etype TEXT, norm TEXT, raw TEXT, gid TEXT,"
            " valid_from INTEGER, valid_to INTEGER, first_seen INTEGER)"
        )
        self.count = 0

    def __enter__(self) -> Staged:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._conn.close()
        self._folder.cleanup()

    def add(self, lines: Sequence[Wanted]) -> None:
        """Keep lines, in any order."""
        self._conn.execute("BEGIN")
        self._conn.executemany(_INSERT, lines)
        self._conn.execute("COMMIT")
        self.count += len(lines)

    def sort(self) -> None:
        """Put the lines in the order of their keys, once, after the last was added: cheaper than keeping them so."""
        self._conn.execute(f"CREATE INDEX by_key ON wanted ({_ORDER})")

    def portions(self, size: int, on_double: Callable[[Double], None] = lambda _: None) -> Iterator[list[Wanted]]:
        """
        Yield the lines in the order of their keys, the closed times of a key before the open one.

        Of several lines about one key (and one end) the first counts; the others are told.
        """
        found = self._conn.execute(f"SELECT {_COLUMNS} FROM wanted ORDER BY {_ORDER}")  # noqa: S608 - our own names
        first: Wanted | None = None
        while rows := found.fetchmany(size):
            portion = []
            for row in rows:
                one = Wanted(*row)
                if first is not None and (one.key, one.valid_to) == (first.key, first.valid_to):
                    on_double(Double(one, first))
                else:
                    portion.append(one)
                    first = one
            yield portion
