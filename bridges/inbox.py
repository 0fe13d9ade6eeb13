"""
The inbox: what arrives is committed, then promised.

Requests put their arrival in a queue; a writer thread commits many of them in one transaction
(one fsync serves many requests) and only then are they answered. SQLite gets one writer, PostgreSQL
several. A body without an id of its own is known by its hash within the window its door declares.
"""

from __future__ import annotations

import logging
import queue
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, select, text, update
from sqlalchemy.exc import IntegrityError

from bridges.passing import passes, until_passed
from core.bulk import insert_many
from core.clock import SECOND
from core.database import Database
from core.errors import TransientError
from core.ids import new_id
from core.jsons import sha256
from core.tables import conflict, delivery, intake, refusal
from core.words import Micros, Origin, State

SLOTS = 16
log = logging.getLogger("tieline.engine")


class CannotStoreError(TransientError):
    """The store does not take the delivery, so it is not promised: the sender must send again."""

    code = "cannot-store"
    title, title_zh = "The delivery could not be stored", "消息未能存储"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What stands at the door, verified: raw bytes and how to recognise them if they come again."""

    connector_id: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    external_id: str | None = None
    window_s: int = 600
    origin: Origin = Origin.PUSH
    stream: str | None = None
    replay_of: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The promise: ``status`` is accepted, duplicate (known, same body) or conflict (known id, other body)."""

    receipt: str
    status: str
    seen: int = 1


@dataclass(slots=True)
class _Waiting:
    arrival: Arrival
    body_sha256: str
    key: str
    done: threading.Event = field(default_factory=threading.Event)
    receipt: Receipt | None = None
    error: Exception | None = None


_COUNT = (
    update(intake)
    .where(intake.c.connector_id == bindparam("c"), intake.c.slot == bindparam("s"))
    .values(accepted=intake.c.accepted + bindparam("n"))
)
_SEEN = update(delivery).where(delivery.c.id == bindparam("row")).values(seen=delivery.c.seen + bindparam("n"))
_RETIRE = update(delivery).where(delivery.c.id == bindparam("row")).values(external_id=bindparam("retired"))


