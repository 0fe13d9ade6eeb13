"""
Results: what an attempt changes in our rows, in one transaction for many attempts.

done -> crosswalk, ledger of what we wrote, later steps become due. Failed -> the error's family says
who moves next: transient waits, input and refused are dead, setup holds and opens a repair.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from bridges.claims import BREAKER_AFTER, BREAKER_S, Claimed
from bridges.counting import count
from bridges.holds import hold
from bridges.moves import announce
from bridges.passing import passes, until_passed
from bridges.plan import brought_back, fill
from bridges.retry import wait_before
from core.bulk import insert_many, update_many
from core.clock import SECOND
from core.database import Database
from core.errors import CredentialsError, SetupError, TielineError, TransientError
from core.log import about
from core.repairs import close_repair, open_repair
from core.tables import action, attempt, connector, entity, written
from core.words import Json, Micros, Outcome, State, Verified
from mappings.identity import Origin as MadeBy
from mappings.identity import link

log = logging.getLogger("tieline.engine")


class UnexpectedError(TransientError):
    """An error that has no name of its own yet; it is tried again and then kept as a dead letter."""

    code = "unexpected"
    title, title_zh = "An unexpected error", "意外错误"


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
    """
    Write the results of several attempts; one whose fence was passed changes nothing but its attempt row.

    What the database refuses is written alone: as a failed attempt that says why, so that the others are settled.
    """
    try:
        until_passed(lambda: _settle(db, owner, results, spread))
    except Exception as error:
        if passes(error) or (len(results) == 1 and isinstance(results[0].error, UnexpectedError)):
            raise
        for one in results:
            settle(db, owner, [one if len(results) > 1 else _unwritten(one, error)], spread=spread)


def _unwritten(one: Result, error: Exception) -> Result:
    cause = str(getattr(error, "orig", None) or error).splitlines()[0]
    named = UnexpectedError(
        f"The result of {one.claimed.act} could not be written.",
        why=f"{type(error).__name__}: {cause}"[:500].replace("\0", ""),
        fix="It is tried again with the same key; if it stays, report it with this text.",
    )
    return replace(one, outcome=None, verified=None, error=named)


def _settle(db: Database, owner: str, results: list[Result], spread: Callable[[], float]) -> None:
    with db.write() as conn:
        now = db.now(conn)
        held = (
            select(action.c.id, action.c.fence, action.c.lease_owner)
            .where(action.c.id.in_([one.claimed.id for one in results]))
            .order_by(action.c.id)
            .with_for_update()  # nobody may take one over between this look and our change
        )
        there = {row.id: row for row in conn.execute(held).all()}
        ours, attempts = [], []
        for one in results:
            row = there.get(one.claimed.id)
            if row is None:
                continue  # somebody else ended it so long ago that it is archived: there is nothing to note it at
            is_ours = row.fence == one.claimed.fence and row.lease_owner == owner
            attempts.append((one.claimed.connector_id, _attempt(one, owner, stale=not is_ours)))
            if is_ours:
                ours.append(one)
        insert_many(conn, attempt, [row for _, row in attempts])
        done = [(one.claimed, _with_effects(one)) for one in ours if one.error is None]
        if done:
            _done(db, conn, done, now)
        for one in ours:
            if one.error is not None:
                _failed(conn, one, one.error, now, spread())
        count(conn, attempts)  # last, because all workers meet there


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
            "read_back": _shown(one.verified),
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


_VERIFIED = tuple(one.name for one in fields(Verified))


def _shown(verified: Verified | None) -> dict[str, Json] | None:
    """Return what was read back as it is kept; ``asdict`` would copy all of it, for every attempt."""
    return None if verified is None else {name: getattr(verified, name) for name in _VERIFIED}


def _with_effects(one: Result) -> Outcome:
    """Return the outcome with what the far side set because of it."""
    assert one.outcome is not None
    if one.verified is None or not one.verified.caused:
        return one.outcome
    return replace(one.outcome, fields={**one.outcome.fields, **one.verified.caused})


_FREE: dict[str, Any] = {"lease_owner": None, "lease_until": None}


def _done(db: Database, conn: Connection, done: list[tuple[Claimed, Outcome]], now: Micros) -> None:
    ended = [
        {
            "id": claimed.id,
            "state": State.DONE.value,
            **_FREE,
            "next_at": None,
            "reason": outcome.note,
            "error": None,
            "ended_at": now,
            "external_id": outcome.external_id,
            "outcome": {
                "note": outcome.note,
                "degraded": outcome.degraded,
                "repeated": outcome.repeated,
                "fields": outcome.fields,
            },
        }
        for claimed, outcome in done
    ]
    update_many(conn, action, "id", ended)
    well = {claimed.connector_id for claimed, _ in done if claimed.connector_id is not None}
    conn.execute(
        update(connector)
        .where(connector.c.id.in_(well), connector.c.breaker_failures > 0)
        .values(breaker_failures=0, breaker_open_until=None, breaker_reason=None)
    )
    _remember(db, conn, done, now)
    for claimed, _ in done:
        if claimed.urgent:
            close_repair(conn, f"urgent:{claimed.id}", now=now)
    _free_later_steps(conn, done, now)


def _remember(db: Database, conn: Connection, done: list[tuple[Claimed, Outcome]], now: Micros) -> None:
    """Write the crosswalk of what was created, and the ledger by which an echo of what we wrote is recognised."""
    wrote = [
        (claimed, outcome) for claimed, outcome in done if claimed.connector_id is not None and claimed.target_id is not None
    ]
    named = [(claimed, outcome) for claimed, outcome in wrote if outcome.fields or "tieline_ref" in claimed.arguments]
    if not named:
        return
    targets = [claimed.target_id for claimed, _ in named]
    etypes = {row.id: row.etype for row in conn.execute(select(entity.c.id, entity.c.etype).where(entity.c.id.in_(targets)))}
    ledger = []
    for claimed, outcome in named:
        assert claimed.connector_id is not None
        assert claimed.target_id is not None
        etype = etypes[claimed.target_id]
        if outcome.external_id is not None and "tieline_ref" in claimed.arguments:
            _link(db, conn, claimed, etype, outcome.external_id, now)
        external_id = claimed.arguments.get("id") or outcome.external_id
        if outcome.fields and external_id is not None:
            ledger.append(
                {
                    "connector_id": claimed.connector_id,
                    "etype": etype,
                    "external_id": external_id,
                    "action_id": claimed.id,
                    "version": outcome.version,
                    "fields": outcome.fields,
                    "hops": claimed.hops,
                    "at": now,
                }
            )
    if ledger:
        conn.execute(written.insert(), ledger)


def _link(db: Database, conn: Connection, claimed: Claimed, etype: str, external_id: str, now: Micros) -> None:
    """Give the new thing's id to its master ID; when identity refuses that, the act stays done and a person is told."""
    assert claimed.connector_id is not None
    assert claimed.target_id is not None
    try:
        made = link(conn, db, claimed.connector_id, etype, external_id, claimed.target_id, now, MadeBy.ACT)
        if made.change is not None:  # its push was faster than the answer to our own call: the two are one now
            announce(db, conn, "merged", made.change)
    except TielineError as error:
        open_repair(conn, f"link:{claimed.id}", error, connector=None, now=now)


