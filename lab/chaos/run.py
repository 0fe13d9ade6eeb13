"""One run: start everything, send and kill at the same time, let it drain, and have the checker decide."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from bench.flow import PACK, SECRET, TITLE
from bridges.accounting import Balance, balance
from core.database import Database
from core.tables import delivery
from lab.chaos.history import Call, Verdict, judge
from lab.chaos.servers import Postgres, RabbitMq, Redis, Server, free_port
from lab.gateway import Gateway
from lab.real.waiting import until

SENDERS = 4
WORKERS = 3
DRAIN_S = 60
TIMEOUT_S = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run."""

    mode: str
    events: int
    kills: int
    seed: int
    servers: bool = True
    """Whether brokers and databases are killed too."""

    @property
    def things(self) -> int:
        """How many things there are; each has its states in order."""
        return max(10, self.events // 25)


@dataclass(slots=True)
class Landscape:
    """Everything of one run."""

    plan: Plan
    gateway: Gateway
    db: Database
    far_log: Path
    servers: list[Server]
    sent_log: Path
    killed: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    looks: int = 0

    def victims(self) -> list[str]:
        """Name who may be killed."""
        roles = ["web", "worker", "beat"] if self.plan.mode != "embedded" else ["web", "worker", "worker", "beat"]
        return roles + [server.name for server in self.servers if self.plan.servers]

    def kill(self, victim: str, chance: random.Random) -> None:
        """Kill one, start a server again after a moment, and look at the books right after."""
        for server in self.servers:
            if server.name == victim:
                server.kill()
                time.sleep(0.7)
                server.start()
                self.killed[victim] += 1
                self.look()
                return
        pids = self.gateway.pids(victim)
        if not pids:
            return  # it is being started again
        with suppress(ProcessLookupError):
            os.kill(chance.choice(pids), signal.SIGKILL)
            self.killed[victim] += 1
        while self.plan.mode != "embedded" and len(self.gateway.pids("worker")) < WORKERS:
            self.gateway.add("worker")
        self.look()

    def look(self) -> None:
        """See whether the accounting identity holds now; a database that is just coming back is asked again."""
        books = until(self._books, "the database to answer", 60)
        self.problems += books.problems
        self.looks += 1

    def _books(self) -> Balance | None:
        try:
            return balance(self.db)
        except SQLAlchemyError:
            return None


@contextmanager
def landscape(plan: Plan, folder: Path) -> Iterator[Landscape]:
    """Start servers, far side and Tieline; end them all."""
    with ExitStack() as stack:
        environment: dict[str, str] = {"TIELINE_LOG_LEVEL": "WARNING"}
        servers: list[Server] = []
        if plan.mode != "embedded":
            (folder / "broker").mkdir()
            broker = {"redis": Redis, "rabbitmq": RabbitMq}[plan.mode](folder / "broker")
            postgres = Postgres(folder)
            for server in (broker, postgres):
                stack.callback(server.stop)
                server.start()
                servers.append(server)
            environment |= {"TIELINE_BROKER_URL": broker.url, "TIELINE_DATABASE_URL": postgres.url}
        far_port, far_log = free_port(), folder / "far.log"
        argv = [sys.executable, "-m", "lab.chaos.far_side", str(far_port), str(far_log), str(plan.seed)]
        far = subprocess.Popen(argv)
        stack.callback(far.wait)
        stack.callback(far.kill)
        gateway = Gateway(folder / "home", environment)
        stack.callback(gateway.stop)
        gateway.start()
        _set_up(gateway, f"http://127.0.0.1:{far_port}/")
        while plan.mode != "embedded" and len(gateway.pids("worker")) < WORKERS:
            gateway.add("worker")
        db = Database(environment.get("TIELINE_DATABASE_URL") or f"sqlite:///{gateway.home}/tieline.db")
        stack.callback(db.close)
        yield Landscape(plan, gateway, db, far_log, servers, folder / "sent.log")


def _set_up(gateway: Gateway, url: str) -> None:
    sink = {"url": url, "secret": SECRET, "timeout_s": TIMEOUT_S}
    gateway.api.post("/connectors", {"name": "sink", "kind": "webhook", "settings": sink})
    source = {"name": "source", "kind": "webhook", "settings": {"id_field": "thing"}, "inbound": {"scheme": "path"}}
    gateway.notes["path"] = f"/in/source/{gateway.api.post('/connectors', source)['door']['secret']}"
    on = {"entity": "reading", "events": ["created", "changed"]}
    bridge: dict[str, Any] = {**PACK[3], "on": on, "urgent": "reading.severity >= 4"}  # so that retries come soon
    header = {"name": "chaos", "title": TITLE, "connectors": {"source": "webhook", "sink": "webhook"}}
    gateway.api.post("/definitions/apply", {"header": header, "definitions": [*PACK[:3], bridge]})


class Sender(threading.Thread):
    """Sends its things' states one after the other, each again until it is promised, as webhook senders do."""

    def __init__(self, land: Landscape, things: list[int], log: int) -> None:
        super().__init__(name=f"sender-{things[0]}", daemon=True)
        self._land, self._things, self._log = land, things, log
        self.trouble: str | None = None

    def run(self) -> None:
        """Send every state of every thing; what is promised is written down."""
        for step in range(self._land.plan.events // self._land.plan.things):
            for thing in self._things:
                if not self._promised(thing, step):
                    self.trouble = f"{thing}/{step} was not taken within 120 s"
                    return
                os.write(self._log, json.dumps([thing, step]).encode() + b"\n")

    def _promised(self, thing: int, step: int) -> bool:
        said = {"type": "reading", "thing": f"T-{thing:04d}", "title": f"{thing}/{step}", "severity": 4, "status": "open",
                "site": "berlin", "device": f"press-{thing % 7}", "body": {"thing": thing, "step": step}}  # fmt: skip
        body, headers = json.dumps(said), {"Content-Type": "application/json", "webhook-id": f"msg-{thing}-{step}"}
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with suppress(OSError, http.client.HTTPException):
                with closing(http.client.HTTPConnection("127.0.0.1", self._land.gateway.port, timeout=15)) as connection:
                    connection.request("POST", self._land.gateway.notes["path"], body, headers)
                    answer = connection.getresponse()
                    answer.read()
                if answer.status in (200, 202):
                    return True
            time.sleep(0.05)
        return False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run gave."""

    verdict: Verdict
    killed: dict[str, int]
    looks: int
    sent_s: float
    drained_s: float
    retries: int


def run(plan: Plan) -> Outcome:
    """Run it; the outcome says whether the promise was kept."""
    with ExitStack() as stack:
        folder = tempfile.TemporaryDirectory(prefix="tieline-chaos-", ignore_cleanup_errors=True)
        return _run(stack.enter_context(landscape(plan, Path(stack.enter_context(folder)))))


def _run(land: Landscape) -> Outcome:
    plan, chance, began = land.plan, random.Random(land.plan.seed), time.monotonic()
    log = os.open(land.sent_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    senders = [Sender(land, list(range(n, plan.things, SENDERS)), log) for n in range(SENDERS)]
    for sender in senders:
        sender.start()
    victims = land.victims()
    while sum(land.killed.values()) < plan.kills:
        time.sleep(chance.uniform(0.0, 1.2) + chance.random() / 1000)
        land.kill(victims[sum(land.killed.values()) % len(victims)], chance)
    last_kill = time.monotonic()
    for sender in senders:
        sender.join(600)
    sent_s = time.monotonic() - began
    os.close(log)
    troubles = [sender.trouble for sender in senders if sender.trouble]

    def is_drained() -> bool:
        books = balance(land.db)
        return books.actions["waiting"] + books.deliveries["waiting"] + books.actions["held"] == 0

    from_here = time.monotonic()
    with suppress(AssertionError):
        until(is_drained, "everything to be worked off", DRAIN_S)
    drained_s = time.monotonic() - max(from_here, last_kill)
    land.look()
    books = balance(land.db)
    promised = [(thing, step) for thing, step in map(json.loads, land.sent_log.read_text().splitlines())]
    calls = [Call(one["key"], one["thing"], one["step"]) for one in map(json.loads, land.far_log.read_text().splitlines())]
    verdict = judge(promised, calls, books.deliveries, _unexplained(land.db), [*land.problems, *troubles])
    verdict.faults += [f"unfinished: {n} actions are {state}." for state, n in books.actions.items() if n and state != "done"]
    return Outcome(verdict, dict(land.killed), land.looks, sent_s, drained_s, verdict.calls - verdict.effects)


def _unexplained(db: Database) -> list[str]:
    query = select(delivery.c.receipt).where(delivery.c.state.in_(["skipped", "dead"]), delivery.c.reason.is_(None))
    with db.read() as conn:
        return list(conn.execute(query).scalars())
