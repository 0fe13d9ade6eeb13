"""
Claiming actions: a lease, a renewal and a fence.

A claimed row stays ``waiting`` (so the accounting identity holds at every instant) and carries who
works on it until when. Who takes over a lapsed lease raises the fence; a stale worker's result is
then refused. PostgreSQL: FOR UPDATE SKIP LOCKED. SQLite: the write transaction is alone anyway.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, or_, select, text, update

from bridges.counting import count
from core.bulk import update_many
from core.clock import SECOND
from core.database import Database
from core.tables import action, attempt, connector, lane, late_facet, stream
from core.traces.spans import Place
from core.words import Json, Micros, State
from mappings.identity import external_ids

BREAKER_AFTER = 5
"""Failures in a row of one connector after which its breaker opens."""

BREAKER_S = (30, 60, 120, 300, 600)
"""How long it stays open: first, second, … time in a row."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """One action in a worker's hands."""

    id: str
    key: str
    bridge: str
    step: str
    decision_id: str
    event_id: str
    connector_id: int | None
    act: str
    target_id: int | None
    arguments: dict[str, Json]
    urgent: bool
    attempts: int
    fence: int
    created_at: Micros
    hops: int = 1
    missing: tuple[str, ...] = ()
    """Arguments for which the connector has no external id."""
    lost: Mapping[str, Any] | None = None
    """The attempt of a worker that did not come back, if this is taken over from one."""
    traced: Place | None = None
    """Where it stands in which trace; None when traces are off."""


def claim(db: Database, owner: str, *, limit: int, lease_s: int, room: Mapping[int | None, int] | None = None) -> list[Claimed]:
    """
    Take up to ``limit`` due actions: a fair share of each connector's, urgent ones first, never two of one order key,
    never past a blocked head. ``room`` bounds what is taken for single connectors.
    """
    with db.write() as conn:
        db.lock_key(conn, "claim")  # claims are short; side by side, two could each miss what the other takes
        now = db.now(conn)
        _hold_where_held(conn)
        rows = _due(db, conn, now, limit, room or {})
        if not rows:
            return []
        lost = {row["id"]: _lost(row, now) for row in rows if row["lease_owner"] is not None}
        if lost:
            conn.execute(attempt.insert(), list(lost.values()))
            count(conn, [(row["connector_id"], lost[row["id"]]) for row in rows if row["id"] in lost])
        taken = [{"id": row["id"], "lease_owner": owner, "lease_until": now + lease_s * SECOND} for row in rows]
        update_many(conn, action, "id", taken, add={"fence": 1, "attempts": 1})
        return _resolved(conn, [dict(row) for row in rows], lost)


def renew(db: Database, owner: str, claimed: list[Claimed], *, lease_s: int) -> None:
    """Keep the leases of what is still being worked on."""
    with db.write() as conn:
        until = db.now(conn) + lease_s * SECOND
        conn.execute(
            update(action)
            .where(action.c.id == bindparam("row"), action.c.fence == bindparam("held_fence"), action.c.lease_owner == owner)
            .values(lease_until=until),
            [{"row": one.id, "held_fence": one.fence} for one in claimed],
        )


def give_back(db: Database, owner: str, claimed: list[Claimed]) -> None:
    """Let go of what was claimed and not begun: as if it had never been claimed, but for the fence."""
    with db.write() as conn:
        conn.execute(
            update(action)
            .where(action.c.id == bindparam("row"), action.c.fence == bindparam("held_fence"), action.c.lease_owner == owner)
            .values(lease_owner=None, lease_until=None, attempts=action.c.attempts - 1),
            [{"row": one.id, "held_fence": one.fence} for one in claimed],
        )


def next_due(conn: Connection) -> Micros | None:
    """Return when the next waiting action is due, if any waits."""
    found: Micros | None = conn.execute(
        select(func.min(func.coalesce(action.c.lease_until, action.c.next_at))).where(action.c.state == State.WAITING)
    ).scalar_one()
    return found


