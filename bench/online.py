"""
One new record against a register: FEBRL 4's copies, one by one, against its originals among strangers.

``python -m bench.online [register] [large] [queries]``; 100,000, 1,000,000 and 3,000. SQLite, through the function that the
API calls. Strangers take name, street and town from three different people of the set, so they are near to many.
An answer is right when the candidate that matching would join is the original. Beside each query stands one bare look-up
by an indexed key on the same connection, in turn; everything is asked three times, and of each query the best time
counts, because what else runs on the machine is not the figure. Bars: precision 1.0 at recall 0.98 with the margin;
p99 from the small to the large register grows within 2 times. The ratio is that of the p99s (bare / ours), its bar what a clerk
does not notice: fifty bare look-ups.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import text

from bench import febrl
from bench.register import fill, open_register, rule_of
from core.database import Database
from mappings.matching import Band, Rule, asking

BAR, GROWTH, TURNS = 1 / 50, 2.0, 3
PRECISION, RECALL = 1.0, 0.98
_BARE = text("SELECT id FROM entity WHERE gid = :gid")


class Figures:
    """What the queries showed."""

    def __init__(self) -> None:
        self.ours: list[float] = []
        self.bare: list[float] = []
        self.right = self.wrong = 0

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / len(self.ours)

    def show(self, size: int) -> None:
        print(
            f"{size:,}: precision {self.precision:.5f} ({self.wrong} wrong) recall {self.recall:.4f};"
            f" ours p50 {at(self.ours, 0.5):.2f} p99 {at(self.ours, 0.99):.2f} ms,"
            f" bare look-up p50 {at(self.bare, 0.5):.3f} p99 {at(self.bare, 0.99):.3f} ms"
        )


def at(times: list[float], share: float) -> float:
    """Return a quantile in milliseconds."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1e3


def ask(db: Database, rule: Rule, originals: list[str], queries: list[tuple[str, febrl.Record]]) -> Figures:
    """Ask about each record; entity n + 1 is originals[n]."""
    figures = Figures()
    place = {febrl.who(name): n for n, name in enumerate(originals, 1)}
    with db.read() as conn:
        for turn in range(TURNS):
            for n, (name, record) in enumerate(queries):
                began = time.perf_counter()
                found = asking.candidates(conn, rule, record)
                asked = time.perf_counter()
                conn.execute(_BARE, {"gid": f"T-2026-{n + 1:07d}"}).one()
                looked = time.perf_counter()
                if turn:
                    figures.ours[n] = min(figures.ours[n], asked - began)
                    figures.bare[n] = min(figures.bare[n], looked - asked)
                    continue
                figures.ours.append(asked - began)
                figures.bare.append(looked - asked)
                if found and found[0].band is Band.LINK:
                    good = found[0].entity_id == place[febrl.who(name)]
                    figures.right, figures.wrong = figures.right + good, figures.wrong + (not good)
    return figures


def measure(folder: Path, size: int, queries: int) -> Figures:
    """Fill a register of this size and ask."""
    rule = rule_of(febrl.FIELDS, "person")
    originals, copies = febrl.read("dataset4a"), febrl.read("dataset4b")
    names = list(originals)
    db = open_register(folder, f"people-{size}")
    began = time.perf_counter()
    fill(db, rule, [*originals.values()])
    fill(db, rule, febrl.strangers(size - len(names), list(originals.values())), first=len(names) + 1)
    print(f"{size:,} records prepared and kept in {time.perf_counter() - began:.0f} s")
    figures = ask(db, rule, names, list(copies.items())[:queries])
    figures.show(size)
    db.close()
    return figures


def main(register: int = 100_000, large: int = 1_000_000, queries: int = 3000) -> bool:
    """Ask both registers and print the closing line."""
    with tempfile.TemporaryDirectory(prefix="online-") as name:
        small = measure(Path(name), register, queries)
        big = measure(Path(name), large, queries)
    growth = at(big.ours, 0.99) / at(small.ours, 0.99)
    print(f"p99 grows {growth:.2f} times from {register:,} to {large:,} (bar {GROWTH})")
    ours, bare = at(small.ours, 0.99), at(small.bare, 0.99)
    good = all(one.precision >= PRECISION for one in (small, big)) and small.recall >= RECALL
    holds = good and growth <= GROWTH and bare / ours >= BAR
    closing = {"figure": round(ours, 3), "beside": round(bare, 3), "ratio": round(bare / ours, 4), "bar": BAR, "holds": holds}
    print(json.dumps(closing))
    return holds


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
