"""Healing and escalating: what a repair holds is checked now and then; an urgent action that is late is told to people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import or_, select, update

from bridges.holds import release
from bridges.registered import Registered
from bridges.retry import ESCALATE_AFTER_S
from connectors.kit.contract import CheckReport
from core.clock import SECOND
from core.database import Database
from core.errors import SetupError, TielineError, TransientError
from core.repairs import close_repair, open_repair
from core.tables import action, connector, delivery, repair
from core.words import Micros, State
from mappings.catalogue import Catalogue, load


class LateError(TransientError):
    """An urgent action that is still not done: another channel must carry it."""

    code = "urgent-late"
    title, title_zh = "An urgent action is late", "紧急动作超时未完成"


class StillHeldError(SetupError):
    """A connector that a repair holds was checked again, and something is still wrong."""

    code = "still-held"
    title, title_zh = "The connector still does not work", "连接器仍无法工作"


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
            select(connector.c.id, connector.c.name, connector.c.held_by).where(
                connector.c.state == "held", connector.c.held_by.like("repair:%")
            )
        ).all()
    released = 0
    for connector_id, name, held_by in held:
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
            elif still == held_by:
                error = _still_held(name, report)
                open_repair(conn, held_by.removeprefix("repair:"), error, connector=name, now=now)
    released += _heal_granted(db, registered)
    if released:
        then()
    return released


def _heal_granted(db: Database, registered: Registered) -> int:
    """
    Let actions go on that a missing permission holds, once the connector's check passes; return for how many connectors.

    A check cannot prove every permission, so each time the far side refuses again the next look is later, up to an hour.
    """
    with db.read() as conn:
        asked = (
            select(repair.c.key, repair.c.seen, repair.c.seen_at, connector.c.id)
            .join(connector, connector.c.name == repair.c.connector)
            .where(repair.c.closed_at.is_(None), repair.c.key.like("permission:%"), connector.c.state == "ok")
        )
        now = db.now(conn)
        due = [row for row in conn.execute(asked).all() if now - row.seen_at >= min(3600, 15 * row.seen) * SECOND]
    granted = 0
    for row in due:
        try:
            report = registered.open(row.id).check()
        except TielineError:
            continue
        if not report.ok:
            continue
        with db.write() as conn:
            conn.execute(
                update(action)
                .where(action.c.state == State.HELD.value, action.c.held_by == f"repair:{row.key}")
                .values(state=State.WAITING.value, held_by=None, next_at=db.now(conn))
            )
            close_repair(conn, row.key, now=db.now(conn))
        granted += 1
    return granted


def _still_held(name: str, report: CheckReport) -> StillHeldError:
    """Say what is in the way now: it may be another thing than what the repair was opened for."""
    steps = [step for step in report.steps if step.needed and not step.ok]
    return StillHeldError(
        f"The connector {name!r} still does not work.",
        why=" ".join(f"{step.name}: {step.detail}" for step in steps) or "Its check proved nothing.",
        fix=" ".join(dict.fromkeys(step.fix for step in steps if step.fix)) or "Look at its last check.",
    )


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
