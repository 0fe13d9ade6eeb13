"""Story 1 on the real systems, by push: a problem becomes a ticket with its context, and is closed with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from lab.gateway import Gateway
from lab.real.landscape import Landscape
from lab.real.waiting import until
from lab.real.zabbix.drive import Event
from tests.real.plant import Plant


@dataclass(frozen=True)
class Story:
    """What was seen on the way, in the systems themselves."""

    plant: Plant
    earlier: str
    cpu_mean: float
    raised: Event
    ticket: dict[str, Any]
    messages: list[str]
    acknowledged: Event
    closed: Event

    @property
    def alert(self) -> str:
        """The alert's master ID."""
        return str(self.plant.events("monitoring", self.raised.id)[-1]["master_id"])


@pytest.fixture(scope="module")
def story(landscape: Landscape, gateway: Gateway) -> Story:
    """Let it happen once, with every poll switched off."""
    plant = Plant(landscape, gateway)
    if not gateway.runs:
        gateway.start()
    plant.quieten()
    technician = plant.technician
    earlier = technician.open_ticket(title="Hose replaced", machine="press-07", status="resolved")
    raised = plant.floor.overheat()
    ticket = plant.ticket_of(raised)
    messages = until(lambda: technician.messages(ticket["id"]), "the context note")
    acknowledged = until(lambda: _acknowledged(plant, raised), "the acknowledgement")
    until(lambda: _echoes(plant, raised), "Zabbix to push our own acknowledgement")
    technician.take(ticket["id"])
    technician.resolve(ticket["id"])
    closed = until(lambda: _closed(plant, raised), "the close")
    plant.settle()
    return Story(plant, earlier, plant.floor.cpu_mean(), raised, ticket, messages, acknowledged, closed)


def _acknowledged(plant: Plant, event: Event) -> Event | None:
    seen = plant.floor.event(event.id)
    return seen if seen.acknowledged else None


def _echoes(plant: Plant, event: Event) -> list[dict[str, Any]]:
    """Return the skipped events in which our own acknowledgement came back."""
    seen = plant.events("monitoring", event.id)
    return [one for one in seen if one["state"] == "skipped" and str(one["reason"]).startswith("echo of")]


def _closed(plant: Plant, event: Event) -> Event | None:
    seen = plant.floor.event(event.id)
    return seen if seen.closed else None


def test_one_ticket_says_what_happened_where(story: Story) -> None:
    """Exactly one ticket, with the problem's words, its machine and part, and a master ID of ours."""
    assert re.fullmatch(r"TKT-\d{4}-\d{6}", story.ticket["tieline_ref"])
    assert story.ticket["title"] == story.raised.name
    assert (story.ticket["machine"], story.ticket["part"], story.ticket["event_id"]) == ("press-07", "SEAL-80", story.raised.id)
    assert (story.ticket["actor"], story.ticket["status"]) == ("tieline", "unread")


def test_it_came_by_push(story: Story) -> None:
    """Zabbix told us; nobody polled. Both its delivery and the technician's say so."""
    for connector, number in (("monitoring", story.raised.id), ("tickets", story.ticket["id"])):
        for one in story.plant.events(connector, number):
            assert story.plant.trail(one["id"])["delivery"]["origin"] == "push"


def test_the_note_holds_the_three_facets_with_true_values(story: Story) -> None:
    """CPU mean as Zabbix holds it, stock and bill of materials as Tryton does, the earlier ticket as Roundup does."""
    (note,) = story.messages

    mean = re.search(r"mean ([\d.]+) %", note)
    assert mean is not None, note
    assert float(mean[1]) == pytest.approx(story.cpu_mean, abs=0.5)
    assert "quantity 3" in note
    assert "order_point 5" in note
    assert "BOM-0007" in note
    assert "Hose replaced" in note
    assert "/snapshots/snap_" in note


def test_the_acknowledgement_carries_the_ticket(story: Story) -> None:
    """Whoever looks at the monitor finds the way to the ticket."""
    assert (("tieline", f"{story.plant.landscape.roundup.url}issue{story.ticket['id']}")) in story.acknowledged.messages


