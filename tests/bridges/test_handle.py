"""Handling: order, staleness, echoes, errors; nothing is dropped and every verdict says why."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from bridges.accounting import balance
from bridges.claims import claim
from bridges.handle import POISON_AFTER, Handler
from bridges.lanes import begin
from core.clock import to_rfc3339
from core.tables import action, connector, crosswalk, delivery, entity, event, observation, repair, value
from core.tables import lane as lane_table
from tests.bridges.plant import Plant


def test_a_first_sight_is_created_and_a_change_is_changed(plant: Plant) -> None:
    """The event says what happened to the entity and to which fields, with both values."""
    plant.push_alert("7001", severity=2)
    plant.handler.run()
    plant.clock.move(5)
    plant.push_alert("7001", severity=1)
    plant.handler.run()

    first, second = plant.events
    assert first["type"] == "alert.created"
    assert second["type"] == "alert.changed"
    assert second["changes"] == {"severity": [2, 1]}


def test_saying_the_same_again_is_skipped_as_unchanged(plant: Plant) -> None:
    """A second push with nothing new is an event that says so; it writes no observation and asks no bridge."""
    plant.push_alert("7001", severity=2)
    plant.handler.run()
    before = len(plant.rows(observation))
    plant.clock.move(5)
    plant.push_alert("7001", severity=2)
    plant.handler.run()

    assert (plant.events[1]["state"], plant.events[1]["reason"]) == ("skipped", "unchanged")
    assert len(plant.rows(observation)) == before
    assert all(row["event_id"] == plant.events[0]["id"] for row in plant.decisions)


def test_an_older_state_is_skipped_as_stale(plant: Plant) -> None:
    """What tells of an earlier time than what is applied is not applied, and says both times."""
    old = plant.monitoring.raise_alert("7001", name="Oil hot", severity=2, machine="press-07")
    plant.clock.move(30)
    plant.push_alert("7001", severity=4)
    plant.handler.run()
    plant.push("monitoring", {"alert": old})
    plant.handler.run()

    stale = plant.events[1]
    assert stale["state"] == "skipped"
    assert stale["reason"] == f"stale: it tells of {old['at']}, applied is {to_rfc3339(plant.clock.now())}"
    assert [row["value"] for row in plant.rows(value, value.c.field == "severity")] == [4]


def test_the_same_moment_is_not_stale(plant: Plant) -> None:
    """Sources give whole seconds: an equal time is applied."""
    plant.push_alert("7001", severity=2)
    plant.push_alert("7001", severity=3)
    plant.handler.run()

    assert [row["value"] for row in plant.rows(value, value.c.field == "severity")] == [3]


def test_one_decision_per_candidate_with_the_first_false_clause(plant: Plant) -> None:
    """Not fired is recorded with the clause as written and both values."""
    plant.push_alert("7001", severity=2)
    plant.handler.run()

    [decided] = plant.decisions
    assert decided["bridge"] == "alert-to-ticket"
    assert decided["verdict"] == "not_matched"
    assert decided["clause"] == "alert.severity >= 3"
    assert (decided["left"], decided["right"]) == (2, 3)
    assert decided["inputs"]["alert.severity"] == 2


def test_watched_fields_that_did_not_change_are_the_reason(plant: Plant) -> None:
    """A bridge that watches other fields says so instead of staying silent."""
    plant.push_alert("7001", severity=2)
    plant.handler.run()
    plant.clock.move(5)
    plant.push_alert("7001", severity=2, name="Oil very hot")
    plant.handler.run()

    decided = plant.decisions[1]
    assert decided["clause"] == "on.fields: severity, status"
    assert decided["left"] == ["title"]


def test_a_reference_is_resolved_to_one_entity(plant: Plant) -> None:
    """Two alerts of one machine refer to the same device by its master ID."""
    plant.push_alert("7001", severity=1)
    plant.push_alert("7002", severity=1)
    plant.handler.run()

    devices = {row["value"] for row in plant.rows(value, value.c.field == "device")}
    assert devices == {row["gid"] for row in plant.rows(entity, entity.c.etype == "device")}
    assert len(devices) == 1


def test_every_value_says_where_it_came_from(plant: Plant) -> None:
    """An observation names connector, path, raw value, mapping version, event and delivery; a formula its operands."""
    receipt = plant.push_alert("7001", severity=2)
    plant.handler.run()

    severity = plant.rows(observation, observation.c.field == "severity")[0]
    assert severity["path"] == "$.severity"
    assert severity["raw"] == 2
    assert severity["connector_id"] == plant.ids["monitoring"]
    assert severity["delivery_id"] == plant.rows(delivery, delivery.c.receipt == receipt)[0]["id"]
    priority = plant.rows(observation, observation.c.field == "priority")[0]
    assert priority["value"] == "P2"
    assert priority["inputs"] == {"alert.severity": severity["id"]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 5000,
        b'{"alert": NaN}',
        b'{"nothing": {}}',
        b'{"alert": {"id": "1"}}',
        b'{"alert": {"severity": 1e400}}',
        b'{"alert": {"id": "1"}, "alert": {"id": "2"}}',
    ],
)
def test_what_cannot_be_read_is_a_dead_letter_with_its_reason(plant: Plant, body: bytes) -> None:
    """Malformed and hostile bodies are kept, named, shown as a repair, and do not stop the ones behind them."""
    receipt = plant.push("monitoring", body)
    plant.push_alert("7001", severity=2)
    plant.handler.run()

    bad, good = plant.deliveries
    assert (bad["state"], good["state"]) == ("dead", "done")
    assert bad["reason"].startswith(bad["error"]["code"])
    assert bytes(bad["body"]) == body
    [opened] = plant.rows(repair, repair.c.closed_at.is_(None))
    assert opened["key"] == f"delivery:{receipt}"
    assert balance(plant.db).holds


def test_an_unknown_word_is_a_dead_letter_and_never_a_default(plant: Plant) -> None:
    """A status that no table knows is not guessed."""
    thing = plant.monitoring.raise_alert("7001", name="Oil hot", severity=2, machine="press-07")
    plant.push("monitoring", {"alert": {**thing, "status": "exploded"}})
    plant.handler.run()

    assert plant.deliveries[0]["state"] == "dead"
    assert "exploded" in plant.deliveries[0]["reason"]


def test_a_placeholder_id_never_links(plant: Plant) -> None:
    """An id such as N/A is refused before it can join strangers, and the event says so."""
    plant.push_alert("N/A", severity=2)
    plant.handler.run()

    assert plant.events[0]["state"] == "dead"
    assert "N/A" in plant.events[0]["reason"]
    assert plant.rows(crosswalk, crosswalk.c.external_raw == "N/A") == []


def test_a_held_connector_keeps_what_it_sends_in_order(plant: Plant) -> None:
    """A person's hold holds deliveries by name; released, they are handled in the order they came."""
    from bridges.holds import hold, release

    with plant.db.write() as conn:
        hold(conn, plant.ids["monitoring"], by="person:li", now=plant.clock.now())
    plant.registered.refresh()
    plant.push_alert("7001", severity=2)
    plant.clock.move(5)
    plant.push_alert("7001", severity=1)
    plant.handler.run()
    assert [(row["state"], row["held_by"]) for row in plant.deliveries] == [("held", "person:li")] * 2

    with plant.db.write() as conn:
        release(conn, plant.ids["monitoring"], now=plant.clock.now())
    plant.registered.refresh()
    plant.handler.run()

    assert [row["state"] for row in plant.deliveries] == ["done", "done"]
    assert [row["type"] for row in plant.events] == ["alert.created", "alert.changed"]


