"""
What the profile of streams costs: processor time per handled event with it and without it, in turn.

``python -m bench.profile [events] [rounds]``. SQLite, bodies of 3 KB with about 40 paths, batches as in production; the
same handler, its profiler on or off. The ratio is without / with, of the best rounds; bar 0.97. Beside it: one record
counted, one write.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from bench.flow import PACK, body
from bench.growth import Place
from bench.load import Sink
from bridges.handle import Handler
from bridges.profiling import Profiler
from bridges.storing import Arrival, store
from core.jsons import sha256
from mappings.profiles import Tree, flush

BAR = 0.97
EVOLVES: Callable[[str], str] = lambda _: "evolve"  # noqa: E731 - one word for one word


class Side(Place):
    """One Tieline whose events are only stored and handled; no bridge fires."""

    def __init__(self, folder: Path, name: str, sink: Sink, *, on: bool) -> None:
        super().__init__(folder, name, sink)
        self.handler = Handler(self.db, self.registered, owner="h", profiler=Profiler(on=on))

    def handled(self, count: int) -> float:
        """Return microseconds of processor time per event of handling alone."""
        self.round += 1
        bodies = [body(self.round, n).replace(b'"severity":4', b'"severity":1') for n in range(count)]
        for start in range(0, count, 50):
            batch = [(one, sha256(one)) for one in bodies[start : start + 50]]
            with self.db.write() as conn:
                store(self.db, conn, [(Arrival(self.source, one), digest, f"sha256:{digest}") for one, digest in batch])
        began = time.process_time()
        self.handler.run()
        return (time.process_time() - began) / count * 1e6


def alone(side: Side) -> tuple[float, float, int]:
    """Return microseconds to count one record and to write one profile, and of how many paths."""
    tree, record = Tree(), orjson.loads(body(1, 1))
    tree.add(record)
    began = time.process_time()
    for _ in range(5000):
        tree.add(record)
    counted = (time.process_time() - began) / 5000 * 1e6
    took = []
    for _ in range(30):
        with side.db.write() as conn:
            began = time.process_time()
            flush(conn, (side.source, "source-0", "alone"), tree, EVOLVES, side.db.now(conn))
            took.append((time.process_time() - began) * 1e6)
    return counted, statistics.median(took), tree.paths


def main(events: int = 1000, rounds: int = 25) -> bool:
    """Measure in turn and print the closing line."""
    assert PACK, "the flow's definitions are used"
    sink = Sink()
    try:
        with tempfile.TemporaryDirectory(prefix="profile-") as name:
            off, on = Side(Path(name), "off", sink, on=False), Side(Path(name), "on", sink, on=True)
            for side in (off, on):
                side.handled(events)
            pairs = []
            for n in range(rounds):
                one, other = (off, on) if n % 2 else (on, off)
                took = {one: one.handled(events), other: other.handled(events)}
                pairs.append((took[off], took[on]))
            counted, written, paths = alone(on)
    finally:
        sink.stop()
    without, with_it = (min(side) for side in zip(*pairs, strict=True))  # what others do on this machine only adds
    ratio = without / with_it
    print(f"handling: {without:.1f} us per event without, {with_it:.1f} with; one record counted {counted:.1f} us, "
          f"one write of {paths} paths {written:.0f} us")  # fmt: skip
    closing = {
        "figure": round(with_it, 1),
        "beside": round(without, 1),
        "ratio": round(ratio, 4),
        "bar": BAR,
        "holds": ratio >= BAR,
    }
    print(json.dumps(closing))
    return bool(ratio >= BAR)


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
