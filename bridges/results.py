"""
Results: what an attempt changes in our rows, in one transaction for many attempts.

done -> crosswalk, ledger of what we wrote, later steps become due. Failed -> the error's family says
who moves next: transient waits, input and refused are dead, setup holds and opens a repair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from bridges.claims import BREAKER_AFTER, BREAKER_S, Claimed
from bridges.holds import hold
from bridges.plan import brought_back, fill
from bridges.retry import wait_before
from core.clock import SECOND
from core.database import Database
from core.errors import CredentialsError, SetupError, TielineError
from core.repairs import close_repair, open_repair
from core.tables import action, attempt, connector, entity, written
from core.words import Json, Micros, Outcome, State, Verified
from mappings.identity import Origin as MadeBy
from mappings.identity import link


@dataclass(frozen=True, slots=True)
class Result:
    """One attempt, ended."""

    claimed: Claimed
    outcome: Outcome | None
    verified: Verified | None
    error: TielineError | None
    started_at: Micros
    ended_at: Micros


def settle(db: Database, owner: str, results: list[Result], *, spread: Callable[[], float]) -> None:
    """Write the results of several attempts; one whose fence was passed changes nothing but its attempt row."""
    with db.write() as conn:
        now = db.now(conn)
        fences = dict(
            conn.execute(
                select(action.c.id, action.c.fence).where(
                    action.c.id.in_([one.claimed.id for one in results]), action.c.lease_owner == owner
                )
            ).all()
        )
        conn.execute(
            attempt.insert(), [_attempt(one, owner, stale=fences.get(one.claimed.id) != one.claimed.fence) for one in results]
        )
        for one in results:
            if fences.get(one.claimed.id) != one.claimed.fence:
                continue  # somebody took over after our lease lapsed: their result counts
            if one.error is None:
                _done(db, conn, one, now)
            else:
                _failed(conn, one, one.error, now, spread())


def _attempt(one: Result, owner: str, *, stale: bool) -> dict[str, Any]:
    outcome = "done" if one.error is None else "unverified" if one.error.code == "unverified" else "failed"
    detail: dict[str, Json]
    if one.error is not None:
        detail = one.error.as_dict()
    else:
        assert one.outcome is not None
        detail = {
            "request": one.outcome.request,
            "response": one.outcome.response,
            "note": one.outcome.note,
            "repeated": one.outcome.repeated,
            "read_back": None if one.verified is None else asdict(one.verified),
        }
    if stale:
        detail["stale"] = "Another worker took over after this one's lease lapsed; this result was not used."
    return {
        "action_id": one.claimed.id,
        "n": one.claimed.attempts,
        "fence": one.claimed.fence,
        "worker": owner,
        "started_at": one.started_at,
        "ended_at": one.ended_at,
        "outcome": outcome,
        "family": one.error.family if one.error else None,
        "code": one.error.code if one.error else None,
        "detail": detail,
    }


_FREE: dict[str, Any] = {"lease_owner": None, "lease_until": None}


def _done(db: Database, conn: Connection, one: Result, now: Micros) -> None:
    claimed, outcome = one.claimed, one.outcome
    assert outcome is not None
    conn.execute(
        update(action)
        .where(action.c.id == claimed.id)
        .values(
            **_FREE,
            state=State.DONE.value,
            reason=outcome.note,
            next_at=None,
            error=None,
            ended_at=now,
            external_id=outcome.external_id,
            outcome={
                "note": outcome.note,
                "degraded": outcome.degraded,
                "repeated": outcome.repeated,
                "fields": outcome.fields,
            },
        )
    )
    if claimed.connector_id is not None:
        _remember(db, conn, claimed, outcome, now)
        conn.execute(
            update(connector)
            .where(connector.c.id == claimed.connector_id, connector.c.breaker_failures > 0)
            .values(breaker_failures=0, breaker_open_until=None, breaker_reason=None)
        )
    if claimed.urgent:
        close_repair(conn, f"urgent:{claimed.id}", now=now)
    _free_later_steps(conn, claimed, outcome, now)


def _remember(db: Database, conn: Connection, claimed: Claimed, outcome: Outcome, now: Micros) -> None:
    """Write the crosswalk of what was created and the ledger by which its echo is recognised."""
    assert claimed.connector_id is not None
    if claimed.target_id is None:
        return
    external_id = outcome.external_id or claimed.arguments.get("id")
    if not isinstance(external_id, str):
        return
    etype = conn.execute(select(entity.c.etype).where(entity.c.id == claimed.target_id)).scalar_one()
    if outcome.external_id is not None:
        link(conn, db, claimed.connector_id, etype, outcome.external_id, claimed.target_id, now, MadeBy.ACT)
    conn.execute(
        written.insert().values(
            connector_id=claimed.connector_id,
            etype=etype,
            external_id=external_id,
            action_id=claimed.id,
            version=outcome.version,
            fields=outcome.fields,
            at=now,
        )
    )


def _free_later_steps(conn: Connection, claimed: Claimed, outcome: Outcome, now: Micros) -> None:
    same = (action.c.event_id == claimed.event_id, action.c.bridge == claimed.bridge)
    siblings = conn.execute(select(action).where(*same)).mappings().all()
    done = {row["step"] for row in siblings if row["state"] == State.DONE}
    brought = {claimed.step: brought_back(outcome.external_id, {"note": outcome.note, "fields": outcome.fields})}
    for row in siblings:
        if claimed.step not in (row["after"] or []) or row["state"] != State.HELD:
            continue
        arguments = {name: fill(one, brought) for name, one in row["arguments"].items()}
        ready = set(row["after"]) <= done
        changes: dict[str, Any] = {"arguments": arguments}
        if ready:
            changes |= {"state": State.WAITING.value, "held_by": None, "next_at": now}
        conn.execute(update(action).where(action.c.id == row["id"]).values(changes))


def _failed(conn: Connection, one: Result, error: TielineError, now: Micros, spread: float) -> None:
    claimed = one.claimed
    wait = wait_before(error, claimed.attempts, urgent=claimed.urgent, spread=spread)
    changes: dict[str, Any] = {**_FREE, "error": error.as_dict()}
    if isinstance(error, SetupError) and error.code != "no-target":
        held_by = _hold(conn, claimed, error, now)
        changes |= {"state": State.HELD.value, "held_by": held_by, "next_at": None}
    elif wait is not None:
        changes |= {"next_at": now + wait, "reason": f"{error.code}: {error.what}"}
        _count_failure(conn, claimed, error, now)
    else:
        changes |= {"state": State.DEAD.value, "reason": f"{error.code}: {error.what}", "next_at": None, "ended_at": now}
        conn.execute(
            update(action)
            .where(
                action.c.event_id == claimed.event_id,
                action.c.bridge == claimed.bridge,
                action.c.state == State.HELD,
                action.c.held_by.like("step:%"),
            )
            .values(held_by=f"dead:{claimed.id}")
        )
        open_repair(conn, f"action:{claimed.id}", error, connector=None, now=now)
    conn.execute(update(action).where(action.c.id == claimed.id).values(changes))


def _hold(conn: Connection, claimed: Claimed, error: SetupError, now: Micros) -> str:
    """Open the repair that a person must do; wrong credentials hold the whole connector, the rest only this action."""
    row = None
    if claimed.connector_id is not None:
        row = conn.execute(select(connector).where(connector.c.id == claimed.connector_id)).mappings().one()
    name = row["name"] if row else "tieline"
    key = f"{error.code}:{name}" if isinstance(error, CredentialsError) else f"{error.code}:{name}:{claimed.act}"
    open_repair(conn, key, error, connector=name, now=now)
    if row is not None and isinstance(error, CredentialsError) and row["state"] == "ok":
        hold(conn, row["id"], by=f"repair:{key}", now=now)
    return f"repair:{key}"


def _count_failure(conn: Connection, claimed: Claimed, error: TielineError, now: Micros) -> None:
    """Count towards the breaker: timeouts, 5xx and 429, never one bad record."""
    if claimed.connector_id is None or error.code in ("unverified", "unexpected"):
        return
    failures = conn.execute(select(connector.c.breaker_failures).where(connector.c.id == claimed.connector_id)).scalar_one() + 1
    changes: dict[str, Any] = {"breaker_failures": failures}
    if failures >= BREAKER_AFTER:
        pause_s = BREAKER_S[min(failures - BREAKER_AFTER, len(BREAKER_S) - 1)]
        changes |= {"breaker_open_until": now + pause_s * SECOND, "breaker_reason": f"{error.code}: {error.what}"}
    conn.execute(update(connector).where(connector.c.id == claimed.connector_id).values(changes))