def test_the_echo_of_our_own_acknowledge_is_skipped(plant: Plant) -> None:
    """What comes back from our own write changes our knowledge, but asks no bridge and says whose echo it is."""
    plant.push_alert("7001")
    plant.work()
    ack = next(row for row in plant.actions if row["step"] == "ack")
    decided = len(plant.decisions)
    plant.clock.move(2)
    plant.push("monitoring", {"alert": plant.monitoring.get("alerts", "7001")})
    plant.work()

    echo = plant.events[-1]
    assert (echo["state"], echo["reason"]) == ("skipped", f"echo of action {ack['id']}")
    assert [row["value"] for row in plant.rows(value, value.c.field == "acknowledged")] == [True]
    assert len(plant.decisions) == decided


def test_a_persons_edit_right_after_our_write_is_no_echo(plant: Plant) -> None:
    """Another value than the one we wrote is news, however soon it comes."""
    plant.push_alert("7001")
    plant.work()
    [ticket] = plant.tickets.things["tickets"].values()
    edited = plant.tickets.change("tickets", ticket["id"], actor="tech", status="resolved")
    plant.push("tickets", {"ticket": edited})
    plant.work()

    assert plant.events[-1]["state"] == "done"
    assert plant.monitoring.get("alerts", "7001")["status"] == "resolved"


