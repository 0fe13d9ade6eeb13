"""
What arrives becomes rows: new, known, or a conflict; in the caller's transaction, with a few statements for many.

A key is looked for among the deliveries at hand and among those remembered, whose delivery is archived or pruned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, text, update

from bridges.archive import put_back
from core.bulk import insert_many
from core.clock import SECOND
from core.database import Database
from core.ids import new_id
from core.jsons import dumps
from core.tables import conflict, delivery, intake, remembered
from core.words import Micros, Origin, State

SLOTS = 16


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


_COUNT = (
    update(intake)
    .where(intake.c.connector_id == bindparam("c"), intake.c.slot == bindparam("s"))
    .values(accepted=intake.c.accepted + bindparam("n"))
)
_SEEN = update(delivery).where(delivery.c.id == bindparam("row")).values(seen=delivery.c.seen + bindparam("n"))
_SEEN_AWAY = (
    update(remembered)
    .where(remembered.c.connector_id == bindparam("c"), remembered.c.external_id == bindparam("k"))
    .values(seen=remembered.c.seen + bindparam("n"))
)
_RETIRE = update(delivery).where(delivery.c.id == bindparam("row")).values(external_id=bindparam("retired"))


@dataclass(slots=True)
class _Sorted:
    """What becomes of a batch of arrivals."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    retired: list[dict[str, Any]] = field(default_factory=list)
    seen: dict[tuple[int | None, int, str], int] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    new: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)


def store(db: Database, conn: Connection, arrivals: list[tuple[Arrival, str, str]], slot: int = 0) -> list[Receipt]:
    """Write arrivals (with body hash and key) in the caller's transaction and say what became of each."""
    now = db.now(conn)
    known = _known(conn, arrivals)
    found = _Sorted()
    for arrival, digest, key in arrivals:
        _sort(found, known.get((arrival.connector_id, key)), arrival, digest, key, now)
    if found.retired:
        conn.execute(_RETIRE, sorted(found.retired, key=itemgetter("row")))
    if found.rows:
        if db.dialect == "postgresql":  # all writers take the same ids in the same order, or they would wait for each other
            found.rows.sort(key=itemgetter("connector_id", "external_id"))
        insert_many(conn, delivery, found.rows)
        _count(conn, found.rows, slot)
    if found.seen:
        _count_seen(conn, found.seen)
    if any(receipt.status == "conflict" for receipt in found.receipts):
        _keep_conflicts(conn, arrivals, found.receipts, now)
    return found.receipts


def _sort(found: _Sorted, old: Any, arrival: Arrival, digest: str, key: str, now: Micros) -> None:
    """Say what one arrival is: twice in this batch, known, in conflict with what is known, or new."""
    place = (arrival.connector_id, key)
    if place in found.new:
        first = found.new[place]
        same = first["body_sha256"] == digest
        first["seen"] += same
        found.receipts.append(Receipt(first["receipt"], "duplicate" if same else "conflict", first["seen"]))
        return
    if old is not None and arrival.external_id is None and old["received_at"] <= now - arrival.window_s * SECOND:
        if old["id"] is not None:  # one that is archived has left its key already, and is remembered anew
            found.retired.append({"row": old["id"], "retired": f"{key}@{old['received_at']}"})
        old = None
    if old is None:
        row = _row(arrival, digest, key, now)
        found.rows.append(row)
        found.new[place] = row
        found.receipts.append(Receipt(row["receipt"], "accepted"))
    elif old["body_sha256"] == digest:
        counted = (old["id"], *place)
        found.seen[counted] = found.seen.get(counted, 0) + 1
        found.receipts.append(Receipt(old["receipt"], "duplicate", old["seen"] + found.seen[counted]))
    else:
        found.receipts.append(Receipt(old["receipt"], "conflict", old["seen"]))


def _count_seen(conn: Connection, seen: Mapping[tuple[int | None, int, str], int]) -> None:
    """Count that known ones came again, at hand or archived; every writer in the same order."""
    here = sorted((row, n) for (row, _, _), n in seen.items() if row is not None)
    if here:
        conn.execute(_SEEN, [{"row": row, "n": n} for row, n in here])
    away = sorted((connector_id, key, n) for (row, connector_id, key), n in seen.items() if row is None)
    if away:
        conn.execute(_SEEN_AWAY, [{"c": connector_id, "k": key, "n": n} for connector_id, key, n in away])


def _known(conn: Connection, arrivals: Iterable[tuple[Arrival, str, str]]) -> dict[tuple[int, str], Any]:
    """Return what is known by these keys: at hand, else remembered. One statement per connector, with one bound list."""
    keys: dict[int, list[str]] = {}
    for arrival, _, key in arrivals:
        keys.setdefault(arrival.connector_id, []).append(key)
    found: dict[tuple[int, str], Any] = {}
    is_sqlite = conn.dialect.name == "sqlite"
    for connector_id, names in keys.items():
        given = {"connector": connector_id, "names": dumps(names) if is_sqlite else names}
        for row in conn.execute(_KNOWN["sqlite" if is_sqlite else "postgresql"], given).mappings():
            place = (connector_id, row["external_id"])
            if place not in found or row["id"] is not None:
                found[place] = row
    return found


_COLUMNS = "receipt, external_id, body_sha256, received_at, seen"
_KNOWN = {
    dialect: text(
        f"SELECT id, {_COLUMNS} FROM delivery WHERE connector_id = :connector AND external_id {among}"  # noqa: S608 - fixed names
        f" UNION ALL SELECT NULL, {_COLUMNS} FROM remembered WHERE connector_id = :connector AND external_id {among}"
    )
    for dialect, among in (
        ("sqlite", "IN (SELECT value FROM json_each(:names))"),
        ("postgresql", "= ANY(CAST(:names AS text[]))"),
    )
}


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
        if put_back(conn, receipt.receipt):  # it was archived: now there is something to decide about it again
            conn.execute(delete(remembered).where(remembered.c.receipt == receipt.receipt))
        delivery_id = conn.execute(select(delivery.c.id).where(delivery.c.receipt == receipt.receipt)).scalar_one_or_none()
        if delivery_id is None:
            continue  # pruned: the sender is told of the conflict, but there is nothing left to compare it with
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
