"""
Late facets: rows, so that whoever waits for one may be killed.

A facet that missed its deadline is a row in the commit that freezes the snapshot, leased by the process whose
thread still asks. It renews its lease while it waits. When it is gone, any worker asks the far side again, within
the grace; the fence keeps two from completing one snapshot twice. What arrived becomes a new snapshot, what never
came is dead with its reason.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, text, update

from core.clock import SECOND
from core.database import Database
from core.ids import new_id
from core.tables import late_facet, snapshot
from core.words import Micros, State
from snapshots.reads import OpenConnector, Reads
from snapshots.store import Snapshot, freeze_completed, questions_of
from snapshots.words import Answer, Status

log = logging.getLogger("tieline.snapshots")

GRACE_S = 20.0
"""How long a late facet is still waited for, behind the ticket's back."""
LEASE_S = 6.0
"""How long nobody else asks, after the last word of who does."""
AT_ONCE = 8
"""Snapshots of others that one process completes at once; each may keep a thread per facet."""

_WAITS = late_facet.c.state == text("'waiting'")
_FREE = or_(late_facet.c.lease_until.is_(None), late_facet.c.lease_until < bindparam("now"))
_DUE = select(late_facet.c.snapshot_id).where(_WAITS, _FREE).order_by(late_facet.c.until_at).limit(1)
_LAPSED = (
    select(late_facet)
    .where(late_facet.c.snapshot_id == _DUE.scalar_subquery(), _WAITS, _FREE)
    .order_by(late_facet.c.name)
    .with_for_update()
)
"""The late facets of one snapshot that nobody waits for."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The late facets of one snapshot in somebody's hands."""

    snapshot_id: str
    names: tuple[str, ...]
    owner: str
    fence: int
    until_at: Micros


def add(
    conn: Connection, snapshot_id: str, due: Mapping[str, Micros], now: Micros, *, grace_s: float, owner: str | None
) -> Taken | None:
    """Write the rows of what was late, each with the deadline it missed; return them as taken, if somebody waits for them."""
    until_at = now + round(grace_s * SECOND)
    row = {
        "snapshot_id": snapshot_id,
        "until_at": until_at,
        "state": State.WAITING.value,
        "next_at": now,
        "attempts": int(owner is not None),
        "lease_owner": owner,
        "lease_until": None if owner is None else now + round(LEASE_S * SECOND),
        "fence": 1,
    }
    conn.execute(late_facet.insert(), [{**row, "name": name, "due_at": at} for name, at in sorted(due.items())])
    return None if owner is None else Taken(snapshot_id, tuple(sorted(due)), owner, 1, until_at)


def is_due(conn: Connection, now: Micros) -> bool:
    """Say whether a late facet waits that nobody asks for."""
    return conn.execute(_DUE, {"now": now}).first() is not None


def _in_thread(complete: Callable[[], object]) -> None:
    def run() -> None:
        try:
            complete()
        except Exception:
            log.exception("A late facet arrived, but its snapshot could not be frozen.")

    threading.Thread(target=run, name="late-facets", daemon=True).start()