class Inbox:
    """The one way in for everything that is accepted. One per process; safe for threads."""

    def __init__(
        self, db: Database, ring: Callable[[], None] = lambda: None, *, writers: int | None = None, batch: int = 256
    ) -> None:
        self._db, self._ring, self._batch = db, ring, batch
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        count = writers or (1 if db.dialect == "sqlite" else 3)
        self._threads = [threading.Thread(target=self._write_on, name=f"inbox-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def accept(self, arrival: Arrival, *, timeout_s: float = 30) -> Receipt:
        """Commit one arrival, together with whatever else is waiting, and return its receipt."""
        digest = sha256(arrival.body)
        waiting = _Waiting(arrival, digest, arrival.external_id or f"sha256:{digest}")
        self._queue.put(waiting)
        if not waiting.done.wait(timeout_s):
            raise CannotStoreError(
                "The delivery was not stored in time.",
                why=f"The database did not commit within {timeout_s:.0f} s.",
                fix="Send it again; the same body or id is recognised, so nothing is doubled.",
                retry_after=5,
            )
        if waiting.error is not None:
            raise CannotStoreError(
                "The delivery was not stored.",
                why=f"The database said: {_first_line(waiting.error)}.",
                fix="Send it again; look at the server's disk and database.",
                retry_after=5,
            ) from waiting.error
        assert waiting.receipt is not None
        return waiting.receipt

    def refuse(
        self, connector: str, code: str, detail: str, *, size: int | None = None, head: bytes = b"", remote: str | None = None
    ) -> None:
        """Record what was refused at the door and why; at most the first 256 bytes of it are kept."""
        with self._db.write() as conn:
            conn.execute(
                refusal.insert().values(
                    at=self._db.now(conn),
                    connector=connector[:200],
                    code=code,
                    detail=detail[:2000],
                    size=size,
                    head=head[:256],
                    remote=remote,
                )
            )

    def close(self) -> None:
        """Finish what is queued and stop the writers."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout=10)

    def _write_on(self) -> None:
        slot = secrets.randbelow(SLOTS)
        while (first := self._queue.get()) is not None:
            batch = [first]
            while len(batch) < self._batch:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    self._queue.put(None)
                    break
                batch.append(more)
            self._commit(batch, slot)

    def _commit(self, batch: list[_Waiting], slot: int) -> None:
        try:
            until_passed(lambda: self._once_known(batch, slot))
        except Exception as error:
            if len(batch) > 1 and not passes(error):  # one of them cannot be stored; the others can
                for waiting in batch:
                    self._commit([waiting], slot)
                return
            for waiting in batch:
                waiting.error = error
        for waiting in batch:
            waiting.done.set()
        if any(waiting.receipt and waiting.receipt.status == "accepted" for waiting in batch):
            try:
                self._ring()
            except Exception as error:  # a bell that breaks costs a second (the sweeper), never the writer
                log.warning("The bell could not be rung: %s", error)

    def _once_known(self, batch: list[_Waiting], slot: int) -> None:
        try:
            self._once(batch, slot)
        except IntegrityError:  # another writer took the same id in between: now it is visible
            self._once(batch, slot)

    def _once(self, batch: list[_Waiting], slot: int) -> None:
        with self._db.write() as conn:
            receipts = store(self._db, conn, [(one.arrival, one.body_sha256, one.key) for one in batch], slot)
        for waiting, receipt in zip(batch, receipts, strict=True):
            waiting.receipt = receipt


def store(db: Database, conn: Connection, arrivals: list[tuple[Arrival, str, str]], slot: int = 0) -> list[Receipt]:
    """Write arrivals (with body hash and key) in the caller's transaction and say what became of each."""
    now = db.now(conn)
    known = _known(conn, arrivals)
    rows: list[dict[str, Any]] = []
    retired: list[dict[str, Any]] = []
    seen: dict[int, int] = {}
    receipts: list[Receipt] = []
    new: dict[tuple[int, str], dict[str, Any]] = {}
    for arrival, digest, key in arrivals:
        place = (arrival.connector_id, key)
        if place in new:  # twice within this very batch
            first = new[place]
            same = first["body_sha256"] == digest
            first["seen"] += same
            receipts.append(Receipt(first["receipt"], "duplicate" if same else "conflict", first["seen"]))
            continue
        old = known.get(place)
        if old is not None and arrival.external_id is None and old["received_at"] <= now - arrival.window_s * SECOND:
            retired.append({"row": old["id"], "retired": f"{key}@{old['received_at']}"})
            old = None
        if old is None:
            row = _row(arrival, digest, key, now)
            rows.append(row)
            new[place] = row
            receipts.append(Receipt(row["receipt"], "accepted"))
        elif old["body_sha256"] == digest:
            seen[old["id"]] = seen.get(old["id"], 0) + 1
            receipts.append(Receipt(old["receipt"], "duplicate", old["seen"] + seen[old["id"]]))
        else:
            receipts.append(Receipt(old["receipt"], "conflict", old["seen"]))
    if retired:
        conn.execute(_RETIRE, sorted(retired, key=itemgetter("row")))
    if rows:
        if db.dialect == "postgresql":  # all writers take the same ids in the same order, or they would wait for each other
            rows.sort(key=itemgetter("connector_id", "external_id"))
        insert_many(conn, delivery, rows)
        _count(conn, rows, slot)
    if seen:
        conn.execute(_SEEN, [{"row": row, "n": n} for row, n in sorted(seen.items())])
    _keep_conflicts(conn, arrivals, receipts, now)
    return receipts


def _known(conn: Connection, arrivals: Iterable[tuple[Arrival, str, str]]) -> dict[tuple[int, str], Any]:
    keys: dict[int, list[str]] = {}
    for arrival, _, key in arrivals:
        keys.setdefault(arrival.connector_id, []).append(key)
    columns = delivery.c
    found: dict[tuple[int, str], Any] = {}
    for connector_id, names in keys.items():
        query = select(
            columns.id, columns.receipt, columns.external_id, columns.body_sha256, columns.received_at, columns.seen
        ).where(columns.connector_id == connector_id, columns.external_id.in_(names))
        for row in conn.execute(query).mappings():
            found[(connector_id, row["external_id"])] = row
    return found


def _row(arrival: Arrival, digest: str, key: str, now: Micros) -> dict[str, Any]:
    return {
        "receipt": new_id("rcp"),
        "connector_id": arrival.connector_id,
        "external_id": key,
        "body_sha256": digest,
        "body": arrival.body,
        "headers": arrival.headers,
        "origin": arrival.origin.value,
        "stream": arrival.stream,
        "received_at": now,
        "seen": 1,
        "state": State.WAITING.value,
        "next_at": now,
        "attempts": 0,
        "replay_of": arrival.replay_of,
    }


def _count(conn: Connection, rows: list[dict[str, Any]], slot: int) -> None:
    counts: dict[int, int] = {}
    for row in rows:
        counts[row["connector_id"]] = counts.get(row["connector_id"], 0) + 1
    for connector_id, n in sorted(counts.items()):
        if conn.execute(_COUNT, {"c": connector_id, "s": slot, "n": n}).rowcount == 0:
            conn.execute(
                text(
                    "INSERT INTO intake (connector_id, slot, accepted) VALUES (:c, :s, :n)"
                    " ON CONFLICT (connector_id, slot) DO UPDATE SET accepted = intake.accepted + :n"
                ),
                {"c": connector_id, "s": slot, "n": n},
            )


def _keep_conflicts(conn: Connection, arrivals: list[tuple[Arrival, str, str]], receipts: list[Receipt], now: Micros) -> None:
    """Keep every different body that came under a known id, once, and count how often it came."""
    for (arrival, digest, _), receipt in zip(arrivals, receipts, strict=True):
        if receipt.status != "conflict":
            continue
        delivery_id = conn.execute(select(delivery.c.id).where(delivery.c.receipt == receipt.receipt)).scalar_one()
        again = conn.execute(
            update(conflict)
            .where(conflict.c.delivery_id == delivery_id, conflict.c.body_sha256 == digest)
            .values(seen=conflict.c.seen + 1)
        )
        if again.rowcount == 0:
            conn.execute(
                conflict.insert().values(
                    delivery_id=delivery_id, at=now, body_sha256=digest, body=arrival.body, headers=arrival.headers
                )
            )


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0][:300]
