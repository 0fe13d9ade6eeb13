"""
The lists that the API and the pages show: newest first, one page at a time, by key and never by offset.

Every function takes an open connection and returns plain rows with times as RFC 3339 text, plus the
cursor of the next page. Only columns that people may see are read; bodies stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from core.clock import to_rfc3339
from core.tables import (
    action,
    attempt,
    conflict,
    connector,
    decision,
    delivery,
    entity,
    event,
    refusal,
    repair,
    snapshot,
    stream,
    value,
)
from core.words import FieldState, Micros
from gateway.refusals import ValidationError
from mappings.identity import entered

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """Which page of a list: at most ``limit`` rows after the row with this key."""

    limit: int = 50
    after: Any = None

    def read(
        self, conn: Connection, query: Select[Any], key: ColumnElement[Any], *, oldest_first: bool = False
    ) -> tuple[list[Row], Any]:
        """Return one page and the key to go on from (None: that was all)."""
        if self.after is not None:
            if isinstance(self.after, int) is not (key.type.python_type is int):
                raise ValidationError("query", [{"path": "cursor", "what": "belongs to another list"}])
            query = query.where(key > self.after if oldest_first else key < self.after)
        query = query.order_by(key if oldest_first else key.desc()).limit(self.limit + 1)
        rows = [dict(row) for row in conn.execute(query).mappings()]
        more = len(rows) > self.limit
        rows = rows[: self.limit]
        return [_shown(row) for row in rows], rows[-1][key.name] if more else None


def _shown(row: Row) -> Row:
    return {
        name: to_rfc3339(value) if name == "at" or name.endswith(("_at", "_until")) else value for name, value in row.items()
    }


def deliveries(
    conn: Connection,
    turn: Turn,
    *,
    connector_name: str | None = None,
    state: str | None = None,
    since: Micros | None = None,
    until: Micros | None = None,
) -> tuple[list[Row], Any]:
    """List what arrived, parsed or not."""
    query: Select[Any] = select(
        delivery.c.id,
        delivery.c.receipt,
        connector.c.name.label("connector"),
        delivery.c.origin,
        delivery.c.stream,
        delivery.c.received_at,
        delivery.c.state,
        delivery.c.reason,
        delivery.c.held_by,
        delivery.c.next_at,
        delivery.c.seen,
        delivery.c.events,
        func.length(delivery.c.body).label("size"),
        delivery.c.error,
    ).join(connector, connector.c.id == delivery.c.connector_id)
    if connector_name is not None:
        query = query.where(connector.c.name == connector_name)
    if state is not None:
        query = query.where(delivery.c.state == state)
    query = _between(query, delivery.c.received_at, since, until)
    return turn.read(conn, query, delivery.c.id)


def events(
    conn: Connection,
    turn: Turn,
    *,
    connector_name: str | None = None,
    state: str | None = None,
    type_: str | None = None,
    master_id: str | None = None,
    since: Micros | None = None,
    until: Micros | None = None,
) -> tuple[list[Row], Any]:
    """List what was parsed from it."""
    query: Select[Any] = (
        select(
            event.c.id,
            delivery.c.receipt,
            connector.c.name.label("connector"),
            event.c.stream,
            event.c.type,
            event.c.external_id,
            entity.c.gid.label("master_id"),
            event.c.at,
            event.c.handled_at,
            event.c.changes,
            event.c.state,
            event.c.reason,
            event.c.held_by,
        )
        .join(delivery, delivery.c.id == event.c.delivery_id)
        .join(connector, connector.c.id == event.c.connector_id)
        .outerjoin(entity, entity.c.id == event.c.entity_id)
    )
    if connector_name is not None:
        query = query.where(connector.c.name == connector_name)
    if state is not None:
        query = query.where(event.c.state == state)
    if type_ is not None:
        query = query.where(event.c.type == type_)
    if master_id is not None:
        query = query.where(event.c.entity_id.in_(_one_thing(master_id)))
    query = _between(query, event.c.handled_at, since, until)
    return turn.read(conn, query, event.c.id)


def _one_thing(master_id: str) -> Select[Any]:
    """Return the ids of all entities that are one thing with this one: what was told of any of them was told of it."""
    top = select(entity.c.survivor_id).where(entity.c.gid == entered(master_id)).scalar_subquery()
    return select(entity.c.id).where(entity.c.survivor_id == top)


def decisions(
    conn: Connection, turn: Turn, *, bridge: str | None = None, verdict: str | None = None, event_id: str | None = None
) -> tuple[list[Row], Any]:
    """List what bridges decided, fired or not."""
    columns = [one for one in decision.c if one.name not in ("version_id", "run")]
    query: Select[Any] = select(*columns, entity.c.gid.label("master_id")).join(event, event.c.id == decision.c.event_id)
    query = query.outerjoin(entity, entity.c.id == event.c.entity_id)
    if bridge is not None:
        query = query.where(decision.c.bridge == bridge)
    if verdict is not None:
        query = query.where(decision.c.verdict == verdict)
    if event_id is not None:
        query = query.where(decision.c.event_id == event_id)
    return turn.read(conn, query, decision.c.id)


def actions(
    conn: Connection,
    turn: Turn,
    *,
    connector_name: str | None = None,
    state: str | None = None,
    bridge: str | None = None,
) -> tuple[list[Row], Any]:
    """List what was to be done, and how far it is."""
    query = (
        select(
            action.c.id,
            action.c.bridge,
            action.c.step,
            action.c.act,
            connector.c.name.label("connector"),
            entity.c.gid.label("target"),
            action.c.event_id,
            action.c.urgent,
            action.c.state,
            action.c.reason,
            action.c.held_by,
            action.c.next_at,
            action.c.attempts,
            action.c.created_at,
            action.c.ended_at,
            action.c.external_id,
            action.c.error,
        )
        .outerjoin(connector, connector.c.id == action.c.connector_id)
        .outerjoin(entity, entity.c.id == action.c.target_id)
    )
    if connector_name is not None:
        query = query.where(connector.c.name == connector_name)
    if state is not None:
        query = query.where(action.c.state == state)
    if bridge is not None:
        query = query.where(action.c.bridge == bridge)
    return turn.read(conn, query, action.c.id)


def refusals(
    conn: Connection, turn: Turn, *, connector_name: str | None = None, code: str | None = None
) -> tuple[list[Row], Any]:
    """List what was turned away at the doors, with the first bytes as text."""
    query = select(refusal)
    if connector_name is not None:
        query = query.where(refusal.c.connector == connector_name)
    if code is not None:
        query = query.where(refusal.c.code == code)
    rows, after = turn.read(conn, query, refusal.c.id)
    for row in rows:
        row["head"] = bytes(row["head"] or b"").decode("utf-8", "backslashreplace")
    return rows, after


def conflicts(conn: Connection, turn: Turn) -> tuple[list[Row], Any]:
    """List the bodies that came under an id that was known with another body."""
    query = (
        select(
            conflict.c.id,
            conflict.c.at,
            delivery.c.receipt,
            connector.c.name.label("connector"),
            delivery.c.external_id,
            delivery.c.body_sha256.label("first_sha256"),
            conflict.c.body_sha256.label("other_sha256"),
            delivery.c.body.label("first"),
            conflict.c.body.label("other"),
            conflict.c.seen,
        )
        .join(delivery, delivery.c.id == conflict.c.delivery_id)
        .join(connector, connector.c.id == delivery.c.connector_id)
    )
    rows, after = turn.read(conn, query, conflict.c.id)
    for row in rows:
        for side in ("first", "other"):
            row[side] = bytes(row[side])[:4096].decode("utf-8", "backslashreplace")
    return rows, after


def repairs(conn: Connection, turn: Turn, *, open_only: bool = True) -> tuple[list[Row], Any]:
    """List what a person must fix."""
    query = select(repair)
    if open_only:
        query = query.where(repair.c.closed_at.is_(None))
    return turn.read(conn, query, repair.c.id)


def snapshots(conn: Connection, turn: Turn, *, recipe: str | None = None) -> tuple[list[Row], Any]:
    """List the snapshots, without their content."""
    ticket = entity.alias("ticket")
    query = (
        select(
            snapshot.c.id,
            snapshot.c.recipe,
            entity.c.gid.label("subject"),
            ticket.c.gid.label("ticket"),
            snapshot.c.parent_id.label("parent"),
            snapshot.c.state,
            snapshot.c.asked_at,
            snapshot.c.frozen_at,
        )
        .join(entity, entity.c.id == snapshot.c.subject_id)
        .outerjoin(ticket, ticket.c.id == snapshot.c.ticket_id)
    )
    if recipe is not None:
        query = query.where(snapshot.c.recipe == recipe)
    return turn.read(conn, query, snapshot.c.id)


def values_of(conn: Connection, etype: str, field: str, most: int) -> list[Row]:
    """Return the values of a field of the newest entities that have one; only the last few hundred are looked at."""
    newest = (
        select(entity.c.id, entity.c.gid)
        .where(entity.c.etype == etype, entity.c.survivor_id.is_(None) | (entity.c.survivor_id == entity.c.id))
        .order_by(entity.c.id.desc())
        .limit(300)
        .subquery()
    )
    query = (
        select(newest.c.gid.label("master_id"), value.c.field, value.c.value)
        .join(value, value.c.entity_id == newest.c.id)
        .where(value.c.field == field, value.c.state == FieldState.PRESENT.value)
        .order_by(newest.c.id.desc())
        .limit(most)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def streams(conn: Connection, connector_id: int) -> list[Row]:
    """List the polled streams of a connector and how their last poll went."""
    columns = [one for one in stream.c if one.name not in ("lease_owner", "lease_until", "fence", "page_sha256")]
    query = select(*columns).where(stream.c.connector_id == connector_id).order_by(stream.c.id)
    return [_shown(dict(row)) for row in conn.execute(query).mappings()]


def attempts(conn: Connection, action_id: str) -> list[Row]:
    """List every try of an action, oldest first."""
    query = select(attempt).where(attempt.c.action_id == action_id).order_by(attempt.c.id)
    return [_shown(dict(row)) for row in conn.execute(query).mappings()]


def _between(query: Select[Any], column: ColumnElement[Any], since: Micros | None, until: Micros | None) -> Select[Any]:
    if since is not None:
        query = query.where(column >= since)
    if until is not None:
        query = query.where(column < until)
    return query
