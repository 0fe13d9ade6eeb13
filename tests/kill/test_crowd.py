"""Thousands of connections that say next to nothing: honest senders are answered, and each costs little memory."""

from __future__ import annotations

import http.client
import json
import resource
import socket
import statistics
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from lab.gateway import Gateway
from tests.kill.far_side import FarSide
from tests.kill.ground import tieline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]
CROWD = 10_000
EACH = 32 * 1024
"""Bytes that one of them may cost."""


def _honest(gateway: Gateway, first: int, count: int) -> list[float]:
    """Send some events one after the other; return how long each answer took."""
    took = []
    for n in range(first, first + count):
        said = {"type": "reading", "thing": f"T-{n}", "severity": 1, "status": "open", "device": "press", "body": {"n": n}}
        began = time.monotonic()
        while True:
            with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)) as connection:
                try:
                    connection.request("POST", gateway.notes["path"], json.dumps(said), {"Content-Type": "application/json"})
                    assert connection.getresponse().status == 202
                    break
                except (OSError, http.client.HTTPException):  # the backlog is full for a moment
                    assert time.monotonic() - began < 30
        took.append(time.monotonic() - began)
    return took


def _rss_mb(gateway: Gateway) -> float:
    pids = gateway.pids("web")
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * 4096 / 2**20


def test_ten_thousand_slow_connections(tmp_path: Path, far_side: FarSide) -> None:
    """They are opened, send half a head and stay; who sends whole requests meanwhile is served."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < CROWD + 2_000:
        pytest.skip(f"only {hard} open files are allowed here, {CROWD + 2_000} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, CROWD + 2_000), hard))
    with tieline(tmp_path / "home", far_side, {}) as gateway, ExitStack() as stack:
        calm, before = _honest(gateway, 0, 40), _rss_mb(gateway)
        crowd: list[socket.socket] = []
        end = time.monotonic() + 60
        while len(crowd) < CROWD and time.monotonic() < end:
            slow = stack.enter_context(socket.socket())
            slow.setblocking(False)
            slow.connect_ex(("127.0.0.1", gateway.port))
            crowd.append(slow)
            if len(crowd) % 500 == 0:
                time.sleep(0.05)
                for one in crowd[-500:]:
                    with suppress(OSError):
                        one.send(b"POST /in/source HTTP/1.1\r\nHost: ")
        opened = len(crowd)
        crowded, after = _honest(gateway, 1000, 40), _rss_mb(gateway)
    usual, among = statistics.median(calm) * 1000, statistics.median(crowded) * 1000
    print(f"{opened} connections: honest answers {usual:.0f} ms before, {among:.0f} ms (worst {max(crowded):.1f} s) among them")
    print(f"web {before:.0f} -> {after:.0f} MB")
    assert opened == CROWD
    assert (after - before) * 2**20 / CROWD < EACH
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
