"""Late facets: rows that outlive whoever waits for them, completed once, given up with a reason."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import celery_app
from bridges.claims import forget_dead
from core.clock import FixedClock, SystemClock
from core.database import Database
from core.errors import UnreachableError
from core.tables import late_facet
from core.words import Found
from snapshots import Snapshot, assemble, frozen, read
from snapshots.late import LEASE_S, Late, is_due
from tests.snapshots.plant import RECIPE, Plant, standing
from tests.snapshots.test_assemble import Odd, asked, statuses

Waiting = list[Callable[[], Any]]
ROOT = Path(__file__).parents[2]


def rows(plant: Plant) -> list[Any]:
    with plant.db.read() as conn:
        return list(conn.execute(select(late_facet).order_by(late_facet.c.name)).mappings())


def told(plant: Plant, snapshot_id: str) -> dict[str, Any]:
    with plant.db.read() as conn:
        return read(conn, snapshot_id)


def due(plant: Plant) -> bool:
    with plant.db.read() as conn:
        return is_due(conn, plant.db.now(conn))


def late_in(plant: Plant, waiting: Waiting, owner: str = "first:1", grace_s: float = 20.0) -> Late:
    """Return who waits for late facets, as one process would; ``waiting`` gets what its thread would run."""
    return Late(plant.db, plant.open, owner=owner, grace_s=grace_s, begin=waiting.append)


def hanging() -> tuple[threading.Event, Callable[[], Found]]:
    """Return a lookup that ignores its timeout, and how to end it."""
    for_ever = threading.Event()

    def hang() -> Found:
        for_ever.wait(30)
        raise AssertionError

    return for_ever, hang


def child_of(plant: Plant, snapshot_id: str, within_s: float = 5.0) -> Snapshot:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if made := told(plant, snapshot_id)["completed_by"]:
            with plant.db.read() as conn:
                return frozen(conn, made[0])
        time.sleep(0.02)
    pytest.fail(f"no child after {within_s} s: {rows(plant)}")


def test_a_late_facet_makes_a_new_snapshot(plant: Plant) -> None:
    """What arrives within the grace is frozen as a child that names its parent; the parent stays as it was."""
    plant.worlds["erp"].script("stock", slow_s=0.8)
    waiting: Waiting = []
    first = assemble(plant.db, asked(plant), plant.open, late_in(plant, waiting))
    [row] = rows(plant)
    assert (row["snapshot_id"], row["name"], row["state"], row["lease_owner"]) == (first.id, "part", "waiting", "first:1")
    assert told(plant, first.id)["late"]["part"]["state"] == "waiting"
    child = waiting[0]()
    assert child is not None
    assert (statuses(first)["part"], statuses(child)["part"]) == ("late", "ok")
    assert (child.content["parent"], first.content["parent"]) == (first.id, None)
    assert child.content["facets"]["part"]["values"]["quantity"] == 4.0
    assert child.content["facets"]["cpu"]["values"] == first.content["facets"]["cpu"]["values"]
    assert child.content["fields"] == first.content["fields"]
    with plant.db.read() as conn:
        assert frozen(conn, first.id) == first
    assert told(plant, first.id)["completed_by"] == [child.id]
    assert told(plant, first.id)["late"]["part"] | {"due_at": 0, "until_at": 0} == {
        "state": "done",
        "reason": None,
        "due_at": 0,
        "until_at": 0,
        "completed_by": child.id,
    }
    assert told(plant, child.id)["intact"]


def test_late_facets_are_awaited_in_the_background(plant: Plant) -> None:
    """Without anybody's doing the child is there when the late facet is."""
    plant.worlds["erp"].script("stock", slow_s=0.7)
    first = assemble(plant.db, asked(plant), plant.open, Late(plant.db, plant.open, owner="here:1"))
    assert statuses(child_of(plant, first.id))["part"] == "ok"


def test_who_cannot_wait_leaves_it_to_a_worker(plant: Plant) -> None:
    """A process without time of its own (web, command line) leaves the row free: a worker asks again at once."""
    plant.worlds["erp"].script("stock", slow_s=0.8)
    first = assemble(plant.db, asked(plant), plant.open)
    assert due(plant)
    assert Late(plant.db, plant.open, owner="worker:1").take_up() == 1
    assert statuses(child_of(plant, first.id))["part"] == "ok"
    assert not due(plant)


