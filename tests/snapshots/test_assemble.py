"""Assembling: every facet in parallel, one deadline, and a broken source that never holds up the ticket."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import select

from connectors.kit.contract import Connector
from connectors.memory.connector import Memory
from connectors.memory.kind import MemorySettings
from core import jsons
from core.clock import FixedClock
from core.errors import InputError, NotFoundError, UnreachableError
from core.tables import facet, snapshot
from core.traces.outgoing import TRACEPARENT, carrying
from core.words import Found, Json
from mappings.identity import mint
from snapshots import Snapshot, ask, assemble, frozen, read
from snapshots.reads import LARGEST
from tests.snapshots.plant import RECIPE, Plant, world_of


class Odd(Memory):
    """A connector whose lookups do what a test says."""

    def __init__(self, name: str, lookup: Callable[[], Found]) -> None:
        super().__init__(name, MemorySettings(world=world_of(name)))
        self.answer = lookup

    def lookup(self, name: str, inputs: Mapping[str, Json], *, timeout_s: float) -> Found:
        return self.answer()


def asked(plant: Plant, **more: Any) -> str:
    with plant.db.write() as conn:
        return ask(conn, plant.db, "ticket-context", plant.alert, plant.ticket, now=plant.db.now(conn), **more)


def assembled(plant: Plant) -> Snapshot:
    return assemble(plant.db, asked(plant), plant.open)


def statuses(snapshot: Snapshot) -> dict[str, str]:
    return {name: one["status"] for name, one in snapshot.content["facets"].items()}


def test_three_facets_with_ages_and_sources(plant: Plant) -> None:
    """Each facet has its values, source, age and time; the subject's own fields say who said them."""
    found = assembled(plant)
    cpu = found.content["facets"]["cpu"]
    assert statuses(found) == {"cpu": "ok", "part": "ok", "history": "ok"}
    assert (cpu["values"]["mean"], cpu["units"], cpu["source"]) == (71.536, {"mean": "%"}, "memory cpu_mean M-17")
    assert cpu["inputs"] == {"machine": "M-17", "hours": 1}
    assert cpu["age_s"] == 0
    assert cpu["fetched_at"].startswith("2026-01-01T00:00:00.")
    assert [one["title"] for one in found.content["facets"]["history"]["values"]["tickets"]] == [
        "Fan again",
        "Fan dead",
        "Fan louder",
    ]
    title = found.content["fields"]["alert.title"]
    assert (title["value"], title["source"], title["path"]) == ("Spindle hot", "monitoring", "$.title")
    assert title["observation"].startswith("obs_")
    assert found.content["fields"]["device.name"]["value"] == "M-17"
    assert (found.content["subject"]["gid"], found.content["ticket"]) == ("ALRT-2026-000001", "TICK-2026-000001")


def test_the_facets_are_rows_as_well(plant: Plant) -> None:
    """What the content says of each facet can be asked by SQL."""
    found = assembled(plant)
    with plant.db.read() as conn:
        rows = conn.execute(select(facet).where(facet.c.snapshot_id == found.id)).all()
        assert {row.name: row.status for row in rows} == statuses(found)
        assert all(row.connector_id and row.fetched_at and row.took_ms is not None for row in rows)


def test_far_sides_are_asked_in_parallel(plant: Plant) -> None:
    """Three facets of 0.6 s each take 0.6 s and not 1.8."""
    with plant.db.write() as conn:
        plant.publish(conn, "recipe", "ticket-context", RECIPE | {"deadline_ms": 8000})
    for name, lookup in (("monitoring", "cpu_mean"), ("erp", "stock"), ("tickets", "recent_tickets")):
        plant.worlds[name].script(lookup, slow_s=0.6)
    began = time.monotonic()
    found = assembled(plant)
    assert set(statuses(found).values()) == {"ok"}
    assert time.monotonic() - began < 1.5


def test_a_hanging_source_never_holds_up_the_ticket(plant: Plant) -> None:
    """A far side that ignores its timeout for ever costs the deadline and nothing more; the others are there."""
    for_ever = threading.Event()

    def hang() -> Found:
        for_ever.wait(30)
        raise AssertionError

    plant.connectors["erp"] = Odd("erp", hang)
    began = time.monotonic()
    found = assembled(plant)
    took = time.monotonic() - began
    for_ever.set()
    assert statuses(found) == {"cpu": "ok", "part": "late", "history": "ok"}
    assert found.content["facets"]["part"]["reason"] == "Not there after 600 ms."
    assert 0.6 <= took < 2, f"the deadline of 0.6 s was overshot: {took:.3f} s, and the far side hangs for 30 s"