def test_a_ticket_that_comes_back_before_its_act_is_recorded_is_the_same_ticket(plant: Plant) -> None:
    """The master ID we wrote there comes back as a hint: the id links to it instead of minting a second ticket."""
    plant.push_alert("7001")
    plant.handler.run()  # the action is planned, the ticket's master ID minted
    planned = next(row for row in plant.actions if row["step"] == "ticket")
    gid = planned["arguments"]["tieline_ref"]
    thing = plant.tickets.open_ticket("P1 Oil hot", actor="tieline", tieline_ref=gid)
    plant.push("tickets", {"ticket": thing})
    plant.handler.run()

    assert [row["gid"] for row in plant.rows(entity, entity.c.etype == "ticket")] == [gid]
    assert plant.events[-1]["reason"] == "echo of our user tieline"


def test_an_echo_that_is_faster_than_our_own_commit_is_still_an_echo(plant: Plant) -> None:
    """While a worker has the act in its hands, what our user did there is our doing."""
    plant.push_alert("7001")
    plant.work()
    [ticket] = plant.tickets.things["tickets"].values()
    plant.clock.move(5)
    plant.push("tickets", {"ticket": plant.tickets.change("tickets", ticket["id"], actor="tech", status="resolved")})
    plant.handler.run()
    [close] = claim(plant.db, "slow-worker", limit=1, lease_s=15)
    plant.tickets.change("tickets", ticket["id"], actor="tieline", status="closed")
    with plant.db.write() as conn:  # the slow worker writes to this ticket just now
        conn.execute(
            update(action)
            .where(action.c.id == close.id)
            .values(connector_id=plant.ids["tickets"], target_id=_entity_of(plant, ticket))
        )
    plant.clock.move(1)
    plant.push("tickets", {"ticket": plant.tickets.get("tickets", ticket["id"])})
    plant.handler.run()

    assert plant.events[-1]["reason"] == "echo of our user tieline"


def _entity_of(plant: Plant, thing: Any) -> int:
    return int(plant.rows(crosswalk, crosswalk.c.external_raw == thing["id"], crosswalk.c.etype == "ticket")[0]["home_id"])


def test_a_lane_has_one_handler_at_a_time(plant: Plant) -> None:
    """While one worker has a connector's lane, another does nothing; when its lease lapses, it takes over."""
    other = Handler(plant.db, plant.registered, owner="other")
    plant.push_alert("7001", severity=2)
    assert begin(plant.db, plant.ids["monitoring"], "test-handler") is not None

    assert other.run_lane(plant.ids["monitoring"]) == 0
    plant.clock.move(60)
    assert other.run_lane(plant.ids["monitoring"]) == 1


def test_a_stale_handler_cannot_end_what_was_taken_over(plant: Plant) -> None:
    """A worker whose lane was taken over handles nothing: its fence is old."""
    plant.push_alert("7001", severity=2)
    begun = begin(plant.db, plant.ids["monitoring"], "test-handler")
    assert begun is not None
    plant.clock.move(60)
    assert Handler(plant.db, plant.registered, owner="other").run_lane(plant.ids["monitoring"]) == 1
    plant.push_alert("7002", severity=2)

    assert plant.handler._handle(plant.registered.row("monitoring"), begun.fence, 10) == (0, False)
    assert len(plant.events) == 1


def test_a_delivery_that_kills_its_workers_becomes_a_dead_letter(plant: Plant) -> None:
    """Beginnings without an end are counted; the lane goes on one by one, buries the poison and then the rest is handled."""
    plant.push_alert("7001", severity=2)
    plant.push_alert("7002", severity=2)
    for _ in range(POISON_AFTER):
        assert begin(plant.db, plant.ids["monitoring"], "test-handler") is not None  # and then the worker dies
    plant.handler.run()

    assert [row["state"] for row in plant.deliveries] == ["dead", "done"]
    assert plant.deliveries[0]["reason"].startswith("poison: ")
    assert plant.rows(lane_table)[0]["tries"] == 0


