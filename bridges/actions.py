"""What a person may do with an action: look, retry, skip with a recorded reason, release."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, update

from bridges.writes import decided, requeue
from core.errors import ConflictError, NotFoundError
from core.repairs import close_repair
from core.tables import action, attempt
from core.words import Micros, State


def retry(conn: Connection, action_id: str, *, by: str, now: Micros, reason: str | None = None) -> None:
    """Make a dead or waiting action due now, with the same key; of a dead one is kept who decided so, when and why."""
    row = _row(conn, action_id)
    if row["state"] == State.DEAD:
        requeue(conn, [action_id], now, by=by, why=reason)
        _reopen_followers(conn, row)
    elif row["state"] == State.WAITING:
        conn.execute(update(action).where(action.c.id == action_id).values(next_at=now))
    else:
        raise ConflictError(
            f"Action {action_id} cannot be retried.",
            why=f"It is {row['state']}" + (f", held by {row['held_by']}" if row["held_by"] else "") + ".",
            fix="Release what holds it, or replay its event if it should happen again.",
        )
    close_repair(conn, f"action:{action_id}", now=now)


def skip(conn: Connection, action_id: str, *, by: str, reason: str, now: Micros) -> None:
    """Decide that an action shall not happen; who and why are kept, and those behind it go on."""
    row = _row(conn, action_id)
    if row["state"] in (State.DONE, State.SKIPPED) or row["lease_owner"] is not None:
        raise ConflictError(
            f"Action {action_id} cannot be skipped.",
            why=f"It is {row['state']}" + (" and a worker is at it" if row["lease_owner"] else "") + ".",
            fix="Nothing to do." if row["state"] != State.WAITING else "Try again in a moment.",
        )
    conn.execute(
        update(action)
        .where(action.c.id == action_id)
        .values(state=State.SKIPPED.value, reason=f"skipped by {by}: {reason}", held_by=None, next_at=None, ended_at=now)
    )
    conn.execute(attempt.insert(), [decided(row, by, "skip it", reason, now)])
    close_repair(conn, f"action:{action_id}", now=now)
    for follower in _followers(conn, row):
        if follower["state"] == State.HELD and str(follower["held_by"]).startswith(("step:", "dead:")):
            skip(conn, follower["id"], by=by, reason=f"it needs step {row['step']}, which was skipped", now=now)


def release(conn: Connection, action_id: str, *, now: Micros) -> None:
    """Let a held action go on, whatever held it."""
    row = _row(conn, action_id)
    if row["state"] != State.HELD or str(row["held_by"]).startswith(("step:", "dead:")):
        raise ConflictError(
            f"Action {action_id} cannot be released.",
            why=f"It is {row['state']}" + (f" by {row['held_by']}" if row["held_by"] else "") + ".",
            fix="An action behind another step goes on with that step: retry or skip that one.",
        )
    freed = {"state": State.WAITING.value, "held_by": None, "next_at": now, "reason": None}
    conn.execute(update(action).where(action.c.id == action_id).values(freed))


def _row(conn: Connection, action_id: str) -> Any:
    row = conn.execute(select(action).where(action.c.id == action_id).with_for_update()).mappings().one_or_none()
    if row is None:
        raise NotFoundError(
            f"There is no action {action_id!r}.", why="Its row is not there.", fix="Look it up with `tieline actions list`."
        )
    return row


def _followers(conn: Connection, row: Any) -> list[Any]:
    same = select(action).where(action.c.event_id == row["event_id"], action.c.bridge == row["bridge"])
    return [one for one in conn.execute(same).mappings() if row["step"] in (one["after"] or [])]


def _reopen_followers(conn: Connection, row: Any) -> None:
    """Steps that were held by the dead one wait for it again."""
    for follower in _followers(conn, row):
        if follower["held_by"] == f"dead:{row['id']}":
            conn.execute(
                update(action).where(action.c.id == follower["id"]).values(held_by=f"step:{','.join(follower['after'])}")
            )
