"""Retention: what has ended leaves, nothing is forgotten by that, and what needs a person stays."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Table, func, select

from bridges import explain, replay, retention
from bridges.accounting import balance
from bridges.replay import Choice
from core.clock import SECOND
from core.errors import NotFoundError, RefusedError
from core.tables import action, archive, delivery, event, remembered
from lineage import provenance
from tests.bridges.plant import Plant

DAY_S = 86_400
POLICY = retention.Policy(live_days=7, archive_days=90, dedupe_days=400)


def _run(plant: Plant, policy: retention.Policy = POLICY) -> retention.Kept:
    return retention.run(plant.db, policy, pause=lambda _: None)


def _count(plant: Plant, table: Table) -> int:
    with plant.db.read() as conn:
        return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


def _ended_alert(plant: Plant, id_: str = "7001") -> str:
    """Let one alert become a ticket, and something newer arrive, so that the alert may leave."""
    receipt = plant.push_alert(id_)
    plant.work()
    plant.push_alert("7999", severity=1)
    plant.work()
    return receipt


def test_what_has_ended_leaves_and_the_books_balance(plant: Plant) -> None:
    """After its days at hand a delivery is in the archive with all that became of it; every count is as before."""
    _ended_alert(plant)
    before = balance(plant.db)
    assert not _run(plant)
    plant.clock.move(8 * DAY_S)

    assert _run(plant).archived == 1
    after = balance(plant.db)
    assert (after.accepted, after.deliveries, after.events, after.actions) == (
        before.accepted,
        before.deliveries,
        before.events,
        before.actions,
    )
    assert after.problems == []
    assert (_count(plant, delivery), _count(plant, event), _count(plant, action)) == (1, 1, 0)


def test_what_is_archived_is_explained_as_before(plant: Plant) -> None:
    """A receipt, an event and an action give the same trail from the archive; a value still knows where it came from."""
    receipt = _ended_alert(plant)
    [known] = [row for row in plant.events if row["type"] == "alert.created" and row["external_id"] == "7001"]
    acted = plant.actions[0]["id"]
    with plant.db.read() as conn:
        trails = [explain.event(conn, receipt), explain.event(conn, known["id"]), explain.action_trail(conn, acted)]
    plant.clock.move(8 * DAY_S)
    _run(plant)

    with plant.db.read() as conn:
        archived = [explain.event(conn, receipt), explain.event(conn, known["id"]), explain.action_trail(conn, acted)]
        gid = trails[0]["events"][0]["master_id"]
        [told] = provenance.value(conn, gid, "title")["values"]
    assert archived[0]["archived"] is True
    for was, now in zip(trails, archived, strict=True):
        for part in ("delivery", "events", "decision", "attempts", "outcome"):
            assert now.get(part) == was.get(part)
    assert (told["receipt"], told["source"]["stream"]) == (receipt, "alerts")


def test_what_needs_a_person_stays(plant: Plant) -> None:
    """Dead and held rows stay at hand, however old they are, with everything around them."""
    plant.push_alert("7001")
    plant.tickets.script("create_ticket", fail=RefusedError("No.", why="It says no.", fix="Ask."))
    plant.work()
    plant.push_alert("7999", severity=1)
    plant.work()
    plant.clock.move(1000 * DAY_S)
    _run(plant)

    assert {row["state"] for row in plant.actions} == {"dead", "held"}
    assert _count(plant, delivery) == 2
    assert balance(plant.db).holds


def test_the_same_again_is_known_for_long_after(plant: Plant) -> None:
    """A sender's id that comes again after archiving, and after pruning, is a duplicate of the first receipt."""
    first = plant.push("monitoring", {"alert": plant.monitoring.raise_alert("7001", name="Oil", severity=4)}, "id-1")
    plant.work()
    plant.push_alert("7999", severity=1)
    plant.work()
    body = plant.deliveries[0]["body"]
    plant.clock.move(8 * DAY_S)
    _run(plant)
    assert plant.push("monitoring", body, "id-1") == first
    plant.clock.move(120 * DAY_S)
    assert _run(plant).pruned == 1

    assert plant.push("monitoring", body, "id-1") == first
    [row] = plant.rows(remembered, remembered.c.external_id == "id-1")
    assert row["seen"] == 3
    plant.clock.move(400 * DAY_S)
    assert _run(plant).forgotten >= 1
    assert plant.push("monitoring", body, "id-1") != first
    assert balance(plant.db).holds


