"""Repairs: open problems that a person must fix; opened once per key, closed by themselves when gone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from core.errors import TielineError
from core.tables import repair
from core.words import Micros


def open_repair(conn: Connection, key: str, error: TielineError, *, connector: str | None, now: Micros) -> None:
    """Open the repair of this key, or count that the same problem was seen again."""
    again = conn.execute(
        repair.update()
        .where(repair.c.key == key, repair.c.closed_at.is_(None))
        .values(seen=repair.c.seen + 1, seen_at=now, what=error.what, why=error.why, fix=error.fix, code=error.code)
    )
    if again.rowcount == 0:
        conn.execute(
            repair.insert().values(
                key=key,
                code=error.code,
                what=error.what,
                why=error.why,
                fix=error.fix,
                connector=connector,
                opened_at=now,
                seen_at=now,
            )
        )


def close_repair(conn: Connection, key: str, *, now: Micros) -> bool:
    """Close the open repair of this key; say whether there was one."""
    return (
        conn.execute(repair.update().where(repair.c.key == key, repair.c.closed_at.is_(None)).values(closed_at=now)).rowcount
        > 0
    )


def open_keys(conn: Connection, prefix: str) -> set[str]:
    """Return the keys of the open repairs that begin with this."""
    begins = repair.c.key.startswith(prefix, autoescape=True)
    return set(conn.execute(select(repair.c.key).where(repair.c.closed_at.is_(None), begins)).scalars())


def open_repairs(conn: Connection) -> list[dict[str, Any]]:
    """List the open repairs, oldest first."""
    rows = conn.execute(select(repair).where(repair.c.closed_at.is_(None)).order_by(repair.c.id))
    return [dict(row) for row in rows.mappings()]
