"""
The inbox: what arrives is committed, then promised.

Requests put their arrival in a queue; a writer thread commits many of them in one transaction
(one fsync serves many requests) and only then are they answered. SQLite gets one writer, PostgreSQL
several. A body without an id of its own is known by its hash within the window its door declares.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError, IntegrityError

from bridges.passing import passes, until_passed
from bridges.refusals import Refusals
from bridges.storing import SLOTS, Arrival, Receipt, store
from core.database import Database
from core.errors import TransientError
from core.jsons import sha256

log = logging.getLogger("tieline.engine")


class CannotStoreError(TransientError):
    """The store does not take the delivery, so it is not promised: the sender must send again."""

    code = "cannot-store"
    title, title_zh = "The delivery could not be stored", "消息未能存储"


@dataclass(slots=True)
class _Waiting:
    arrival: Arrival
    body_sha256: str
    key: str
    done: threading.Event = field(default_factory=threading.Event)
    receipt: Receipt | None = None
    error: Exception | None = None
    future: asyncio.Future[Receipt] | None = None

    def result(self) -> Receipt:
        """Return the receipt, or raise why there is none."""
        if self.error is not None:
            raise CannotStoreError(
                "The delivery was not stored.",
                why=f"The database said: {_first_line(self.error)}.",
                fix="Send it again; look at the server's disk and database.",
                retry_after=5,
            ) from self.error
        assert self.receipt is not None
        return self.receipt


def _told(batch: list[_Waiting]) -> None:
    """Tell the requests of one event loop what became of them; a request that has given up is told nothing."""
    for waiting in batch:
        future = waiting.future
        if future is None or future.done():
            continue
        try:
            future.set_result(waiting.result())
        except CannotStoreError as error:
            future.set_exception(error)


class Inbox:
    """The one way in for everything that is accepted. One per process; safe for threads."""

    def __init__(
        self, db: Database, ring: Callable[[], None] = lambda: None, *, writers: int | None = None, batch: int = 256
    ) -> None:
        self._db, self._ring, self._batch = db, ring, batch
        self._refusals = Refusals(db)
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
            raise _too_late(timeout_s)
        return waiting.result()

    async def accept_soon(self, arrival: Arrival, *, timeout_s: float = 30) -> Receipt:
        """Do the same for an event loop: no thread sleeps meanwhile, and one call tells a whole batch."""
        digest = sha256(arrival.body)
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._queue.put(_Waiting(arrival, digest, arrival.external_id or f"sha256:{digest}", future=future))
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise _too_late(timeout_s) from None

    def refuse(
        self,
        connector: str,
        code: str,
        detail: str,
        *,
        size: int | None = None,
        head: bytes = b"",
        remote: str | None = None,
        write: Callable[[Callable[[], None]], object] = lambda work: work(),
    ) -> None:
        """Record what was refused at the door and why, within bounds; at most the first 256 bytes of it are kept."""
        self._refusals.keep(
            {
                "connector": connector[:200],
                "code": code,
                "detail": detail[:2000],
                "size": size,
                "head": head[:256],
                "remote": remote,
            },
            write,
        )

    def close(self) -> None:
        """Finish what is queued and stop the writers."""
        with suppress(DBAPIError):
            self._refusals.flush()
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
        loops: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
        for waiting in batch:
            if waiting.future is None:
                waiting.done.set()
            else:
                loops.setdefault(waiting.future.get_loop(), []).append(waiting)
        for loop, told in loops.items():
            with suppress(RuntimeError):  # a loop that is closed by now has nobody left to tell
                loop.call_soon_threadsafe(_told, told)
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


def _too_late(timeout_s: float) -> CannotStoreError:
    return CannotStoreError(
        "The delivery was not stored in time.",
        why=f"The database did not commit within {timeout_s:.0f} s.",
        fix="Send it again; the same body or id is recognised, so nothing is doubled.",
        retry_after=5,
    )


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0][:300]
