"""Two workers at once: what each sees of the other's change decides nothing twice and leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event as listening
from sqlalchemy import update

from bridges.actions import skip
from bridges.claims import BREAKER_AFTER, claim
from bridges.handle import Handler
from bridges.heal import heal_held
from bridges.holds import hold, release
from bridges.results import settle
from core.database import Database
from core.tables import action, connector
from mappings.catalogue import load
from mappings.identity import Origin as MadeBy
from mappings.identity import link
from mappings.values import current_values
from tests.bridges.plant import TITLE, Plant, publish_all

STEP = {"connector": "monitoring", "act": "acknowledge", "target": "alert", "with": {"message": '"seen"'}}
BOTH = {
    "kind": "bridge",
    "name": "both",
    "on": {"entity": "alert", "events": ["created", "changed"]},
    "when": "alert.severity >= 1",
    "steps": [
        {"id": "one", **STEP},
        {"id": "two", "connector": "tickets", "act": "create_ticket", "creates": "ticket", "with": {"title": "alert.title"}},
        {"id": "three", "after": ["one", "two"], **STEP},
    ],
    "title": TITLE,
}
ACK = {**BOTH, "name": "ack", "steps": [{"id": "one", **STEP}]}


@contextmanager
def before(db: Database, prefix: str, then: Callable[[], None]) -> Iterator[None]:
    """Do something right before the first statement that begins so."""
    left = [then]

    def look(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if left and statement.replace('"', "").startswith(prefix):
            left.pop()()

    listening.listen(db.engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        listening.remove(db.engine, "before_cursor_execute", look)


class Aside(threading.Thread):
    """Work of another process; it may have to wait for us, so we wait for it only shortly."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._work = work
        self.answer: Any = None

    def run(self) -> None:
        """Do it."""
        self.answer = self._work()

    def shortly(self) -> None:
        """Start it and give it the time to go as far as it can."""
        self.start()
        self.join(0.5)


def _publish(plant: Plant, bridge: dict[str, Any]) -> None:
    publish_all(plant.db, [{name: one for name, one in bridge.items() if name != "title"}])


def _states(plant: Plant) -> list[tuple[str, str]]:
    return [(row["step"], row["state"]) for row in plant.actions]


def test_the_step_behind_two_becomes_due_when_two_workers_end_them_at_once(plant: Plant) -> None:
    """The second to commit sees what the first did, and what both brought back is kept."""
    _publish(plant, BOTH)
    plant.push_alert("7001", severity=1)
    plant.handler.run()
    results = [(owner, claim(plant.db, owner, limit=1, lease_s=15)) for owner in ("a", "b")]
    attempted = [(owner, [plant.deliverer.attempt(one) for one in claimed]) for owner, claimed in results]
    (first, mine), (second, theirs) = attempted
    other = Aside(lambda: settle(plant.db, second, theirs, spread=lambda: 0.0))

    with before(plant.db, "UPDATE action SET arguments", other.shortly):
        settle(plant.db, first, mine, spread=lambda: 0.0)
    other.join(10)

    assert dict(_states(plant))["three"] == "waiting"


def test_a_claim_does_not_hold_what_a_release_has_just_freed(plant: Plant) -> None:
    """A release waits for the claim, or the claim sees it; no action stays held by what holds no more."""
    plant.push_alert("7001")
    plant.handler.run()
    with plant.db.write() as conn:
        hold(conn, plant.ids["tickets"], by="person:eve", now=plant.db.now(conn))

    def free() -> None:
        with plant.db.write() as conn:
            release(conn, plant.ids["tickets"], now=plant.db.now(conn))

    other = Aside(free)
    with before(plant.db, "UPDATE action SET state", other.shortly):
        claim(plant.db, "one", limit=10, lease_s=15)
    other.join(10)

    assert ("ticket", "waiting") in _states(plant)


def test_what_is_planned_by_an_old_hold_is_due(plant: Plant) -> None:
    """Planning knows the connectors as they were half a second ago; a release in between is not missed."""
    with plant.db.write() as conn:
        hold(conn, plant.ids["tickets"], by="person:eve", now=plant.db.now(conn))
    plant.registered.refresh()
    with plant.db.write() as conn:
        release(conn, plant.ids["tickets"], now=plant.db.now(conn))
    plant.push_alert("7001")
    plant.handler.run()

    assert _states(plant) == [("ticket", "waiting"), ("ack", "held")]


