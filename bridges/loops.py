"""
Loop guards: what our own writes set going comes to an end, also where no echo is recognised.

*Hops* follow causation. An action knows how many writes of our own lie behind it, so does the ledger of what it
wrote; an event that changes what we have just written there, with nobody else named as its author, follows from
that write. Where a chain has become too long and a bridge would write once more, the event is held.

*The write budget* needs no causes: one bridge adds only so many actions for one entity in a window. Beyond that they
are held until the window is over, the oldest first, and never dropped. It catches what hops cannot see: a far side
whose own automation acts under another name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, delete, func, select, tuple_, update

from bridges.echoes import roots_of
from core.bulk import insert_many
from core.clock import SECOND, to_rfc3339
from core.database import Database
from core.errors import SetupError
from core.repairs import close_repair, open_keys, open_repair
from core.tables import action, entity, spent
from core.words import Micros, Record, State

CAUSED_WITHIN_S = 60
"""A change so soon after a write of ours, of what we wrote, follows from it."""
SKEW_S = 5
"""The far side may react before we have noted that we wrote, and its clock may be behind ours."""
WINDOW_S = 600
"""The window of the write budget."""
FORGET = 500
"""Windows that are over, forgotten in one transaction."""


REPLAY = "replay by "
"""How the reason of a delivery begins that somebody replays."""


class LoopError(SetupError):
    """Our own writes keep setting themselves going."""

    code = "loop"
    title, title_zh = "Our own writes set off each other", "写入相互触发，形成循环"


class WriteBudgetError(SetupError):
    """A bridge writes about one entity more often than it may."""

    code = "write-budget"
    title, title_zh = "A bridge writes too often about one thing", "规则对同一对象写入过于频繁"


@dataclass(frozen=True, slots=True)
class Guards:
    """How long a chain of our own writes may be, and how many a bridge may make for one entity in a window; 0: no limit."""

    hops: int = 8
    writes: int = 300


USUAL = Guards()


@dataclass(frozen=True, slots=True)
class Cause:
    """The action that an event follows from, and how many writes lie behind the event."""

    action_id: str
    hops: int


@dataclass(frozen=True, slots=True)
class Spending:
    """What a bridge that fired again for one entity would add."""

    bridge: str
    entity_id: int
    gid: str
    actions: list[dict[str, Any]]


def cause_of(
    record: Record,
    received_at: Micros,
    changed_paths: Iterable[str],
    writes: Iterable[Mapping[Any, Any]],
    own_user: str | None,
    in_hand: Cause | None = None,
) -> Cause | None:
    """
    Return the write of ours that this record follows from, or None when it is news.

    ``writes`` are what we wrote there, newest first. A write that a worker has ``in_hand`` may have had its effect
    already: it counts as one more where the last ones touched the same. Where the far side names somebody else as the
    author it is his word, whatever we wrote before.

    >>> seen = Record("issues", "4", {"title": "[B] Oil"}, at=30_000_000)
    >>> wrote = {"action_id": "act_1", "hops": 2, "at": 10_000_000, "fields": {"title": "Oil"}}
    >>> cause_of(seen, 0, ["$.title"], [wrote], None)
    Cause(action_id='act_1', hops=2)
    >>> cause_of(seen, 0, ["$.title"], [wrote], None, Cause("act_2", 4))
    Cause(action_id='act_2', hops=4)
    >>> cause_of(seen, 0, ["$.status"], [wrote], None, Cause("act_2", 4)) is None
    True
    >>> cause_of(seen, 0, ["$.title"], [{**wrote, "at": -50_000_000}], None) is None
    True
    """
    if own_user is not None and record.actor is not None and record.actor != own_user:
        return None
    seen = received_at if record.at is None else record.at
    roots = roots_of(changed_paths)
    for row in writes:
        if row["at"] < seen - CAUSED_WITHIN_S * SECOND:
            break
        if row["at"] <= seen + SKEW_S * SECOND and not roots.isdisjoint(row["fields"]):
            newest = Cause(row["action_id"], row["hops"])
            return newest if in_hand is None else max(newest, in_hand, key=attrgetter("hops"))
    return None


def stop(conn: Connection, event: dict[str, Any], gid: str, connector: str, now: Micros) -> str:
    """Hold an event that would make the chain longer; return the reason, for the decision of the bridge that would have."""
    key = f"{LoopError.code}:{connector}:{event['etype']}"
    error = LoopError(
        f"Our own writes keep changing {gid}: {event['hops']} in a row.",
        why=f"Each was answered there by another change that makes a bridge write again; the last was {event['cause']}.",
        fix="Let the condition be false once its effect is there, or name the fields that count with on.fields; publish"
        f" it, then `tieline replay {event['id']}`.",
    )
    reason = f"{error.code}: {error.what} {error.why}"
    event |= {"state": State.HELD.value, "held_by": f"repair:{key}", "reason": reason}
    open_repair(conn, key, error, connector=connector, now=now)
    return reason


def is_stopped(event: Mapping[Any, Any]) -> bool:
    """Say whether an event was held because its chain was too long: its values are known, what follows is not done."""
    return event["state"] == State.HELD and str(event["held_by"]).startswith(f"repair:{LoopError.code}:")


def asked_again(delivery: Mapping[Any, Any]) -> bool:
    """Say whether somebody replays this delivery; a release that happens to let it go on is not that."""
    return str(delivery["reason"]).startswith(REPLAY)


def keep_to_budget(conn: Connection, firings: list[Spending], guards: Guards, now: Micros) -> None:
    """Count what bridges add for entities they have acted for before; hold what is beyond it. Two statements a batch."""
    if not firings or not guards.writes:
        return
    known = _spent(conn, {one.entity_id for one in firings})
    over: dict[str, Spending] = {}
    touched: dict[tuple[int, str], tuple[Micros, int]] = {}
    for one in firings:
        place, count = (one.entity_id, one.bridge), len(one.actions)
        since, n = known.get(place, (now, 0))
        if now - since >= WINDOW_S * SECOND:
            since, n = now, 0
        if n and n + count > guards.writes:
            over[one.bridge] = one
            _hold(one, since + WINDOW_S * SECOND, guards)
        else:
            n += count
        known[place] = touched[place] = (since, n)
    _spend(conn, touched)
    for bridge, one in over.items():
        open_repair(conn, f"{WriteBudgetError.code}:{bridge}", _beyond(one, guards), connector=None, now=now)


def let_go_on(db: Database, guards: Guards) -> int:
    """Make due what was held beyond the budget and whose window is over, as many as a new window allows; return how many."""
    with db.read() as conn:
        if not open_keys(conn, f"{WriteBudgetError.code}:"):
            return 0  # only then are held rows looked for: there is no index of them
    freed = 0
    with db.write() as conn:
        db.lock_key(conn, "write-budget")  # two healers would both give a window away
        now = db.now(conn)
        held = select(action.c.held_by, action.c.bridge, func.min(action.c.next_at).label("at")).where(
            action.c.state == State.HELD.value, action.c.held_by.like("budget:%")
        )
        left = set()
        for row in conn.execute(held.group_by(action.c.held_by, action.c.bridge).order_by(action.c.held_by)).all():
            rest = True
            if row.at <= now or not guards.writes:
                count, rest = _free(conn, row.held_by, row.bridge, guards, now)
                freed += count
            if rest:
                left.add(row.bridge)
        for key in open_keys(conn, f"{WriteBudgetError.code}:"):
            if key.partition(":")[2] not in left:
                close_repair(conn, key, now=now)
    return freed


def forget(db: Database, *, pause: Callable[[float], None]) -> int:
    """Forget windows that are over, in small batches; what stays are the pairs of bridge and entity that were busy of late."""
    gone = 0
    while True:
        with db.write() as conn:
            over = select(spent.c.entity_id, spent.c.bridge).where(spent.c.since <= db.now(conn) - WINDOW_S * SECOND)
            here = tuple_(spent.c.entity_id, spent.c.bridge).in_(over.limit(FORGET))
            count = conn.execute(delete(spent).where(here)).rowcount
        gone += count
        if count < FORGET:
            return gone
        pause(0.02)


def _hold(one: Spending, until: Micros, guards: Guards) -> None:
    """Hold what would stand at the head; steps behind it wait for it anyway."""
    for row in one.actions:
        if not str(row["held_by"]).startswith("step:"):
            row |= {
                "state": State.HELD.value,
                "held_by": f"budget:{one.bridge}:{one.gid}",
                "next_at": until,
                "reason": f"{WriteBudgetError.code}: more than {guards.writes} writes in {WINDOW_S // 60} minutes;"
                f" it goes on at {to_rfc3339(until)}",
            }


def _beyond(one: Spending, guards: Guards) -> WriteBudgetError:
    return WriteBudgetError(
        f"The bridge {one.bridge} writes about {one.gid} too often.",
        why=f"More than {guards.writes} actions in {WINDOW_S // 60} minutes. What is beyond that is held and goes on by"
        " itself, as much in each window.",
        fix="If it is a loop, correct the bridge's condition and skip what is held; if not, raise TIELINE_WRITES.",
    )


def _spent(conn: Connection, entities: set[int]) -> dict[tuple[int, str], tuple[Micros, int]]:
    query = select(spent).where(spent.c.entity_id.in_(sorted(entities))).order_by(spent.c.entity_id, spent.c.bridge)
    return {(row.entity_id, row.bridge): (row.since, row.n) for row in conn.execute(query.with_for_update())}


def _spend(conn: Connection, windows: Mapping[tuple[int, str], tuple[Micros, int]]) -> None:
    rows = [
        {"entity_id": entity_id, "bridge": bridge, "since": since, "n": n}
        for (entity_id, bridge), (since, n) in sorted(windows.items())
    ]
    insert_many(conn, spent, rows, replace=("entity_id", "bridge"))


def _free(conn: Connection, holder: str, bridge: str, guards: Guards, now: Micros) -> tuple[int, bool]:
    """Free the oldest of what one bridge may not write about one entity yet; say how many, and whether some are left."""
    here = (action.c.state == State.HELD.value, action.c.held_by == holder)
    oldest = select(action.c.id).where(*here).order_by(action.c.seq)
    if guards.writes:
        oldest = oldest.limit(guards.writes)
    due = {"state": State.WAITING.value, "held_by": None, "next_at": now, "reason": None}
    freed = conn.execute(update(action).where(action.c.id.in_(oldest), *here).values(due)).rowcount
    rest = conn.execute(update(action).where(*here).values(next_at=now + WINDOW_S * SECOND)).rowcount
    entity_id = conn.execute(select(entity.c.id).where(entity.c.gid == holder.removeprefix(f"budget:{bridge}:"))).scalar_one()
    _spend(conn, {(entity_id, bridge): (now, freed)})
    return freed, rest > 0
