"""
Cost per event as everything grows: 1,000 and 100,000 stored events, 10 and 10,000 bridges, 1 and 100 connectors.

``python -m bench.growth [stored] [bridges]``. The cost is the processor time of storing, handling and delivering 400
events in this process (SQLite, a real sink): it depends less than the wall clock on who else uses the machine. Small
and large are measured in turn. The ratio is small / large, the worst of the three; bar 1 / 1.2.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.flow import PACK, SECRET, body
from bench.load import Sink
from bridges.deliver import Deliverer
from bridges.handle import Handler
from bridges.registered import Registered
from bridges.storing import Arrival, store
from connectors.registry import connector_class
from core.database import Database
from core.definitions import publish, save_version
from core.jsons import sha256
from core.migrations import upgrade
from core.secrets import Vault
from core.tables import connector

EVENTS, ROUNDS = 400, 5
BAR = 1 / 1.2
OTHER = {**PACK[3], "on": {"entity": "device", "events": ["changed"]}, "when": 'device.name == "x"'}
OTHER_STEP = {"id": "send", "connector": "sink", "act": "send", "with": {"type": '"other"', "payload": '{"name": device.name}'}}


class Place:
    """One Tieline in this process."""

    def __init__(self, folder: Path, name: str, sink: Sink, *, bridges: int = 1, connectors: int = 1) -> None:
        (folder / name).mkdir()
        self.db = Database(f"sqlite:///{folder}/{name}/tieline.db")
        upgrade(self.db)
        self.vault = Vault(folder / name / "secret.key")
        self.registered = Registered(self.db, self.vault, connector_class)
        self.source, *_ = [self._connector(f"source-{n}", {}, {}) for n in range(connectors)]
        self._connector("sink", {"url": sink.url}, {"secret": SECRET})
        others = [{**OTHER, "name": f"other-{n}", "steps": [OTHER_STEP]} for n in range(bridges - 1)]
        with self.db.write() as conn:
            now = self.db.now(conn)
            for spec in [*PACK, *others]:
                saved = save_version(conn, spec["kind"], spec["name"], spec, author="bench", now=now)
                publish(conn, saved.version_id, edges=(), now=now)
        self.handler = Handler(self.db, self.registered, owner="h")
        self.deliverer = Deliverer(self.db, self.registered, {}, owner="d")
        self.round = 0

    def _connector(self, name: str, settings: dict[str, str], secrets: dict[str, str]) -> int:
        with self.db.write() as conn:
            now = self.db.now(conn)
            sealed = self.vault.seal(secrets)
            row: dict[str, Any] = {
                "name": name,
                "kind": "webhook",
                "settings": settings,
                "secrets": sealed,
                "state": "ok",
                "breaker_failures": 0,
                "created_at": now,
                "updated_at": now,
            }
            made = conn.execute(connector.insert().values(row)).inserted_primary_key
            assert made is not None
            return int(made[0])

    def events(self, count: int) -> float:
        """Let events come, be handled and delivered; return microseconds of processor time per event."""
        self.round += 1
        bodies = [body(self.round, n) for n in range(count)]
        began = time.process_time()
        for start in range(0, count, 50):
            batch = [(one, sha256(one)) for one in bodies[start : start + 50]]
            arrivals = [(Arrival(self.source, one), digest, f"sha256:{digest}") for one, digest in batch]
            with self.db.write() as conn:
                store(self.db, conn, arrivals)
        while self.handler.run() + self.deliverer.run():
            pass
        return (time.process_time() - began) / count * 1e6


def compare(what: str, small: Place, large: Place) -> float:
    """Return small / large, from rounds in turn."""
    for place in (small, large):
        place.events(EVENTS)  # warms up
    pairs = [(small.events(EVENTS), large.events(EVENTS)) for _ in range(ROUNDS)]
    ratio = statistics.median(one / other for one, other in pairs)
    few, many = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"{what}: {few:.0f} and {many:.0f} us per event, ratio {ratio:.3f}")
    return ratio


def main(stored: int = 100_000, bridges: int = 10_000) -> bool:
    """Compare the three and print the closing line."""
    sink = Sink()
    try:
        with tempfile.TemporaryDirectory(prefix="growth-") as name:
            ratios = _ratios(Path(name), sink, stored, bridges)
    finally:
        sink.stop()
    worst = min(ratios)
    closing = {"figure": round(worst, 4), "beside": 1.0, "ratio": round(worst, 4), "bar": round(BAR, 4), "holds": worst >= BAR}
    print(json.dumps(closing))
    return worst >= BAR


def _ratios(folder: Path, sink: Sink, stored: int, bridges: int) -> list[float]:
    few, full = Place(folder, "few", sink), Place(folder, "full", sink)
    few.events(600)
    for _ in range(stored // 5000):
        full.events(5000)
    ten, many = Place(folder, "ten", sink, bridges=10), Place(folder, "many", sink, bridges=bridges)
    one, hundred = Place(folder, "one", sink), Place(folder, "hundred", sink, connectors=100)
    return [
        compare(f"1,000 and {stored:,} stored events", few, full),
        compare(f"10 and {bridges:,} bridges", ten, many),
        compare("1 and 100 connectors", one, hundred),
    ]


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
