"""
One batch: what was read becomes rows, and each delivery gets its end, in the caller's transaction.

The caller commits (``bridges.handle``) or rolls back (a dry run of ``bridges.replay``): it is the same code.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, select

from bridges import rules as compiled
from bridges.batch import Batch
from bridges.echoes import ledger
from bridges.entered import keep_prepared, match_entered
from bridges.holds import stand_as_now
from bridges.loops import USUAL, Guards, LoopError, keep_to_budget
from bridges.parsed import Item, Reading, read, resolve
from bridges.prefetch import prefetch
from bridges.profiling import hold_back
from bridges.registered import ConnectorRow, Registered
from bridges.writes import write
from core.bulk import update_many
from core.database import Database
from core.errors import SetupError
from core.log import about
from core.repairs import close_repair, open_repair
from core.tables import action, delivery, entity, event
from core.words import Micros, State
from mappings import catalogue as definitions
from mappings.coverage import count
from mappings.translate import Looked


class UnmappedWordError(SetupError):
    """A code table that asks a steward lacks a word."""

    code = "unmapped-word"
    title, title_zh = "A code table lacks a word", "代码表缺少一个词"


log = logging.getLogger("tieline.engine")


def tell(row: ConnectorRow, batch: Batch) -> None:
    """Log what needs a person, once it is committed."""
    for receipt, outcome in batch.outcomes:
        if outcome["state"] in (State.HELD, State.DEAD):
            things = about(connector=row.name, receipt=receipt)
            log.warning("A delivery is %s: %s", outcome["state"], outcome["reason"], extra=things)


def handle_rows(
    db: Database,
    conn: Connection,
    registered: Registered,
    row: ConnectorRow,
    waiting: Any,
    now: Micros,
    guards: Guards = USUAL,
) -> Batch:
    """Handle deliveries of one connector in the caller's transaction (a dry run rolls it back)."""
    return handle_readings(db, conn, registered, row, read(waiting, row, registered, definitions.load(conn)), now, guards)


def handle_readings(
    db: Database,
    conn: Connection,
    registered: Registered,
    row: ConnectorRow,
    readings: list[Reading],
    now: Micros,
    guards: Guards = USUAL,
) -> Batch:
    """Handle deliveries that were read and translated by the live definitions."""
    catalogue = definitions.load(conn)
    rules = compiled.load(conn, catalogue.specs)
    items = [item for reading in readings for item in reading.items]
    hold_back(conn, row, items)
    resolve(conn, db, items, catalogue, now)
    match_entered(conn, db, items, catalogue, now)
    earlier = _earlier(conn, [one.delivery["id"] for one in readings if one.delivery["handled_at"] is not None])
    batch = Batch(
        db=db,
        conn=conn,
        registered=registered,
        catalogue=catalogue,
        rules=rules,
        now=now,
        ledger=ledger(conn, {(row.id, "", item.record.external_id) for item in items}),
        earlier=earlier,
        goes_first=row.urgent,
        acted=_acted(conn, [one["id"] for one in earlier.values()]),
        guards=guards,
    )
    prefetch(batch, items)
    for item in items:
        batch.apply(item)
    stand_as_now(conn, batch.rows.actions, now)
    keep_to_budget(conn, batch.spending, guards, now)
    write(conn, batch.rows, earlier, now)
    count(conn, row.id, _looked(items), now)
    keep_prepared(conn, items, batch.rows.values, catalogue, now)
    said: dict[int, list[dict[str, Any]]] = {}
    for one in batch.rows.events:
        said.setdefault(one["delivery_id"], []).append(one)
    outcomes = [_outcome(reading, said.get(reading.delivery["id"], []), batch, now) for reading in readings]
    finish(conn, outcomes)
    batch.outcomes = [(reading.delivery["receipt"], one) for reading, one in zip(readings, outcomes, strict=True)]
    _mind_repairs(conn, readings, items, row, now)
    return batch


def _looked(items: list[Item]) -> Iterator[Looked]:
    """Yield what was looked up in code tables for the first time: a replay counts nothing twice."""
    for item in items:
        if item.translation is not None and item.delivery["handled_at"] is None:
            yield from item.translation.words


def _earlier(conn: Connection, delivery_ids: list[int]) -> dict[tuple[int, int], Mapping[Any, Any]]:
    if not delivery_ids:
        return {}
    rows = conn.execute(select(event).where(event.c.delivery_id.in_(delivery_ids))).mappings()
    return {(row["delivery_id"], row["n"]): row for row in rows}


