"""What is sent while processes are killed, and the killer himself."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

from bridges.accounting import Balance, balance
from core.database import Database
from lab.gateway import Gateway

EVENTS, THINGS, SENDERS = 300, 30, 4


class Sender(threading.Thread):
    """Sends its things' states one after the other, each again until it is promised, as webhook senders do."""

    def __init__(self, gateway: Gateway, things: list[int]) -> None:
        super().__init__(name=f"sender-{things[0]}")
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
        end = time.monotonic() + 60
        while time.monotonic() < end:
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


def all_senders(gateway: Gateway) -> list[Sender]:
    """Return the senders; each thing belongs to one of them, so its states are sent in order."""
    return [Sender(gateway, list(range(n, THINGS, SENDERS))) for n in range(SENDERS)]


@dataclass
class Killer(threading.Thread):
    """Kills -9 one process of each named role in turn, at random times, and looks at the books right after."""

    gateway: Gateway
    db: Database
    roles: tuple[str, ...]
    kills: int
    seed: int
    mourn: Callable[[], None] = lambda: None
    """Called after each kill: whoever watches over processes that `serve` does not know starts them again."""
    seen: list[Balance] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(name="killer")

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        """Kill until the number is full."""
        chance = random.Random(self.seed)
        while len(self.killed) < self.kills:
            time.sleep(chance.uniform(0.1, 1.2))
            role = self.roles[len(self.killed) % len(self.roles)]
            pids = self.gateway.pids(role)
            if not pids:
                continue  # it is being started again
            os.kill(chance.choice(pids), signal.SIGKILL)
            self.killed.append(role)
            self.seen.append(balance(self.db))
            self.mourn()