def test_another_body_under_an_archived_id_is_a_conflict_that_is_kept(plant: Plant) -> None:
    """The archived delivery comes back to hand, because a person has to compare the two."""
    first = plant.push("monitoring", {"alert": plant.monitoring.raise_alert("7001", name="Oil", severity=4)}, "id-1")
    plant.work()
    plant.push_alert("7999", severity=1)
    plant.work()
    plant.clock.move(8 * DAY_S)
    _run(plant)

    assert plant.push("monitoring", {"alert": {"id": "other"}}, "id-1") == first
    with plant.db.read() as conn:
        assert [one["seen"] for one in explain.event(conn, first)["delivery"]["conflicts"]] == [1]
    assert balance(plant.db).holds


def test_a_replay_takes_it_out_of_the_archive(plant: Plant) -> None:
    """The dry run leaves it there; the replay handles it again, and what was done is not done twice."""
    receipt = _ended_alert(plant)
    plant.clock.move(8 * DAY_S)
    _run(plant)
    tickets = len(plant.tickets.after("tickets", 0, 1000))

    assert replay.plan(plant.db, plant.registered, Choice(id=receipt)).deliveries == [receipt]
    assert _count(plant, archive) == 1
    assert replay.run(plant.db, Choice(id=receipt), by="test").deliveries == [receipt]
    plant.work()

    assert _count(plant, archive) == 0
    assert len(plant.tickets.after("tickets", 0, 1000)) == tickets
    assert balance(plant.db).holds
    plant.clock.move(8 * DAY_S)
    assert _run(plant).archived == 1


def test_what_was_pruned_is_named_as_such(plant: Plant) -> None:
    """Asked for a receipt whose day is gone, we say when it was received and which policy removed it."""
    receipt = _ended_alert(plant)
    plant.clock.move(8 * DAY_S)
    _run(plant)
    plant.clock.move(100 * DAY_S)
    _run(plant)

    with plant.db.read() as conn, pytest.raises(NotFoundError, match="There is no event") as caught:
        explain.event(conn, receipt)
    assert "TIELINE_ARCHIVE_DAYS" in caught.value.why
    with pytest.raises(NotFoundError) as refused:
        replay.run(plant.db, Choice(id=receipt), by="test")
    assert "TIELINE_ARCHIVE_DAYS" in refused.value.why
    assert balance(plant.db).holds


def test_two_workers_archive_nothing_twice(plant: Plant) -> None:
    """Several runs at once move each delivery once; the counts are right."""
    for n in range(40):
        plant.push_alert(f"8{n:03d}", severity=1)
    plant.work()
    before = balance(plant.db).deliveries
    plant.clock.move(8 * DAY_S)
    moved: list[int] = []
    runs = [threading.Thread(target=lambda: moved.append(_run(plant).archived)) for _ in range(3)]
    for one in runs:
        one.start()
    for one in runs:
        one.join()

    assert sum(moved) == 39
    assert _count(plant, archive) == 39
    assert balance(plant.db).deliveries == before


def test_the_plan_says_what_a_run_would_do(plant: Plant) -> None:
    """How much would leave, and how far behind the archive is."""
    _ended_alert(plant)
    plant.clock.move(9 * DAY_S)
    planned = retention.plan(plant.db, POLICY)
    assert (planned["to_archive"], planned["archived"]) == (2, 0)
    assert planned["behind_days"] == pytest.approx(2, abs=0.1)
    assert plant.clock.now() > SECOND
