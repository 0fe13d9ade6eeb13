"""
Durable 202s per second beside a bare endpoint that verifies an HMAC and group-commits the same row.

``python -m bench.accept [sqlite|postgresql] [alone|delivering] [requests] [pairs]``. 3 KB bodies, 32 connections, the same
client for both; SQLite with one web process, PostgreSQL with two. ``alone``: the worker is stopped while requests are
counted (bar 0.5); ``delivering``: it works on the same cores (bar 0.25). Our p99 must be within 3 times the bare one's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

from sqlalchemy import create_engine, text

from bench import bare_accept
from bench.flow import PACK, SECRET, TITLE, body
from bench.load import Sink, free_port
from core.ids import new_id
from lab.gateway import Gateway

CONNECTIONS = 32
BARS = {"alone": 0.5, "delivering": 0.25}
KEY = "bench-secret"
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


def post_all(port: int, path: str, bodies: list[bytes]) -> tuple[float, float]:
    """Send every body once; return requests per second and the 99th percentile in milliseconds."""
    prepared = [(one, hmac.new(KEY.encode(), one, hashlib.sha256).hexdigest()) for one in bodies]
    shares = [prepared[n::CONNECTIONS] for n in range(CONNECTIONS)]
    took: list[float] = []

    def share(mine: list[tuple[bytes, str]]) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        for one, signature in mine:
            began = time.perf_counter()
            connection.request("POST", path, one, {"Content-Type": "application/json", "X-Signature": signature})
            answer = connection.getresponse()
            answer.read()
            took.append(time.perf_counter() - began)
            if answer.status != 202:
                raise RuntimeError(f"HTTP {answer.status}")
        connection.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(share, shares))
    return len(bodies) / (time.perf_counter() - began), sorted(took)[len(took) * 99 // 100] * 1000


@contextmanager
def databases(dialect: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Give our database's URL and the bare one's store, on the same server."""
    if dialect == "sqlite":
        yield "", str(folder / "bare.db")
        return
    admin = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    names = [new_id("tieline_bench"), new_id("bare_bench")]
    with admin.connect() as conn:
        for name in names:
            conn.execute(text(f'CREATE DATABASE "{name}"'))
    base = POSTGRES.rsplit("/", 1)[0]
    try:
        yield f"{base}/{names[0]}", f"{base}/{names[1]}".replace("+psycopg", "")
    finally:
        with admin.connect() as conn:
            for name in names:
                conn.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        admin.dispose()


@contextmanager
def bare(store: str) -> Iterator[int]:
    """Run the bare endpoint; give its port."""
    bare_accept.make_table(store)
    port = free_port()
    env = {**os.environ, "BARE_STORE": store, "BARE_SECRET": KEY}
    child = subprocess.Popen([sys.executable, "-m", "bench.bare_accept", str(port)], env=env)
    try:
        time.sleep(3)
        yield port
    finally:
        child.terminate()
        child.wait()


@contextmanager
def tieline(url: str, folder: Path, sink: Sink) -> Iterator[tuple[Gateway, str]]:
    """Run a Tieline with a signed door and the one bridge."""
    environment = {"TIELINE_LOG_LEVEL": "WARNING", "TIELINE_LAG_S": "3600", "TIELINE_BACKLOG": "1000000"}
    gateway = Gateway(folder / "home", environment | ({"TIELINE_DATABASE_URL": url} if url else {}))
    try:
        gateway.start()
        door = {"scheme": "hmac", "header": "X-Signature"}
        source = {"name": "source", "kind": "webhook", "settings": {}, "inbound": door, "door_secret": KEY}
        gateway.api.post("/connectors", source)
        gateway.api.post("/connectors", {"name": "sink", "kind": "webhook", "settings": {"url": sink.url, "secret": SECRET}})
        header = {"name": "bench", "title": TITLE, "connectors": {"source": "webhook", "sink": "webhook"}}
        gateway.api.post("/definitions/apply", {"header": header, "definitions": PACK})
        yield gateway, "/in/source"
    finally:
        gateway.stop()


@contextmanager
def halted(gateway: Gateway, *, really: bool) -> Iterator[None]:
    """Keep worker, beat and supervisor still while requests are counted alone."""
    pids = [pid for role in ("worker", "beat") for pid in gateway.pids(role)] if really else []
    pids = [*gateway.leader(), *pids] if really else []
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def main(dialect: str = "sqlite", how: str = "alone", requests: int = 4000, pairs: int = 3) -> bool:
    """Run interleaved pairs and print the closing line."""
    rates, slow = [], []
    sink = Sink()
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="accept-bench-")))
            url, store = stack.enter_context(databases(dialect, folder))
            port = stack.enter_context(bare(store))
            gateway, path = stack.enter_context(tieline(url, folder, sink))
            sent = 0
            for round_ in range(-1, pairs):  # the first round warms up and is not counted
                bodies = [body(round_, n) for n in range(requests if round_ >= 0 else 500)]
                theirs = post_all(port, "/in", bodies)
                with halted(gateway, really=how == "alone"):
                    mine = post_all(gateway.port, path, bodies)
                sent += len(bodies)
                sink.wait_for(sent, 300)  # who is halted must not hold a lock, so it has nothing left to do
                time.sleep(1)
                if round_ < 0:
                    continue
                rates.append((mine[0], theirs[0]))
                slow.append((mine[1], theirs[1]))
                print(f"ours {mine[0]:,.0f}/s p99 {mine[1]:.1f} ms   bare {theirs[0]:,.0f}/s p99 {theirs[1]:.1f} ms")
    finally:
        sink.stop()
    ratio = statistics.median(one / other for one, other in rates)
    p99 = statistics.median(one / other for one, other in slow)
    print(f"p99 is {p99:.2f} times the bare one's (bar: within 3)")
    closing = {
        "figure": round(statistics.median(one for one, _ in rates), 1),
        "beside": round(statistics.median(one for _, one in rates), 1),
        "ratio": round(ratio, 4),
        "bar": BARS[how],
        "holds": ratio >= BARS[how] and p99 <= 3,
    }
    print(json.dumps(closing))
    return bool(closing["holds"])


if __name__ == "__main__":
    words = sys.argv[1:]
    dialect_, how_ = (*words, "sqlite", "alone")[:2] if len(words) != 1 else (words[0], "alone")
    sys.exit(0 if main(dialect_, how_, *map(int, words[2:])) else 1)
