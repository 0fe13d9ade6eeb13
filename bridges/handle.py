"""
Handle: deliveries become events, observations, decisions and actions, one transaction per batch.

A connector's deliveries form a lane: one handler at a time, in the order of acceptance, so the order per
(connector, entity) is kept with any number of workers. Killed before the commit, nothing happened;
killed after it, everything did. A lane that is begun again and again without an end holds a row that kills
workers: it is found by single steps and kept as a dead letter.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, exists, select, update

from bridges import lanes
from bridges.batch import Batch
from bridges.handled import ended, finish, handle_readings, handle_rows, tell
from bridges.loops import USUAL, Guards
from bridges.parsed import read
from bridges.passing import passes
from bridges.profiling import Profiler
from bridges.registered import ConnectorRow, Registered
from bridges.traced import Began, Tracer
from core.database import Database
from core.errors import SetupError, TielineError
from core.repairs import close_repair, open_repair, open_repairs
from core.tables import connector, delivery
from core.words import Micros, State
from mappings import catalogue as definitions

log = logging.getLogger("tieline.engine")

BATCH = {"sqlite": 32, "postgresql": 100}
"""Deliveries per transaction: on SQLite the doors wait for the same write lock, so it is held shortly."""
LANE_BATCHES = 40
"""Batches of one lane in a row while nobody else waits."""
TURN_BATCHES = 2
"""The same while other lanes wait: a noisy source holds up the others for that long at most."""
SINGLE_AFTER = 3
"""Batches begun without an end after which the lane goes on one delivery at a time."""
POISON_AFTER = 6
"""Beginnings of one single delivery without an end after which it is a dead letter."""


class PoisonError(SetupError):
    """A delivery whose handling ended the worker, again and again."""

    code = "poison"
    title, title_zh = "A delivery stops whoever handles it", "该消息会导致处理进程终止"


class HandlingError(SetupError):
    """A delivery that cannot be handled for a reason that has no name of its own yet."""

    code = "handling"
    title, title_zh = "A delivery could not be handled", "消息未能处理"


class Handler:
    """Works off waiting deliveries. One per process; several processes may run it at once."""

    def __init__(
        self,
        db: Database,
        registered: Registered,
        *,
        owner: str | None = None,
        batch: int | None = None,
        guards: Guards = USUAL,
        tracer: Tracer | None = None,
        profiler: Profiler | None = None,
    ) -> None:
        self._profiler = profiler if profiler is not None else Profiler()
        self._db, self._registered, self._batch = db, registered, batch or BATCH[db.dialect]
        self._tracer = tracer
        self._owner = owner or f"{socket.gethostname()}:{os.getpid()}"
        self._guards = guards
        self._stopping = threading.Event()
        self._told: set[str] | None = None
        self._turns: dict[int, int] = {}
        self._was_urgent = False
        self.progress = 0
        """Counts the batches that were ended here: a watchdog asks whether it moves."""

    def is_due(self) -> bool:
        """Say whether any delivery waits to be handled now."""
        with self._db.read() as conn:
            return bool(_due_connectors(conn, self._db.now(conn)))

    def run(self, *, then: Callable[[], None] = lambda: None) -> int:
        """Handle until nothing is due; return how many deliveries were handled. ``then`` rings for the actions."""
        handled = 0
        over: set[int] = set()
        while not self._stopping.is_set():
            with self._db.read() as conn:
                due = [one for one in _due_connectors(conn, self._db.now(conn)) if one not in over]
            if not due:
                break
            chosen = self._next(due)
            done = self._run_lane_alone(chosen, then)
            if not done:  # it failed, or somebody else has it
                over.add(chosen)
            handled += done
        return handled

    def _next(self, due: list[int]) -> int:
        """Choose whose turn it is: an urgent lane's every second time, and of its like the one that waits for the longest."""
        urgent = [one for one in due if self._is_urgent(one)]
        others = [one for one in due if one not in urgent]
        pool = urgent if urgent and not (others and self._was_urgent) else others
        chosen = min(pool, key=lambda one: self._turns.get(one, 0))
        self._was_urgent = pool is urgent
        self._turns[chosen] = max(self._turns.values(), default=0) + 1
        return chosen

    def _is_urgent(self, connector_id: int) -> bool:
        row = self._registered.find(connector_id)
        return row is not None and row.urgent

    def stop(self) -> None:
        """End with the batch at hand."""
        self._stopping.set()

    def _run_lane_alone(self, connector_id: int, then: Callable[[], None]) -> int:
        """Run a lane; what goes wrong there is told, the lane is given back for the next look, and the others go on."""
        try:
            done = self.run_lane(connector_id, then=then)
        except Exception as error:
            if passes(error):
                log.info("The lane of connector %s is looked at again: %s", connector_id, error)
            else:
                self._tell(connector_id, error)
            lanes.give_back(self._db, connector_id, self._owner)
            return 0
        if done:
            self._recover(connector_id)
        return done

    def _tell(self, connector_id: int, error: Exception) -> None:
        """Open the repair of a lane that cannot be handled at all; it closes when the lane goes on."""
        row = self._registered.find(connector_id)
        key = f"lane:{row.name if row is not None else connector_id}"
        if key not in self._lanes_told():
            log.error("The lane of connector %s cannot be handled.", key, exc_info=error)
        with self._db.write() as conn:
            open_repair(conn, key, _named(error), connector=None if row is None else row.name, now=self._db.now(conn))
        self._lanes_told().add(key)

    def _recover(self, connector_id: int) -> None:
        key = f"lane:{self._registered.row(connector_id).name}"
        if key in self._lanes_told():
            with self._db.write() as conn:
                close_repair(conn, key, now=self._db.now(conn))
            self._lanes_told().discard(key)

    def _lanes_told(self) -> set[str]:
        """Return the open repairs of lanes, also of those that a process before us opened."""
        if self._told is None:
            with self._db.read() as conn:
                self._told = {one["key"] for one in open_repairs(conn) if one["key"].startswith("lane:")}
        return self._told

    def run_lane(self, connector_id: int, *, then: Callable[[], None] = lambda: None) -> int:
        """Handle some batches of one connector; 0 when another handler has the lane or nothing could be done."""
        begun = lanes.begin(self._db, connector_id, self._owner)
        if begun is None:
            return 0
        fence = begun.fence
        if begun.tries > POISON_AFTER:
            return self._bury_poison(self._registered.row(connector_id), begun)
        size = 1 if begun.tries > SINGLE_AFTER else self._batch
        handled = 0
        for n in range(LANE_BATCHES):
            row = self._registered.row(connector_id)
            if not row.handles:
                return handled + self._hold(row, fence)
            try:
                done, more = self._handle(row, fence, size, n)
                self.progress += 1
            except TielineError:
                raise
            except Exception as error:
                if passes(error):
                    raise
                return handled + self._one_by_one(row, fence)
            handled += done
            then()
            if not more:
                break
        return handled

    def _is_last(self, conn: Connection, row: ConnectorRow, n: int) -> bool:
        """Say whether batch ``n`` of this lane is the last for now: others wait, and it had its turn or they are urgent."""
        if self._stopping.is_set() or n + 1 >= LANE_BATCHES:
            return True
        others = [one for one in _due_connectors(conn, self._db.now(conn)) if one != row.id]
        return bool(others) and (n + 1 >= TURN_BATCHES or (not row.urgent and any(map(self._is_urgent, others))))

    def _handle(self, row: ConnectorRow, fence: int, size: int, n: int = LANE_BATCHES) -> tuple[int, bool]:
        """
        Handle one batch and, in the same commit, give the lane back or begin the next batch; say whether there is one.

        Reading, parsing and translating need no lock: the lane is ours. Only what they became is written under it.
        """
        with self._db.read() as conn:
            catalogue = definitions.load(conn)
            began = Began(self._db.now(conn))
            found = conn.execute(_WAITING, {"connector": row.id, "now": began.at, "size": size}).mappings().all()
            last = self._is_last(conn, row, n)
        readings = read(found, row, self._registered, catalogue)
        self._profiler.observe(row, readings)
        with self._db.write() as conn:
            if not lanes.is_ours(conn, row.id, fence):
                return 0, False
            if not found:
                lanes.end(conn, row.id, fence)
                return 0, False
            if definitions.load(conn) is not catalogue:  # something was published in between
                readings = read(found, row, self._registered, definitions.load(conn))
            ids = [one["id"] for one in found]
            waits = set(
                conn.execute(select(delivery.c.id).where(delivery.c.id.in_(ids), _DUE)).scalars()
            )  # a hold may have come
            readings = [reading for reading in readings if reading.delivery["id"] in waits]
            if readings:
                now = self._db.now(conn)
                batch = handle_readings(self._db, conn, self._registered, row, readings, now, self._guards)
                written = self._profiler.flush(conn, row, definitions.load(conn), now)
            more = not last and lanes.go_on(self._db, conn, row.id, fence, ids[-1]) is not None
            if last:
                lanes.end(conn, row.id, fence)
        if readings:
            self._profiler.settled(written)
            self._tell_of(row, found, batch, began)
        return len(found), more

    def _tell_of(self, row: ConnectorRow, found: Sequence[Mapping[Any, Any]], batch: Batch, began: Began) -> None:
        """Tell what was committed: to people in the log, and as spans when traces are on."""
        tell(row, batch)
        if self._tracer is not None:
            self._tracer.handled(row, found, batch, began)

    def _one_by_one(self, row: ConnectorRow, fence: int) -> int:
        """Handle the batch again one delivery at a time; the one that fails becomes a dead letter with its reason."""
        handled = 0
        for _ in range(self._batch):
            head: list[int] = []
            try:
                if not self._handle_kept(row, fence, head):
                    break
            except Exception as error:
                if passes(error) or not head:
                    raise
                self._bury(row, fence, head[0], _named(error))
            handled += 1
        with self._db.write() as conn:
            lanes.end(conn, row.id, fence)
        return handled

    def _handle_kept(self, row: ConnectorRow, fence: int, head: list[int]) -> int:
        """Handle one delivery and keep the lane; ``head`` is told which one was begun."""
        with self._db.write() as conn:
            if not lanes.is_ours(conn, row.id, fence):
                return 0
            began = Began(self._db.now(conn))
            waiting = conn.execute(_WAITING, {"connector": row.id, "now": began.at, "size": 1}).mappings().all()
            if waiting:
                head.append(waiting[0]["id"])
                batch = handle_rows(self._db, conn, self._registered, row, waiting, began.at, self._guards)
        if waiting:
            self._tell_of(row, waiting, batch, began)
        return len(waiting)

    def _bury_poison(self, row: ConnectorRow, begun: lanes.Begun) -> int:
        error = PoisonError(
            f"A delivery of {row.name} ended its worker {POISON_AFTER} times.",
            why="Its handling began and never came to an end.",
            fix="Look at its body; report it with the worker's log; replay it after the mend.",
        )
        if begun.head is not None:
            self._bury(row, begun.fence, begun.head, error)
        with self._db.write() as conn:
            lanes.end(conn, row.id, begun.fence)
        return 1

    def _bury(self, row: ConnectorRow, fence: int, head: int, error: TielineError) -> None:
        """Keep this one delivery as a dead letter, unless somebody else took the lane: then it is his to judge."""
        with self._db.write() as conn:
            if not lanes.is_ours(conn, row.id, fence):
                return
            now = self._db.now(conn)
            found = conn.execute(select(delivery).where(delivery.c.id == head, _DUE)).mappings().first()
            if found is not None:
                reason = f"{error.code}: {error.what} {error.why}"
                finish(conn, [ended(found, State.DEAD, reason, now, error=error.as_dict())])
                open_repair(conn, f"delivery:{found['receipt']}", error, connector=row.name, now=now)

    def _hold(self, row: ConnectorRow, fence: int) -> int:
        with self._db.write() as conn:
            if not lanes.end(conn, row.id, fence):
                return 0
            query = select(connector.c.state, connector.c.held_by).where(connector.c.id == row.id).with_for_update(read=True)
            now = conn.execute(query).one()
            if (now.state, now.held_by) != (row.state, row.held_by):
                return 0  # released, or held by somebody else, since we read it: the next look knows
            return conn.execute(
                update(delivery)
                .where(delivery.c.connector_id == row.id, delivery.c.state == State.WAITING.value)
                .values(state=State.HELD.value, held_by=row.held_by or "draft", next_at=None)
            ).rowcount


_DUE = delivery.c.state == State.WAITING.value
_WAITING = (
    select(delivery)
    .where(delivery.c.connector_id == bindparam("connector"), _DUE, delivery.c.next_at <= bindparam("now"))
    .order_by(delivery.c.id)
    .limit(bindparam("size"))
)


def _due_connectors(conn: Connection, now: Micros) -> list[int]:
    waits = exists().where(delivery.c.connector_id == connector.c.id, _DUE, delivery.c.next_at <= now)
    return list(conn.execute(select(connector.c.id).where(waits).order_by(connector.c.id)).scalars())


def _named(error: Exception) -> TielineError:
    if isinstance(error, TielineError):
        return error
    return HandlingError(
        "The delivery could not be handled.",
        why=f"{type(error).__name__}: {error}",
        fix="Report it with this text; after the mend, replay the delivery.",
    )
