"""The doors over a real server and a real socket: what no test client can show."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.clock import FixedClock
from core.database import Database
from gateway.doors.reading import CAP
from tests.gateway.ground import make_ground

PIECE = b"10000\r\n" + b"x" * 65536 + b"\r\n"


@dataclass
class Wire:
    """A running web process and the secret address of its one connector."""

    port: int
    path: str
    pid: int

    def chunked(self, pieces: int, path: str | None = None) -> tuple[bytes, int]:
        """Send a body of so many pieces of 64 KiB without a length; return the answer and how much could be sent."""
        sent = 0
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as wire:
            wire.sendall(
                f"POST {path or self.path} HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
                "Transfer-Encoding: chunked\r\n\r\n".encode()
            )
            with suppress(BrokenPipeError, ConnectionResetError):  # the server has heard enough
                for _ in range(pieces):
                    wire.sendall(PIECE)
                    sent += len(PIECE)
                wire.sendall(b"0\r\n\r\n")
            return wire.recv(65536), sent

    def memory_mb(self) -> int:
        """Return what the web process and its children hold, in MiB."""
        found = subprocess.run(["ps", "-eo", "pid,ppid,rss"], capture_output=True, text=True, check=True).stdout
        rows = [tuple(int(part) for part in line.split()) for line in found.splitlines()[1:]]
        return sum(rss for pid, parent, rss in rows if self.pid in (pid, parent)) // 1024


@pytest.fixture
def wire(sqlite_db: Database, tmp_path: Path, clock: FixedClock) -> Iterator[Wire]:
    """Start the web server as `tieline serve` starts it, over a database with one connector."""
    ground = make_ground(sqlite_db, tmp_path, clock)
    path = ground.register("plant", inbound={"scheme": "path"})["door"]["url"].removeprefix("http://tieline.test")
    ground.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "TIELINE_HOME": str(tmp_path), "TIELINE_PORT": str(port)}
    web = subprocess.Popen([sys.executable, "-m", "gateway.roles.web"], env=env, cwd=Path(__file__).parents[2])
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield Wire(port, path, web.pid)
    finally:
        web.send_signal(signal.SIGTERM)
        web.wait(timeout=20)


@pytest.mark.slow
def test_an_endless_body_is_cut_off_and_never_held(wire: Wire) -> None:
    """A chunked body over the cap is answered 413 after about the cap; memory does not follow what is sent."""
    answer, _ = wire.chunked(8)
    assert answer.startswith(b"HTTP/1.1 202")
    before = wire.memory_mb()

    answer, sent = wire.chunked(64 * CAP // 65536)

    assert b" 413 " in answer.splitlines()[0]
    assert sent < 32 * CAP, "the server went on listening"
    assert wire.memory_mb() < before + 24


@pytest.mark.slow
def test_a_refused_sender_is_not_listened_to(wire: Wire) -> None:
    """Without a good address nothing of the body is taken but its head."""
    answer, sent = wire.chunked(64 * CAP // 65536, "/in/nobody")

    assert b" 404 " in answer.splitlines()[0]
    assert sent < 32 * CAP