def test_a_definition_that_fails_in_a_way_nobody_foresaw_buries_only_its_delivery(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One delivery whose handling raises is dead with the error's words; its neighbours in the batch are handled."""
    from connectors.memory.connector import Memory

    honest = Memory.parse

    def parse(given: Any, settings: Any) -> Any:
        records = honest(given, settings)
        if records[0].external_id == "7002":
            object.__setattr__(records[0], "at", "not a time")  # a kind's bug that parse itself does not notice
        return records

    monkeypatch.setattr(Memory, "parse", staticmethod(parse))
    for id_ in ("7001", "7002", "7003"):
        plant.push_alert(id_, severity=2)
    plant.handler.run()

    assert [row["state"] for row in plant.deliveries] == ["done", "dead", "done"]
    assert balance(plant.db).holds


def test_a_missing_mapping_holds_the_event_until_it_is_there(plant: Plant) -> None:
    """A stream that nobody mapped is held with a repair that says what to publish; publishing it lets the event go on."""
    from bridges.heal import release_mended
    from core.definitions import retire
    from tests.bridges.plant import MAPPINGS, publish_all

    with plant.db.write() as conn:
        retire(conn, "mapping", "memory-alerts", now=plant.clock.now())
    plant.push_alert("7001", severity=2)
    plant.handler.run()
    assert plant.events[0]["held_by"] == "repair:unmapped:monitoring:alerts"
    assert plant.deliveries[0]["state"] == "held"

    assert release_mended(plant.db, plant.registered) == 0
    publish_all(plant.db, [MAPPINGS[0]])
    assert release_mended(plant.db, plant.registered) == 1
    plant.handler.run()

    assert (plant.events[0]["state"], plant.events[0]["type"]) == ("done", "alert.created")
    assert plant.rows(repair, repair.c.closed_at.is_(None)) == []
    assert balance(plant.db).holds


def test_accounting_notices_a_lost_row(plant: Plant) -> None:
    """The identity is no tautology: a delivery, an event or an action that vanishes is noticed."""
    plant.push_alert("7001", severity=2)
    plant.handler.run()
    assert balance(plant.db).holds
    with plant.db.write() as conn:
        conn.execute(update(delivery).values(events=2))
    assert "was parsed into 2 events, but 1 are there" in balance(plant.db).problems[0]


def test_a_registered_connector_is_read_again_when_it_changes(plant: Plant) -> None:
    """A changed row is seen after a refresh, and the open instance is made anew."""
    before = plant.registered.open("tickets")
    with plant.db.write() as conn:
        conn.execute(update(connector).where(connector.c.name == "tickets").values(updated_at=connector.c.updated_at + 1))
    plant.registered.refresh()

    assert plant.registered.open("tickets") is not before
    with plant.db.read() as conn:
        assert conn.execute(select(event.c.id)).all() == []


def test_a_lane_that_cannot_be_handled_at_all_is_a_repair_until_it_can(plant: Plant) -> None:
    """Settings that no longer fit the kind bury nothing: the deliveries wait, a repair says why, and closes with the mend."""
    receipt = plant.push_alert("7001", severity=2)
    sound = plant.registered.row("monitoring").settings
    _set(plant, {**sound, "wrold": "x"})
    plant.handler.run()
    [opened] = plant.rows(repair, repair.c.closed_at.is_(None))
    assert (opened["key"], opened["code"]) == ("lane:monitoring", "connector-settings")
    assert plant.deliveries[0]["state"] == "waiting"

    _set(plant, sound)
    Handler(plant.db, plant.registered, owner="after a restart").run()

    assert [(row["receipt"], row["state"]) for row in plant.deliveries] == [(receipt, "done")]
    assert plant.rows(repair, repair.c.closed_at.is_(None)) == []


def _set(plant: Plant, settings: Any) -> None:
    with plant.db.write() as conn:
        conn.execute(
            update(connector)
            .where(connector.c.name == "monitoring")
            .values(settings=settings, updated_at=connector.c.updated_at + 1)
        )
    plant.registered.refresh()
