"""
Events per second with traces on, beside the same Tieline without them, in the same run.

``python -m bench.traces [events] [pairs]``. The load is that of ``bench.flow``: per event five spans are made, encoded and
sent to a collector on the same two cores (one that only reads and answers, so that what is measured is Tieline).
"""

from __future__ import annotations

import sys
import time

from bench.figure import report
from bench.flow import body, ours, tieline
from bench.load import Sink


def main(events: int = 2000, pairs: int = 3) -> bool:
    """Run interleaved pairs and print the closing line."""
    sink, collector = Sink(), Sink()
    measured = []
    try:
        with tieline(sink, {"TIELINE_TRACES": collector.url}) as (on, on_path), tieline(sink) as (off, off_path):
            time.sleep(2)
            for round_ in range(-1, pairs):  # the first round warms up and is not counted
                bodies = [body(round_, n) for n in range(events if round_ >= 0 else 200)]
                exports = collector.count.value
                with_traces = ours(on.api, on_path, sink, bodies)
                without = ours(off.api, off_path, sink, bodies)
                if collector.count.value == exports:
                    raise RuntimeError("nothing came to the collector")
                if round_ >= 0:
                    measured.append((with_traces, without))
    finally:
        sink.stop()
        collector.stop()
    return report(measured, bar=0.85, unit="events/s")


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
