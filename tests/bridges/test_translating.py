"""Translating in the engine: bad records wait, words are counted, ids of others are looked up, values go back."""

from __future__ import annotations

from typing import Any

import pytest

from bridges import explain, replay
from bridges.specs import BridgeSpec, problems
from connectors.memory.connector import Memory
from core.definitions import Catalogue
from core.repairs import open_keys
from mappings.coverage import UNKNOWN_WORDS, count, coverage, words
from mappings.translate import Looked
from tests.bridges.plant import ENTITIES, MAPPINGS, Plant, publish_all

ALERTS, TICKETS = MAPPINGS[0], MAPPINGS[1]
LEVELS: dict[str, Any] = {"kind": "code_table", "name": "levels", "rows": {"high": 4, "low": 1}, "unmapped": "review"}
STATES = {
    "open": "open",
    "in_progress": {"to": "open", "relation": "narrower"},
    "resolved": "done",
    "closed": {"to": "done", "relation": "narrower"},
}
CLOSES: dict[str, Any] = {
    "kind": "bridge",
    "name": "cleared-closes",
    "on": {"entity": "alert", "events": ["changed"], "fields": ["status"]},
    "join": {"ticket": "alert.ticket"},
    "when": 'alert.status == "resolved" && present(alert.ticket)',
    "steps": [
        {
            "id": "close",
            "connector": "tickets",
            "act": "update_ticket",
            "target": "ticket",
            "with": {"status": {"back": '"done"', "through": "memory-tickets.status"}},
        }
    ],
}


def alerts(**fields: Any) -> dict[str, Any]:
    return {**ALERTS, "fields": {**ALERTS["fields"], **fields}}


def push(plant: Plant, id_: str, part: str) -> str:
    """Push an alert whose part is a text of ours; the mappings here read the severity from it."""
    return plant.push_alert(id_, severity=4, part=part)


def events(plant: Plant) -> list[Any]:
    return sorted(plant.events, key=lambda row: (row["etype"], row["external_id"]))


def test_a_bad_record_waits_with_its_trace_and_a_mended_mapping_takes_it(plant: Plant) -> None:
    """Of three records in a batch the middle one is refused with every step's value; replayed by its mapping, it is taken."""
    publish_all(plant.db, [alerts(severity={"from": "$.part", "steps": ["trim", "integer"]})])
    push(plant, "7001", "4"), push(plant, "7002", " high "), push(plant, "7003", "4")
    plant.work()

    assert [row["state"] for row in events(plant)] == ["done", "dead", "done"]
    bad = events(plant)[1]
    (field,) = explain.troubles(bad["error"])
    assert (field["field"], field["policy"], field["raw"]) == ("severity", "error", " high ")
    assert [(step["step"], step["gives"]) for step in field["trace"]] == [
        ("trim", "high"),
        ("integer", None),
    ]
    with plant.db.read() as conn:
        told = "\n".join(explain.event(conn, bad["id"])["summary"])
        assert open_keys(conn, "event:") == {f"event:{bad['id']}"}
    assert "its way: ' high ', trim -> 'high', integer -> nothing" in told

    publish_all(plant.db, [alerts(severity={"from": "$.part", "steps": ["trim"], "table": {"high": 5, "4": 4}})])
    replay.run(plant.db, replay.Choice(mapping="memory-alerts"), by="test")
    plant.work()

    assert [row["state"] for row in events(plant)] == ["done", "done", "done"]
    assert events(plant)[1]["changes"]["severity"] == [None, 5]
    assert [row["runs"] for row in events(plant)] == [0, 1, 0], "only what was refused is handled again"
    with plant.db.read() as conn:
        assert not open_keys(conn, "event:")


def test_a_table_may_ask_a_steward(plant: Plant) -> None:
    """With ``review`` the word's field is quarantined and nothing else; look-ups are counted once, also after a replay."""
    publish_all(plant.db, [LEVELS, alerts(severity={"from": "$.part", "table": "levels"})])
    push(plant, "7001", "high"), push(plant, "7002", "heavy"), push(plant, "7003", "high")
    plant.work()

    assert [row["state"] for row in events(plant)] == ["done", "done", "done"]
    (field,) = explain.troubles(events(plant)[1]["error"])
    assert (field["field"], field["policy"]) == ("severity", "quarantine")
    with plant.db.read() as conn:
        assert open_keys(conn, "word:") == {"word:levels"}
        assert coverage(conn) == {"levels": {"known": 2, "unknown": 1, "lacking": 1}}
        assert [(one["word"], one["known"], one["n"]) for one in words(conn, "levels")] == [
            ("heavy", False, 1),
            ("high", True, 2),
        ]

    publish_all(plant.db, [{**LEVELS, "rows": {**LEVELS["rows"], "heavy": 5}}])
    replay.run(plant.db, replay.Choice(mapping="memory-alerts"), by="test")
    plant.work()

    assert events(plant)[1]["error"] is None
    assert events(plant)[1]["changes"]["severity"] == [None, 5]
    with plant.db.read() as conn:
        assert coverage(conn) == {"levels": {"known": 2, "unknown": 1, "lacking": 1}}


def test_a_far_side_cannot_fill_the_counters(plant: Plant) -> None:
    """Unknown words beyond a number are counted together; long ones are cut, and a NUL is shown, not stored."""
    with plant.db.write() as conn:
        for n in range(0, UNKNOWN_WORDS + 100, 50):
            count(conn, plant.ids["monitoring"], [Looked("t", f"word {n + k}", False) for k in range(50)], 1)
        count(conn, plant.ids["monitoring"], [Looked("u", "x" * 5000, False), Looked("u", "a\0b", False)], 1)
        kept = words(conn, "t")
        assert coverage(conn)["t"]["unknown"] == UNKNOWN_WORDS + 100
        assert [one["n"] for one in kept if one["word"] == ""] == [100]
        assert len(kept) == UNKNOWN_WORDS + 1
        assert sorted(len(one["word"]) for one in words(conn, "u")) == [3, 200]