def test_what_never_comes_makes_no_snapshot(plant: Plant) -> None:
    """When nothing comes within the grace there is no child, and the row says so."""
    for_ever, hang = hanging()
    plant.connectors["erp"] = Odd("erp", hang)
    waiting: Waiting = []
    first = assemble(plant.db, asked(plant), plant.open, late_in(plant, waiting, grace_s=0.1))
    assert waiting[0]() is None
    for_ever.set()
    assert told(plant, first.id)["completed_by"] == []
    assert [(row["state"], row["reason"]) for row in rows(plant)] == [("dead", "It did not come within its grace.")]


def test_an_error_that_comes_late_is_the_reason(plant: Plant) -> None:
    """A far side that fails after the deadline makes no child either: the row keeps its sentences."""

    def fail() -> Found:
        time.sleep(0.8)
        raise UnreachableError("The ERP cannot be reached.", why="Connection refused.")

    plant.connectors["erp"] = Odd("erp", fail)
    waiting: Waiting = []
    assemble(plant.db, asked(plant), plant.open, late_in(plant, waiting))
    assert waiting[0]() is None
    assert rows(plant)[0]["reason"] == "failed: The ERP cannot be reached. Connection refused."


def test_two_late_facets_end_together(plant: Plant) -> None:
    """One child holds what came; what did not come is dead, and late in the child as well."""
    plant.worlds["erp"].script("stock", slow_s=0.8)
    for_ever, hang = hanging()
    plant.connectors["tickets"] = Odd("tickets", hang)
    waiting: Waiting = []
    assemble(plant.db, asked(plant), plant.open, late_in(plant, waiting, grace_s=0.6))
    child = waiting[0]()
    for_ever.set()
    assert statuses(child) == {"cpu": "ok", "part": "ok", "history": "late"}
    assert {row["name"]: row["state"] for row in rows(plant)} == {"part": "done", "history": "dead"}


def test_an_old_value_grows_stale_in_the_child(plant: Plant, clock: FixedClock) -> None:
    """Ages are judged anew when the child is frozen: a value that was young enough then may be too old now."""
    plant.worlds["erp"].script("stock", slow_s=0.8)
    waiting: Waiting = []
    first = assemble(plant.db, asked(plant), plant.open, late_in(plant, waiting))
    clock.move(RECIPE["facets"]["cpu"]["stale_after_s"] + 1)
    waiting.clear()
    with plant.db.write() as conn:
        conn.execute(late_facet.update().values(until_at=clock.now() + 5_000_000))
    assert late_in(plant, waiting, "second:2").take_up() == 1
    child = waiting[0]()
    assert (statuses(first)["cpu"], statuses(child)["cpu"]) == ("ok", "stale")
    assert child.content["facets"]["cpu"]["reason"] == "The value is 901 s old; at most 900 s are allowed."


def test_a_lapsed_lease_is_taken_over_and_the_stale_one_changes_nothing(plant: Plant, clock: FixedClock) -> None:
    """Who stood still for longer than its lease finds its facets taken: one child, not two."""
    plant.worlds["erp"].script("stock", slow_s=0.8)
    stood_still: Waiting = []
    others: Waiting = []
    first = assemble(plant.db, asked(plant), plant.open, late_in(plant, stood_still))
    other = late_in(plant, others, "second:2")
    assert other.take_up() == 0  # its lease holds
    clock.move(LEASE_S + 1)
    assert due(plant)
    assert other.take_up() == 1
    assert stood_still[0]() is None
    child = others[0]()
    assert child is not None
    assert told(plant, first.id)["completed_by"] == [child.id]
    assert [(row["state"], row["attempts"], row["fence"]) for row in rows(plant)] == [("done", 2, 2)]


def test_past_its_grace_it_is_given_up(plant: Plant, clock: FixedClock) -> None:
    """Found only after its grace, it is not asked for any more: the values would be of another moment."""
    plant.worlds["erp"].script("stock", slow_s=0.8)
    waiting: Waiting = []
    assemble(plant.db, asked(plant), plant.open, late_in(plant, waiting))
    clock.move(30)
    assert late_in(plant, [], "second:2").take_up() == 0
    assert [row["state"] for row in rows(plant)] == ["dead"]
    assert "was gone" in rows(plant)[0]["reason"]
    assert waiting[0]() is None


