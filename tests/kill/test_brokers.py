"""The same tasks and the same claim code over Redis and RabbitMQ: PostgreSQL, several workers, killed at random."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu.connection import Connection

from core.database import Database
from core.ids import new_id
from tests.kill.far_side import FarSide
from tests.kill.load import Killer
from tests.kill.test_kill import KILLS, SEED, check_history, tieline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BROKERS = {
    "redis": os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9"),
    "rabbitmq": os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//"),
}


@pytest.fixture(params=sorted(BROKERS))
def broker(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Give a running broker and a queue of our own there, deleted afterwards; skip with the reason where there is none."""
    url, queue = BROKERS[request.param], new_id("tieline_test")
    with Connection(url, connect_timeout=2) as connection:  # type: ignore[no-untyped-call] # kombu has no types
        try:
            connection.ensure_connection(max_retries=1, interval_start=0.1, timeout=3)
        except Exception as error:
            pytest.skip(f"no {request.param} at {url}: {str(error).splitlines()[0]}")
    yield {"TIELINE_BROKER_URL": url, "TIELINE_QUEUE": queue}
    with Connection(url) as connection, connection.channel() as channel:  # type: ignore[no-untyped-call] # as above
        channel.queue_delete(queue)


def test_three_hundred_events_under_kills(tmp_path: Path, postgres_url: str, broker: dict[str, str], far_side: FarSide) -> None:
    """Web, two workers and beat are killed; the broker keeps running: nothing lost, one effect each, in order."""
    with tieline(tmp_path / "home", far_side, {"TIELINE_DATABASE_URL": postgres_url, **broker}) as gateway:

        def two_workers() -> None:
            while len(gateway.pids("worker")) < 2:
                gateway.add("worker")

        two_workers()
        db = Database(postgres_url)
        killer = Killer(gateway, db, ("web", "worker", "worker", "beat"), KILLS, SEED, mourn=two_workers)
        check_history(gateway, far_side, killer)
        db.close()