_FOLLOWERS = (
    select(action)
    .where(
        action.c.event_id.in_(bindparam("events", expanding=True)),
        action.c.after.is_not(None),
        action.c.state == State.HELD.value,
    )
    .order_by(action.c.id)
    .with_for_update()
)
"""Locked before it is asked what else is done: of two workers that end two steps, the second sees what the first did."""

_SIBLINGS = select(action.c.event_id, action.c.bridge, action.c.step).where(
    action.c.event_id.in_(bindparam("events", expanding=True)), action.c.state == State.DONE.value
)


def _free_later_steps(conn: Connection, done: list[tuple[Claimed, Outcome]], now: Micros) -> None:
    """Hand what was brought back to the steps that wait for it; those that wait for nothing more become due."""
    events = list({claimed.event_id for claimed, _ in done})
    followers = conn.execute(_FOLLOWERS, {"events": events}).mappings().all()
    if not followers:
        return
    ended = {tuple(row) for row in conn.execute(_SIBLINGS, {"events": events})}
    for row in followers:
        place = (row["event_id"], row["bridge"])
        brought = {
            claimed.step: brought_back(outcome.external_id, {"note": outcome.note, "fields": outcome.fields})
            for claimed, outcome in done
            if (claimed.event_id, claimed.bridge) == place and claimed.step in row["after"]
        }
        if not brought:
            continue
        changes: dict[str, Any] = {"arguments": {name: fill(one, brought) for name, one in row["arguments"].items()}}
        if all((*place, step) in ended for step in row["after"]):
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
    level = logging.INFO if changes.get("next_at") else logging.WARNING
    things = about(event=claimed.event_id, bridge=claimed.bridge, action=claimed.id, attempt=claimed.attempts, code=error.code)
    log.log(level, "%s failed: %s It is %s.", claimed.act, error.what, changes.get("state", "tried again"), extra=things)


def _hold(conn: Connection, claimed: Claimed, error: SetupError, now: Micros) -> str:
    """Open the repair that a person must do; wrong credentials hold the whole connector, the rest only this action."""
    row = None
    if claimed.connector_id is not None:
        query = select(connector).where(connector.c.id == claimed.connector_id).with_for_update()
        row = conn.execute(query).mappings().one()
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
    here = update(connector).where(connector.c.id == claimed.connector_id)
    counted = here.values(breaker_failures=connector.c.breaker_failures + 1).returning(connector.c.breaker_failures)
    failures = conn.execute(counted).scalar_one()
    if failures >= BREAKER_AFTER:
        pause_s = BREAKER_S[min(failures - BREAKER_AFTER, len(BREAKER_S) - 1)]
        reason = f"{error.code}: {error.what}"
        conn.execute(here.values(breaker_open_until=now + pause_s * SECOND, breaker_reason=reason))
