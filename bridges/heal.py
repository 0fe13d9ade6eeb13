"""Healing and escalating: what a repair holds is checked now and then; an urgent action that is late is told to people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import or_, select, update

from bridges.holds import release
from bridges.registered import Registered
from bridges.retry import ESCALATE_AFTER_S
from core.clock import SECOND
from core.database import Database
from core.errors import TielineError, TransientError
from core.repairs import open_repair
from core.tables import action, connector, delivery
from core.words import Micros, State
from mappings.catalogue import Catalogue, load


class LateError(TransientError):
    """An urgent action that is still not done: another channel must carry it."""

    code = "urgent-late"
    title, title_zh = "An urgent action is late", "紧急动作超时未完成"


def escalate_late(db: Database) -> int:
    """Open a repair for every urgent action that is open for longer than it may be; return how many are."""
    with db.read() as conn:
        since = db.now(conn) - ESCALATE_AFTER_S * SECOND
        late = conn.execute(
            select(action.c.id, action.c.act, action.c.bridge, action.c.created_at, action.c.reason, action.c.held_by).where(
                action.c.urgent,
                action.c.state.in_([State.WAITING.value, State.HELD.value]),
                action.c.created_at <= since,
                or_(action.c.held_by.is_(None), action.c.held_by.not_like("step:%")),  # its first step speaks for it
            )
        ).all()
    if late:
        with db.write() as conn:
            now = db.now(conn)
            for row in late:
                open_repair(conn, f"urgent:{row.id}", _late(row, now), connector=None, now=now)
    return len(late)


def _late(row: Any, now: Micros) -> LateError:
    return LateError(
        f"The urgent action {row.act} of bridge {row.bridge} is still not done.",
        why=f"It was asked for {(now - row.created_at) // SECOND} s ago; {row.reason or row.held_by or 'it waits'}.",
        fix="Tell the people concerned by another channel; it is tried again every minute.",
    )


def heal_held(db: Database, registered: Registered, *, then: Callable[[], None] = lambda: None) -> int:
    """Check every connector that a repair holds; release those whose check passes. Returns how many were released."""
    with db.read() as conn:
        held = conn.execute(
            select(connector.c.id, connector.c.held_by).where(connector.c.state == "held", connector.c.held_by.like("repair:%"))
        ).all()
    released = 0
    for connector_id, held_by in held:
        try:
            report = registered.open(connector_id).check()
        except TielineError:
            continue  # the repair stays open and keeps saying why
        with db.write() as conn:
            now = db.now(conn)
            here = connector.c.id == connector_id
            conn.execute(update(connector).where(here).values(report=report.as_dict(), checked_at=now))
            still = conn.execute(select(connector.c.held_by).where(here)).scalar_one()
            if report.ok and still == held_by:  # while we checked, a person may have taken hold of it
                release(conn, connector_id, now=now)
                released += 1
    if released:
        then()
    return released


def release_mended(db: Database, registered: Registered) -> int:
    """
    Let deliveries go on that waited for a mapping which is now live and sound; return how many.

    Called when definitions have been published; the handling itself closes the repair.
    """
    with db.read() as conn:
        holders = set(
            conn.execute(
                select(delivery.c.held_by)
                .where(delivery.c.state == State.HELD.value, delivery.c.held_by.like("repair:%"))
                .distinct()
            ).scalars()
        )
        catalogue = load(conn)
    mended = [holder for holder in holders if _is_mended(holder, registered, catalogue)]
    if not mended:
        return 0
    with db.write() as conn:
        return conn.execute(
            update(delivery)
            .where(delivery.c.state == State.HELD.value, delivery.c.held_by.in_(mended))
            .values(
                state=State.WAITING.value,
                next_at=db.now(conn),
                held_by=None,
                reason="mended",
                handled_at=delivery.c.received_at,
            )
        ).rowcount


def _is_mended(holder: str, registered: Registered, catalogue: Catalogue) -> bool:
    _, code, *place = holder.split(":", 3)
    if code not in ("unmapped", "definition") or len(place) != 2:
        return False
    row = registered.find(place[0])
    if row is None or catalogue.broken_for(row.kind, row.name, place[1]):
        return False
    return bool(catalogue.mappings_for(row.kind, row.name, place[1]))