def test_deliveries_are_not_held_by_an_old_hold(plant: Plant) -> None:
    """The handler believes that its connector is held by a person; it was released a moment ago."""
    with plant.db.write() as conn:
        hold(conn, plant.ids["monitoring"], by="person:eve", now=plant.db.now(conn))
    plant.registered.refresh()
    with plant.db.write() as conn:
        release(conn, plant.ids["monitoring"], now=plant.db.now(conn))
    plant.push_alert("7001")
    plant.handler.run()

    assert [row["state"] for row in plant.deliveries] == ["waiting"]


def test_a_hold_and_a_release_in_the_same_instant_are_two_changes(plant: Plant) -> None:
    """Every change moves the mark by which open instances and rows in memory are made anew."""
    for change, state in ((lambda conn, id_: hold(conn, id_, by="person:eve", now=1), "held"), (_release, "ok")):
        with plant.db.write() as conn:
            change(conn, plant.ids["tickets"])
        plant.registered.refresh()
        assert plant.registered.row("tickets").state == state


def _release(conn: Any, connector_id: int) -> None:
    release(conn, connector_id, now=1)


def test_healing_does_not_release_what_a_person_took_hold_of_meanwhile(plant: Plant) -> None:
    """A check takes seconds; whoever holds the connector at its end decides."""
    with plant.db.write() as conn:
        hold(conn, plant.ids["tickets"], by="repair:credentials:tickets", now=plant.db.now(conn))
    held = plant.registered.open("tickets")

    @dataclass
    class Slow:
        def open(self, _id: int) -> Any:
            with plant.db.write() as conn:
                hold(conn, plant.ids["tickets"], by="person:eve", now=plant.db.now(conn))
            return held

    assert heal_held(plant.db, Slow()) == 0  # type: ignore[arg-type]
    assert [row["held_by"] for row in plant.rows(connector, connector.c.name == "tickets")] == ["person:eve"]


def test_an_action_added_before_one_that_is_under_way_waits_for_it(plant: Plant) -> None:
    """A replay, or a delivery that was committed late, adds an earlier one; still only one goes to the far side at a time."""
    _publish(plant, ACK)
    for severity in (1, 2):
        plant.push_alert("7001", severity=severity)
        plant.handler.run()
    early, late = plant.actions
    assert early["order_key"] == late["order_key"]
    with plant.db.write() as conn:
        skip(conn, early["id"], by="eve", reason="x", now=plant.db.now(conn))
    assert [one.id for one in claim(plant.db, "one", limit=9, lease_s=15)] == [late["id"]]
    with plant.db.write() as conn:
        conn.execute(update(action).where(action.c.id == early["id"]).values(state="waiting", next_at=plant.db.now(conn)))

    assert claim(plant.db, "two", limit=9, lease_s=15) == []
    plant.clock.move(16)
    assert [one.id for one in claim(plant.db, "two", limit=9, lease_s=15)] == [early["id"]]


def test_a_connector_that_is_probed_does_not_starve_the_others(plant: Plant) -> None:
    """Half open: one probe at a time, also of two workers; what is due elsewhere goes on, however much waits behind it."""
    for n in range(5):
        plant.push_alert(f"70{n:02d}")
    plant.handler.run()
    with plant.db.write() as conn:
        broken = update(connector).where(connector.c.name == "tickets")
        conn.execute(broken.values(breaker_failures=BREAKER_AFTER, breaker_open_until=0))
    _publish(plant, ACK)
    plant.clock.move(1)
    plant.push_alert("7100", severity=1)
    plant.handler.run()

    claimed = claim(plant.db, "one", limit=3, lease_s=15)
    assert sorted(one.act for one in claimed) == ["acknowledge", "create_ticket"]
    assert claim(plant.db, "two", limit=3, lease_s=15) == []


def test_what_is_being_settled_cannot_be_taken_over(plant: Plant) -> None:
    """Between the look at the fence and the change, nobody claims the row, even if its lease has just lapsed."""
    plant.push_alert("7001")
    plant.handler.run()
    [mine] = claim(plant.db, "one", limit=1, lease_s=15)
    result = plant.deliverer.attempt(mine)
    plant.clock.move(16)
    other = Aside(lambda: claim(plant.db, "two", limit=1, lease_s=15))
    with before(plant.db, "INSERT INTO attempt", other.shortly):
        settle(plant.db, "one", [result], spread=lambda: 0.0)
    other.join(10)

    assert not [one for one in list(other.answer or []) if one.id == mine.id]
    assert ("ticket", "done") in _states(plant)


