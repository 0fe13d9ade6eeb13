"""Workers that stop hearing: a broker killed while they are busy, half-open connections, a process that stands still."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.chaos.proxy import Proxy
from lab.chaos.servers import Redis
from lab.gateway import Gateway
from lab.real.waiting import until
from tests.kill.far_side import FarSide
from tests.kill.ground import tieline
from tests.kill.load import Sender

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """Give a Redis of our own; skip with the reason where there is none."""
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server on this machine (Debian: apt-get install redis-server)")
    (tmp_path / "redis").mkdir()
    server = Redis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


def _event_is_done(gateway: Gateway, far_side: FarSide, thing: int, within_s: float) -> float:
    """Send one event and return after how many seconds its effect was seen."""
    before, began = len(far_side.effects), time.monotonic()
    Sender(gateway, [thing])._send(thing, 0)
    until(lambda: len(far_side.effects) > before, f"the effect of thing {thing}", within_s)
    return time.monotonic() - began


def test_redis_killed_under_load_and_back_after_a_moment(
    tmp_path: Path, postgres_url: str, redis: Redis, far_side: FarSide
) -> None:
    """Acknowledgements fail while Redis is away; the worker hears the next ring without being replaced."""
    environment = {"TIELINE_DATABASE_URL": postgres_url, "TIELINE_BROKER_URL": redis.url}
    with tieline(tmp_path / "home", far_side, environment) as gateway:
        far_side.pause_s = 0.3  # its looks are under way when Redis dies
        workers = gateway.pids("worker")
        for thing in range(24):
            Sender(gateway, [thing])._send(thing, 0)
        redis.kill()
        time.sleep(0.7)
        redis.start()
        until(lambda: len(far_side.effects) == 24, "the load to be done", 60)
        far_side.pause_s = 0.0
        for thing in range(100, 104):
            assert _event_is_done(gateway, far_side, thing, 30) < 30
        assert gateway.pids("worker") == workers


def test_half_open_connections_to_the_broker(tmp_path: Path, postgres_url: str, redis: Redis, far_side: FarSide) -> None:
    """Every connection to Redis goes silent without an end: work goes on within the promise, by reconnecting or anew."""
    proxy = Proxy(redis.port)
    environment = {"TIELINE_DATABASE_URL": postgres_url, "TIELINE_BROKER_URL": f"redis://127.0.0.1:{proxy.port}/0"}
    with tieline(tmp_path / "home", far_side, environment) as gateway:
        _event_is_done(gateway, far_side, 1, 30)
        assert proxy.swallow() > 2
        took = _event_is_done(gateway, far_side, 2, 90)
        print(f"half-open connections: the next effect came after {took:.1f} s")
    proxy.close()


def test_a_worker_that_stands_still_is_replaced(tmp_path: Path, far_side: FarSide) -> None:
    """SIGSTOP: it cannot judge itself, so its supervisor sees the heartbeat stop, and a new one does the work."""
    with tieline(tmp_path / "home", far_side, {}) as gateway:
        _event_is_done(gateway, far_side, 1, 30)
        workers = gateway.pids("worker")
        time.sleep(3)  # each has beaten once
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        took = _event_is_done(gateway, far_side, 2, 60)
        print(f"workers stopped: the next effect came after {took:.1f} s")
        assert not set(workers) & set(gateway.pids("worker"))
