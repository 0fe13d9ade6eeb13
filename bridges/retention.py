"""
Retention: what has ended leaves for the archive, the archive's old days go, and keys are remembered longer than both.

Small batches with a pause after each, so that intake never waits; several workers at once do no harm. Dead letters, held and
waiting rows stay, however old they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select

from bridges import archive as archiving
from bridges import loops
from bridges.archive import DAY
from core.clock import SECOND
from core.database import Database
from core.tables import archive, archive_id, delivery, refusal, remembered, repair, written
from core.words import Micros

BATCH = 100
PAUSE_S = 0.02
"""A breath after each batch: on SQLite the doors wait for the same write lock."""


@dataclass(frozen=True, slots=True)
class Policy:
    """For how many days what is kept: at hand, in the archive, and as a remembered key."""

    live_days: int
    archive_days: int
    dedupe_days: int


@dataclass(slots=True)
class Kept:
    """What a run moved and removed, or what one would."""

    archived: int = 0
    pruned: int = 0
    forgotten: int = 0
    refusals: int = 0
    repairs: int = 0
    written: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return it as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __bool__(self) -> bool:
        return any(self.as_dict().values())


def plan(db: Database, policy: Policy) -> dict[str, Any]:
    """Say what a run would do now, and how far behind it is."""
    with db.read() as conn:
        now = db.now(conn)
        ended = select(func.count()).where(
            delivery.c.state.in_(archiving.ENDED), delivery.c.handled_at < now - policy.live_days * DAY
        )
        n = conn.execute(ended).scalar_one()
        kept = select(func.count(), func.min(archive.c.day)).select_from(archive)
        bundles, first = conn.execute(kept).one()
        old = select(func.count()).select_from(archive).where(archive.c.day < _first_day(now, policy.archive_days))
        forget = select(func.count()).select_from(remembered)
        return {
            "policy": {"live_days": policy.live_days, "archive_days": policy.archive_days, "dedupe_days": policy.dedupe_days},
            "to_archive": n,
            "behind_days": round(behind_s(conn, now, policy.live_days) * SECOND / DAY, 2),
            "archived": bundles,
            "archive_begins": None if first is None else first * DAY,
            "to_prune": conn.execute(old).scalar_one(),
            "remembered": conn.execute(forget).scalar_one(),
            "to_forget": conn.execute(forget.where(remembered.c.received_at < now - policy.dedupe_days * DAY)).scalar_one(),
        }


def behind_s(conn: Connection, now: Micros, live_days: int) -> float:
    """Return for how long the oldest delivery that may leave should have left; what a person must decide about may not."""
    cutoff = now - live_days * DAY
    oldest = archiving.ended_before(conn, cutoff, 1)
    return (cutoff - oldest[0].handled_at) / SECOND if oldest else 0.0


def run(db: Database, policy: Policy, *, budget_s: float = 20, pause: Callable[[float], None] = time.sleep) -> Kept:
    """Work until nothing is left to do, or the time is up; what is left is for the next run."""
    kept, until = Kept(), time.monotonic() + budget_s
    loops.forget(db, pause=pause)
    after: tuple[Micros, int] = (0, 0)
    while time.monotonic() < until:
        with db.read() as conn:
            found = archiving.ended_before(conn, db.now(conn) - policy.live_days * DAY, BATCH, after)
        if not found:
            break
        after = (found[-1].handled_at, found[-1].id)
        with db.write() as conn:
            kept.archived += archiving.move(db, conn, [row.id for row in found], db.now(conn))
        pause(PAUSE_S)
    with db.read() as conn:
        now = db.now(conn)
    kept.pruned = _prune_days(db, _first_day(now, policy.archive_days), until, pause)
    old = now - policy.archive_days * DAY
    for name, table, column, before in (
        ("forgotten", remembered, remembered.c.received_at, now - policy.dedupe_days * DAY),
        ("refusals", refusal, refusal.c.at, old),
        ("repairs", repair, repair.c.closed_at, old),
        ("written", written, written.c.at, old),
    ):
        setattr(kept, name, _prune(db, table, column < before, until, pause))
    return kept


def _first_day(now: Micros, days: int) -> int:
    return now // DAY - days


def _prune_days(db: Database, first: int, until: float, pause: Callable[[float], None]) -> int:
    """Remove whole days: PostgreSQL drops their partitions, SQLite deletes in small batches."""
    if db.dialect == "sqlite":
        pruned = _prune(db, archive, archive.c.day < first, until, pause)
        _prune(db, archive_id, archive_id.c.day < first, until, pause)
        return pruned
    with db.read() as conn:
        old = sorted(day for day in archiving.partitions(conn) if day < first)
    pruned = 0
    for day in old:
        with db.write() as conn:
            pruned += conn.exec_driver_sql(f'SELECT count(*) FROM "archive_{day}"').scalar_one()  # noqa: S608 - a number
            conn.exec_driver_sql("SET LOCAL lock_timeout = '2s'")  # a long read elsewhere must not stop everybody behind us
            for table in ("archive", "archive_id"):
                conn.exec_driver_sql(f'DROP TABLE IF EXISTS "{table}_{day}"')
    return pruned


def _prune(db: Database, table: Table, old: Any, until: float, pause: Callable[[float], None]) -> int:
    key = list(table.primary_key.columns)
    pruned = 0
    while time.monotonic() < until:
        with db.write() as conn:
            gone = _delete_some(conn, table, key, old)
        pruned += gone
        if gone < BATCH:
            break
        pause(PAUSE_S)
    return pruned


def _delete_some(conn: Connection, table: Table, key: list[Any], old: Any) -> int:
    """Delete one batch; the keys are read first, so that a statement never runs over a whole table."""
    rows = conn.execute(select(*key).where(old).limit(BATCH)).all()
    if not rows:
        return 0
    if len(key) == 1:
        return conn.execute(delete(table).where(key[0].in_([row[0] for row in rows]))).rowcount
    gone = 0
    for row in rows:
        gone += conn.execute(delete(table).where(*(column == one for column, one in zip(key, row, strict=True)))).rowcount
    return gone
