"""
Events per second at a local sink, from accept to recorded effect, beside Node-RED's durable flow from npm.

``python -m bench.nodered [events] [pairs]``. The same load in turn against the same sink on the same disk; while one is
measured the other stands still. Ours keeps identity, ten mapped fields, observations, decisions and attempts.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from bench.figure import report
from bench.flow import CONNECTIONS, body, ours, tieline
from bench.load import Sink, free_port, send, timed
from bench.nodered.flow import NodeRed, NoNodeError, install


def main(events: int = 2000, pairs: int = 3) -> bool:
    """Run interleaved pairs and print the closing line."""
    try:
        install()
    except NoNodeError as missing:
        sys.exit(f"bench.nodered is skipped: {missing}")
    sink = Sink()
    measured = []
    try:
        with tieline(sink) as (gateway, path), tempfile.TemporaryDirectory(prefix="nodered-bench-") as folder:
            theirs = NodeRed(Path(folder), free_port(), sink.url)
            try:
                time.sleep(2)
                for round_ in range(-1, pairs):  # the first round warms up and is not counted
                    bodies = [body(round_, n) for n in range(events if round_ >= 0 else 200)]
                    with theirs.still():
                        mine = ours(gateway.api, path, sink, bodies)
                    target = sink.count.value + len(bodies)
                    seconds = timed(
                        lambda: send(theirs.port, "/in", bodies, connections=CONNECTIONS),  # noqa: B023 - called at once
                        lambda: sink.wait_for(target, 60),  # noqa: B023 - called at once
                    )
                    if round_ >= 0:
                        measured.append((mine, len(bodies) / seconds))
            finally:
                theirs.stop()
    finally:
        sink.stop()
    return report(measured, bar=2.0, unit="events/s")


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
