"""Killed at random points: what was promised is done, once, in order, and the books balance after every kill."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bench.flow import PACK, SECRET, TITLE
from bridges.accounting import Balance, balance
from core.database import Database
from lab.real.waiting import until
from tests.kill.far_side import FarSide
from tests.real.gateway import Gateway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EVENTS, THINGS, SENDERS, KILLS = 300, 30, 4, 12
SEED = int(os.environ.get("KILL_SEED", "20261123"))


@pytest.fixture
def far_side() -> Iterator[FarSide]:
    """Give a far side that keeps its own log."""
    made = FarSide()
    yield made
    made.close()


@pytest.fixture
def gateway(tmp_path: Path, far_side: FarSide) -> Iterator[Gateway]:
    """Give a running embedded Tieline that forwards every reading to the far side."""
    made = Gateway(tmp_path / "home")
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


class Sender:
    """Sends its things' states one after the other, each again until it is promised, as webhook senders do."""

    def __init__(self, gateway: Gateway, things: list[int]) -> None:
        self._gateway, self._things = gateway, things
        self.promised: list[tuple[int, int]] = []

    def run(self) -> None:
        """Send every state of every thing."""
        for step in range(EVENTS // THINGS):
            for thing in self._things:
                self._send(thing, step)
                self.promised.append((thing, step))

    def _send(self, thing: int, step: int) -> None:
        body = json.dumps(
            {
                "type": "reading",
                "thing": f"T-{thing:03d}",
                "title": f"{thing}/{step}",
                "severity": 4,
                "status": "open",
                "site": "berlin",
                "device": f"press-{thing % 7}",
                "body": {"thing": thing, "step": step},
            }
        )
        headers = {"Content-Type": "application/json", "webhook-id": f"msg-{thing}-{step}"}
        until_ = time.monotonic() + 60
        while time.monotonic() < until_:
            try:
                with closing(http.client.HTTPConnection("127.0.0.1", self._gateway.port, timeout=10)) as connection:
                    connection.request("POST", self._gateway.notes["path"], body, headers)
                    answer = connection.getresponse()
                    answer.read()
                if answer.status in (200, 202):
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        raise AssertionError(f"msg-{thing}-{step} was not taken within 60 s")


def _pids_of(gateway: Gateway, role: str) -> list[int]:
    """Return the processes of one role of this Tieline, and of no other."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line, environ = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue  # it ended just now
        if f"gateway.roles.{role}".encode() in line and f"TIELINE_HOME={gateway.home}\0".encode() in environ:
            found.append(int(folder.name))
    return found


def _kill_at_random(gateway: Gateway, db: Database, stop: threading.Event, seen: list[Balance]) -> None:
    """Kill -9 a web or worker process of this Tieline, again and again, and look at the books right after."""
    chance = random.Random(SEED)
    for n in range(KILLS):
        if stop.wait(chance.uniform(0.1, 1.2)):
            return
        role = ("web", "worker")[n % 2]
        pids = _pids_of(gateway, role)
        if pids:
            os.kill(chance.choice(pids), signal.SIGKILL)
        seen.append(balance(db))


def test_three_hundred_events_under_kills(gateway: Gateway, far_side: FarSide) -> None:
    """0 lost, one effect each, per-thing order kept, the accounting identity true after every kill."""
    db = Database(f"sqlite:///{gateway.home}/tieline.db")
    senders = [Sender(gateway, list(range(n, THINGS, SENDERS))) for n in range(SENDERS)]
    threads = [threading.Thread(target=sender.run) for sender in senders]
    stop, seen = threading.Event(), []  # type: ignore[var-annotated]
    killer = threading.Thread(target=_kill_at_random, args=(gateway, db, stop, seen))
    for thread in (*threads, killer):
        thread.start()
    for thread in (*threads, killer):
        thread.join(200)
    promised = {pair for sender in senders for pair in sender.promised}
    assert len(promised) == EVENTS
    assert len(seen) == KILLS

    until(lambda: balance(db).actions["done"] >= EVENTS, "every action to be done", 60)

    effects = [(one["thing"], one["step"]) for one in (json.loads(body)["data"] for body in far_side.order)]
    assert set(effects) == promised
    assert len(effects) == EVENTS
    for thing in range(THINGS):
        assert [step for that, step in effects if that == thing] == sorted(range(EVENTS // THINGS))
    assert [problem for one in [*seen, balance(db)] for problem in one.problems] == []
    assert balance(db).deliveries == {"waiting": 0, "held": 0, "done": EVENTS, "skipped": 0, "dead": 0}
    db.close()
