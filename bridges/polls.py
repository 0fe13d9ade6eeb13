"""
Polling: the pull that runs beside every push, so that what a push missed is found.

A due stream is leased, one page is read without a transaction, then page, cursor and next time are
stored in one commit: a kill at any point reads the same page again and nothing is lost. The same
page as the last one is only counted, not stored.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import or_, select, update

from bridges.holds import hold
from bridges.passing import until_passed
from bridges.registered import Registered
from bridges.retry import wait_before
from bridges.storing import Arrival, store
from core.clock import SECOND
from core.database import Database
from core.errors import CredentialsError, SetupError, TielineError
from core.jsons import sha256
from core.repairs import close_repair, open_repair
from core.tables import connector, stream
from core.words import Micros, Origin, Page

LEASE_S = 120
"""A poll that takes longer than this is taken over; its late result is refused by the fence."""


class PollFailedError(SetupError):
    """A stream that could not be read, for a reason that has no name of its own yet."""

    code = "poll-failed"
    title, title_zh = "A stream cannot be polled", "数据流无法轮询"


@dataclass(frozen=True, slots=True)
class Due:
    """One stream in this worker's hands."""

    id: int
    connector_id: int
    connector: str
    name: str
    cursor: Any
    every_s: int
    page_sha256: str | None
    fence: int
    failures: int


class Poller:
    """Polls due streams, several at a time, each one only once at a time in the whole system."""

    def __init__(self, db: Database, registered: Registered, *, owner: str, slots: int = 4) -> None:
        self._db, self._registered, self._owner, self._slots = db, registered, owner, slots
        self.progress = 0
        """Counts the streams that were claimed and polled here: a watchdog asks whether it moves."""

    def run(self, *, then: Callable[[], None] = lambda: None) -> int:
        """Poll every due stream once, following pages; return how many pages were stored."""
        due = self._claim()
        if not due:
            return 0
        with ThreadPoolExecutor(self._slots, thread_name_prefix="poll") as pool:
            pages = sum(pool.map(self._poll, due))
        self.progress += len(due)
        if pages:
            then()
        return pages

    def _claim(self) -> list[Due]:
        with self._db.read() as conn:  # a cheap look first: most of the time nothing is due
            now = self._db.now(conn)
            if conn.execute(_due_query(now).limit(1)).first() is None:
                return []
        with self._db.write() as conn:
            now = self._db.now(conn)
            query = _due_query(now).limit(32)
            if self._db.dialect == "postgresql":
                query = query.with_for_update(skip_locked=True, of=stream)
            rows = conn.execute(query).mappings().all()
            for row in rows:
                conn.execute(
                    update(stream)
                    .where(stream.c.id == row["id"])
                    .values(lease_owner=self._owner, lease_until=now + LEASE_S * SECOND, fence=stream.c.fence + 1)
                )
        return [
            Due(
                row["id"], row["connector_id"], row["connector"], row["name"], row["cursor"], row["every_s"],
                row["page_sha256"], row["fence"] + 1, row["failures"],
            )
            for row in rows
        ]  # fmt: skip

    def _poll(self, due: Due) -> int:
        stored = 0
        while True:
            try:
                page = self._registered.open(due.connector_id).poll(due.name, due.cursor)
            except TielineError as error:
                until_passed(partial(self._failed, due, error))
                return stored
            except Exception as unknown:
                named = PollFailedError(
                    f"Stream {due.name} of {due.connector} could not be read.",
                    why=self._registered.masked(due.connector_id, f"{type(unknown).__name__}: {unknown}"),
                    fix="It is polled again; if it stays, report it with this text.",
                )
                until_passed(partial(self._failed, due, named))
                return stored
            wrote, kept = until_passed(partial(self._store, due, page))
            if not kept:
                return stored  # somebody else took over
            stored += wrote
            if not page.more:
                return stored
            due = Due(
                due.id, due.connector_id, due.connector, due.name, page.cursor, due.every_s, sha256(page.body), due.fence, 0
            )

    def _store(self, due: Due, page: Page) -> tuple[int, bool]:
        """Store page and cursor together; say how many pages were new, and whether the lease was still ours."""
        digest = sha256(page.body)
        with self._db.write() as conn:
            now = self._db.now(conn)
            changes: dict[str, Any] = {
                "cursor": page.cursor, "page_sha256": digest, "failures": 0, "last_ok_at": now, "last_error": None,
                "next_at": now if page.more else now + due.every_s * SECOND,
            }  # fmt: skip
            if not page.more:
                changes |= {"lease_owner": None, "lease_until": None}
            else:
                changes |= {"lease_until": now + LEASE_S * SECOND}
            ours = conn.execute(
                update(stream).where(stream.c.id == due.id, stream.c.fence == due.fence).values(changes)
            ).rowcount
            if not ours:
                return 0, False
            if due.failures:
                close_repair(conn, f"poll:{due.connector}:{due.name}", now=now)
            if page.count == 0 or digest == due.page_sha256:
                return 0, True
            key = f"poll:{due.name}:{digest}@{now}"
            arrival = Arrival(due.connector_id, page.body, {}, key, origin=Origin.POLL, stream=due.name)
            store(self._db, conn, [(arrival, digest, key)])
        return 1, True

    def _failed(self, due: Due, error: TielineError) -> None:
        with self._db.write() as conn:
            now = self._db.now(conn)
            wait = wait_before(error, min(due.failures + 1, 5)) or due.every_s * SECOND
            ours = conn.execute(
                update(stream)
                .where(stream.c.id == due.id, stream.c.fence == due.fence)
                .values(
                    lease_owner=None,
                    lease_until=None,
                    failures=due.failures + 1,
                    last_error=error.as_dict(),
                    next_at=now + max(wait, SECOND),
                )
            ).rowcount
            if not ours:
                return  # somebody else took over: what he finds counts
            if isinstance(error, CredentialsError):
                key = f"{error.code}:{due.connector}"
                open_repair(conn, key, error, connector=due.connector, now=now)
                hold(conn, due.connector_id, by=f"repair:{key}", now=now)
            elif isinstance(error, SetupError) or due.failures >= 2:
                open_repair(conn, f"poll:{due.connector}:{due.name}", error, connector=due.connector, now=now)


def _due_query(now: Micros) -> Any:
    return (
        select(stream, connector.c.name.label("connector"))
        .join(connector, connector.c.id == stream.c.connector_id)
        .where(
            stream.c.enabled,
            stream.c.next_at <= now,
            or_(stream.c.lease_until.is_(None), stream.c.lease_until < now),
            connector.c.state == "ok",
        )
        .order_by(stream.c.next_at)
    )
