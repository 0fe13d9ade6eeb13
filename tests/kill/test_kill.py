"""Killed at random points: what was promised is done, once, in order, and the books balance after every kill."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.flow import PACK, SECRET, TITLE
from bridges.accounting import balance
from core.database import Database
from lab.gateway import Gateway
from lab.real.waiting import until
from tests.kill.far_side import FarSide
from tests.kill.load import EVENTS, THINGS, Killer, all_senders

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

KILLS = 12
WORKERS = 3
SEED = int(os.environ.get("KILL_SEED", "20261123"))


@contextmanager
def tieline(home: Path, far_side: FarSide, environment: dict[str, str]) -> Iterator[Gateway]:
    """Run a Tieline with the embedded bell that forwards every reading to the far side."""
    made = Gateway(home, environment)
    try:
        made.start()
        made.api.post("/connectors", {"name": "sink", "kind": "webhook", "settings": {"url": far_side.url, "secret": SECRET}})
        door = made.api.post(
            "/connectors",
            {"name": "source", "kind": "webhook", "settings": {"id_field": "thing"}, "inbound": {"scheme": "path"}},
        )["door"]
        made.notes["path"] = f"/in/source/{door['secret']}"
        bridge: dict[str, Any] = {**PACK[3], "on": {"entity": "reading", "events": ["created", "changed"]}}
        header = {"name": "kill", "title": TITLE, "connectors": {"source": "webhook", "sink": "webhook"}}
        made.api.post("/definitions/apply", {"header": header, "definitions": [*PACK[:3], bridge]})
        yield made
    finally:
        made.stop()


def check_history(gateway: Gateway, far_side: FarSide, killer: Killer) -> None:
    """Send and kill at the same time; then: 0 lost, one effect each, per-thing order kept, the books always right."""
    db, began = killer.db, time.monotonic()
    senders = all_senders(gateway)
    for thread in (*senders, killer):
        thread.start()
    for thread in (*senders, killer):
        thread.join(200)
    promised = {pair for sender in senders for pair in sender.promised}
    assert len(promised) == EVENTS
    assert len(killer.seen) == killer.kills

    last_kill = time.monotonic()
    until(lambda: balance(db).actions["done"] >= EVENTS, "every action to be done", 60)
    print(  # the numbers that the reader of a report wants
        f"{len(killer.killed)} kills {dict(Counter(killer.killed))}; "
        f"sent in {last_kill - began:.1f} s; drained {time.monotonic() - last_kill:.1f} s after the last kill; "
        f"{sum(far_side.calls.values())} calls"
    )

    effects = [(one["thing"], one["step"]) for one in (json.loads(body)["data"] for body in far_side.order)]
    assert set(effects) == promised
    assert len(effects) == EVENTS
    for thing in range(THINGS):
        assert [step for that, step in effects if that == thing] == sorted(range(EVENTS // THINGS))
    assert [problem for one in [*killer.seen, balance(db)] for problem in one.problems] == []
    assert balance(db).deliveries == {"waiting": 0, "held": 0, "done": EVENTS, "skipped": 0, "dead": 0}


def test_three_hundred_events_under_kills(tmp_path: Path, far_side: FarSide) -> None:
    """Embedded: SQLite, one worker; web and worker are killed."""
    with tieline(tmp_path / "home", far_side, {}) as gateway:
        db = Database(f"sqlite:///{gateway.home}/tieline.db")
        check_history(gateway, far_side, Killer(gateway, db, ("web", "worker"), KILLS, SEED))
        db.close()


def test_three_hundred_events_under_kills_of_several_workers(tmp_path: Path, postgres_url: str, far_side: FarSide) -> None:
    """PostgreSQL, three worker processes, two of them started beside `serve`; web, workers and beat are killed."""
    with tieline(tmp_path / "home", far_side, {"TIELINE_DATABASE_URL": postgres_url}) as gateway:

        def as_many_as_before() -> None:
            while len(gateway.pids("worker")) < WORKERS:
                gateway.add("worker")

        as_many_as_before()
        db = Database(postgres_url)
        roles = ("web", "worker", "worker", "beat")
        check_history(gateway, far_side, Killer(gateway, db, roles, KILLS, SEED, mourn=as_many_as_before))
        db.close()
