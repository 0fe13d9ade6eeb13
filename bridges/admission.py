"""
Admission: what cannot be worked off in time is not promised. The door says so, and when to come again.

A door that takes everything lets its queue outrun its workers; the sender believes all is well while its news is an hour old.
So a few cheap numbers are read once a second (how much waits, for how long, how fast it goes, how much disk is left),
and the door asks only these. The connector that fills the queue is refused first, an urgent lane last. What is
refused was never promised, is counted and told, and stops being refused by itself.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select, text

from core.database import Database
from core.errors import TransientError
from core.tables import action, delivery, intake

log = logging.getLogger("tieline.gateway")

LOOK_S = 1.0
STALE_S = 5.0
"""Numbers older than this say that the database does not answer."""
HALF = 0.5
"""From half of what may wait, whoever has more than its share of it is refused."""
URGENT_MORE = 1.5
"""An urgent lane may wait for half as long again: that room is its reserve."""
FLOOR_BYTES = 64 * 2**20
"""Less free disk than this (or a twentieth of a small one), and nothing is taken: what was promised needs room to end."""
SURE = 200
"""So many waiting rows are never too many: below that a rate says nothing."""


class OverloadedError(TransientError):
    """More arrives than is worked off; what cannot be kept is not promised."""

    code = "overloaded"
    title, title_zh = "Too much is waiting already", "待处理消息过多"


class TooFastError(OverloadedError):
    """A sender fills the queue; the others go first for a moment."""

    code = "too-fast"
    title, title_zh = "This sender sends faster than its share", "该发送方超出其份额"


class NoRoomError(TransientError):
    """The disk is nearly full: nothing new is taken, so that what was promised can be finished."""

    code = "no-room"
    title, title_zh = "The disk is nearly full", "磁盘空间不足"


class StoreAwayError(TransientError):
    """The database does not answer, so nothing can be promised."""

    code = "store-away"
    title, title_zh = "The database does not answer", "数据库无响应"


def store_away(why: str) -> StoreAwayError:
    """Return the error of a door whose database is away."""
    return StoreAwayError(
        "Nothing can be stored now.",
        why=f"The database does not answer: {why}.",
        fix="Send it again; it is taken as soon as the database is back.",
        retry_after=5,
    )


@dataclass(frozen=True, slots=True)
class Load:
    """What waits and how fast it goes; one look."""

    waiting: Mapping[int, int] = field(default_factory=dict)  #: deliveries by connector
    actions: int = 0
    rate: float = 0.0  #: deliveries and actions worked off per second, smoothed
    free_bytes: int | None = None
    floor_bytes: int = FLOOR_BYTES

    @property
    def total(self) -> int:
        """How many rows wait."""
        return sum(self.waiting.values()) + self.actions

    @property
    def lag_s(self) -> float:
        """How long what waits will take at the present rate; 0 while that is next to nothing."""
        return 0.0 if self.total <= SURE else self.total / max(self.rate, 1.0)


class Admission:
    """Says whether a delivery may be promised. One per web process; ``look`` is one look, so that a test can make it."""

    def __init__(
        self, db: Database, home: Path, *, lag_s: float, most: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._db, self._home, self._lag_s, self._most, self._monotonic = db, home, lag_s, most, monotonic
        self._load, self._looked_at = Load(), monotonic()
        self._ended: tuple[float, int] | None = None
        self._starting = threading.Lock()
        self._looking = False
        self.trouble: str | None = None

    @property
    def load(self) -> Load:
        """The last look."""
        return self._load

    def start(self) -> None:
        """Look once a second from now on."""
        with self._starting:
            if not self._looking:
                self._looking = True
                threading.Thread(target=self._look_on, name="admission", daemon=True).start()

    def _look_on(self) -> None:
        while True:
            self.look()
            time.sleep(LOOK_S)

    def look(self) -> None:
        """Read the numbers; when they cannot be read, say so in the log once."""
        try:
            load = self._read()
        except Exception as error:  # whatever a database may say when it is away
            if self.trouble is None:
                log.warning("The doors are shut: the database does not answer: %s", str(error).splitlines()[0])
            self.trouble = str(error).splitlines()[0]
            return
        if self.trouble is not None:
            log.warning("The doors are open again.")
        self.trouble, self._load, self._looked_at = None, load, self._monotonic()

    def _read(self) -> Load:
        with self._db.read() as conn:
            waits = select(delivery.c.connector_id, func.count()).where(delivery.c.state == text("'waiting'"))
            waiting = {row[0]: int(row[1]) for row in conn.execute(waits.group_by(delivery.c.connector_id))}
            due = select(func.count()).select_from(action).where(action.c.state == text("'waiting'"), action.c.attempts == 0)
            actions = int(conn.execute(due).scalar_one())
            accepted = int(conn.execute(select(func.coalesce(func.sum(intake.c.accepted), 0))).scalar_one())
        rate = self._rate(accepted - sum(waiting.values()))
        if self._db.dialect != "sqlite":
            return Load(waiting, actions, rate)
        disk = shutil.disk_usage(self._home)
        return Load(waiting, actions, rate, disk.free, min(FLOOR_BYTES, disk.total // 20))

    def _rate(self, ended: int) -> float:
        """Smooth how many deliveries per second leave the queue; a queue that stands still is slow, an empty one is not."""
        now, before = self._monotonic(), self._ended
        self._ended = (now, ended)
        if before is None or now <= before[0]:
            return self._load.rate
        newest = max(0.0, (ended - before[1]) / (now - before[0]))
        return newest if self._load.rate == 0.0 else self._load.rate + 0.3 * (newest - self._load.rate)

    def check(self, connector_id: int, name: str, *, urgent: bool) -> None:
        """Return if a delivery of this connector may be promised now; raise with a time to come again if not."""
        if self.trouble is not None or (self._looking and self._monotonic() - self._looked_at > STALE_S):
            raise store_away(self.trouble or "it has been silent for some seconds")
        load = self._load
        if load.free_bytes is not None and load.free_bytes < load.floor_bytes:
            raise NoRoomError(
                "Nothing is taken now.",
                why=f"{load.free_bytes // 2**20} MiB are left on the disk, and {load.floor_bytes // 2**20} are kept free.",
                fix="Make room on Tieline's disk; until then send it again.",
                retry_after=30,
            )
        full = max(load.lag_s / self._lag_s, load.total / self._most)
        if full < HALF:
            return
        if full >= (URGENT_MORE if urgent else 1.0):
            raise self._overloaded(load)
        mine, share = load.waiting.get(connector_id, 0), max(SURE, sum(load.waiting.values()) / max(1, len(load.waiting)))
        if not urgent and len(load.waiting) > 1 and mine > share:
            raise TooFastError(
                f"{name} sends faster than its share.",
                why=f"{mine} of {load.total} waiting rows are its own, and others wait too.",
                fix="Send it again after the given time, or send less at once.",
                retry_after=self._until(load, HALF),
            )

    def _overloaded(self, load: Load) -> OverloadedError:
        return OverloadedError(
            "More waits than can be worked off in time.",
            why=f"{load.total} rows wait; at {load.rate:.0f} a second that is {load.lag_s:.0f} s,"
            f" and {self._lag_s:.0f} s (or {self._most} rows) are allowed.",
            fix="Send it again after the given time; what was refused was not stored.",
            retry_after=self._until(load, 1.0),
        )

    def _until(self, load: Load, part: float) -> float:
        """Return in how many seconds the queue will be down to this part of what may wait: an honest Retry-After."""
        allowed = min(part * self._lag_s * max(load.rate, 1.0), part * self._most)
        return min(300.0, max(1.0, (load.total - allowed) / max(load.rate, 1.0)))