def test_a_facet_has_a_budget_of_its_own(plant: Plant) -> None:
    """A snapshot is frozen when everybody has answered or is past his own budget, not at the deadline."""
    facets = RECIPE["facets"]
    with plant.db.write() as conn:
        plant.publish(
            conn,
            "recipe",
            "ticket-context",
            RECIPE | {"deadline_ms": 8000, "facets": facets | {"part": facets["part"] | {"budget_ms": 100}}},
        )
    plant.worlds["erp"].script("stock", slow_s=5)
    began = time.monotonic()
    assert statuses(assembled(plant)) == {"cpu": "ok", "part": "late", "history": "ok"}
    assert time.monotonic() - began < 2.5


def test_each_way_to_fail_has_its_word(plant: Plant) -> None:
    """Credentials and permissions are denied, an error is failed with its sentences, nothing there is absent."""
    plant.worlds["monitoring"].token = "another"
    plant.worlds["erp"].script("stock", fail=UnreachableError("The ERP cannot be reached.", why="Connection refused."))
    plant.worlds["tickets"].things["tickets"].clear()
    found = assembled(plant).content["facets"]
    assert (found["cpu"]["status"], "does not accept our token" in found["cpu"]["reason"]) == ("denied", True)
    assert (found["part"]["status"], found["part"]["reason"]) == ("failed", "The ERP cannot be reached. Connection refused.")
    assert (found["history"]["status"], found["history"]["source"]) == ("absent", "memory tickets of M-17")


def test_a_fault_in_a_connector_costs_only_its_facet(plant: Plant) -> None:
    """A crash, an answer that is no JSON and one that is too large are failed facets; their text is not repeated."""
    crashes: list[Callable[[], Found]] = [
        lambda: (_ for _ in ()).throw(RuntimeError("password=hunter2")),
        lambda: Found({"quantity": {1, 2}}, None, "odd"),
        lambda: Found({"quantity": "x" * (LARGEST + 1)}, None, "odd"),
    ]
    for crash in crashes:
        plant.connectors["erp"] = Odd("erp", crash)
        found = assembled(plant)
        assert statuses(found) == {"cpu": "ok", "part": "failed", "history": "ok"}
        assert "hunter2" not in jsons.dumps(found.content)


def test_reads_carry_the_trace_of_who_asked(plant: Plant) -> None:
    """Each facet has a thread of its own, and what it asks a far side carries the header of the attempt all the same."""
    carried: list[str | None] = []

    def lookup() -> Found:
        carried.append(TRACEPARENT.get())
        return Found({}, None, "odd", absent=True)

    plant.connectors["tickets"] = Odd("tickets", lookup)
    header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    carrying(header, assembled, plant)
    assert set(carried) == {header}


def test_an_old_value_is_stale(plant: Plant, clock: FixedClock) -> None:
    """A value older than the recipe allows is kept and marked, with its age."""
    old = clock.now() - 1_000 * 1_000_000
    plant.connectors["monitoring"] = Odd("monitoring", lambda: Found({"mean": 3.0}, old, "trends"))
    cpu = assembled(plant).content["facets"]["cpu"]
    assert (cpu["status"], cpu["age_s"], cpu["values"]) == ("stale", 1000, {"mean": 3.0})
    assert cpu["reason"] == "The value is 1000 s old; at most 900 s are allowed."


def test_nothing_to_ask_about_is_absent(plant: Plant) -> None:
    """A field without a value, an empty join and an entity that the connector does not know ask nobody."""
    with plant.db.write() as conn:
        alert, gid = mint(conn, plant.db, "alert", "ALRT", plant.db.now(conn))
        found = assemble_later(plant, ask(conn, plant.db, "ticket-context", alert))
    facets = found().content["facets"]
    assert {name: one["status"] for name, one in facets.items()} == {"cpu": "absent", "part": "absent", "history": "absent"}
    assert facets["cpu"]["reason"] == "alert.device has no value."
    assert facets["part"]["reason"] == "alert.part has no value (missing)."
    assert found().content["subject"]["gid"] == gid


def assemble_later(plant: Plant, snapshot_id: str) -> Callable[[], Snapshot]:
    return lambda: assemble(plant.db, snapshot_id, plant.open)


def test_a_connector_that_is_not_registered_is_failed(plant: Plant) -> None:
    """A recipe may name a connector that is not there (yet): the facet says so, the snapshot stands."""
    facets = RECIPE["facets"]
    with plant.db.write() as conn:
        plant.publish(
            conn, "recipe", "ticket-context", RECIPE | {"facets": facets | {"part": facets["part"] | {"connector": "sap"}}}
        )
    part = assembled(plant).content["facets"]["part"]
    assert (part["status"], part["reason"]) == ("failed", "No connector 'sap' is registered.")


