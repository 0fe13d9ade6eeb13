"""Credentials that end are told in time, once a stage, and no longer when a later day was set."""

from __future__ import annotations

from collections.abc import Callable

from bridges.endings import warn_of_endings
from bridges.registered import Registered
from core.clock import FixedClock
from core.database import Database
from core.repairs import open_repairs
from core.tables import connector


def told(db: Database) -> list[tuple[str, str]]:
    with db.read() as conn:
        return [(row["key"], row["what"]) for row in open_repairs(conn)]


def test_it_is_told_at_each_stage_once(
    db: Database, clock: FixedClock, registered: Registered, add_connector: Callable[..., int]
) -> None:
    """Fifteen days before: nothing; then at 14, 7, 1 and on the day; each once, the earlier one closed."""
    row = add_connector("crm", "memory", credentials_end="2026-01-16", world="w")
    add_connector("other", "memory", world="w")
    seen = []
    for days in (0, 1, 0, 7, 6, 1, 1):
        clock.move(days * 86_400)
        warn_of_endings(db, registered)
        warn_of_endings(db, registered)
        seen.append([key for key, _ in told(db)])
    assert seen == [
        [], ["ending:crm:14"], ["ending:crm:14"], ["ending:crm:7"], ["ending:crm:1"], ["ending:crm:0"], ["ending:crm:-1"],
    ]  # fmt: skip
    assert told(db)[0][1] == "The credentials of crm have ended."
    with db.write() as conn:
        now = db.now(conn)
        settings = {"credentials_end": "2026-12-31", "world": "w"}
        conn.execute(connector.update().where(connector.c.id == row).values(settings=settings, updated_at=now + 1))
    registered.refresh()
    warn_of_endings(db, registered)
    assert told(db) == []
