"""
Would the state machine notice? Faults are planted in the engine, one at a time; a fixed walk through the machine meets each.

A fault is a piece of a function's source replaced by another; when the engine's code changes so that it is not there any more,
the test says so. Each walk is first taken through the engine as it ships, where nothing may be found.
"""

from __future__ import annotations
import __future__

import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bridges import archive, claims, holds, results, retention, storing, writes
from core.database import Database
from core.ids import new_id
from tests.bridges.machine import Engine

Walk = Callable[["Walked"], None]
LEASE, DAY = 16, 90_000


class Walked:
    """One machine, walked step by step; after each of them everything that must hold is looked at."""

    def __init__(self, machine: Engine) -> None:
        self._machine = machine

    def __getattr__(self, name: str) -> Callable[..., None]:
        step = getattr(self._machine, name)

        def taken(*given: Any) -> None:
            step(*given)
            self._machine.look()

        return taken

    def deliver(self, owner: str = "w0", fault: str = "none") -> None:
        """Claim, try and settle all that is due, one after the other."""
        self.take(owner, 8)
        self.finish(owner, fault)

    def finish(self, owner: str = "w0", fault: str = "none") -> None:
        """Try and settle all that a worker holds."""
        while self._machine.hands[owner]:
            self.attempt(0, fault)
            self.settle_one(0)


def _two_states_of_one_thing(walk: Walked) -> None:
    walk.push("7001", 3)
    walk.push("7001", 4)
    walk.handle(False)


def _taken_over_while_it_worked(walk: Walked) -> None:
    walk.push("7001", 3)
    walk.handle(False)
    walk.take("w0", 8)
    walk.attempt(0, "refused")
    walk.pass_time(LEASE)
    walk.take("w1", 8)
    walk.settle_one(0)


def _claimed_by_two(walk: Walked) -> None:
    walk.push("7001", 3)
    walk.handle(False)
    walk.take("w0", 4)
    walk.take("w1", 4)


def _the_first_fails(walk: Walked) -> None:
    _two_states_of_one_thing(walk)
    walk.take("w0", 8)
    walk.attempt(0, "transient")
    walk.settle_one(0)
    walk.finish()
    walk.deliver("w1")
    walk.pass_time(60)
    walk.deliver("w1")


def _fails_once(walk: Walked) -> None:
    walk.push("7001", 3)
    walk.handle(False)
    walk.deliver(fault="transient")


def _done_and_archived_and_told_again(walk: Walked) -> None:
    walk.push("7001", 3)
    walk.push("7002", 3)
    walk.handle(False)
    walk.deliver()
    walk.push("7003", 3)
    walk.handle(False)
    walk.pass_time(200_000)
    walk.keep_and_forget()
    walk.push_again(0)


def _unreadable_and_old(walk: Walked) -> None:
    walk.push_nonsense()
    walk.push("7001", 3)
    walk.handle(False)
    walk.pass_time(200_000)
    walk.keep_and_forget()


def _held_and_let_go(walk: Walked) -> None:
    walk.push("7001", 3)
    walk.hold_by_hand("monitoring")
    walk.handle(False)
    walk.let_go()


def _lied_to(walk: Walked) -> None:
    walk.push("7001", 3)
    walk.handle(False)
    walk.deliver(fault="lie")
    walk.pass_time(60)
    walk.deliver("w1")


def _crashed_with_full_hands(walk: Walked) -> None:
    walk.push("7001", 3)
    walk.handle(False)
    walk.take("w0", 8)
    walk.crash()


def _dry_run(walk: Walked) -> None:
    walk.push("7001", 3)
    walk.handle(False)
    walk.deliver()
    walk.replay_one(0, True)


def _the_first_is_given_up_and_tried_again(walk: Walked) -> None:
    _two_states_of_one_thing(walk)
    walk.take("w0", 8)
    walk.attempt(0, "refused")
    walk.settle_one(0)
    walk.finish()
    walk.deliver("w1")
    walk.decide(True)
    walk.deliver("w1")


@dataclass(frozen=True)
class Fault:
    """What is broken, where, and which walk meets it."""

    name: str
    where: ModuleType | type
    functions: str | tuple[str, ...]
    old: str
    new: str
    walk: Walk
    told: str
    """What the machine says then."""


