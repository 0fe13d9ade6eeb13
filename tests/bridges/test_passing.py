"""What passes by itself in the database ends no row: the work waits and is done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg.errors
import pytest
from sqlalchemy import event as listening
from sqlalchemy.exc import DataError, OperationalError

from bridges.handle import POISON_AFTER
from bridges.inbox import Inbox
from bridges.passing import passes, until_passed
from bridges.storing import Arrival
from core.database import Database
from core.tables import repair, stream
from tests.bridges.conftest import AddConnector
from tests.bridges.plant import Plant

DEADLOCK = OperationalError("…", {}, psycopg.errors.DeadlockDetected("deadlock detected"))


@contextmanager
def failing(
    db: Database, prefix: str, error: Exception, times: int, when: Callable[[Any], bool] = lambda _: True
) -> Iterator[None]:
    """Let statements that begin so fail, this many times."""
    left = [times]

    def fail(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if left[0] and statement.replace('"', "").startswith(prefix) and when(parameters):
            left[0] -= 1
            raise error

    listening.listen(db.engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        listening.remove(db.engine, "before_cursor_execute", fail)


def test_a_deadlock_while_handling_buries_nothing(plant: Plant) -> None:
    """The batch is rolled back, the lane is given back, and the next look handles it; however often it happens."""
    plant.push_alert("7001")
    with failing(plant.db, "INSERT INTO event", DEADLOCK, POISON_AFTER * 2):
        for _ in range(POISON_AFTER * 2):
            plant.handler.run()
            assert [row["state"] for row in plant.deliveries] == ["waiting"]

    plant.handler.run()

    assert [row["state"] for row in plant.deliveries] == ["done"]
    assert plant.rows(repair) == []


def test_a_lane_that_fails_does_not_stop_the_others(plant: Plant) -> None:
    """What is wrong with one connector's handling is its own; the others are handled in the same run."""
    plant.push_alert("7001")
    plant.push("tickets", {"ticket": plant.tickets.open_ticket("Oil")})
    with failing(plant.db, "INSERT INTO event", DEADLOCK, 1):
        plant.handler.run()

    assert sorted(row["state"] for row in plant.deliveries) == ["done", "waiting"]


def test_a_deadlock_while_results_are_written_repeats_no_act(plant: Plant) -> None:
    """The act was done; only its result is written again."""
    plant.push_alert("7001")
    plant.handler.run()
    with failing(plant.db, "INSERT INTO attempt", DEADLOCK, 2):
        plant.deliverer.run()

    assert {row["state"] for row in plant.actions} == {"done"}
    assert [row["n"] for row in plant.attempts] == [1, 1]


def test_one_result_that_cannot_be_written_leaves_the_others_alone(plant: Plant) -> None:
    """A result that the database refuses becomes a failed attempt that says so; the rest of its group is settled."""
    plant.push_alert("7001")
    plant.push_alert("7002", machine="press-08")
    plant.handler.run()
    wrong = next(row["id"] for row in plant.actions)
    error = DataError("…", {}, psycopg.errors.UntranslatableCharacter("a character that cannot be stored"))

    def of_wrong(parameters: Any) -> bool:
        return wrong in repr(parameters)

    with failing(plant.db, "UPDATE action SET state", error, 99, of_wrong):
        plant.deliverer.run()

    states = {row["id"]: (row["state"], (row["reason"] or "")[:11]) for row in plant.actions if row["step"] == "ticket"}
    assert states.pop(wrong) == ("waiting", "unexpected:")
    assert [state for state, _ in states.values()] == ["done"]


def test_one_arrival_that_cannot_be_stored_leaves_the_others_alone(db: Database, add_connector: AddConnector) -> None:
    """A deadlock costs a second try; an arrival that the database refuses is refused alone, not with its whole batch."""
    source = add_connector("source")
    error = DataError("…", {}, psycopg.errors.UntranslatableCharacter("a character that cannot be stored"))
    inbox = Inbox(db, writers=1)
    try:
        with failing(db, "INSERT INTO delivery", DEADLOCK, 1):
            assert inbox.accept(Arrival(source, b"{}", external_id="one")).status == "accepted"
        with failing(db, "INSERT INTO delivery", error, 99, lambda parameters: "bad" in repr(parameters)):
            answers = _accept_together(inbox, [Arrival(source, b"{}", external_id=name) for name in ("a", "bad", "b")])
        assert answers == ["accepted", "cannot-store", "accepted"]
    finally:
        inbox.close()


def test_a_bell_that_breaks_does_not_stop_the_door(db: Database, add_connector: AddConnector) -> None:
    """Whatever a ring raises, the writer goes on: the next arrival is stored."""

    def broken() -> None:
        raise RuntimeError("The broker is not there.")

    source = add_connector("source")
    inbox = Inbox(db, broken, writers=1)
    try:
        assert [inbox.accept(Arrival(source, body), timeout_s=5).status for body in (b"1", b"2")] == ["accepted"] * 2
    finally:
        inbox.close()


def _accept_together(inbox: Inbox, arrivals: list[Arrival]) -> list[str]:
    """Put all into one batch: the writer is busy with none of them when they come."""
    from concurrent.futures import ThreadPoolExecutor

    from core.errors import TielineError

    def accept(arrival: Arrival) -> str:
        try:
            return inbox.accept(arrival).status
        except TielineError as error:
            return error.code

    with ThreadPoolExecutor(len(arrivals)) as pool:
        return list(pool.map(accept, arrivals))


def test_a_deadlock_while_a_page_is_stored_costs_no_lease(plant: Plant) -> None:
    """The page is stored again at once; the stream is not left to a lease of minutes."""
    with plant.db.write() as conn:
        conn.execute(
            stream.insert().values(
                connector_id=plant.ids["monitoring"], name="alerts", every_s=60, next_at=0, failures=0, enabled=True
            )
        )
    plant.monitoring.raise_alert("7001", name="Oil hot", severity=4, machine="press-07")
    with failing(plant.db, "INSERT INTO delivery", DEADLOCK, 1):
        assert plant.poller.run() == 1
    assert [row["lease_owner"] for row in plant.rows(stream)] == [None]


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        (psycopg.errors.SerializationFailure("x"), True),
        (psycopg.errors.AdminShutdown("x"), True),
        (psycopg.OperationalError("connection failed"), True),
        (psycopg.errors.ProgramLimitExceeded("index row size 4000 exceeds maximum"), False),
    ],
)
def test_what_passes(original: Exception, expected: bool) -> None:
    """Deadlocks and lost connections pass; a row that is too large for its index stays so."""
    assert passes(OperationalError("…", {}, original)) is expected


def test_sqlite_says_what_passes() -> None:
    """A locked file passes; a statement that is wrong does not."""
    import sqlite3

    with pytest.raises(sqlite3.OperationalError) as wrong:
        sqlite3.connect(":memory:").execute("SELECT * FROM nothing")
    assert not passes(OperationalError("…", {}, wrong.value))


def test_the_last_error_is_raised() -> None:
    """Who waits for ever hides that nothing works."""

    def never() -> None:
        raise DEADLOCK

    with pytest.raises(OperationalError):
        until_passed(never, pause=lambda _: None)
