"""
The bare flow to compare with: the same durability, and nothing else.

One Granian process takes the body and group-commits it (SQLite WAL, synchronous=FULL); one worker claims
50 rows at a time, posts each to the sink over keep-alive connections and marks them done in one commit.
No identity, no mapping, no rules, no decisions, no order, no retries, no attempts.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from flask import Flask, request
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from bench.load import still


def connect(path: str) -> sqlite3.Connection:
    """Open the store as Tieline does."""
    conn = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    conn.execute("PRAGMA journal_mode=WAL")
    conn.execute("PRAGMA synchronous=FULL")
    return conn


def make_app(path: str) -> Flask:
    """Return the one endpoint."""
    app = Flask("bare")
    waiting: queue.SimpleQueue[tuple[bytes, threading.Event]] = queue.SimpleQueue()

    def write() -> None:
        conn = connect(path)
        while True:
            batch = [waiting.get()]
            while len(batch) < 256:
                try:
                    batch.append(waiting.get_nowait())
                except queue.Empty:
                    break
            conn.execute("BEGIN IMMEDIATE")
            conn.executemany("INSERT INTO job (body, done) VALUES (?, 0)", [(body,) for body, _ in batch])
            conn.execute("COMMIT")
            for _, stored in batch:
                stored.set()

    threading.Thread(target=write, daemon=True).start()

    @app.post("/in")
    def take() -> tuple[str, int]:
        stored = threading.Event()
        waiting.put((request.get_data(), stored))
        stored.wait()
        return "{}", 202

    return app


def deliver(path: str, port: int) -> None:
    """Work off rows until the process is ended."""
    conn = connect(path)
    local = threading.local()

    def post(body: bytes) -> None:
        if not hasattr(local, "connection"):
            local.connection = HTTPConnection("127.0.0.1", port)
        local.connection.request("POST", "/", body, {"Content-Type": "application/json"})
        local.connection.getresponse().read()

    with ThreadPoolExecutor(8) as pool:
        while True:
            rows = conn.execute("SELECT id, body FROM job WHERE done = 0 ORDER BY id LIMIT 50").fetchall()
            if not rows:
                time.sleep(0.002)
                continue
            list(pool.map(post, [body for _, body in rows]))
            conn.execute("BEGIN IMMEDIATE")
            conn.executemany("UPDATE job SET done = 1 WHERE id = ?", [(one,) for one, _ in rows])
            conn.execute("COMMIT")


class Bare:
    """Both processes of the bare flow."""

    def __init__(self, folder: Path, port: int, sink_port: int) -> None:
        self.path, self.port = str(folder / "bare.db"), port
        conn = connect(self.path)
        conn.execute("CREATE TABLE job (id INTEGER PRIMARY KEY, body BLOB, done INTEGER)")
        conn.execute("CREATE INDEX job_open ON job (id) WHERE done = 0")  # or its worker reads the whole table every 2 ms
        conn.close()
        env = {**os.environ, "BARE_DB": self.path}
        self._children = [
            subprocess.Popen([sys.executable, "-m", "bench.bare", role, str(target)], env=env)
            for role, target in (("web", port), ("worker", sink_port))
        ]

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let both stand still while somebody else is measured: an idle rival must not use the cores."""
        with still(self._children):
            yield

    def stop(self) -> None:
        """End both."""
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.wait()


if __name__ != "__main__" and os.environ.get("BARE_DB"):
    app = make_app(os.environ["BARE_DB"])  # Granian's worker process imports this module

if __name__ == "__main__":
    role, target = sys.argv[1], int(sys.argv[2])
    if role == "web":
        Granian(
            "bench.bare:app", "127.0.0.1", target, interface=Interfaces.WSGI, blocking_threads=48, log_level=LogLevels.warning
        ).serve()
    else:
        deliver(os.environ["BARE_DB"], target)
