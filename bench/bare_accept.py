"""
The bare endpoint to compare accepting with: Flask under Granian verifies an HMAC and group-commits the same row.

SQLite: one process with one writer thread (WAL, synchronous=FULL); PostgreSQL: processes with three writer threads each and
synchronous_commit on. A row has the same body and a unique key; nothing else is asked, known or said.
``python -m bench.bare_accept PORT``; the store is in BARE_STORE, the secret in BARE_SECRET.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import queue
import sqlite3
import sys
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask, request
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

Batch = list[tuple[str, bytes, threading.Event]]


def _sqlite(path: str) -> Callable[[Batch], None]:
    conn = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    conn.execute("PRAGMA journal_mode=WAL")
    conn.execute("PRAGMA synchronous=FULL")

    def write(batch: Batch) -> None:
        conn.execute("BEGIN IMMEDIATE")
        conn.executemany("INSERT OR IGNORE INTO arrival (key, body) VALUES (?, ?)", [(key, body) for key, body, _ in batch])
        conn.execute("COMMIT")

    return write


def _postgres(url: str) -> Callable[[Batch], None]:
    import psycopg

    conn = psycopg.connect(url)

    def write(batch: Batch) -> None:
        with conn.cursor() as cursor:
            rows = [(key, body) for key, body, _ in batch]
            cursor.executemany("INSERT INTO arrival (key, body) VALUES (%s, %s) ON CONFLICT DO NOTHING", rows)
        conn.commit()

    return write


def make_table(store: str) -> None:
    """Make the one table."""
    if store.startswith("postgres"):
        import psycopg

        with psycopg.connect(store) as conn:
            conn.execute("CREATE TABLE arrival (id BIGSERIAL PRIMARY KEY, key TEXT UNIQUE, body BYTEA)")
    else:
        sqlite3.connect(store).execute("CREATE TABLE arrival (id INTEGER PRIMARY KEY, key TEXT UNIQUE, body BLOB)")


def make_app(store: str, secret: bytes) -> Flask:
    """Return the one endpoint."""
    app = Flask("bare")
    waiting: queue.SimpleQueue[tuple[str, bytes, threading.Event]] = queue.SimpleQueue()
    is_postgres = store.startswith("postgres")

    def write_on() -> None:
        write = (_postgres if is_postgres else _sqlite)(store)
        while True:
            batch = [waiting.get()]
            while len(batch) < 256:
                try:
                    batch.append(waiting.get_nowait())
                except queue.Empty:
                    break
            write(batch)
            for *_, stored in batch:
                stored.set()

    for _ in range(3 if is_postgres else 1):
        threading.Thread(target=write_on, daemon=True).start()

    @app.post("/in")
    def take() -> tuple[dict[str, Any], int]:
        body = request.get_data()
        signed = hmac.new(secret, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signed, request.headers.get("X-Signature", "")):
            return {"code": "signature"}, 401
        stored = threading.Event()
        waiting.put((hashlib.sha256(body).hexdigest(), body, stored))
        stored.wait()
        return {"status": "accepted"}, 202

    return app


if __name__ != "__main__" and os.environ.get("BARE_STORE"):
    app = make_app(os.environ["BARE_STORE"], os.environ["BARE_SECRET"].encode())

if __name__ == "__main__":
    Granian(
        "bench.bare_accept:app", "127.0.0.1", int(sys.argv[1]), interface=Interfaces.WSGI, blocking_threads=48,
        workers=2 if os.environ["BARE_STORE"].startswith("postgres") else 1, log_level=LogLevels.error,
    ).serve()  # fmt: skip
