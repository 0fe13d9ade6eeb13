"""
The database door: SQLite (WAL, synchronous=FULL) and PostgreSQL behind one small class.

``read()`` gives a connection for queries, ``write()`` one transaction that takes the write lock
at its start (SQLite: BEGIN IMMEDIATE) and commits at its end. The database's time decides
(``now``), never the app's clock, so that several processes agree; a test hands in a clock.
No ORM here: rows are SQLAlchemy Core.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Text, TypeDecorator, create_engine, event, make_url, text

from core import jsons
from core.clock import Clock
from core.errors import SettingsError
from core.gate import Gate
from core.words import Micros

_PG_NOW = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
_SQLITE_NOW = text("SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000")


class JsonText(TypeDecorator[Any]):
    """JSON kept as text, so that both databases hold the same bytes."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        """Write the value; Python None is SQL NULL."""
        return None if value is None else jsons.dumps(value)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        """Read it back."""
        return jsons.loads(value)


class Database:
    """One engine and the two ways to use it."""

    def __init__(self, url: str, *, clock: Clock | None = None, pool_size: int = 8) -> None:
        self.url = make_url(url)
        self.dialect = self.url.get_backend_name()
        if self.dialect not in ("sqlite", "postgresql"):
            raise SettingsError(
                f"The database {self.dialect!r} is not supported.",
                why="Tieline keeps its rows in SQLite or PostgreSQL.",
                fix="Set TIELINE_DATABASE_URL to sqlite:///… or postgresql+psycopg://…",
            )
        self._clock = clock
        self.engine = _engine(url, self.dialect, pool_size)
        self._aside = _engine(url, self.dialect, 1)
        file = self.url.database if self.dialect == "sqlite" else None
        self._no_writer = threading.Event()
        self._no_writer.set()
        self._gate = Gate(Path(f"{file}-gate")) if file and file != ":memory:" else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for queries; what it wrote, if anything, is rolled back."""
        with self.engine.connect() as conn:
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give one transaction: commit at the end, roll back on any error."""
        with self._alone(), self.engine.connect().execution_options(tieline_write=True) as conn, conn.begin():
            yield conn

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """On SQLite: be the one writer, and let other threads of this process see that (``after_writers``)."""
        if self._gate is None:
            yield
            return
        with self._gate:
            self._no_writer.clear()
            try:
                yield
            finally:
                self._no_writer.set()

    def after_writers(self, longest_s: float = 0.05) -> None:
        """
        Wait until no thread of this process holds SQLite's write lock, but not long.

        Who holds it keeps every writer of the machine waiting, so threads that can wait leave it the interpreter: with
        eight of them sending, handling held the lock for twice as long as it worked (measured).
        """
        self._no_writer.wait(longest_s)

    @contextmanager
    def aside(self) -> Iterator[Connection]:
        """
        Give a very short transaction beside the caller's own; PostgreSQL only, SQLite has one writer.

        It has a pool of its own, so a caller who already holds a connection never waits for one that
        somebody holds who waits for him.
        """
        assert self.dialect == "postgresql", "on SQLite a second writing transaction would wait for the first for ever"
        with self._aside.connect() as conn, conn.begin():
            yield conn

    @contextmanager
    def trial(self) -> Iterator[Connection]:
        """Give one writing transaction that is always rolled back: what it shows is real, what it leaves is nothing."""
        with self._alone(), self.engine.connect().execution_options(tieline_write=True) as conn:
            transaction = conn.begin()
            try:
                yield conn
            finally:
                transaction.rollback()

    def now(self, conn: Connection) -> Micros:
        """Return the database's time (or the injected clock's, in tests)."""
        if self._clock is not None:
            return self._clock.now()
        return int(conn.execute(_PG_NOW if self.dialect == "postgresql" else _SQLITE_NOW).scalar_one())

    def lock_key(self, conn: Connection, *parts: str) -> None:
        """
        Hold a named lock until the end of this transaction.

        PostgreSQL: an advisory lock. SQLite: nothing to do, the write transaction is already alone.
        Lock several keys in sorted order, or two callers may wait for each other.
        """
        if self.dialect == "postgresql":
            digest = hashlib.blake2b("|".join(parts).encode(), digest_size=8).digest()
            conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": int.from_bytes(digest, "big", signed=True)})

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
        self._aside.dispose()
        if self._gate is not None:
            self._gate.close()


def _engine(url: str, dialect: str, pool_size: int) -> Engine:
    if dialect == "postgresql":
        return create_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True, hide_parameters=True)
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_private(path)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        connect_args={"timeout": 30, "check_same_thread": False},
        hide_parameters=True,  # what we hold is nobody's business in a log
    )

    @event.listens_for(engine, "connect")
    def _pragmas(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # SQLAlchemy's BEGIN below decides, not the driver
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            raw.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        immediate = conn.get_execution_options().get("tieline_write", False)
        conn.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _make_private(path: str) -> None:
    """
    Let only the owner read the file, before anything is in it; SQLite gives its companions the same rights.

    A file that exists is never opened here: closing it again would take away the locks that this process holds on it.
    """
    with suppress(OSError):  # somebody else's file, or one that may only be read: opening it will tell
        if Path(path).exists():
            Path(path).chmod(0o600)
        else:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