@pytest.mark.parametrize("owner", ["monitoring", "erp"])
def test_an_id_of_another_connector_is_looked_up(plant: Plant, owner: str) -> None:
    """The field waits until that connector has told of the thing; a connector that is not there holds the record."""
    ticket = {**ENTITIES[2], "fields": {**ENTITIES[2]["fields"], "device": {"type": "ref", "to": "device"}}}
    steps = [{"lookup": {"entity": "device", "connector": owner}}]
    fields = {**TICKETS["fields"], "device": {"from": "$.machine", "steps": steps, "on_null": "skip"}}
    publish_all(plant.db, [ticket, {**TICKETS, "fields": fields}])
    plant.push("tickets", {"ticket": plant.tickets.open_ticket("Look", machine="press-07")})
    plant.work()
    if owner == "erp":
        assert [(row["state"], row["held_by"]) for row in events(plant)] == [("held", "repair:unknown-owner:tickets:ticket")]
        return
    assert events(plant)[0]["state"] == "done"
    (field,) = explain.troubles(events(plant)[0]["error"])
    assert (field["field"], field["state"]) == ("device", "invalid")

    plant.push_alert("7001", severity=1)
    plant.work()
    replay.run(plant.db, replay.Choice(mapping="memory-tickets"), by="test")
    plant.work()

    known = next(row["changes"]["device"] for row in events(plant) if row["etype"] == "alert")
    assert next(row["changes"]["device"] for row in events(plant) if row["etype"] == "ticket") == known


@pytest.mark.parametrize(("holds", "written"), [("open", "resolved"), ("closed", "closed")])
def test_a_value_goes_back_in_the_words_of_the_source(plant: Plant, holds: str, written: str) -> None:
    """What the ticket system calls done is written, and a word of its own that means the same is left alone."""
    fields = {**TICKETS["fields"], "status": {"from": "$.status", "table": STATES}}
    publish_all(plant.db, [{**TICKETS, "fields": fields}, CLOSES])
    plant.push_alert("7001", severity=4)
    plant.work()
    (made,) = plant.tickets.things["tickets"].values()
    plant.push("tickets", {"ticket": plant.tickets.change("tickets", made["id"], status=holds)})
    plant.work()
    plant.push("monitoring", {"alert": plant.monitoring.change("alerts", "7001", status="resolved")})
    plant.work()

    (close,) = [row for row in plant.actions if row["bridge"] == "cleared-closes"]
    assert (close["state"], close["arguments"]["status"]) == ("done", written)
    assert plant.tickets.get("tickets", made["id"])["status"] == written


def test_a_value_that_cannot_go_back_is_said(plant: Plant) -> None:
    """The decision is an error with both readings, a repair is open, and nothing is sent."""
    fields = {**TICKETS["fields"], "status": {"from": "$.status", "table": {"open": "open", "resolved": "fixed"}}}
    publish_all(plant.db, [{**TICKETS, "fields": fields}, CLOSES])
    plant.push_alert("7001", severity=4)
    plant.work()
    plant.push("monitoring", {"alert": plant.monitoring.change("alerts", "7001", status="resolved")})
    plant.work()

    (decided,) = [row for row in plant.decisions if row["bridge"] == "cleared-closes" and row["verdict"] == "error"]
    assert decided["reason"].startswith("reverse: 'done' cannot be written back as status")
    assert not [row for row in plant.actions if row["bridge"] == "cleared-closes"]
    with plant.db.read() as conn:
        assert "bridge:cleared-closes" in open_keys(conn, "bridge:")


@pytest.mark.parametrize(
    ("argument", "states", "words_of_it"),
    [
        ({"back": '"done"', "through": "memory-tickets.status"}, STATES, None),
        ({"back": '"done"', "through": "memory-ticket.status"}, STATES, "Did you mean 'memory-tickets'?"),
        ({"back": '"done"', "through": "memory-tickets.state"}, STATES, "Did you mean 'status'?"),
        ({"back": "4", "through": "memory-tickets.status"}, STATES, "It gives integer."),
        ({"back": "alert.statuz", "through": "memory-tickets.status"}, STATES, "alert.status"),
        ({"back": '"done"', "through": "memory-tickets.status"}, {**STATES, "resolved": "fixed"}, "is one-way. PutGet fails"),
    ],
)
def test_what_a_bridge_may_write_back(argument: dict[str, str], states: dict[str, Any], words_of_it: str | None) -> None:
    """A misspelt mapping or field, a wrong type and a one-way field with its counterexample are refused at publish."""
    fields = {**TICKETS["fields"], "status": {"from": "$.status", "table": states}}
    known = Catalogue(
        entities={one["name"]: one for one in ENTITIES},
        kinds={"tickets": Memory.kind, "monitoring": Memory.kind},
        mappings={"memory-tickets": {**TICKETS, "fields": fields}, "memory-alerts": ALERTS},
    )
    step = {**CLOSES["steps"][0], "with": {"status": argument}}
    found = problems(BridgeSpec.model_validate({**CLOSES, "steps": [step]}), known)
    if words_of_it is None:
        assert found == []
    else:
        assert [one.path.startswith("steps.0.with.status") for one in found] == [True]
        assert words_of_it in f"{found[0].what} {found[0].fix}"
