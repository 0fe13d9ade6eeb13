"""
Memory of all embedded processes as PSS (what each page costs, shared pages counted once): idle, and after many events.

``python -m bench.idle [events]``. The figure is the worse of two ratios: bar number / measured, for 250 MB idle and
300 MB after the events. ``beside`` is the bar's number, ``figure`` what was measured.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench.flow import body, tieline
from bench.load import Sink, send
from lab.gateway import Gateway

IDLE_MB, AFTER_MB = 250.0, 300.0
SETTLE_S = 8.0


def pss_mb(gateway: Gateway) -> dict[str, float]:
    """Return each process of this Tieline with its proportional share of memory."""
    found: dict[str, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environ = (folder / "environ").read_bytes()
            if f"TIELINE_HOME={gateway.home}\0".encode() not in environ:
                continue
            name = (folder / "comm").read_text().strip()
            lines = (folder / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kib = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        found[f"{folder.name} {name}"] = kib / 1024
    return found


def main(events: int = 100_000) -> bool:
    """Measure twice and print the closing line."""
    sink = Sink()
    measured: list[tuple[float, float]] = []
    try:
        with tieline(sink) as (gateway, path):
            time.sleep(SETTLE_S)
            measured.append((IDLE_MB, _shown("idle", gateway)))
            port = gateway.port
            for start in range(0, events, 2_000):
                bodies = [body(0, n) for n in range(start, min(events, start + 2_000))]
                send(port, path, bodies, connections=16, accepted=(202,), patient=True)
            sink.wait_for(events, 900)
            time.sleep(SETTLE_S)
            measured.append((AFTER_MB, _shown(f"after {events:,} events", gateway)))
    finally:
        sink.stop()
    bar, most = min(measured, key=lambda one: one[0] / one[1])
    ratio = bar / most
    print(json.dumps({"figure": round(most, 1), "beside": bar, "ratio": round(ratio, 4), "bar": 1.0, "holds": ratio >= 1.0}))
    return ratio >= 1.0


def _shown(when: str, gateway: Gateway) -> float:
    parts = pss_mb(gateway)
    for name, mb in sorted(parts.items()):
        print(f"{when}: {mb:7.1f} MB  {name}")
    print(f"{when}: {sum(parts.values()):7.1f} MB in all")
    return sum(parts.values())


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
