"""Ask for a snapshot: a row that says what is wanted. Nothing is fetched yet."""

from __future__ import annotations

from sqlalchemy import Connection, select

from core.database import Database
from core.errors import InputError, NotFoundError
from core.ids import new_id
from core.tables import entity, snapshot
from core.words import Micros
from snapshots.recipes import live_recipe


def ask(
    conn: Connection,
    db: Database,
    recipe: str,
    subject_id: int,
    ticket_id: int | None = None,
    action_id: str | None = None,
    now: Micros | None = None,
) -> str:
    """
    Return the id of an open snapshot by the live recipe; the same action asking again gets the same one.

    The version of the recipe is settled here, so that a publish meanwhile changes nothing.
    """
    if action_id is not None:
        db.lock_key(conn, "snapshot", action_id)
        earlier = conn.execute(select(snapshot.c.id).where(snapshot.c.action_id == action_id)).scalar_one_or_none()
        if earlier is not None:
            return str(earlier)
    found = live_recipe(conn, recipe)
    etype = conn.execute(select(entity.c.etype).where(entity.c.id == subject_id)).scalar_one_or_none()
    if etype is None:
        raise NotFoundError(
            f"There is no entity {subject_id}.", why="Nothing has that row.", fix="Name the subject by its master ID."
        )
    if etype != found.spec.subject:
        raise InputError(
            f"The subject of the recipe {recipe} is {found.spec.subject}, not {etype}.",
            why="Its fields would be empty.",
            fix=f"Use another recipe, or name a subject that is a {found.spec.subject}.",
        )
    snapshot_id = new_id("snap")
    conn.execute(
        snapshot.insert().values(
            id=snapshot_id,
            recipe=recipe,
            version_id=found.version_id,
            subject_id=subject_id,
            ticket_id=ticket_id,
            action_id=action_id,
            state="open",
            asked_at=db.now(conn) if now is None else now,
            deadline_ms=found.spec.deadline_ms,
        )
    )
    return snapshot_id
