"""
The lost P0: eight urgent payments fail at night, five things are wrong at once, and nothing happens.

Each of the five is said with its fix, nothing is lost meanwhile, and after the last fix each ticket is issued once.
"""

from __future__ import annotations

from typing import Any

import pytest

from bridges import explain, replay
from bridges.accounting import balance
from bridges.heal import heal_held
from core.errors import NotFoundError
from core.repairs import open_repairs
from core.tables import connector, repair
from mappings.identity import Shape, declare
from tests.bridges.plant import TITLE, Plant, publish_all

CUSTOMERS = [f"EC-20260215-88{n}" for n in range(91, 99)]
ENTITY: dict[str, Any] = {
    "kind": "entity",
    "name": "customer",
    "prefix": "CUST",
    "title": TITLE,
    "fields": {"name": {"type": "string"}},
}
MAPPING: dict[str, Any] = {
    "kind": "mapping",
    "name": "memory-alerts",
    "from": {"kind": "memory", "stream": "alerts"},
    "to": "payment",
    "fields": {"keyword": "$.name", "customer": "$.machine"},
}
PAYMENT: dict[str, Any] = {
    "kind": "entity",
    "name": "payment",
    "prefix": "PAY",
    "title": TITLE,
    "fields": {
        "keyword": {"type": "string"},
        "customer": {"type": "ref", "to": "customer"},
        "ticket": {"type": "ref", "to": "ticket"},
    },
}


def _bridge(word: str, *, exact: bool) -> dict[str, Any]:
    return {
        "kind": "bridge",
        "name": "p0-to-ticket",
        "on": {"entity": "payment", "events": ["created", "changed"]},
        "when": f'payment.keyword == "{word}"',
        "exact": exact,
        "urgent": "true",
        "steps": [
            {
                "id": "ticket",
                "connector": "tickets",
                "act": "create_ticket",
                "creates": "ticket",
                "sets": {"payment.ticket": "ticket"},
                "with": {"title": "payment.keyword"},
            }
        ],
    }


def _arrive(plant: Plant) -> list[str]:
    receipts = []
    for n, customer in enumerate(CUSTOMERS):
        thing = plant.monitoring.raise_alert(f"p0-{n}", name="payment_failed", severity=5, machine=customer)
        receipts.append(plant.push("monitoring", {"alert": thing}))
    plant.work()
    return receipts


def _told(plant: Plant, receipt: str) -> str:
    with plant.db.read() as conn:
        return "\n".join(explain.event(conn, receipt)["summary"])


def _repairs(plant: Plant) -> dict[str, str]:
    with plant.db.read() as conn:
        return {row["key"]: f"{row['what']} {row['why']} {row['fix']}" for row in open_repairs(conn)}


def _again(plant: Plant, **choice: Any) -> replay.Replayed:
    """Plan, then do it, as an operator would."""
    which = replay.Choice(**choice)
    planned = replay.plan(plant.db, plant.registered, which)
    replay.run(plant.db, which, by="test")
    plant.work()
    assert balance(plant.db).holds
    return planned


def _declare(plant: Plant, pattern: str) -> None:
    with plant.db.write() as conn:
        declare(conn, plant.db, plant.ids["monitoring"], "customer", Shape(pattern), "steward", plant.db.now(conn))


def _works_again(plant: Plant) -> None:
    """What the worker does every few seconds: check what a repair holds."""
    heal_held(plant.db, plant.registered)
    plant.work()


