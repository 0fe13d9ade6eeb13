"""One alert's whole way through the engine, between two in-memory systems."""

from __future__ import annotations

from bridges.accounting import balance
from core.tables import repair
from tests.bridges.plant import BRIDGES, Plant, publish_all


def test_an_alert_becomes_a_ticket_is_acknowledged_and_closed_with_it(plant: Plant) -> None:
    """Story 1, thin: problem -> ticket -> acknowledged; ticket resolved -> problem closed; everything done, nothing open."""
    plant.push_alert("7001")
    plant.work()

    [ticket] = plant.tickets.things["tickets"].values()
    assert ticket["title"] == "P1 Oil hot"
    assert plant.monitoring.get("alerts", "7001")["notes"] == [ticket["id"]]
    assert [(row["step"], row["state"]) for row in plant.actions] == [("ticket", "done"), ("ack", "done")]

    plant.clock.move(60)
    resolved = plant.tickets.change("tickets", ticket["id"], actor="tech", status="resolved")
    plant.push("tickets", {"ticket": resolved})
    plant.work()

    assert plant.monitoring.get("alerts", "7001")["status"] == "resolved"
    assert balance(plant.db).as_dict() | {"oldest_due_s": 0} == {
        "holds": True,
        "accepted": 2,
        "deliveries": {"waiting": 0, "held": 0, "done": 2, "skipped": 0, "dead": 0},
        "events": {"waiting": 0, "held": 0, "done": 2, "skipped": 0, "dead": 0},
        "actions": {"waiting": 0, "held": 0, "done": 3, "skipped": 0, "dead": 0},
        "oldest_due_s": 0,
        "problems": [],
    }


def test_an_argument_whose_field_has_no_value_is_left_out(plant: Plant) -> None:
    """A device whose name nobody told yet does not keep its ticket from being opened."""
    first = {**BRIDGES[0]["steps"][0], "with": {"title": "alert.title", "machine": "device.name"}}
    publish_all(plant.db, [{**BRIDGES[0], "join": {"device": "alert.device"}, "steps": [first]}])
    plant.push_alert("7001")
    plant.work()

    [ticket] = plant.tickets.things["tickets"].values()
    assert (ticket["title"], ticket["machine"]) == ("Oil hot", None)


def test_a_required_argument_without_a_value_is_an_error_that_names_it(plant: Plant) -> None:
    """What the act cannot do without is said at the decision, with the field, and nothing is sent."""
    first = {**BRIDGES[0]["steps"][0], "with": {"title": "device.name"}}
    publish_all(plant.db, [{**BRIDGES[0], "join": {"device": "alert.device"}, "steps": [first]}])
    plant.push_alert("7001")
    plant.work()

    [decided] = plant.decisions
    assert decided["verdict"] == "error"
    assert "'title' that create_ticket needs. device.name has no value." in decided["reason"]
    assert plant.actions == []


def test_a_bridge_that_can_be_carried_out_again_closes_its_repair(plant: Plant) -> None:
    """The repair of a plan that failed closes by itself with the next firing that can be planned."""
    first = {**BRIDGES[0]["steps"][0], "with": {"title": "device.name"}}
    publish_all(plant.db, [{**BRIDGES[0], "join": {"device": "alert.device"}, "steps": [first]}])
    plant.push_alert("7001")
    plant.work()
    assert [row["key"] for row in plant.rows(repair, repair.c.closed_at.is_(None))] == ["bridge:alert-to-ticket"]

    publish_all(plant.db, [BRIDGES[0]])
    plant.push_alert("7002")
    plant.work()

    assert plant.rows(repair, repair.c.closed_at.is_(None)) == []


def test_actions_of_many_bridges_on_one_event_keep_their_order(plant: Plant) -> None:
    """However many bridges fire on one event, their actions have an order of their own, and it is that of the bridges."""
    step = {"id": "note", "connector": "monitoring", "act": "acknowledge", "target": "alert", "with": {"message": '"seen"'}}
    many = [
        {
            **BRIDGES[0],
            "when": "alert.severity >= 3",
            "name": f"bridge-{n:02d}",
            "steps": [{**step, "id": f"note{m}"} for m in range(3)],
        }
        for n in range(20)
    ]
    publish_all(plant.db, many)
    plant.push_alert("7001")
    plant.handler.run()

    notes = [row for row in plant.actions if row["bridge"].startswith("bridge-")]
    assert len({row["seq"] for row in plant.actions}) == len(plant.actions) == 62
    assert [row["key"].split("/")[0] for row in notes] == sorted(row["bridge"] for row in notes)