def _due(db: Database, conn: Connection, now: Micros, limit: int, room: Mapping[int | None, int]) -> list[Any]:
    """
    Return due rows, a share of each connector's, so that one long queue does not hold up the others.

    Of each share three quarters go to urgent rows first and the rest to the others first: neither starves. Each
    query begins at the head of an index, so a long queue costs no more than a short one.
    """
    closed, probes = _breakers(conn, now)
    due: list[int | None] = [one for one in conn.execute(_WITH_DUE, {"now": now}).scalars() if one not in closed]
    if conn.execute(_OWN_DUE, {"now": now}).first() is not None:
        due.append(None)
    due = [one for one in due if room.get(one, limit) > 0]
    if len(due) > limit:
        random.shuffle(due)
    rows: list[Any] = []
    for place, one in enumerate(due):
        if (left := limit - len(rows)) <= 0:
            break
        share = max(1, left // (len(due) - place))
        share = 1 if one in probes else min(share, room.get(one, limit))  # half open: one probe at a time
        rows += _share(db, conn, one, now, share)
    return sorted(rows, key=itemgetter("priority", "next_at", "seq"))


def goes_first(conn: Connection, now: Micros) -> bool:
    """Say whether an action is due that goes before others and is in nobody's hands; a look costs no write lock."""
    return conn.execute(_FIRST_DUE, {"now": now}).first() is not None


def claimable(conn: Connection, now: Micros) -> Micros | None:
    """Return since when the oldest action waits that could be claimed now; None when there is none."""
    closed, _ = _breakers(conn, now)
    due: list[int | None] = [one for one in conn.execute(_WITH_DUE, {"now": now}).scalars() if one not in closed]
    waits: list[Micros] = []
    for one in [*due, None]:
        where = action.c.connector_id.is_(None) if one is None else action.c.connector_id == one
        first = _DUE.with_only_columns(action.c.next_at).where(where).limit(1)
        waits += conn.execute(first, {"now": now}).scalars().all()
    return min(waits, default=None)


def _share(db: Database, conn: Connection, connector_id: int | None, now: Micros, share: int) -> list[Any]:
    """Return one connector's due rows (None: acts of our own): urgent ones, a quarter for the others, urgent ones again."""
    urgent = _lane(db, conn, connector_id, now, _URGENT, share)
    others = _lane(db, conn, connector_id, now, _OTHERS, max(share - len(urgent), share // 4))
    keys = {row["order_key"] for row in urgent}
    others = [row for row in others if row["order_key"] not in keys]  # never two of one order key
    return [*urgent[: share - len(others)], *others] if share > 1 else (urgent or others)[:1]


def _lane(db: Database, conn: Connection, connector_id: int | None, now: Micros, lane: Any, limit: int) -> list[Any]:
    if limit <= 0:
        return []
    where = action.c.connector_id.is_(None) if connector_id is None else action.c.connector_id == connector_id
    query = _DUE.where(where, lane).limit(limit)
    if db.dialect != "sqlite":
        query = query.with_for_update(skip_locked=True, of=action)
    return list(conn.execute(query, {"now": now}).mappings())


_URGENT, _OTHERS = (action.c.priority == text("0"), action.c.priority == text("1"))
_OPEN = (action.c.state == text("'waiting'"), action.c.next_at <= bindparam("now"))
_WITH_DUE = (
    select(connector.c.id).where(exists().where(action.c.connector_id == connector.c.id, *_OPEN)).order_by(connector.c.id)
)
_FIRST_DUE = (
    select(connector.c.id)
    .where(
        connector.c.state == "ok",
        exists().where(action.c.connector_id == connector.c.id, _URGENT, *_OPEN, action.c.lease_until.is_(None)),
    )
    .limit(1)
)
_OWN_DUE = select(action.c.id).where(action.c.connector_id.is_(None), *_OPEN).limit(1)
_earlier = action.alias("earlier")
_DUE = (
    select(action)
    .where(
        action.c.state == text("'waiting'"),
        action.c.next_at <= bindparam("now"),
        or_(action.c.lease_until.is_(None), action.c.lease_until < bindparam("now")),
        ~exists().where(
            _earlier.c.order_key == action.c.order_key,
            _earlier.c.seq < action.c.seq,
            _earlier.c.state.not_in(text("('done', 'skipped')")),
        ),
        ~exists().where(  # a later one is under way already: it was there first, this one was added after it
            _earlier.c.order_key == action.c.order_key,
            _earlier.c.seq > action.c.seq,
            _earlier.c.state.not_in(text("('done', 'skipped')")),
            _earlier.c.lease_until >= bindparam("now"),
        ),
    )
    .order_by(action.c.priority, action.c.next_at, action.c.seq)
)


def _breakers(conn: Connection, now: Micros) -> tuple[list[int], list[int]]:
    """Return the connectors to which nothing is sent now, and those that may be probed with one action."""
    closed: list[int] = []
    probes: list[int] = []
    unwell = select(connector.c.id, connector.c.state, connector.c.breaker_open_until).where(
        or_(connector.c.state != "ok", connector.c.breaker_failures >= BREAKER_AFTER)
    )
    for row in conn.execute(unwell).all():
        if row.state != "ok" or (row.breaker_open_until or 0) > now or _in_flight(conn, row.id, now):
            closed.append(row.id)
        else:
            probes.append(row.id)
    return closed, probes


def _in_flight(conn: Connection, connector_id: int, now: Micros) -> bool:
    leased = exists().where(action.c.connector_id == connector_id, action.c.state == State.WAITING, action.c.lease_until >= now)
    return bool(conn.execute(select(leased)).scalar_one())


def _hold_where_held(conn: Connection) -> None:
    """Actions planned by a process that had not yet seen the hold follow it now."""
    unwell = select(connector.c.id, connector.c.held_by).where(connector.c.state != "ok").order_by(connector.c.id)
    held = conn.execute(unwell.with_for_update(read=True)).all()  # a release waits for us, or we see it
    for connector_id, held_by in held:
        conn.execute(
            update(action)
            .where(action.c.connector_id == connector_id, action.c.state == State.WAITING, action.c.lease_owner.is_(None))
            .values(state=State.HELD.value, held_by=held_by or "draft", next_at=None)
        )


def _lost(row: Any, now: Micros) -> dict[str, Any]:
    return {
        "action_id": row["id"],
        "n": row["attempts"],
        "fence": row["fence"],
        "worker": row["lease_owner"],
        "started_at": row["lease_until"],
        "ended_at": now,
        "outcome": "lost",
        "family": "transient",
        "code": "worker-lost",
        "detail": {
            "what": "The worker that held this action did not come back.",
            "why": "Its lease lapsed.",
            "fix": "None needed: it is tried again.",
        },
    }


def _resolved(conn: Connection, rows: list[dict[str, Any]], lost: Mapping[str, Mapping[str, Any]]) -> list[Claimed]:
    """Fill in the external ids of targets as they are known now."""
    wanted: dict[int, set[int]] = {}
    for row in rows:
        for one in row["arguments"].values():
            if isinstance(one, dict) and "$entity" in one:
                wanted.setdefault(row["connector_id"], set()).add(one["$entity"])
    known = {key: external_ids(conn, sorted(entities), key) for key, entities in wanted.items()}
    claimed = []
    for row in rows:
        arguments = dict(row["arguments"])
        missing = []
        for name, one in row["arguments"].items():
            if isinstance(one, dict) and "$entity" in one:
                arguments[name] = known[row["connector_id"]].get(one["$entity"])
                if arguments[name] is None:
                    missing.append(name)
        claimed.append(
            Claimed(
                id=row["id"],
                key=row["key"],
                bridge=row["bridge"],
                step=row["step"],
                decision_id=row["decision_id"],
                event_id=row["event_id"],
                connector_id=row["connector_id"],
                act=row["act"],
                target_id=row["target_id"],
                arguments=arguments,
                urgent=bool(row["urgent"]),
                attempts=row["attempts"] + 1,
                fence=row["fence"] + 1,
                created_at=row["created_at"],
                hops=row["hops"],
                missing=tuple(missing),
                lost=lost.get(row["id"]),
            )
        )
    return claimed


_LEASED = (action, lane, stream, late_facet)


def forget_dead(db: Database) -> list[str]:
    """
    Free what workers of this machine had leased that are gone; return who they were.

    An owner is ``host:pid``. A worker that nobody supervises, killed, would otherwise hold its leases until they lapse.
    """
    here = f"{socket.gethostname()}:"
    with db.read() as conn:
        now = db.now(conn)
        owners = {
            owner
            for table in _LEASED
            for owner in conn.execute(
                select(table.c.lease_owner).distinct().where(table.c.lease_owner.startswith(here), table.c.lease_until > now)
            ).scalars()
        }
    gone = sorted(owner for owner in owners if not _lives(owner.removeprefix(here)))
    for owner in gone:
        forget_owner(db, owner)
    return gone


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError, OverflowError):
        return True  # somebody else's, or no number of ours: its lease lapses in its own time
    return True


def forget_owner(db: Database, owner: str) -> None:
    """
    Free what a worker had leased, when its end is known for certain (its parent saw it end).

    The leases lapse at once instead of in their own time; fences make it safe in any case.
    """
    with db.write() as conn:
        now = db.now(conn)
        for table in _LEASED:
            conn.execute(
                update(table).where(table.c.lease_owner == owner, table.c.lease_until > now).values(lease_until=now - 1)
            )
