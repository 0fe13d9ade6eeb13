"""What else happens between real systems: lost pushes, doors that are down, problems that come back, people who disagree."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from connectors.kit.faults import FaultyRoute
from lab.gateway import Gateway
from lab.real.landscape import Landscape
from lab.real.roundup import system as desk
from lab.real.roundup.drive import Technician
from lab.real.tryton.drive import Storekeeper
from lab.real.waiting import until
from lab.real.zabbix.drive import Floor
from tests.real.plant import Plant

SENT = "1"  #: alert.status in Zabbix


def test_where_manual_close_is_forbidden_the_problem_is_acknowledged_and_that_is_said(
    plant: Plant, floor: Floor, technician: Technician
) -> None:
    """The trigger decides; the ticket's end leaves a note at the problem, and the action says what was not possible."""
    event = floor.lose_pressure()
    ticket = plant.ticket_of(event)
    until(lambda: floor.event(event.id).acknowledged, "the acknowledgement")
    technician.resolve(ticket["id"])
    until(lambda: "not closed" in floor.event(event.id).texts, "the note at the problem")
    close = plant.action("tickets", ticket["id"], "close_problem")

    assert not floor.event(event.id).closed
    assert close["state"] == "done"
    assert close["outcome"]["degraded"]
    assert "manual close" in close["outcome"]["note"]

    floor.calm()
    until(lambda: _value(plant, event.id, "status") == "resolved", "the recovery to arrive")
    assert len(technician.tickets(event_id=event.id)) == 1


def test_a_problem_whose_push_was_lost_is_found_by_the_poll(plant: Plant, floor: Floor, technician: Technician) -> None:
    """Zabbix could not reach our door; the poll finds the problem, and the late push that follows makes no second ticket."""
    with FaultyRoute(plant.api.url) as route:
        route.next(drop=True, times=1000)
        floor.push_to(route.url + urlsplit(plant.push_address).path)
        try:
            event = floor.overheat()
            until(lambda: route.seen, "Zabbix to try")
            plant.poll("monitoring")
            plant.ticket_of(event)
            created = plant.events("monitoring", event.id)[-1]
            assert plant.trail(created["id"])["delivery"]["origin"] == "poll"

            plant.poll()
            route.calm()
            until(lambda: all(one["status"] == SENT for one in floor.alerts(event.id)), "Zabbix to repeat its push")
            plant.settle()
        finally:
            floor.push_to(plant.push_address)
    assert len(technician.tickets(event_id=event.id)) == 1


def test_a_problem_that_arose_while_tieline_was_down_is_found(
    plant: Plant, gateway: Gateway, floor: Floor, technician: Technician
) -> None:
    """Tieline as a whole was stopped; after its start it reads what it missed."""
    plant.poll("monitoring")
    gateway.stop()
    event = floor.overheat()
    gateway.start()

    plant.ticket_of(event)
    plant.settle()
    assert len(technician.tickets(event_id=event.id)) == 1


def test_a_ticket_that_was_resolved_while_tieline_was_down_closes_its_problem(
    plant: Plant, gateway: Gateway, floor: Floor, technician: Technician
) -> None:
    """The detector tried three times and gave up; the poll after the start finds the ticket resolved."""
    event = floor.overheat()
    ticket = plant.ticket_of(event)
    until(lambda: technician.messages(ticket["id"]), "the context note")
    plant.settle()
    plant.poll("tickets")
    gateway.stop()
    technician.resolve(ticket["id"])
    assert not floor.event(event.id).closed
    gateway.start()

    until(lambda: floor.event(event.id).closed, "the close")


def test_a_problem_that_comes_back_after_a_manual_close_is_told_in_its_ticket(
    plant: Plant, floor: Floor, technician: Technician
) -> None:
    """
    Closed by hand with the value still bad, Zabbix opens a new event with the next value. The open ticket hears
    both; resolved, it closes the event that is open now.
    """
    first = floor.overheat()
    ticket = plant.ticket_of(first)
    until(lambda: technician.messages(ticket["id"]), "the context note")
    floor.close_by_hand(first.id, "looks fine from here")
    until(lambda: _says(technician, ticket, f"event {first.id}"), "the note that it cleared")

    second = floor.overheat(94.0)
    assert second.id != first.id
    until(lambda: _says(technician, ticket, f"(event {second.id})"), "the note that it came back")
    plant.settle()
    assert not technician.tickets(event_id=second.id)

    technician.resolve(ticket["id"])
    until(lambda: floor.event(second.id).closed, "the close of the event that is open now")


def test_a_problem_that_comes_back_after_its_ticket_was_resolved_gets_a_new_one(
    plant: Plant, floor: Floor, technician: Technician
) -> None:
    """The repair did not hold: a new ticket, whose context shows the one before."""
    first = floor.overheat()
    ticket = plant.ticket_of(first)
    technician.resolve(ticket["id"])
    until(lambda: floor.event(first.id).closed, "the close")
    plant.settle()

    second = floor.overheat(94.0)
    again = plant.ticket_of(second)
    note = until(lambda: technician.messages(again["id"]), "the context note")[0]
    assert again["tieline_ref"] != ticket["tieline_ref"]
    assert f"issue{ticket['id']}" in note or first.name in note


