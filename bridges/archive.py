"""
The archive: a delivery that has ended leaves the live tables with everything that became of it, as one bundle.

Nothing is forgotten by that: its counts stay in the books, its key stays remembered, and any id in it finds the
bundle again, for explaining and for a replay, which first puts it back. What a person still has to decide
about (dead, held) and what still waits never leaves.
"""

from __future__ import annotations

import base64
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, exists, select, text

from core.bulk import insert_many
from core.clock import SECOND, to_rfc3339
from core.database import Database
from core.jsons import dumps, loads
from core.tables import (
    action,
    archive,
    archive_count,
    archive_id,
    attempt,
    conflict,
    decision,
    delivery,
    event,
    remembered,
)
from core.words import Micros, State

DAY = 86_400 * SECOND
ENDED = (State.DONE.value, State.SKIPPED.value)
_PARTS: tuple[Table, ...] = (delivery, conflict, event, decision, action, attempt)
"""In the order of their foreign keys."""
_BINARY = {"body"}


def ended_before(conn: Connection, cutoff: Micros, limit: int, after: tuple[Micros, int] = (0, 0)) -> list[Any]:
    """
    Return (id, handled_at) of deliveries that may leave, the longest ended first, from a place on.

    Everything of it must have ended, and the newest delivery stays: SQLite would give its number again.
    """
    open_event = exists().where(event.c.delivery_id == delivery.c.id, event.c.state.not_in(ENDED))
    open_action = exists().where(
        event.c.delivery_id == delivery.c.id, action.c.event_id == event.c.id, action.c.state.not_in(ENDED)
    )
    newest = select(delivery.c.id).order_by(delivery.c.id.desc()).limit(1).scalar_subquery()
    query = (
        select(delivery.c.id, delivery.c.handled_at)
        .where(
            text("delivery.state IN ('done', 'skipped')"),
            delivery.c.handled_at < cutoff,
            (delivery.c.handled_at > after[0]) | ((delivery.c.handled_at == after[0]) & (delivery.c.id > after[1])),
            delivery.c.id != newest,
            ~open_event,
            ~open_action,
        )
        .order_by(delivery.c.handled_at, delivery.c.id)
        .limit(limit)
    )
    return list(conn.execute(query))


def move(db: Database, conn: Connection, ids: Sequence[int], now: Micros) -> int:
    """Move these deliveries into the archive, in the caller's transaction; return how many went."""
    locked = select(delivery.c.id).where(delivery.c.id.in_(ids), text("delivery.state IN ('done', 'skipped')"))
    ids = list(conn.execute(locked.with_for_update(skip_locked=True)).scalars())
    if not ids:
        return 0
    parts = _read(conn, ids)
    owners = _owners(parts)
    rows, refs, counts = [], [], Counter[tuple[int, str, str]]()
    bundles = _bundles(parts, owners)
    for one in parts["delivery"]:
        day = one["handled_at"] // DAY
        bundle = bundles[one["id"]]
        rows.append(_row(one, day, bundle, now))
        refs += [{"day": day, "id": row["id"], "delivery_id": one["id"]} for row in (*bundle["event"], *bundle["action"])]
        for what in ("delivery", "event", "action"):
            counts.update((one["connector_id"], what, row["state"]) for row in bundle[what])
    make_days(db, conn, {row["day"] for row in rows})
    insert_many(conn, archive, rows)
    insert_many(conn, archive_id, refs)
    _count(conn, counts)
    names = ("connector_id", "external_id", "body_sha256", "receipt", "received_at", "seen")
    keys = [{name: one[name] for name in names} for one in parts["delivery"]]
    insert_many(conn, remembered, keys, replace=("connector_id", "external_id"))
    _delete(conn, parts)
    return len(rows)


def _row(one: Mapping[str, Any], day: int, bundle: Mapping[str, Any], now: Micros) -> dict[str, Any]:
    return {
        "day": day,
        "delivery_id": one["id"],
        "receipt": one["receipt"],
        "connector_id": one["connector_id"],
        "received_at": one["received_at"],
        "archived_at": now,
        "state": one["state"],
        "bundle": zlib.compress(dumps(bundle).encode(), 6),
    }


