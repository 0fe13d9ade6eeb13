"""
Events per second from accept to recorded effect, beside a bare flow without identity, mapping and decisions.

``python -m bench.flow [events] [pairs]``. Both run the same load in turn against the same sink: SQLite with
synchronous=FULL, one web process, one worker process. Ours does per event: verify the door, store, parse,
resolve the master ID and a reference, translate ten fields, write observations, decide one bridge, add an
action, claim, sign and send it, record the attempt. The bare one stores, claims, sends, marks done.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from bench.bare import Bare
from bench.figure import report
from bench.load import Sink, free_port, send, timed
from lab.demo.client import Api
from lab.gateway import Gateway

CONNECTIONS = 32
TITLE = {"en": "Reading", "zh": "读数"}
PACK: list[dict[str, Any]] = [
    {"kind": "entity", "name": "device", "prefix": "DEV", "title": TITLE, "fields": {"name": {"type": "string"}}},
    {
        "kind": "entity",
        "name": "reading",
        "prefix": "READ",
        "title": TITLE,
        "fields": {
            "title": {"type": "string"},
            "severity": {"type": "integer"},
            "status": {"type": "string"},
            "site": {"type": "string"},
            "device": {"type": "ref", "to": "device"},
            "line": {"type": "string"},
            "shift": {"type": "integer"},
            "degrees": {"type": "number"},
            "limit": {"type": "number"},
            "body": {"type": "object"},
        },
    },
    {
        "kind": "mapping",
        "name": "readings",
        "from": {"kind": "webhook", "stream": "messages"},
        "to": "reading",
        "fields": {
            "title": "$.data.title",
            "severity": "$.data.severity",
            "status": "$.data.status",
            "site": "$.data.site",
            "device": "$.data.device",
            "line": "$.data.place.line",
            "shift": "$.data.place.shift",
            "degrees": "$.data.measured[0]",
            "limit": "$.data.measured[1]",
            "body": "$.data.body",
        },
    },
    {
        "kind": "bridge",
        "name": "forward",
        "on": {"entity": "reading", "events": ["created"]},
        "when": 'reading.status == "open" && reading.severity >= 3',
        "steps": [
            {
                "id": "send",
                "connector": "sink",
                "act": "send",
                "with": {"type": '"reading.opened"', "payload": "reading.body"},
            }
        ],
    },
]
FILL = {f"field{n}": "x" * 90 for n in range(27)}
SECRET = "whsec_dGllbGluZS1iZW5jaC1zZWNyZXQtb2YtMzItYnl0ZXM="


def body(round_: int, n: int) -> bytes:
    """Return a body of about 3 KB, different for every event; 200 devices take turns."""
    content = {
        "title": f"Oil temperature too high {n}",
        "severity": 4,
        "status": "open",
        "site": "berlin",
        "device": f"press-{n % 200:03d}",
        "place": {"line": f"L{n % 7}", "shift": n % 3},
        "measured": [71.5 + n % 9, 70],
        "body": {"number": n, **FILL},
    }
    return orjson.dumps({"type": "reading", "round": round_, **content})


@contextmanager
def tieline(sink: Sink, environment: dict[str, str] | None = None) -> Iterator[tuple[Gateway, str]]:
    """Run a Tieline of its own with the one bridge; give it and its door's path."""
    with tempfile.TemporaryDirectory(prefix="tieline-bench-") as folder:
        gateway = Gateway(Path(folder), {"TIELINE_LOG_LEVEL": "WARNING", **(environment or {})})
        api = gateway.api
        try:
            gateway.start()
            made = api.post("/connectors", {"name": "source", "kind": "webhook", "settings": {}, "inbound": {"scheme": "path"}})
            api.post("/connectors", {"name": "sink", "kind": "webhook", "settings": {"url": sink.url, "secret": SECRET}})
            header = {"name": "bench", "title": TITLE, "connectors": {"source": "webhook", "sink": "webhook"}}
            api.post("/definitions/apply", {"header": header, "definitions": PACK})
            yield gateway, f"/in/source/{made['door']['secret']}"
        finally:
            gateway.stop()


def ours(api: Api, path: str, sink: Sink, bodies: list[bytes]) -> float:
    """Return events per second until every action is recorded as done."""
    port = int(api.url.rsplit(":", 1)[1])
    goal = api.get("/accounting")["actions"]["done"] + len(bodies)
    target = sink.count.value + len(bodies)

    def done() -> bool:
        until = time.monotonic() + 30
        while sink.wait_for(target, 120) and time.monotonic() < until:
            if api.get("/accounting")["actions"]["done"] >= goal:
                return True
            time.sleep(0.02)
        return False

    return len(bodies) / timed(lambda: send(port, path, bodies, connections=CONNECTIONS), done)


def main(events: int = 2000, pairs: int = 3) -> bool:
    """Run interleaved pairs and print the closing line."""
    sink = Sink()
    measured = []
    try:
        with tieline(sink) as (gateway, path), tempfile.TemporaryDirectory(prefix="bare-bench-") as folder:
            port = free_port()
            bare = Bare(Path(folder), port, sink.port)
            try:
                time.sleep(2)
                for round_ in range(-1, pairs):  # the first round warms up and is not counted
                    bodies = [body(round_, n) for n in range(events if round_ >= 0 else 200)]
                    with bare.still():
                        mine = ours(gateway.api, path, sink, bodies)
                    target = sink.count.value + len(bodies)
                    seconds = timed(
                        lambda: send(port, "/in", bodies, connections=CONNECTIONS),  # noqa: B023 - called at once
                        lambda: sink.wait_for(target, 60),  # noqa: B023 - called at once
                    )
                    if round_ >= 0:
                        measured.append((mine, len(bodies) / seconds))
            finally:
                bare.stop()
    finally:
        sink.stop()
    return report(measured, bar=0.33, unit="events/s")


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
