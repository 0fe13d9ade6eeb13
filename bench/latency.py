"""
How late an effect is: p99 from the moment an event was due to be sent to its arrival at the sink, at 500 events/s offered.

``python -m bench.latency [events a second] [seconds] [pairs]``. Ours and the bare flow of ``bench.bare`` are offered the
same schedule in turn, against the same sink; a sender that falls behind its schedule does not make them look faster,
because the clock starts when the event was due. The ratio is the bare flow's p99 by ours: 0.25 is four times as late.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench.bare import Bare
from bench.flow import body, tieline
from bench.load import Sink, free_port

CONNECTIONS = 16
BAR = 0.25
PATIENCE_S = 60.0


def offer(port: int, path: str, bodies: list[bytes], rate: float) -> list[float]:
    """Send each body when it is due, over a fixed number of connections; return when each was due."""
    began = time.monotonic() + 0.2
    due = [began + n / rate for n in range(len(bodies))]

    def share(first: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        for n in range(first, len(bodies), CONNECTIONS):
            time.sleep(max(0.0, due[n] - time.monotonic()))
            connection.request("POST", path, bodies[n], {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 202:
                raise RuntimeError(f"HTTP {answer.status}")
        connection.close()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(share, range(CONNECTIONS)))
    return due


def lateness(port: int, path: str, sink: Sink, arrived: Any, bodies: list[bytes], rate: float) -> list[float]:
    """Return the milliseconds from due to effect of each event."""
    target = sink.count.value + len(bodies)
    arrived[: len(bodies)] = [0.0] * len(bodies)
    due = offer(port, path, bodies, rate)
    if not sink.wait_for(target, PATIENCE_S):
        raise RuntimeError("not every effect was seen in time")
    return [(at - then) * 1000 for at, then in zip(arrived[: len(bodies)], due, strict=True)]


def ranks(late: list[float]) -> tuple[float, float]:
    """
    Return the median and the 99th percentile.

    >>> ranks([float(n) for n in range(1, 101)])
    (51.0, 100.0)
    """
    ranked = sorted(late)
    return ranked[len(ranked) // 2], ranked[int(0.99 * len(ranked))]


def main(rate: int = 500, seconds: int = 8, pairs: int = 3) -> bool:
    """Run interleaved pairs and print the closing line."""
    events = rate * seconds
    arrived = multiprocessing.RawArray("d", events)
    sink = Sink(arrived)
    measured: list[tuple[float, float]] = []
    try:
        with tieline(sink) as (gateway, path), tempfile.TemporaryDirectory(prefix="bare-bench-") as folder:
            bare = Bare(Path(folder), free_port(), sink.port)
            try:
                time.sleep(2)
                for round_ in range(-1, pairs):  # the first round warms up and is not counted
                    bodies = [body(round_, n) for n in range(events if round_ >= 0 else rate)]
                    with bare.still():
                        ours = ranks(lateness(gateway.port, path, sink, arrived, bodies, rate))
                    beside = ranks(lateness(bare.port, "/in", sink, arrived, bodies, rate))
                    if round_ >= 0:
                        measured.append((ours[1], beside[1]))
                        print(
                            f"ours p50 {ours[0]:.1f} p99 {ours[1]:.1f} ms   beside p50 {beside[0]:.1f} p99 {beside[1]:.1f} ms"
                        )
            finally:
                bare.stop()
    finally:
        sink.stop()
    ratio = statistics.median(beside / mine for mine, beside in measured)
    closing = {
        "figure": round(statistics.median(mine for mine, _ in measured), 1),
        "beside": round(statistics.median(beside for _, beside in measured), 1),
        "ratio": round(ratio, 4),
        "bar": BAR,
        "holds": ratio >= BAR,
    }
    print(json.dumps(closing))
    return bool(closing["holds"])


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