def _acted(conn: Connection, event_ids: list[str]) -> dict[str, Mapping[Any, Any]]:
    if not event_ids:
        return {}
    query = (
        select(action, entity.c.gid.label("target_gid"))
        .join(entity, entity.c.id == action.c.target_id, isouter=True)
        .where(action.c.event_id.in_(event_ids))
        .order_by(action.c.id)
        .with_for_update(of=action)  # what is done while we plan must not be missed by the steps behind it
    )
    return {row["key"]: row for row in conn.execute(query).mappings()}


def _outcome(reading: Reading, mine: list[dict[str, Any]], batch: Batch, now: Micros) -> dict[str, Any]:
    """Say what became of a delivery, from what became of its events."""
    row = reading.delivery
    if reading.error is not None:
        error = reading.error
        return ended(row, State.DEAD, f"{error.code}: {error.what} {error.why}", now, error=error.as_dict())
    unchanged = batch.rows.unchanged.get(row["id"], 0)
    kept: set[int] = set()
    if batch.earlier:  # a replay may find fewer; none is dropped
        kept = {n for delivery_id, n in batch.earlier if delivery_id == row["id"]}
    counts = {"events": len(kept | {one["n"] for one in mine}), "unchanged": unchanged}
    for state in (State.HELD, State.DEAD):
        found = [one for one in mine if one["state"] == state]
        if found:
            reason = found[0]["reason"] if len(found) == 1 else f"{len(found)} events; the first: {found[0]['reason']}"
            return ended(row, state, reason, now, held_by=found[0]["held_by"], **counts)
    if any(one["state"] == State.DONE for one in mine):
        return ended(row, State.DONE, None, now, **counts)
    reasons = list(dict.fromkeys(one["reason"] for one in mine)) or ["unchanged" if unchanged else "nothing in it"]
    return ended(row, State.SKIPPED, "; ".join(reasons), now, **counts)


def ended(row: Mapping[Any, Any], state: State, reason: str | None, now: Micros, **more: Any) -> dict[str, Any]:
    """Return what a delivery's row becomes."""
    ended = {"id": row["id"], "state": state.value, "reason": reason, "handled_at": now, "next_at": None}
    return ended | {name: more.get(name) for name in ("held_by", "events", "unchanged", "error")}


def finish(conn: Connection, ended: list[dict[str, Any]]) -> None:
    """Write the ends of deliveries."""
    update_many(conn, delivery, "id", ended, add={"attempts": 1})


def _mind_repairs(conn: Connection, readings: list[Reading], items: list[Item], row: ConnectorRow, now: Micros) -> None:
    """Open a repair for what could not be read; close those of a replay that went well."""
    for reading in readings:
        if reading.error is not None:
            open_repair(conn, f"delivery:{reading.delivery['receipt']}", reading.error, connector=row.name, now=now)
        elif reading.delivery["handled_at"] is not None:
            close_repair(conn, f"delivery:{reading.delivery['receipt']}", now=now)
    asked = {table: word for item in items if item.translation for table, word in item.translation.asked.items()}
    for table, word in asked.items():
        open_repair(conn, f"word:{table}", _unknown_word(table, word), connector=row.name, now=now)
    replayed = {item.delivery["id"] for item in items if item.delivery["handled_at"] is not None}
    for item in items:
        if item.delivery["id"] in replayed and item.error is None:
            _close_when_last(conn, item, row, now)


def _unknown_word(table: str, word: str) -> UnmappedWordError:
    return UnmappedWordError(
        f"The code table {table} lacks the word {word[:80]!r}.",
        why="Its `unmapped` is review: fields with that word are quarantined until a steward decides.",
        fix=f"See `tieline tables words {table}`, add the word and publish; then `tieline replay --mapping …`.",
    )


def _close_when_last(conn: Connection, item: Item, row: ConnectorRow, now: Micros) -> None:
    """Close the repair that held events of this stream when no event is held by it any more."""
    place = item.mapping.to if item.mapping else item.record.stream
    for code in ("unmapped", "unknown-id-shape", "definition", LoopError.code, "drift"):
        for where in {place, item.record.stream}:
            key = f"{code}:{row.name}:{where}"
            left = conn.execute(
                select(event.c.id).where(event.c.held_by == f"repair:{key}", event.c.state == State.HELD).limit(1)
            ).first()
            if left is None:
                close_repair(conn, key, now=now)
    done = conn.execute(
        select(event.c.id).where(event.c.delivery_id == item.delivery["id"], event.c.n == item.n)
    ).scalar_one_or_none()
    if done is not None:
        close_repair(conn, f"event:{done}", now=now)