FAULTS = [
    Fault(
        "an attempt is closed without looking at its fence",
        results,
        "_settle",
        "is_ours = row.fence == one.claimed.fence and row.lease_owner == owner",
        "is_ours = True",
        _taken_over_while_it_worked,
        "a stale worker changed",
    ),
    Fault(
        "a lease is no hindrance",
        claims,
        "_lane",
        "query = _DUE.where(where, lane)",
        "query = select(action).where(where, lane, action.c.state == 'waiting')",
        _claimed_by_two,
        "lease had not lapsed",
    ),
    Fault(
        "a retry is forgotten",
        results,
        "_failed",
        '"next_at": now + wait',
        '"next_at": now + wait * 1_000_000',
        _fails_once,
        "an action was left",
    ),
    Fault(
        "what failed is closed as done",
        results,
        "_failed",
        'changes |= {"next_at": now + wait, ',
        'changes |= {"state": State.DONE.value, "next_at": None, ',
        _fails_once,
        "nothing happened there",
    ),
    Fault(
        "a later action overtakes one that waits",
        claims,
        "_lane",
        "query = _DUE.where(where, lane)",
        "query = select(action).where(where, lane, action.c.state == 'waiting', action.c.next_at <= bindparam('now'),"
        " action.c.lease_until.is_(None))",
        _the_first_fails,
        "was told state",
    ),
    Fault(
        "an action gets another key each time",
        claims,
        "_resolved",
        'key=row["key"],',
        "key=f\"{row['key']}/{row['attempts']}\",",
        _lied_to,
        "was told state",
    ),
    Fault(
        "a worker's end frees nothing",
        claims,
        "_lane",
        "query = _DUE.where(where, lane)",
        "query = _DUE.where(where, lane, action.c.lease_owner.is_(None))",
        _crashed_with_full_hands,
        "an action was left",
    ),
    Fault(
        "actions are decided and not written",
        writes,
        "write",
        "insert_many(conn, action, rows.actions)",
        "insert_many(conn, action, rows.actions[1:])",
        _two_states_of_one_thing,
        "actions, but",
    ),
    Fault(
        "a release forgets the deliveries",
        holds,
        "release",
        "update(delivery).where(delivery.c.connector_id == connector_id, delivery.c.state == State.HELD)",
        "update(delivery).where(delivery.c.id < 0)",
        _held_and_let_go,
        "a delivery was left",
    ),
    Fault(
        "dead letters are archived with the rest",
        archive,
        ("ended_before", "move"),
        "delivery.state IN ('done', 'skipped')",
        "delivery.state IN ('done', 'skipped', 'dead')",
        _unreadable_and_old,
        "dead letters stay",
    ),
    Fault(
        "dead letters are pruned",
        retention,
        "run",
        "kept.pruned = _prune_days(",
        "_prune(db, delivery, delivery.c.state == 'dead', until, pause); kept.pruned = _prune_days(",
        _unreadable_and_old,
        "were accepted, but",
    ),
    Fault(
        "a dead head is passed by",
        claims,
        "_lane",
        "query = _DUE.where(where, lane)",
        "query = select(action).where(where, lane, action.c.state == 'waiting', action.c.next_at <= bindparam('now'),"
        " action.c.lease_until.is_(None)).order_by(action.c.seq)",
        _the_first_is_given_up_and_tried_again,
        "was told state",
    ),
    Fault(
        "what is archived is not remembered",
        archive,
        "move",
        'insert_many(conn, remembered, keys, replace=("connector_id", "external_id"))',
        "pass",
        _done_and_archived_and_told_again,
        "accepted",
    ),
    Fault(
        "what is archived is not counted",
        archive,
        "move",
        "_count(conn, counts)",
        "pass",
        _done_and_archived_and_told_again,
        "were accepted, but",
    ),
    Fault(
        "what is accepted is not counted",
        storing,
        "store",
        "_count(conn, found.rows, slot)",
        "pass",
        _two_states_of_one_thing,
        "were accepted, but",
    ),
    Fault(
        "a dry run is committed",
        Database,
        "trial",
        "transaction.rollback()",
        "transaction.commit()",
        _dry_run,
        "a dry run left a trace",
    ),
]
WALKS = list(dict.fromkeys(fault.walk for fault in FAULTS))


def plant(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    """Put the fault in the place of the engine's own function, wherever that is known by now."""
    for name in (fault.functions,) if isinstance(fault.functions, str) else fault.functions:
        original = getattr(fault.where, name)
        source, home = textwrap.dedent(inspect.getsource(original)), sys.modules[original.__module__]
        assert source.count(fault.old) == 1, f"{fault.name}: {name} reads otherwise by now"
        broken = source.replace(fault.old, fault.new)
        made: dict[str, Any] = {}
        exec(compile(broken, f"<{fault.name}>", "exec", __future__.annotations.compiler_flag), vars(home), made)
        known = [module for key, module in sys.modules.items() if key.startswith(("bridges.", "tests.bridges"))]
        for place in (fault.where, *known):
            if vars(place).get(name) is original:
                monkeypatch.setattr(place, name, made[name])


@pytest.fixture
def machine(sqlite_template: Path, tmp_path: Path) -> type[Engine]:
    """Give the machine over a copy of the migrated file."""

    def new_url() -> str:
        copy = tmp_path / f"{new_id('m')}.db"
        copy.write_bytes(sqlite_template.read_bytes())
        return f"sqlite:///{copy}"

    return type("SqliteEngine", (Engine,), {"new_url": staticmethod(new_url)})


def walked(machine: type[Engine], walk: Walk) -> None:
    """Take a walk through the machine and let it drain, as a run at random ends."""
    made = machine()
    made.begin()
    try:
        walk(Walked(made))
        made.drain()
    finally:
        made.end()


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.__name__.strip("_"))
def test_the_engine_as_it_ships_passes(machine: type[Engine], walk: Walk) -> None:
    """Each walk finds nothing where nothing is broken."""
    walked(machine, walk)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_the_machine_notices(machine: type[Engine], monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    """Each fault is found by the invariant that is there for it."""
    plant(monkeypatch, fault)
    with pytest.raises(AssertionError, match=fault.told):
        walked(machine, fault.walk)
