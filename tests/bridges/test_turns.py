"""Whose turn it is: urgent lanes and urgent actions go first, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from bridges.claims import Claimed
from bridges.handle import TURN_BATCHES, Handler
from bridges.hands import Hands
from core.tables import action, connector, delivery
from tests.bridges.plant import Plant

PER_BATCH = 2


@pytest.fixture
def handler(plant: Plant) -> Handler:
    """Give a handler that takes two deliveries a batch; the lane of the ticket system is urgent."""
    with plant.db.write() as conn:
        chosen = update(connector).where(connector.c.id == plant.ids["tickets"])
        conn.execute(chosen.values(inbound={"scheme": "path", "lane": "urgent"}))
    plant.registered.refresh()
    return Handler(plant.db, plant.registered, owner="turns", batch=PER_BATCH)


def _alerts(plant: Plant, first: int, count: int) -> None:
    for n in range(first, first + count):
        plant.push_alert(f"{n}", severity=1)


def _tickets(plant: Plant, count: int) -> None:
    for n in range(count):
        plant.push("tickets", {"ticket": plant.tickets.open_ticket(f"Oil {n}")})


def _in_order(plant: Plant, handler: Handler, between: dict[int, Callable[[], None]]) -> list[str]:
    """Run and return the connector of each batch, in order; after batch n, ``between[n]`` happens."""
    names = {id_: name for name, id_ in plant.ids.items()}
    seen: set[int] = set()
    order: list[str] = []

    def look() -> None:
        with plant.db.read() as conn:
            rows = conn.execute(select(delivery.c.id, delivery.c.connector_id).where(delivery.c.state != "waiting")).all()
        new = [row for row in rows if row.id not in seen]
        seen.update(row.id for row in new)
        order.extend({names[row.connector_id] for row in new})
        between.get(len(order), lambda: None)()

    handler.run(then=look)
    return order


def test_an_urgent_lane_is_next_after_the_batch_at_hand(plant: Plant, handler: Handler) -> None:
    """A long queue keeps its lane while nobody else waits; an urgent arrival waits for one more batch at most."""
    _alerts(plant, 0, 20)
    order = _in_order(plant, handler, {3: lambda: _tickets(plant, 1)})

    assert order[:3] == ["monitoring"] * 3
    assert "tickets" in order[3:5]
    assert order.count("monitoring") == 10


def test_urgent_lanes_starve_nobody(plant: Plant, handler: Handler) -> None:
    """While an urgent lane has more and more, the others have every second turn."""
    _alerts(plant, 0, 8)
    _tickets(plant, 40)
    order = _in_order(plant, handler, {})

    assert order[0] == "tickets"
    last = max(place for place, name in enumerate(order) if name == "monitoring")
    assert last < 4 * 2 * TURN_BATCHES + 1


def test_a_lane_that_fails_is_looked_at_once_a_run(plant: Plant, handler: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run comes to its end although a lane has work that cannot be done now."""
    _alerts(plant, 0, 3)
    tried: list[int] = []

    def fails(connector_id: int, **_: object) -> int:
        tried.append(connector_id)
        raise OSError("the disk is away")

    monkeypatch.setattr(handler, "run_lane", fails)
    assert handler.run() == 0
    assert tried == [plant.ids["monitoring"]]


def _claimed(plant: Plant, n: int, *, urgent: bool = False) -> Claimed:
    place = plant.ids["tickets"]
    return Claimed(f"act_{n}", "k", "b", "s", "d", "e", place, "note", None, {}, urgent, 1, 1, plant.clock.now())


def test_an_urgent_action_is_claimed_although_the_hands_are_full(plant: Plant) -> None:
    """What is new and goes first is claimed and begun before what was claimed ahead."""
    plant.push_alert("7001", severity=1)
    plant.push_alert("7002", severity=5, machine="press-08")
    plant.handler.run()
    with plant.db.write() as conn:
        conn.execute(update(action).values(urgent=True, priority=0))
    deliverer = plant.deliverer
    deliverer._hands.take(_claimed(plant, n) for n in range(64))
    assert not deliverer._hands.is_hungry()

    deliverer._nudged = False
    assert not deliverer._is_urgent(), "nobody rang, so nothing is asked"
    deliverer._nudged = True
    assert deliverer._is_urgent()
    room = deliverer._hands.room(urgent=True)
    assert room[plant.ids["tickets"]] > 0
    deliverer._hands.take(deliverer._claim(room))
    begun = deliverer._hands.begin()
    assert begun is not None
    assert begun.urgent


def test_hands_are_hungry_while_little_waits_that_will_begin_soon(plant: Plant) -> None:
    """A far side that is slow fills no hands: others are claimed beside it."""
    hands = Hands(slots=8, ahead=64)
    hands.take(_claimed(plant, n) for n in range(10))
    assert not hands.is_hungry()
    first = hands.begin()
    assert first is not None
    hands.end(first, 5.0)
    assert hands.is_hungry()
