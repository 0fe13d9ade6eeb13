"""Replay and explain: what was, what would be, and the same keys again."""

from __future__ import annotations

import pytest
from sqlalchemy import event as listening
from sqlalchemy import update

from bridges import explain, replay
from bridges.accounting import balance
from core.errors import NotFoundError, RefusedError
from core.tables import delivery
from tests.bridges.plant import BRIDGES, Plant, publish_all


def test_a_dry_run_says_what_would_happen_and_leaves_nothing(plant: Plant) -> None:
    """The verdicts and actions of a dry run are those of production; afterwards no row has changed."""
    receipt = plant.push_alert("7001", severity=2)
    plant.work()
    publish_all(plant.db, [{**BRIDGES[0], "when": 'alert.status == "open" && alert.severity >= 2 && !present(alert.ticket)'}])
    before = (plant.events, plant.decisions, plant.actions, plant.deliveries)

    dry = replay.plan(plant.db, plant.registered, replay.Choice(id=receipt))

    assert [(row["bridge"], row["verdict"]) for row in dry.decisions] == [("alert-to-ticket", "fired")]
    assert [row["act"] for row in dry.actions] == ["create_ticket", "acknowledge"]
    assert (plant.events, plant.decisions, plant.actions, plant.deliveries) == before
    assert plant.tickets.writes == 0


def test_a_long_dry_run_lets_others_in_between_and_says_the_same(plant: Plant) -> None:
    """Portions are short transactions, their verdicts those of one trial: a thing's second state comes after its first."""
    for n in range(5):
        plant.push("monitoring", {"alert": plant.monitoring.raise_alert(f"700{n}", name="Hot", severity=4, machine="m")})
    plant.push("monitoring", {"alert": plant.monitoring.raise_alert("7000", name="Hotter", severity=4, machine="m")})
    with plant.db.write() as conn:  # none was ever handled: what the first state taught is known only in its portion
        conn.execute(update(delivery).values(state="dead", reason="test", next_at=None))
    ended: list[object] = []
    listening.listen(plant.db.engine, "rollback", ended.append)
    whole = replay.plan(plant.db, plant.registered, replay.Choice(connector="monitoring"))
    ended.clear()
    parts = replay.plan(plant.db, plant.registered, replay.Choice(connector="monitoring"), portion=2)

    assert (whole.portions, parts.portions) == (1, 3)
    assert len(ended) >= parts.portions, "each portion ends before the next begins"
    assert parts.deliveries == whole.deliveries
    assert sorted((one["event_id"], one["verdict"]) for one in parts.decisions) == sorted(
        (one["event_id"], one["verdict"]) for one in whole.decisions
    )
    assert len(parts.actions) == len(whole.actions)
    assert plant.events == []


def test_a_replay_after_a_mended_rule_issues_the_ticket_once(plant: Plant) -> None:
    """The lost alert becomes a ticket when the rule is mended and its event replayed; a second replay adds nothing."""
    receipt = plant.push_alert("7001", severity=2)
    plant.work()
    publish_all(plant.db, [{**BRIDGES[0], "when": 'alert.status == "open" && alert.severity >= 2'}])
    for _ in range(2):
        replay.run(plant.db, replay.Choice(id=receipt), by="test")
        plant.work()

    assert len(plant.tickets.things["tickets"]) == 1
    assert [(row["run"], row["verdict"]) for row in plant.decisions] == [(0, "not_matched"), (1, "fired"), (2, "fired")]
    assert balance(plant.db).holds


def test_a_replay_tries_dead_actions_again_with_the_same_key(plant: Plant) -> None:
    """What was refused is tried again, what was done is not done twice."""
    plant.tickets.script("act", fail=RefusedError("No.", why="x", fix="y"))
    receipt = plant.push_alert("7001")
    plant.work()
    keys = [row["key"] for row in plant.actions]
    publish_all(plant.db, [{**BRIDGES[0], "when": 'alert.status == "open"'}])
    replay.run(plant.db, replay.Choice(id=receipt), by="test")
    plant.work()

    assert [row["key"] for row in plant.actions] == keys
    assert [row["state"] for row in plant.actions] == ["done", "done"]
    assert plant.tickets.writes == 1


def test_a_window_a_bridge_a_connector_and_a_state_can_be_chosen(plant: Plant) -> None:
    """Each way to choose finds exactly its deliveries."""
    one = plant.push_alert("7001", severity=2)
    bad = plant.push("monitoring", b"{")
    plant.work()
    plant.clock.move(100)
    two = plant.push_alert("7002", severity=2)
    plant.work()

    def chosen(**choice: object) -> list[str]:
        return replay.plan(plant.db, plant.registered, replay.Choice(**choice)).deliveries  # type: ignore[arg-type]

    assert chosen(since=plant.clock.now()) == [two]
    assert chosen(until=plant.clock.now()) == [one, bad]
    assert chosen(bridge="alert-to-ticket") == [one, two]
    assert chosen(connector="tickets") == []
    assert chosen(state="dead") == [bad]
    assert chosen(id=plant.events[0]["id"]) == [one]


def test_replaying_everything_is_never_meant(plant: Plant) -> None:
    """An empty choice is refused with the ways to choose; an unknown id is said to be unknown."""
    with pytest.raises(replay.ReplayChoiceError, match="--since"):
        replay.run(plant.db, replay.Choice(), by="test")
    with pytest.raises(NotFoundError):
        replay.run(plant.db, replay.Choice(id="evt_nope"), by="test")


def test_the_trail_tells_the_whole_way_in_sentences(plant: Plant) -> None:
    """The explanation of a receipt names delivery, event, decisions, actions, attempts and the error's fix."""
    plant.tickets.script("act", fail=RefusedError("The tracker said no.", why="It is closed.", fix="Open it."))
    receipt = plant.push_alert("7001")
    plant.work()
    with plant.db.read() as conn:
        trail = explain.event(conn, receipt)
        same = explain.event(conn, plant.events[0]["id"])

    text = "\n".join(trail["summary"])
    assert "bridge alert-to-ticket: fired, 2 actions" in text
    assert "ticket: create_ticket on tickets: dead" in text
    assert "The tracker said no. It is closed. Fix: Open it." in text
    assert trail["events"][0]["actions"][0]["attempts"][0]["code"] == "refused"
    assert trail["delivery"]["connector"] == "monitoring"
    assert same["events"][0]["id"] == plant.events[0]["id"]


def test_the_trail_of_what_did_not_fire_shows_both_values(plant: Plant) -> None:
    """Why did nothing happen: the first false clause, with what was and what was asked."""
    receipt = plant.push_alert("7001", severity=2)
    plant.work()
    with plant.db.read() as conn:
        trail = explain.event(conn, receipt)

    assert "not fired, the first false clause is `alert.severity >= 3`: 2 against 3" in "\n".join(trail["summary"])