def test_each_of_five_faults_is_said_and_the_eight_tickets_are_issued_once(plant: Plant) -> None:
    """Id form, keyword, case, token, permission: one after the other is named with its fix; then eight tickets, no ninth."""
    publish_all(plant.db, [ENTITY, PAYMENT, MAPPING, _bridge("pay_exception", exact=True)])
    _declare(plant, "[0-9]+")
    plant.tickets.token = "renewed"  # the robot's old token has expired
    plant.tickets.missing_permissions.add("ticket.create")

    # The form of the customer's id: digits were expected. One repair says so; nobody is linked by a guess.
    receipts = _arrive(plant)
    [(key, said)] = _repairs(plant).items()
    assert key == "unknown-id-shape:monitoring:customer"
    assert CUSTOMERS[-1] in said
    assert "[0-9]+" in said
    assert "declare it" in said
    assert "field customer was not taken from $.machine" in _told(plant, receipts[3])
    assert "declare it, then replay" in _told(plant, receipts[3])
    _declare(plant, "EC-[0-9]{8}-[0-9]+")
    _again(plant, connector="monitoring")
    assert _repairs(plant) == {}
    assert "not taken" not in _told(plant, receipts[3])
    assert all("customer" in row["changes"] for row in plant.events)

    # The rule's keyword is another word: both words are shown, and how to go on.
    told = _told(plant, receipts[7])
    assert "'payment_failed' against 'pay_exception'" in told
    assert "tieline replay" in told

    # The case: the near miss is said as what it is.
    publish_all(plant.db, [_bridge("Payment_Failed", exact=True)])
    assert not any(one["fired"] for one in _again(plant, bridge="p0-to-ticket").decisions)
    assert "differ only in case or width" in _told(plant, receipts[7])
    assert "exact" in _told(plant, receipts[7])

    # The rule is right now; the robot's token has expired: eight tickets are held, the repair says whose token.
    publish_all(plant.db, [_bridge("Payment_Failed", exact=False)])
    planned = _again(plant, bridge="p0-to-ticket")
    assert len(planned.actions) == 8
    [(_, said)] = _repairs(plant).items()
    assert "does not accept our token" in said
    assert "Set the world's token." in said
    assert {row["state"] for row in plant.actions} == {"held"}
    assert plant.tickets.writes == 0

    # It is renewed, and the next fault shows: the role lacks a permission. Still nothing is lost.
    plant.tickets.token = None
    _works_again(plant)
    said = " ".join(_repairs(plant).values())
    assert "lacks ticket.create" in said
    assert "Give tieline the permission ticket.create there." in said
    assert plant.tickets.writes == 0
    assert balance(plant.db).holds

    # The last fix: everything goes by itself, once each.
    plant.tickets.missing_permissions.clear()
    for _ in range(3):
        plant.clock.move(3600)
        _works_again(plant)
    assert len(plant.tickets.things["tickets"]) == 8
    assert {row["state"] for row in plant.actions} == {"done"}
    assert _repairs(plant) == {}
    [ticketing] = plant.rows(connector, connector.c.name == "tickets")
    assert ticketing["state"] == "ok"

    # Whoever replays it all to be sure gets no ninth.
    _again(plant, connector="monitoring")
    assert len(plant.tickets.things["tickets"]) == 8
    assert plant.tickets.writes == 8
    assert all(row["closed_at"] is not None for row in plant.rows(repair))


def test_a_missing_permission_alone_heals_by_itself(plant: Plant) -> None:
    """Where only a permission lacks, the action is held, the rest goes on, and the grant alone sets it free."""
    publish_all(plant.db, [ENTITY, PAYMENT, MAPPING, _bridge("payment_failed", exact=False)])
    plant.tickets.missing_permissions.add("ticket.create")
    _arrive(plant)
    assert "Give tieline the permission ticket.create there." in " ".join(_repairs(plant).values())
    assert {row["state"] for row in plant.actions} == {"held"}

    plant.clock.move(3600)
    _works_again(plant)
    assert plant.tickets.writes == 0

    plant.tickets.missing_permissions.clear()
    plant.clock.move(3600)
    _works_again(plant)
    assert len(plant.tickets.things["tickets"]) == 8
    assert {row["state"] for row in plant.actions} == {"done"}
    assert _repairs(plant) == {}


def test_what_came_twice_or_changed_or_means_nothing_is_told(plant: Plant) -> None:
    """A repeat, another body under the same id, and an event that no bridge looks at: explain says each."""
    publish_all(plant.db, [ENTITY, PAYMENT, MAPPING])
    thing = plant.monitoring.raise_alert("p0-1", name="payment_failed", machine="EC-20260215-8891")
    for body in ({"alert": thing}, {"alert": thing}, {"alert": {**thing, "name": "another"}}):
        receipt = plant.push("monitoring", body, external_id="m1")
    plant.work()
    told = _told(plant, plant.deliveries[0]["receipt"])
    assert receipt == plant.deliveries[0]["receipt"]
    assert "came 1 more time" in told
    assert "Another body came under its id 1 time" in told
    assert "no bridge looks at payment.created" in told


def test_a_plan_names_what_is_done_already_and_refuses_a_name_that_nothing_has(plant: Plant) -> None:
    """What has its key already is shown with its bridge, step and state; a misspelt choice is no empty answer."""
    publish_all(plant.db, [ENTITY, PAYMENT, MAPPING, _bridge("payment_failed", exact=False)])
    _arrive(plant)
    planned = replay.plan(plant.db, plant.registered, replay.Choice(bridge="p0-to-ticket"))
    shown = {(one["bridge"], one["step"], one["act"], one["connector"], one["state"]) for one in planned.again}
    assert shown == {("p0-to-ticket", "ticket", "create_ticket", "tickets", "done")}
    assert planned.actions == []
    for choice in (replay.Choice(bridge="p0-to-tickets"), replay.Choice(connector="monitorin")):
        with pytest.raises(NotFoundError, match="Did you mean"):
            replay.plan(plant.db, plant.registered, choice)
