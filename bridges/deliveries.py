"""What a person may do with a delivery that came to nothing: decide, with a recorded reason, that it shall not be handled."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from core.errors import ConflictError, NotFoundError
from core.repairs import close_repair
from core.tables import delivery, event
from core.words import Micros, State

_OPEN = (State.DEAD.value, State.HELD.value)


def skip(conn: Connection, receipt: str, *, by: str, reason: str, now: Micros) -> None:
    """
    Skip a dead or held delivery with its dead and held events; their own repairs close.

    Its bytes stay, and a replay can still handle it.
    """
    row = conn.execute(
        select(delivery.c.id, delivery.c.state).where(delivery.c.receipt == receipt).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFoundError(
            f"There is no delivery {receipt!r}.",
            why="Its row is not there; receipts begin with rcp_.",
            fix="Look it up with `tieline events deliveries`.",
        )
    if row.state not in _OPEN:
        raise ConflictError(
            f"Delivery {receipt} cannot be skipped.",
            why=f"It is {row.state}: only what is dead or held waits for a decision.",
            fix="Nothing to do." if row.state != State.WAITING else "Wait until it is handled.",
        )
    decided = {"state": State.SKIPPED.value, "reason": f"skipped by {by}: {reason}", "held_by": None, "next_at": None}
    conn.execute(update(delivery).where(delivery.c.id == row.id).values(decided))
    mine = (event.c.delivery_id == row.id, event.c.state.in_(_OPEN))
    events = list(conn.execute(select(event.c.id).where(*mine)).scalars())
    conn.execute(update(event).where(*mine).values(decided))
    for key in (f"delivery:{receipt}", *(f"event:{one}" for one in events)):
        close_repair(conn, key, now=now)
