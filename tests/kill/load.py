"""What is sent while something goes wrong."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import closing

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
