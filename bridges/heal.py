"""Healing: what a repair holds is checked now and then; what works again is released without a person."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select, update

from bridges.holds import release
from bridges.registered import Registered
from core.database import Database
from core.errors import TielineError
from core.tables import connector


def heal_held(db: Database, registered: Registered, *, then: Callable[[], None] = lambda: None) -> int:
    """Check every connector that a repair holds; release those whose check passes. Returns how many were released."""
    with db.read() as conn:
        held = conn.execute(
            select(connector.c.id, connector.c.name).where(connector.c.state == "held", connector.c.held_by.like("repair:%"))
        ).all()
    released = 0
    for connector_id, _ in held:
        try:
            report = registered.open(connector_id).check()
        except TielineError:
            continue  # the repair stays open and keeps saying why
        with db.write() as conn:
            now = db.now(conn)
            conn.execute(
                update(connector).where(connector.c.id == connector_id).values(report=report.as_dict(), checked_at=now)
            )
            if report.ok:
                release(conn, connector_id, now=now)
                released += 1
    if released:
        then()
    return released
