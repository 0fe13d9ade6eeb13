"""
A million distinct keys: what it costs to know whether one has come before, and what it costs in memory.

``python -m bench.dedupe [keys]``. A store that knows 1,000 keys and one that knows a million, half of them of deliveries
at hand and half remembered of archived ones, take the same arrivals in turn: half new, half known, spread over all keys. The
figure is the processor time per arrival (SQLite, in this process), small / large; bar 1 / 1.5. Filling the large one may
not make this process grow by more than 24 MB.
"""

from __future__ import annotations

import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bridges.storing import Arrival, Receipt, store
from core.bulk import insert_many
from core.database import Database
from core.ids import new_id
from core.jsons import sha256
from core.migrations import upgrade
from core.tables import connector, remembered

FEW, BATCH, ARRIVALS, ROUNDS = 1_000, 50, 4_000, 5
BAR = 1 / 1.5
GROWTH_MB = 24.0
"""SQLite's own cache and the interpreter's; a set of a million keys would be four times that."""
BODY = b'{"type": "reading"}'
DIGEST = sha256(BODY)


class Place:
    """One store that knows many keys or few."""

    def __init__(self, folder: Path, keys: int) -> None:
        folder.mkdir()
        self.db = Database(f"sqlite:///{folder}/tieline.db")
        upgrade(self.db)
        with self.db.write() as conn:
            now = self.db.now(conn)
            row = {"name": "source", "kind": "webhook", "settings": {}, "state": "ok", "breaker_failures": 0,
                   "created_at": now, "updated_at": now}  # fmt: skip
            made = conn.execute(connector.insert().values(row)).inserted_primary_key
        assert made is not None
        self.source, self.keys = int(made[0]), keys
        self._new = itertools.count()
        self._remember(keys // 2)
        for start in range(keys // 2, keys, 500):
            self.take([key(n) for n in range(start, min(start + 500, keys))])

    def _remember(self, count: int) -> None:
        """Know keys as they are known when their deliveries have left for the archive."""
        for start in range(0, count, 10_000):
            with self.db.write() as conn:
                now = self.db.now(conn)
                rows = [
                    {"connector_id": self.source, "external_id": key(n), "body_sha256": DIGEST, "receipt": new_id("rcp"),
                     "received_at": now, "seen": 1}
                    for n in range(start, min(start + 10_000, count))
                ]  # fmt: skip
                insert_many(conn, remembered, rows)

    def take(self, keys: list[str]) -> list[Receipt]:
        """Let arrivals with these keys come, in one transaction."""
        arrivals = [(Arrival(self.source, BODY, {}, one), DIGEST, one) for one in keys]
        with self.db.write() as conn:
            return store(self.db, conn, arrivals)

    def arrivals(self, chance: random.Random) -> Iterator[list[str]]:
        """Give batches, half of them known keys from anywhere."""
        for _ in range(ARRIVALS // BATCH):
            known = chance.sample(range(self.keys), BATCH // 2)
            yield [key(n) for n in known] + [f"new-{next(self._new)}" for _ in range(BATCH // 2)]

    def cost(self, chance: random.Random) -> float:
        """Return microseconds of processor time per arrival, and see that each known one was known."""
        batches = list(self.arrivals(chance))
        began, known = time.process_time(), 0
        for batch in batches:
            known += sum(receipt.status == "duplicate" for receipt in self.take(batch))
        took = time.process_time() - began
        if known != ARRIVALS // 2:
            raise RuntimeError(f"{ARRIVALS // 2} keys had come before, {known} were known")
        return took / ARRIVALS * 1e6


def key(n: int) -> str:
    """Return a sender's id, spread over the index as hashes are."""
    return sha256(str(n).encode())


def held_mb() -> float:
    """Return what this process holds in memory now, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def main(keys: int = 1_000_000) -> bool:
    """Compare few and many, in turn, and print the closing line."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="dedupe-") as name:
        small = Place(Path(name) / "few", FEW)
        small.cost(chance)  # warms up
        before = held_mb()
        large = Place(Path(name) / "many", keys)
        grown = held_mb() - before
        large.cost(chance)
        pairs = [(small.cost(chance), large.cost(chance)) for _ in range(ROUNDS)]
    ratio = statistics.median(few / many for few, many in pairs)
    few, many = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"{FEW:,} and {keys:,} keys: {few:.0f} and {many:.0f} us per arrival, ratio {ratio:.3f}; grown by {grown:.1f} MB")
    holds = ratio >= BAR and grown <= GROWTH_MB
    closing = {
        "figure": round(many, 1),
        "beside": round(few, 1),
        "ratio": round(ratio, 4),
        "bar": round(BAR, 4),
        "holds": holds,
    }
    print(json.dumps(closing))
    return holds


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