def test_a_soft_stop_hands_over(plant: Plant) -> None:
    """Who is told to stop lets go at once: another one asks, with no lease to wait for; nothing new is leased."""
    plant.worlds["erp"].script("stock", slow_s=0.8, times=2)
    waiting: Waiting = []
    stopping = late_in(plant, waiting)
    first = assemble(plant.db, asked(plant), plant.open, stopping)
    stopping.stop()
    assert due(plant)
    second = assemble(plant.db, asked(plant), plant.open, stopping)
    assert [row["lease_owner"] for row in rows(plant)] == [None, None]
    assert waiting[0]() is None
    assert Late(plant.db, plant.open, owner="other:2").take_up() == 2
    assert {statuses(child_of(plant, one.id))["part"] for one in (first, second)} == {"ok"}


def test_two_workers_take_up_each_one_once(plant: Plant) -> None:
    """Several snapshots, two workers: each snapshot is completed once."""
    plant.worlds["erp"].script("stock", slow_s=0.8, times=3)
    made = [assemble(plant.db, asked(plant), plant.open) for _ in range(3)]
    workers = [Late(plant.db, plant.open, owner=f"w:{n}") for n in range(2)]
    assert sum(one.take_up() for one in workers) == 3
    for one in made:
        child_of(plant, one.id)
    assert [len(told(plant, one.id)["completed_by"]) for one in made] == [1, 1, 1]


KILLED = """
import os, socket, sys, time
from core.clock import SystemClock
from core.database import Database
from connectors.memory.connector import Memory
from connectors.memory.kind import MemorySettings
from connectors.memory.world import find_world
from snapshots import assemble
from snapshots.late import Late
db = Database(sys.argv[1])
worlds = {name: find_world(name, SystemClock()) for name in ("monitoring", "erp", "tickets")}
worlds["erp"].script("stock", slow_s=15)
opened = lambda name: Memory(name, MemorySettings(world=name))
late = Late(db, opened, owner=f"{socket.gethostname()}:{os.getpid()}")
print(assemble(db, sys.argv[2], opened, late).id, flush=True)
time.sleep(60)
"""


def test_killed_while_it_waits(database_url: str, db: Database) -> None:
    """After a kill -9 of the process that waits another process of this machine frees its lease, asks again, and completes."""
    real = Database(database_url)
    with standing(real, SystemClock()) as plant:
        snapshot_id = asked(plant)
        argv = [sys.executable, "-c", KILLED, database_url, snapshot_id]
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as doomed:
            assert doomed.stdout is not None
            assert doomed.stdout.readline().strip() == snapshot_id
            here = f"{socket.gethostname()}:{doomed.pid}"
            assert [(row["state"], row["lease_owner"]) for row in rows(plant)] == [("waiting", here)]
            assert Late(real, plant.open, owner="other:1").take_up() == 0
            doomed.kill()
        assert forget_dead(real) == [here]
        assert Late(real, plant.open, owner="other:1").take_up() == 1
        child = child_of(plant, snapshot_id)
        assert child.content["facets"]["part"]["values"]["quantity"] == 4.0
        assert [(row["state"], row["attempts"]) for row in rows(plant)] == [("done", 2)]
    real.close()


def test_a_worker_takes_up_what_a_killed_one_left(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The tasks as they ship: healing frees what the dead one held, the sweeper asks again, a soft stop lets go."""
    monkeypatch.setenv("TIELINE_HOME", str(tmp_path))
    monkeypatch.setattr(celery_app, "_made", [])
    real = Database(sqlite_url)
    request.addfinalizer(real.close)
    with standing(real, SystemClock()) as plant:
        snapshot_id = asked(plant)
        argv = [sys.executable, "-c", KILLED, sqlite_url, snapshot_id]
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as doomed:
            assert doomed.stdout is not None
            assert doomed.stdout.readline().strip() == snapshot_id
            doomed.kill()
        celery_app.heal()
        celery_app.sweep()
        child = child_of(plant, snapshot_id)
        assert child.content["facets"]["part"]["status"] == "absent", "the world of this process knows of no parts"
        celery_app._let_go()
        assert celery_app.parts().late.owner is None
        celery_app.parts().db.close()