class Late:
    """Completes snapshots whose facets came late. One per process; ``begin`` runs the waiting (by default in a thread)."""

    def __init__(
        self,
        db: Database,
        open_connector: OpenConnector,
        *,
        owner: str,
        grace_s: float = GRACE_S,
        begin: Callable[[Callable[[], object]], object] = _in_thread,
    ) -> None:
        self._db, self._open, self._owner = db, open_connector, owner
        self.grace_s, self._begin = grace_s, begin
        self._stopping = threading.Event()
        self._places = threading.BoundedSemaphore(AT_ONCE)

    @property
    def owner(self) -> str | None:
        """Who takes what is late now: this process, or nobody yet when it is about to end."""
        return None if self._stopping.is_set() else self._owner

    def wait_for(self, taken: Taken, reads: Reads) -> None:
        """Wait on for what this process has asked already."""
        self._begin(partial(self.complete, taken, reads))

    def take_up(self) -> int:
        """Give up what is past its grace, and ask again for what nobody waits for any more; return for how many snapshots."""
        begun = 0
        with self._db.write() as conn:
            _give_up(conn, self._db.now(conn))
        while not self._stopping.is_set() and self._places.acquire(blocking=False):
            claimed = self._claim()
            if claimed is None:
                self._places.release()
                break
            taken, reads = claimed
            self._begin(partial(self._complete_other, taken, reads))
            begun += 1
        return begun

    def stop(self) -> None:
        """Let go of everything, so that another worker asks at once; what arrives here from now on is not used."""
        self._stopping.set()
        with self._db.write() as conn:
            held = update(late_facet).where(_WAITS, late_facet.c.lease_owner == self._owner)
            conn.execute(held.values(lease_owner=None, lease_until=None))

    def complete(self, taken: Taken, reads: Reads) -> Snapshot | None:
        """Wait until all are there or the grace is over, then end their rows; None: nothing came, or others have them."""
        with self._db.read() as conn:
            left_s = (taken.until_at - self._db.now(conn)) / SECOND
        arrived: dict[str, Answer] = {}
        end = time.monotonic() + left_s
        while True:
            arrived |= reads.more(min(max(0.0, end - time.monotonic()), LEASE_S / 3))
            if set(taken.names) <= arrived.keys() or time.monotonic() >= end or self._stopping.is_set():
                break
            if not self._renew(taken):
                return None
        return self._end(taken, arrived)

    def _complete_other(self, taken: Taken, reads: Reads) -> Snapshot | None:
        try:
            return self.complete(taken, reads)
        finally:
            self._places.release()

    def _claim(self) -> tuple[Taken, Reads] | None:
        """Take the facets of one snapshot and ask for them again."""
        with self._db.write() as conn:
            self._db.lock_key(conn, "late-facets")  # short; two who claim at once would wait for each other's rows
            now = self._db.now(conn)
            rows = conn.execute(_LAPSED, {"now": now}).mappings().all()
            if not rows:
                return None
            names, fence = tuple(row["name"] for row in rows), max(row["fence"] for row in rows) + 1
            taken = Taken(rows[0]["snapshot_id"], names, self._owner, fence, min(row["until_at"] for row in rows))
            _take(conn, taken, now)
            told = conn.execute(select(snapshot.c.content).where(snapshot.c.id == taken.snapshot_id)).scalar_one()
            questions = questions_of(conn, taken.snapshot_id, told, names)
        grace_s = max(0.0, (taken.until_at - now) / SECOND)
        return taken, Reads(questions, self._open, began=time.monotonic(), started_at=now, grace_s=grace_s)

    def _renew(self, taken: Taken) -> bool:
        with self._db.write() as conn:
            until = self._db.now(conn) + round(LEASE_S * SECOND)
            return conn.execute(_mine(taken).values(lease_until=until)).rowcount == len(taken.names)

    def _end(self, taken: Taken, arrived: Mapping[str, Answer]) -> Snapshot | None:
        """Write what became of them in one commit, if they are still ours."""
        if self._stopping.is_set():
            return None
        with self._db.write() as conn:
            now = self._db.now(conn)
            if conn.execute(_mine(taken).values(lease_owner=None, lease_until=None)).rowcount != len(taken.names):
                return None
            child = None
            if any(answer.status in (Status.OK, Status.ABSENT) for answer in arrived.values()):
                child = freeze_completed(conn, taken.snapshot_id, new_id("snap"), arrived, now)
            for name in taken.names:
                _ended(conn, taken.snapshot_id, name, arrived.get(name), None if child is None else child.id, now)
        return child


def _take(conn: Connection, taken: Taken, now: Micros) -> None:
    conn.execute(
        update(late_facet)
        .where(late_facet.c.snapshot_id == taken.snapshot_id, late_facet.c.name.in_(taken.names))
        .values(
            lease_owner=taken.owner,
            lease_until=now + round(LEASE_S * SECOND),
            fence=taken.fence,
            attempts=late_facet.c.attempts + 1,
        )
    )


def _mine(taken: Taken) -> Any:
    """Return an update of these rows that changes nothing once somebody else has taken them."""
    return update(late_facet).where(
        late_facet.c.snapshot_id == taken.snapshot_id,
        late_facet.c.name.in_(taken.names),
        late_facet.c.fence == taken.fence,
        late_facet.c.lease_owner == taken.owner,
        _WAITS,
    )


def _ended(conn: Connection, snapshot_id: str, name: str, answer: Answer | None, child_id: str | None, now: Micros) -> None:
    if answer is not None and child_id is not None:
        changes: dict[str, Any] = {"state": State.DONE.value, "child_id": child_id, "reason": answer.reason}
    else:
        reason = "It did not come within its grace." if answer is None else f"{answer.status}: {answer.reason}"
        changes = {"state": State.DEAD.value, "reason": reason}
    row = update(late_facet).where(late_facet.c.snapshot_id == snapshot_id, late_facet.c.name == name)
    conn.execute(row.values(**changes, next_at=None, ended_at=now))


def _give_up(conn: Connection, now: Micros) -> int:
    """End what nobody waits for any more and whose grace is over."""
    return conn.execute(
        update(late_facet)
        .where(_WAITS, late_facet.c.until_at <= now, or_(late_facet.c.lease_until.is_(None), late_facet.c.lease_until < now))
        .values(
            state=State.DEAD.value,
            reason="Who waited for it was gone, and its grace was over before another worker could ask.",
            lease_owner=None,
            lease_until=None,
            next_at=None,
            ended_at=now,
        )
    ).rowcount
