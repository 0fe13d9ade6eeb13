"""Drift in the engine: told once, by contract mode a repair, records held and let go; cheap, and with no value kept."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event as listening

from bridges import replay
from bridges.handle import Handler
from bridges.profiling import Profiler
from bridges.replay import Choice
from core.repairs import open_repairs
from core.tables import drift, profile
from core.words import Json
from mappings.profiles import accept
from mappings.profiles.judging import LEARNED, WINDOW
from tests.bridges.conftest import AddConnector
from tests.bridges.plant import Plant, publish_all

MAPPING: dict[str, Any] = {
    "kind": "mapping",
    "name": "hooks",
    "from": {"kind": "webhook", "stream": "messages"},
    "to": "alert",
    "fields": {"title": "$.data.name", "severity": "$.data.severity"},
}


def with_contract(plant: Plant, contract: Any) -> None:
    publish_all(plant.db, [{**MAPPING, "contract": contract}])


class Source:
    """A system that pushes what it likes to a webhook."""

    def __init__(self, plant: Plant) -> None:
        self.plant, self.n = plant, 0

    def send(self, count: int = 1, **more: Json) -> None:
        """Push so many messages with these members, and handle them in batches of ten."""
        for _ in range(count):
            self.n += 1
            self.plant.push("hooks", {"number": str(self.n), "name": "Oil hot", "severity": 1, **more}, str(self.n))
            if self.n % 10 == 0:
                self.plant.handler.run()
        self.plant.handler.run()

    def drifts(self) -> list[tuple[str, str, bool]]:
        return [(row["path"], row["kind"], row["closed_at"] is not None) for row in self.plant.rows(drift)]

    def repairs(self) -> list[str]:
        with self.plant.db.read() as conn:
            return [one["key"] for one in open_repairs(conn) if one["key"].startswith("drift:")]


@pytest.fixture
def source(plant: Plant, add_connector: AddConnector) -> Source:
    """Give a source whose form has been learned."""
    plant.handler = Handler(plant.db, plant.registered, owner="h", profiler=Profiler(flush_records=WINDOW))
    plant.ids["hooks"] = add_connector("hooks", "webhook", id_field="number")
    with_contract(plant, "evolve")
    made = Source(plant)
    made.send(2 * LEARNED + 2)
    return made


def test_what_is_learned_is_no_drift(source: Source) -> None:
    """Types, shares and forms stand in the profile, no value does; nothing is told."""
    rows = {row["path"]: row for row in source.plant.rows(profile)}

    assert source.drifts() == []
    name = rows["$.data.name"]
    assert (name["types"].keys(), name["form"], rows["$.data.severity"]["accepted"]) == ({"string"}, "Aaa aaa", ["integer"])
    assert rows["$.source"]["types"].keys() == {"null"}
    assert "Oil" not in str(rows)
    assert rows["$"]["here"] >= LEARNED


def test_evolve_tells_and_goes_on(source: Source) -> None:
    """A new path is told once, with everything in it, taken at once, and needs nobody."""
    source.send(3, line={"no": 7})

    assert source.drifts() == [("$.data.line", "new_path", True)]
    assert source.repairs() == []
    source.send(3, line={"no": 7})
    assert len(source.drifts()) == 1


def test_freeze_opens_a_repair_that_acceptance_closes(source: Source) -> None:
    """The records are handled all the same; after acceptance the new type is no news, even for a process that starts anew."""
    plant = source.plant
    with_contract(plant, "freeze")
    source.send(2, part=7)

    assert source.drifts() == [("$.data.part", "new_path", False)]
    assert source.repairs() == ["drift:hooks:messages:new_path:$.data.part"]
    assert {row["state"] for row in plant.events} == {"done"}
    with plant.db.write() as conn:
        told = accept(conn, plant.rows(drift)[0]["id"], by="ann", now=plant.db.now(conn))
    assert (told["closed_by"], told["connector"], source.repairs()) == ("ann", "hooks", [])
    plant.handler = Handler(plant.db, plant.registered, owner="anew")
    source.send(2, part=7)
    assert len(source.drifts()) == 1
    source.send(1, part="seal")
    assert source.drifts()[1:] == [("$.data.part", "type_changed", False)]


def test_quarantine_holds_until_accepted(source: Source) -> None:
    """A record of another form waits for a person, the others go on; accepted and replayed it is handled, the repair closes."""
    plant = source.plant
    with_contract(plant, {"mode": "quarantine", "paths": {"$.data.notes": "evolve"}})
    source.send(1, part=7)
    source.send(1, notes=["fine"])

    assert [row["state"] for row in plant.events][-2:] == ["held", "done"]
    assert source.repairs() == ["drift:hooks:alert"]
    held = plant.events[-2]
    assert "$.data.part is integer" in held["reason"]
    waiting = next(row for row in plant.rows(drift) if row["path"] == "$.data.part")
    with plant.db.write() as conn:
        accept(conn, waiting["id"], by="ann", now=plant.db.now(conn))
    replay.run(plant.db, Choice(connector="hooks", state="held"), by="ann")
    plant.handler.run()

    assert {row["state"] for row in plant.events} == {"done"}
    assert source.repairs() == []


def test_what_vanishes_is_missed_and_its_return_closes_it(source: Source) -> None:
    """After a window of records without it; a jump of nulls likewise; both are over when the source sends as before."""
    with_contract(source.plant, "freeze")
    source.send(WINDOW, machine="press-07", line=1)
    base = len(source.drifts())
    source.send(2 * WINDOW, machine=None)

    told = source.drifts()[base:]
    assert ("$.data.machine", "null_rate", False) in told
    assert ("$.data.line", "vanished", False) in told
    source.send(WINDOW, machine="press-07", line=1)
    after = {(path, kind): closed for path, kind, closed in source.drifts()}
    assert after["$.data.line", "vanished"] is True
    assert not [key for key in source.repairs() if "vanished" in key]


def test_a_batch_writes_its_profile_at_most_once_and_mostly_not_at_all(source: Source) -> None:
    """When nothing is new, a batch costs no statement for the profile; when something is, one read and one write."""
    plant, statements = source.plant, []
    listening.listen(plant.db.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    source.send(3)
    assert not [one for one in statements if "profile" in one]

    statements.clear()
    source.send(3, colour="red")
    assert len([one for one in statements if one.startswith("SELECT") and "FROM profile" in one]) == 1
    assert 1 <= len([one for one in statements if one.startswith("INSERT") and "profile" in one]) <= 4


def test_nothing_is_counted_when_it_is_switched_off(plant: Plant) -> None:
    """The switch that the measurement uses."""
    plant.handler = Handler(plant.db, plant.registered, owner="off", profiler=Profiler(on=False))
    plant.push_alert("7001")
    plant.handler.run()
    assert plant.rows(profile) == []
