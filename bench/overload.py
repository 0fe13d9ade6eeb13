"""
Twice as much as can be worked off: what is accepted stays on time, and an urgent lane is not disturbed.

``python -m bench.overload [seconds]``. First the capacity is measured (a burst, accept to recorded effect); then twice that
rate is offered for some time by impatient senders, and an urgent source sends ten a second. The doors refuse what would
wait longer than ``TIELINE_LAG_S`` (here 2). From accept to the effect at the sink, over what was accepted: the 99th
percentile of the second half beside that of the first (not growing: within 1.3), and that of the urgent lane beside its own
on an idle system (within 2 times; printed). The closing ratio is first half / second half.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.flow import PACK, SECRET, TITLE, body
from lab.gateway import Gateway

SENDERS, LAG_S, URGENT_PER_S = 32, 2, 10
BAR = 1 / 1.3


class Far:
    """A sink that notes when each event's effect came, by its number."""

    def __init__(self) -> None:
        self.seen: dict[int, float] = {}
        far = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_HEAD(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                far.seen[said["data"]["number"]] = time.monotonic()
                self._answer()

            def _answer(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()


class Source(threading.Thread):
    """Sends at a steady pace and does not wait when it is refused: it goes on with the next."""

    def __init__(self, port: int, path: str, numbers: range, per_s: float, until: float) -> None:
        super().__init__(daemon=True)
        self._port, self._path, self._numbers, self._per_s, self._until = port, path, numbers, per_s, until
        self.accepted: dict[int, float] = {}
        self.answers: Counter[int] = Counter()

    def run(self) -> None:
        """Send."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        due = time.monotonic()
        for number in self._numbers:
            due = max(due + 1 / self._per_s, time.monotonic() - 1)  # who was held up does not catch up for ever
            if (early := due - time.monotonic()) > 0:
                time.sleep(early)
            if time.monotonic() > self._until:
                break
            began = time.monotonic()
            connection.request("POST", self._path, body(0, number), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            self.answers[answer.status] += 1
            if answer.status == 202:
                self.accepted[number] = began


def p99_ms(accepted: dict[int, float], seen: dict[int, float]) -> float:
    """Return the 99th percentile from accept to effect; what was accepted and never seen would be a loss, and is one here."""
    took = sorted(seen[number] - at for number, at in accepted.items())
    return took[len(took) * 99 // 100] * 1000


def _load(
    gateway: Gateway, paths: dict[str, str], far: Far, per_s: float, seconds: float, first: int
) -> tuple[list[Source], Source]:
    until, each = time.monotonic() + seconds, per_s / SENDERS
    shares = [range(first + n, first + 10**6, SENDERS) for n in range(SENDERS if per_s else 0)]
    crowd = [Source(gateway.port, paths["source"], share, each, until) for share in shares]
    urgent = Source(gateway.port, paths["urgent"], range(first + 2 * 10**6, first + 3 * 10**6), URGENT_PER_S, until)
    for one in (*crowd, urgent):
        one.start()
    for one in (*crowd, urgent):
        one.join()
    wanted = {number for one in (*crowd, urgent) for number in one.accepted}
    end = time.monotonic() + 120
    while not wanted <= far.seen.keys() and time.monotonic() < end:
        time.sleep(0.1)
    return crowd, urgent


def main(seconds: int = 40) -> bool:
    """Measure and print the closing line."""
    far = Far()
    environment = {"TIELINE_LOG_LEVEL": "WARNING", "TIELINE_LAG_S": str(LAG_S)}
    with tempfile.TemporaryDirectory(prefix="overload-") as name:
        gateway = Gateway(Path(name), environment)
        try:
            gateway.start()
            paths = {}
            for source, lane in (("source", "normal"), ("urgent", "urgent")):
                inbound = {"scheme": "path", "lane": lane}
                made = gateway.api.post("/connectors", {"name": source, "kind": "webhook", "settings": {}, "inbound": inbound})
                paths[source] = f"/in/{source}/{made['door']['secret']}"
            gateway.api.post("/connectors", {"name": "sink", "kind": "webhook", "settings": {"url": far.url, "secret": SECRET}})
            header = {"name": "bench", "title": TITLE, "connectors": {"source": "webhook", "sink": "webhook"}}
            gateway.api.post("/definitions/apply", {"header": header, "definitions": PACK})
            return _measured(gateway, paths, far, seconds)
        finally:
            gateway.stop()
            far.close()


def _measured(gateway: Gateway, paths: dict[str, str], far: Far, seconds: int) -> bool:
    _, calm = _load(gateway, paths, far, 0, 8, 0)
    began = time.monotonic()
    crowd, _ = _load(gateway, paths, far, 10_000, 6, 10**7)
    capacity = sum(len(one.accepted) for one in crowd) / (time.monotonic() - began)
    time.sleep(3)
    crowd, urgent = _load(gateway, paths, far, 2 * capacity, seconds, 2 * 10**7)
    accepted = {number: at for one in crowd for number, at in one.accepted.items()}
    answers = sum((one.answers for one in crowd), Counter[int]())
    middle = statistics.median(accepted.values())
    halves = [p99_ms({n: at for n, at in accepted.items() if (at < middle) is early}, far.seen) for early in (True, False)]
    idle, busy = p99_ms(calm.accepted, far.seen), p99_ms(urgent.accepted, far.seen)
    print(f"capacity {capacity:.0f}/s; offered {2 * capacity:.0f}/s for {seconds} s")
    print(f"answers {dict(answers)}; to the urgent source {dict(urgent.answers)}")
    print(f"p99 from accept to effect: first half {halves[0]:.0f} ms, second half {halves[1]:.0f} ms")
    print(f"urgent lane: p99 {idle:.0f} ms idle, {busy:.0f} ms under load: {busy / idle:.1f} times (bar: within 2)")
    ratio = halves[0] / halves[1]
    holds = ratio >= BAR and busy <= 2 * idle
    closing = {
        "figure": round(halves[1], 1),
        "beside": round(halves[0], 1),
        "ratio": round(ratio, 4),
        "bar": round(BAR, 4),
        "holds": holds,
    }
    print(json.dumps(closing))
    return holds


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