def test_a_persons_change_is_no_echo_even_back_to_what_we_wrote(plant: Plant, floor: Floor, technician: Technician) -> None:
    """A technician puts the ticket back to the state we created it in; that is his word, not our echo."""
    event = floor.overheat()
    ticket = plant.ticket_of(event)
    until(lambda: technician.messages(ticket["id"]), "the context note")
    technician.take(ticket["id"])
    until(lambda: plant.value(ticket["tieline_ref"], "status") == "in_progress", "the ticket to be in progress")
    technician.set(ticket["id"], status="unread")
    until(lambda: plant.value(ticket["tieline_ref"], "status") == "open", "the ticket to be open again")

    newest = next(one for one in plant.events("tickets", ticket["id"]) if one["changes"])
    assert newest["changes"] == {"status": ["in_progress", "open"]}
    assert newest["state"] == "done", newest["reason"]


def test_a_password_that_was_changed_holds_the_ticket_until_it_is_renewed(
    plant: Plant, landscape: Landscape, floor: Floor, technician: Technician
) -> None:
    """Nobody retries into a lock: the connector is held, a repair says what to do, and after it everything goes out."""
    landscape.roundup.set_password(desk.GATEWAY, "another-pass-2026")
    try:
        event = floor.overheat()
        until(lambda: plant.api.get("/connectors/tickets")["state"] == "held", "the connector to be held")
        repair = next(one for one in plant.api.get("/repairs")["items"] if one["connector"] == "tickets")
        assert repair["code"] == "credentials"
        assert not technician.tickets(event_id=event.id)
        assert plant.api.get("/accounting")["holds"]

        plant.api.patch("/connectors/tickets", {"settings": {"password": "another-pass-2026"}})
        ticket = plant.ticket_of(event)
        until(lambda: technician.messages(ticket["id"]), "the context note")
    finally:
        landscape.roundup.set_password(desk.GATEWAY, desk.GATEWAY_PASSWORD)
        plant.api.patch("/connectors/tickets", {"settings": {"password": desk.GATEWAY_PASSWORD}})
    plant.settle()
    assert len(technician.tickets(event_id=event.id)) == 1
    assert not [one for one in plant.api.get("/repairs")["items"] if one["connector"] == "tickets" and not one["closed_at"]]


def test_a_ticket_system_that_is_down_gets_its_ticket_when_it_is_back(
    plant: Plant, landscape: Landscape, floor: Floor, technician: Technician
) -> None:
    """The problem waits with a reason, is tried again by itself, and makes one ticket."""
    landscape.roundup.down()
    try:
        event = floor.overheat()
        create = until(lambda: _tried(plant, event.id), "the first try")
        assert create["state"] == "waiting"
        assert create["attempts"][0]["family"] == "transient"
    finally:
        landscape.roundup.up(lambda _: None)
    until(lambda: technician.tickets(event_id=event.id), "the ticket", 120)
    plant.settle(120)
    assert len(technician.tickets(event_id=event.id)) == 1


def test_killed_in_the_middle_it_goes_on_and_does_nothing_twice(
    plant: Plant, gateway: Gateway, floor: Floor, technician: Technician
) -> None:
    """After kill -9 of everything, right when the ticket appeared: one ticket, one note, one acknowledgement."""
    event = floor.overheat()
    ticket = plant.ticket_of(event)
    gateway.kill()
    gateway.start()

    until(lambda: technician.messages(ticket["id"]), "the context note", 90)
    until(lambda: floor.event(event.id).acknowledged, "the acknowledgement", 90)
    plant.settle()
    assert len(technician.tickets(event_id=event.id)) == 1
    assert len(technician.messages(ticket["id"])) == 1
    assert len([text for _, text in floor.event(event.id).messages if f"issue{ticket['id']}" in text]) == 1


def test_a_part_below_its_order_point_makes_one_ticket_until_stock_recovers(
    plant: Plant, technician: Technician, storekeeper: Storekeeper
) -> None:
    """Counted below the order point: one ticket; counted lower still: none; recovered and fallen again: one more."""

    def about_bearings() -> list[dict[str, Any]]:
        return [one for one in technician.tickets(part="BRG-6208") if one["status"] != "resolved"]

    plant.poll("erp", "tickets")
    storekeeper.count("BRG-6208", 4)
    (ticket,) = until(about_bearings, "the spare part ticket")
    note = until(lambda: technician.messages(ticket["id"]), "the note")[0]
    assert "BOM-0007" in note
    storekeeper.count("BRG-6208", 2)
    plant.settle()
    assert len(about_bearings()) == 1

    technician.resolve(ticket["id"])
    storekeeper.count("BRG-6208", 25)
    product = until(lambda: plant.events("erp", "BRG-6208"), "the product")[0]["master_id"]
    until(lambda: plant.value(product, "low") is False, "the stock to be seen as recovered")
    plant.settle()
    storekeeper.count("BRG-6208", 4)
    (second,) = until(about_bearings, "the second spare part ticket")
    assert second["id"] != ticket["id"]
    storekeeper.count("BRG-6208", 25)


def _value(plant: Plant, eventid: str, field: str) -> Any:
    return plant.value(plant.events("monitoring", eventid)[-1]["master_id"], field)


def _tried(plant: Plant, eventid: str) -> dict[str, Any] | None:
    return next(
        (one for one in plant.actions("monitoring", eventid) if one["act"] == "create_ticket" and one["attempts"]), None
    )


def _says(technician: Technician, ticket: dict[str, Any], text: str) -> bool:
    return any(text in message for message in technician.messages(ticket["id"]))