def _read(conn: Connection, ids: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of these deliveries, table by table."""
    parts = {"delivery": _rows(conn, delivery, "id", ids)}
    for table, column in ((conflict, "delivery_id"), (event, "delivery_id")):
        parts[table.name] = _rows(conn, table, column, ids)
    events = [row["id"] for row in parts["event"]]
    parts["decision"] = _rows(conn, decision, "event_id", events)
    parts["action"] = _rows(conn, action, "event_id", events)
    parts["attempt"] = _rows(conn, attempt, "action_id", [row["id"] for row in parts["action"]])
    return parts


def _rows(conn: Connection, table: Table, column: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for start in range(0, len(values), 500):
        query = select(table).where(table.c[column].in_(values[start : start + 500])).order_by(*table.primary_key.columns)
        found += [dict(row) for row in conn.execute(query).mappings()]
    return found


def _owners(parts: Mapping[str, list[dict[str, Any]]]) -> dict[str, dict[Any, int]]:
    """Return to which delivery each event and action belongs."""
    events = {row["id"]: row["delivery_id"] for row in parts["event"]}
    return {"event": events, "action": {row["id"]: events[row["event_id"]] for row in parts["action"]}}


def _bundles(
    parts: Mapping[str, list[dict[str, Any]]], owners: Mapping[str, Mapping[Any, int]]
) -> dict[int, dict[str, list[dict[str, Any]]]]:
    bundles: dict[int, dict[str, list[dict[str, Any]]]] = {
        one["id"]: {table.name: [] for table in _PARTS} for one in parts["delivery"]
    }
    for table in _PARTS:
        for row in parts[table.name]:
            bundles[_owner(table.name, row, owners)][table.name].append(
                {name: _written(name, one) for name, one in row.items()}
            )
    return bundles


def _owner(part: str, row: Mapping[str, Any], owners: Mapping[str, Mapping[Any, int]]) -> int:
    if part == "delivery":
        return int(row["id"])
    if part in ("conflict", "event"):
        return int(row["delivery_id"])
    return owners["event"][row["event_id"]] if part in ("decision", "action") else owners["action"][row["action_id"]]


def _written(name: str, one: Any) -> Any:
    return base64.b64encode(one).decode() if name in _BINARY else one


def _delete(conn: Connection, parts: Mapping[str, list[dict[str, Any]]]) -> None:
    for table in reversed(_PARTS):
        ids = [row["id"] for row in parts[table.name]]
        for start in range(0, len(ids), 500):
            conn.execute(delete(table).where(table.c.id.in_(ids[start : start + 500])))


def _count(conn: Connection, counts: Mapping[tuple[int, str, str], int]) -> None:
    sql = text(
        "INSERT INTO archive_count (connector_id, what, state, n) VALUES (:connector, :what, :state, :n)"
        " ON CONFLICT (connector_id, what, state) DO UPDATE SET n = archive_count.n + :n"
    )
    for (connector_id, what, state), n in sorted(counts.items()):
        conn.execute(sql, {"connector": connector_id, "what": what, "state": state, "n": n})


def make_days(db: Database, conn: Connection, days: Iterable[int]) -> None:
    """Make the partitions of these days (PostgreSQL); they are dropped whole when their time is over."""
    if db.dialect == "sqlite":
        return
    there = partitions(conn)
    for day in sorted(set(days) - there.keys()):
        db.lock_key(conn, "archive-day", str(day))
        for table in ("archive", "archive_id"):
            conn.exec_driver_sql(
                f'CREATE TABLE IF NOT EXISTS "{table}_{day}" PARTITION OF {table} FOR VALUES FROM ({day}) TO ({day + 1})'
            )


def partitions(conn: Connection) -> dict[int, str]:
    """Return the days that have a partition (PostgreSQL), with the name of the bundles' one."""
    query = text(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'archive'::regclass"
    )
    return {int(name.removeprefix("archive_")): name for name in conn.execute(query).scalars()}


def find(conn: Connection, public_id: str) -> dict[str, list[dict[str, Any]]] | None:
    """Return the bundle that holds this receipt, event or action; None when it is not in the archive."""
    row = _place(conn, public_id)
    return None if row is None else opened(row["bundle"])


def _place(conn: Connection, public_id: str) -> Mapping[Any, Any] | None:
    query = select(archive)
    if public_id.startswith("rcp_"):
        query = query.where(archive.c.receipt == public_id)
    else:
        where = select(archive_id.c.day, archive_id.c.delivery_id).where(archive_id.c.id == public_id)
        at = conn.execute(where).first()
        if at is None:
            return None
        query = query.where(archive.c.day == at.day, archive.c.delivery_id == at.delivery_id)
    return conn.execute(query).mappings().first()


def opened(bundle: bytes) -> dict[str, list[dict[str, Any]]]:
    """Return the rows in a bundle, by table."""
    parts: dict[str, list[dict[str, Any]]] = loads(zlib.decompress(bundle))
    for rows in parts.values():
        for row in rows:
            row.update({name: base64.b64decode(row[name]) for name in _BINARY & row.keys()})
    return parts


def put_back(conn: Connection, public_id: str) -> bool:
    """Put a bundle back into the live tables, in the caller's transaction; False when the archive does not hold it."""
    row = _place(conn, public_id)
    if row is None:
        return False
    parts = opened(row["bundle"])
    [back] = parts["delivery"]
    same = select(delivery.c.id).where(
        delivery.c.connector_id == back["connector_id"], delivery.c.external_id == back["external_id"]
    )
    if conn.execute(same).first() is not None:  # its key was given to a later one: it comes back under a retired key
        back["external_id"] = f"{back['external_id']}@{back['received_at']}"
    counts: Counter[tuple[int, str, str]] = Counter()
    for table in _PARTS:
        insert_many(conn, table, parts[table.name])
        if table.name in ("delivery", "event", "action"):
            counts.update((row["connector_id"], table.name, one["state"]) for one in parts[table.name])
    _count(conn, {key: -n for key, n in counts.items()})
    for gone in (archive, archive_id):
        conn.execute(delete(gone).where(gone.c.day == row["day"], gone.c.delivery_id == row["delivery_id"]))
    return True


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows around an id are read: at hand, or in one bundle of the archive."""

    conn: Connection
    public_id: str
    bundle: Mapping[str, list[dict[str, Any]]] | None = None

    @classmethod
    def of(cls, conn: Connection, public_id: str) -> Source:
        """Look at hand first."""
        table, column = {"evt": (event, event.c.id), "act": (action, action.c.id)}.get(
            public_id.partition("_")[0], (delivery, delivery.c.receipt)
        )
        here = conn.execute(select(table.c.id).where(column == public_id)).first()
        return cls(conn, public_id, None if here is not None else find(conn, public_id))

    def rows(self, table: Table, column: str, values: Sequence[Any], *order: str) -> list[Any]:
        """Return the rows that hold one of these values there, in this order."""
        if self.bundle is not None:
            found = [row for row in self.bundle[table.name] if row[column] in values]
            return sorted(found, key=lambda row: tuple(row[name] for name in order))
        query = select(table).where(table.c[column].in_(values)).order_by(*(table.c[name] for name in order))
        return list(self.conn.execute(query).mappings())

    def pruned(self) -> str | None:
        """Say that it was here and has been pruned, if that is so."""
        if self.public_id.startswith("rcp_"):
            query = select(remembered.c.received_at).where(remembered.c.receipt == self.public_id)
            at = self.conn.execute(query).scalar_one_or_none()
            if at is not None:
                return (
                    f"It was received at {to_rfc3339(at)}, ended well, and its day has been pruned from the archive"
                    " by the policy TIELINE_ARCHIVE_DAYS. Its key is still remembered."
                )
        return None


def counts(conn: Connection) -> dict[str, dict[str, int]]:
    """Return how many deliveries, events and actions have left the live tables, by the state in which they did."""
    found: dict[str, dict[str, int]] = {"delivery": {}, "event": {}, "action": {}}
    for row in conn.execute(select(archive_count.c.what, archive_count.c.state, archive_count.c.n)):
        found[row.what][row.state] = found[row.what].get(row.state, 0) + int(row.n)
    return found