def test_our_own_acknowledgement_comes_back_and_is_known(story: Story) -> None:
    """Zabbix pushes our acknowledgement to us; it is kept, and skipped as an echo of the action that made it."""
    acknowledge = story.plant.action("monitoring", story.raised.id, "acknowledge")
    close = story.plant.action("tickets", story.ticket["id"], "close_problem")
    echoes = {one["reason"]: one for one in _echoes(story.plant, story.raised)}
    echo = echoes[f"echo of action {acknowledge['id']}"]

    assert acknowledge["state"] == "done"
    assert echoes.keys() <= {echo["reason"], f"echo of action {close['id']}"}  # that of our close may come later
    assert echo["changes"] == {"acknowledged": [False, True]}
    assert not story.plant.trail(echo["id"])["events"][0]["decisions"]


def test_the_event_is_closed_and_that_was_read_back(story: Story) -> None:
    """The close is not believed but seen: the action holds what Zabbix answered when it was asked again."""
    close = story.plant.action("tickets", story.ticket["id"], "close_problem")

    assert close["state"] == "done"
    assert close["attempts"][-1]["detail"]["read_back"]["held"]
    assert close["attempts"][-1]["detail"]["read_back"]["seen"]["status"] == "resolved"
    assert not close["outcome"]["degraded"]
    assert ("tieline", f"Ticket {story.ticket['id']} is resolved. / 工单已解决。") in story.closed.messages


def test_every_value_says_where_it_comes_from(story: Story) -> None:
    """Of alert, ticket and device, each current value names its source, path, delivery and definition, or its operands."""
    device = story.plant.value(story.alert, "device")
    asked = 0
    for master_id in (story.alert, story.ticket["tieline_ref"], device):
        for field in story.plant.api.get(f"/entities/{master_id}")["fields"]:
            found = story.plant.api.get(f"/lineage/values/{master_id}/{field}")["values"]
            assert found, (master_id, field)
            for one in found:
                assert one["definition"], (master_id, field)
                if one["definition"]["kind"] == "mapping":
                    assert one["source"]["connector"], (master_id, field)
                    assert one["source"]["path"].startswith("$"), (master_id, field)
                    assert one["receipt"].startswith("rcp_"), (master_id, field)
                elif one["definition"]["kind"] == "formula":
                    assert one["formula"]["operands"], (master_id, field)
                    assert one["formula"]["recomputed"]["agrees"], (master_id, field)
                asked += 1
    assert asked > 25


def test_the_priority_is_explained_by_its_operand(story: Story) -> None:
    """A formula's value leads to the severity that Zabbix sent, with its raw form."""
    (value,) = story.plant.api.get(f"/lineage/values/{story.alert}/priority")["values"]
    operand = value["formula"]["operands"]["alert.severity"]

    assert (value["value"], operand["value"], operand["source"]["connector"]) == ("P2", 4, "monitoring")


def test_the_snapshot_can_be_read_again_and_is_sealed(story: Story) -> None:
    """The link in the note leads to the values with their sources; its hash is there to hold it against."""
    found = re.search(r"/snapshots/(snap_\w+)", story.messages[0])
    assert found is not None
    snapshot = story.plant.api.get(f"/snapshots/{found[1]}")

    assert {name: one["status"] for name, one in snapshot["facets"].items()} == {"cpu": "ok", "part": "ok", "history": "ok"}
    assert all(one["source"] for one in snapshot["facets"].values())
    newest = next(iter(snapshot["facets"]["history"]["values"]["tickets"]))
    assert newest["id"] == story.earlier  # and not the ticket itself


def test_the_command_line_tells_the_same(story: Story) -> None:
    """`tieline explain` shows the bridge that fired and its actions; `tieline doctor` finds the identity true."""
    created = story.plant.events("monitoring", story.raised.id)[-1]
    explained = story.plant.gateway.ask("explain", created["id"])

    assert any("alert-to-ticket: fired, 4 actions" in line for line in explained["summary"])
    assert story.plant.api.get("/accounting")["holds"]