def test_who_is_told_to_stop_gives_back_what_is_not_begun(plant: Plant) -> None:
    """A stopped deliverer claims nothing, and its rows wait for nobody's lease."""
    for n in range(20):
        plant.push_alert(f"70{n:02d}")
    plant.handler.run()
    plant.deliverer.stop()
    assert plant.deliverer.run() == 0
    assert [row for row in plant.actions if row["lease_owner"] is not None] == []


ALERT_SIDE = {
    "kind": "bridge",
    "name": "from-alert",
    "on": {"entity": "alert", "events": ["changed"], "fields": ["severity"]},
    "join": {"ticket": "alert.ticket"},
    "when": 'alert.severity == 1 && present(alert.ticket) && ticket.status == "resolved"',
    "steps": [{"id": "one", **STEP}],
}
TICKET_SIDE = {
    **ALERT_SIDE,
    "name": "from-ticket",
    "on": {"entity": "ticket", "events": ["changed"], "fields": ["status"]},
    "join": {"alert": "ticket.alert"},
    "when": 'ticket.status == "resolved" && present(ticket.alert) && alert.severity == 1',
}


def test_two_lanes_that_change_what_a_bridge_joins_do_not_both_decide_on_the_others_old_value(plant: Plant) -> None:
    """The alert changes here and its ticket there, at once: whoever comes second sees both, and one bridge fires."""
    publish_all(plant.db, [ALERT_SIDE, TICKET_SIDE])
    plant.push_alert("7001")
    plant.work()
    [ticket] = plant.tickets.things["tickets"]
    plant.clock.move(10)
    plant.push("monitoring", {"alert": plant.monitoring.change("alerts", "7001", severity=1)})
    plant.push("tickets", {"ticket": plant.tickets.change("tickets", ticket, actor="tech", status="resolved")})
    second = Handler(plant.db, plant.registered, owner="second")
    other = Aside(lambda: second.run_lane(plant.ids["tickets"]))

    with before(plant.db, "INSERT INTO event", other.shortly):
        plant.handler.run_lane(plant.ids["monitoring"])
    other.join(10)

    fired = [row["bridge"] for row in plant.decisions if row["bridge"].startswith("from-") and row["verdict"] == "fired"]
    assert fired == ["from-ticket"], "it came second"


FORMULA = {
    "kind": "formula",
    "name": "alert-priority",
    "of": "alert.priority",
    "expression": 'string(alert.severity) + ": " + alert.title',
}


def test_a_formula_of_two_sources_is_computed_from_both(plant: Plant, add_connector: Callable[..., int]) -> None:
    """Two systems tell of one entity at once: what is computed from both is not left from the old word of one."""
    plant.push_alert("7001", severity=4)
    plant.work()
    world = plant.monitoring
    east = add_connector("east", world="east-" + plant.registered.row("monitoring").settings["world"])
    plant.ids["east"] = east
    plant.registered.refresh()
    alert = next(row["entity_id"] for row in plant.events)
    with plant.db.write() as conn:
        link(conn, plant.db, east, "alert", "E1", alert, plant.clock.now(), MadeBy.LINK)
    publish_all(plant.db, [FORMULA])
    plant.clock.move(10)
    plant.push("monitoring", {"alert": world.change("alerts", "7001", severity=2)})
    told = {**world.get("alerts", "7001"), "id": "E1", "name": "Oil very hot", "severity": None}
    plant.push("east", {"alert": told})
    second = Handler(plant.db, plant.registered, owner="second")
    other = Aside(lambda: second.run_lane(east))
    with before(plant.db, "INSERT INTO event", other.shortly):
        plant.handler.run_lane(plant.ids["monitoring"])
    other.join(10)

    with plant.db.read() as conn:
        known = current_values(conn, [alert], load(conn))[alert]
    assert known["priority"].value == f"{known['severity'].value}: {known['title'].value}"
    assert known["title"].value == "Oil very hot"