def test_no_connection_is_held_while_far_sides_are_asked(plant: Plant) -> None:
    """While a facet runs, nobody holds a connection to the database, so nobody waits for it."""
    held: list[int] = []

    def look() -> Found:
        held.append(plant.db.engine.pool.checkedout())  # type: ignore[attr-defined]
        return Found({"quantity": 1.0}, None, "odd")

    plant.connectors["erp"] = Odd("erp", look)
    assembled(plant)
    assert held == [0]


def test_an_action_gets_one_snapshot(plant: Plant) -> None:
    """The same action asking again (a retry) gets the snapshot it asked for first."""
    action_id = plant.action()
    assert asked(plant, action_id=action_id) == asked(plant, action_id=action_id)
    assert asked(plant) != asked(plant)


def test_a_frozen_snapshot_cannot_be_changed(plant: Plant) -> None:
    """Asking and assembling again give the same bytes back, whatever has changed since; the hash computes again."""
    snapshot_id = asked(plant)
    first = assemble(plant.db, snapshot_id, plant.open)
    plant.worlds["erp"].figures["stock", "FAN-9"] = {"quantity": 0.0}
    plant.connectors.clear()
    assert assemble(plant.db, snapshot_id, plant.open) == first
    assert jsons.sha256(first.content) == first.sha256
    with plant.db.read() as conn:
        again = read(conn, snapshot_id)
    assert (again["sha256"], again["intact"], again["state"]) == (first.sha256, True, "frozen")


def test_two_who_assemble_at_once_freeze_once(plant: Plant) -> None:
    """Two workers with the same row return the same snapshot."""
    snapshot_id, found = asked(plant), []
    threads = [threading.Thread(target=lambda: found.append(assemble(plant.db, snapshot_id, plant.open))) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len({one.sha256 for one in found}) == 1
    assert len(found) == 4


def test_a_change_behind_our_back_is_seen(plant: Plant) -> None:
    """Whoever edits the row by hand breaks the hash, and reading says so."""
    found = assembled(plant)
    forged = {**found.content, "ticket": "TICK-2026-999999"}
    with plant.db.write() as conn:
        conn.execute(snapshot.update().where(snapshot.c.id == found.id).values(content=forged))
    with plant.db.read() as conn:
        assert not read(conn, found.id)["intact"]


def test_an_open_snapshot_can_be_read(plant: Plant) -> None:
    """Between asking and freezing a reader sees that it is open; an unknown id is not found."""
    snapshot_id = asked(plant)
    with plant.db.read() as conn:
        assert read(conn, snapshot_id)["state"] == "open"
        with pytest.raises(NotFoundError):
            frozen(conn, snapshot_id)
        with pytest.raises(NotFoundError):
            read(conn, "snap_0")


def test_asking_for_what_is_not_there(plant: Plant) -> None:
    """An unknown recipe names the known and the near one; a subject of another type is refused."""
    with plant.db.write() as conn:
        with pytest.raises(NotFoundError, match="Did you mean 'ticket-context'"):
            ask(conn, plant.db, "ticket-contxt", plant.alert)
        with pytest.raises(InputError, match="is alert, not device"):
            ask(conn, plant.db, "ticket-context", plant.device)
        with pytest.raises(NotFoundError):
            ask(conn, plant.db, "ticket-context", 999)


def test_a_publish_between_asking_and_assembling_changes_nothing(plant: Plant) -> None:
    """The version of the recipe is settled when it is asked for."""
    snapshot_id = asked(plant)
    with plant.db.write() as conn:
        plant.publish(conn, "recipe", "ticket-context", RECIPE | {"facets": {"cpu": RECIPE["facets"]["cpu"]}})
    found = assemble(plant.db, snapshot_id, plant.open)
    assert (set(found.content["facets"]), found.content["recipe"]["version"]) == ({"cpu", "part", "history"}, 1)
    assert set(assembled(plant).content["facets"]) == {"cpu"}


def test_connectors_are_opened_in_the_facets_thread(plant: Plant) -> None:
    """Opening a connector may itself hang or fail; that is the facet's affair."""

    def opened(name: str) -> Connector:
        if name == "erp":
            raise NotFoundError("There is no connector 'erp'.", why="It was removed.", fix="None.")
        return plant.open(name)

    found = assemble(plant.db, asked(plant), opened)
    assert statuses(found) == {"cpu": "ok", "part": "failed", "history": "ok"}
