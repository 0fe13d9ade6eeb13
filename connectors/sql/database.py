"""
One connection per call, read-only unless it is a write, and gone when its time is over.

Databases end idle strangers and firewalls cut them silently, so nothing is kept between calls. Three nets hold
the time: the driver's own timeouts, a statement timeout in the server, and a watch that cuts the socket when
the server says nothing at all.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import NoSuchModuleError
from sqlalchemy.pool import NullPool

from connectors.kit.redact import Redactor
from connectors.kit.watch import hang_up, watched
from connectors.sql.kind import SqlSettings
from connectors.sql.problems import translated
from core.errors import SetupError, TielineError

_POSTGRES, _MYSQL, _SQLITE = ("postgresql",), ("mysql", "mariadb"), ("sqlite",)


class Database:
    """What the connector asks; threads may share it, each call has a connection of its own."""

    def __init__(self, settings: SqlSettings, system: str) -> None:
        password = settings.password.get_secret_value() if settings.password else None
        self.redact = Redactor([password] if password else [])
        self.system = system
        self.timeout_s = settings.timeout_s
        self.url = make_url(settings.url).set(password=password) if password else make_url(settings.url)
        self._ca_file = settings.ca_file
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @property
    def backend(self) -> str:
        """The sort of database: postgresql, mysql, sqlite …"""
        return self.url.get_backend_name()

    @contextmanager
    def reading(self, timeout_s: float | None = None) -> Iterator[Connection]:
        """Give a connection in a read-only transaction, rolled back at the end."""
        with self._connected(timeout_s, writes=False) as conn:
            yield conn
            conn.rollback()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a transaction that is committed at the end."""
        with self._connected(None, writes=True) as conn:
            yield conn
            conn.commit()

    def close(self) -> None:
        """Forget the engine; it holds no connection."""
        if self._engine is not None:
            self._engine.dispose()

    @contextmanager
    def _connected(self, timeout_s: float | None, *, writes: bool) -> Iterator[Connection]:
        wait = max(min(self.timeout_s, timeout_s if timeout_s is not None else self.timeout_s), 0.05)
        ends = time.monotonic() + wait
        try:
            with self._made(wait).connect() as conn, watched(lambda: _cut(conn, self.backend), ends + 0.25 - time.monotonic()):
                self._prepare(conn, max(ends - time.monotonic(), 0.05), writes=writes)
                yield conn
        except TielineError:
            raise
        except Exception as error:  # the one place where library exceptions become ours
            raise translated(error, self.system, self.redact) from None

    def _made(self, wait: float) -> Engine:
        """Return the engine; a lookup in a hurry gets one whose driver gives up earlier."""
        if self.backend in _SQLITE:
            self._must_exist()
        if wait < self.timeout_s:
            return self._build(wait)
        with self._lock:
            if self._engine is None:
                self._engine = self._build(wait)
            return self._engine

    def _build(self, wait: float) -> Engine:
        more: dict[str, Any] = {}
        if self.backend in _POSTGRES and self.url.get_driver_name() in ("psycopg", "psycopg2"):
            more = {"connect_timeout": max(math.ceil(wait), 2)}
            more |= {"sslmode": "verify-full", "sslrootcert": self._ca_file} if self._ca_file else {}
        elif self.backend in _MYSQL and self.url.get_driver_name() == "pymysql":
            more = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), max(math.ceil(wait), 1))
            more |= {"ssl": {"ca": self._ca_file}} if self._ca_file else {}
        elif self.backend in _SQLITE:
            more = {"timeout": wait}
        try:
            return create_engine(self.url, poolclass=NullPool, connect_args=more, hide_parameters=True)
        except (ImportError, NoSuchModuleError) as error:
            raise SetupError(
                f"There is no driver for {self.url.drivername}.",
                why=f"{type(error).__name__}: {error}.",
                fix="Install the driver beside Tieline, or name another one in url: postgresql+psycopg, mysql+pymysql.",
            ) from None

    def _must_exist(self) -> None:
        """Refuse a file that is not there; SQLite would make an empty one."""
        file = self.url.database
        if file and file != ":memory:" and not file.startswith("file:") and not Path(file).exists():
            raise SetupError(f"There is no file {file}.", why="SQLite would make an empty one.", fix="Correct url.")

    def _prepare(self, conn: Connection, wait: float, *, writes: bool) -> None:
        milliseconds = max(round(wait * 1000), 1)
        if self.backend in _POSTGRES:
            said = [] if writes else ["SET TRANSACTION READ ONLY"]
            said.append(f"SET LOCAL statement_timeout = {milliseconds}")
        elif self.backend in _MYSQL:
            limit = f"max_statement_time = {wait:.3f}" if conn.dialect.is_mariadb else f"max_execution_time = {milliseconds}"  # type: ignore[attr-defined]
            said = [f"SET SESSION {limit}"] + ([] if writes else ["SET SESSION TRANSACTION READ ONLY"])
        elif self.backend in _SQLITE:
            said = [f"PRAGMA query_only = {'OFF' if writes else 'ON'}"]
        else:
            said = []
        for one in said:
            conn.execute(text(one))


def _cut(conn: Connection, backend: str) -> None:
    raw: Any = conn.connection.driver_connection
    if backend in _SQLITE:
        raw.interrupt()
        return
    number = raw.fileno() if hasattr(raw, "fileno") else raw._sock.fileno()
    with socket.socket(fileno=os.dup(number)) as double:
        hang_up(double)
