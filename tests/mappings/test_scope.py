from __future__ import annotations

import pytest
from sqlalchemy import Connection, event, insert, update

from core.database import Database
from core.tables import entity, observation, value
from core.words import FieldState, Json
from mappings.scope import Loaded, Want, build_scope, load_scope, load_scopes
from mappings.translate import Translated
from mappings.values import OWN, Stamp, current_values, differences
from tests.mappings.definitions import world

CATALOGUE = world()
JOINS = {"device": "alert.device", "site": "device.site"}


def put(conn: Connection, number: int, gid: str, etype: str, **fields: Json) -> None:
    conn.execute(insert(entity), [{"id": number, "gid": gid, "etype": etype, "minted_at": 1, "survivor_id": number}])
    said = {
        name: Translated(FieldState.NULL if word is None else FieldState.PRESENT, word, word, "$")
        for name, word in fields.items()
    }
    found = differences({}, said, Stamp(OWN, "tieline", etype, number, observed_at=1), CATALOGUE)
    if found.values:
        conn.execute(insert(observation), found.observations)
        conn.execute(insert(value), found.values)


@pytest.fixture
def filled(db: Database) -> Database:
    with db.write() as conn:
        put(conn, 1, "SITE-1", "site", name="Berlin")
        put(conn, 2, "DEV-1", "device", name="Press 07", site="SITE-1")
        put(conn, 3, "ALRT-1", "alert", title="Hot", severity=4, device="DEV-1", priority=None)
        put(conn, 4, "ALRT-2", "alert", title="Cold")
        put(conn, 5, "DEV-0", "device", name="Press 7 (old)")
    return db


def test_a_scope_is_flat_and_follows_references(filled: Database) -> None:
    """Values stand under alias.field, over a chain of joins; null is there as None, missing is not."""
    with filled.read() as conn:
        scope = load_scope(conn, CATALOGUE, "alert", 3, JOINS)
        known = current_values(conn, [3], CATALOGUE)[3]
    assert scope.values == {
        "alert.title": "Hot", "alert.severity": 4, "alert.device": "DEV-1", "alert.priority": None,
        "device.name": "Press 07", "device.site": "SITE-1", "site.name": "Berlin",
    }  # fmt: skip
    assert scope.entities == {"alert": 3, "device": 2, "site": 1}
    assert scope.gids == {"alert": "ALRT-1", "device": "DEV-1", "site": "SITE-1"}
    assert scope.observations["alert.title"] == known["title"].observation_id
    assert scope.unjoined == {}


def test_a_reference_that_leads_nowhere_is_said(filled: Database) -> None:
    """An empty reference, one nobody knows and one that is none leave their alias out, with the reason."""
    with filled.write() as conn:
        put(conn, 6, "ALRT-3", "alert", device="DEV-404")
    with filled.read() as conn:
        empty = load_scope(conn, CATALOGUE, "alert", 4, JOINS)
        lost = load_scope(conn, CATALOGUE, "alert", 6, {"device": "alert.device", "x": "alert.title", "y": "z.title"})
    assert empty.entities == {"alert": 4}
    assert empty.unjoined["device"] == "alert.device has no value."
    assert "DEV-404" in lost.unjoined["device"]
    assert set(lost.unjoined) == {"device", "x", "y"}


def test_a_reference_to_a_merged_entity_reaches_its_survivor(filled: Database) -> None:
    """The value keeps the old master ID; the scope shows who answers today, with the values of the whole component."""
    with filled.write() as conn:
        conn.execute(update(entity).where(entity.c.id == 2).values(survivor_id=5))
    with filled.read() as conn:
        scope = load_scope(conn, CATALOGUE, "alert", 3, JOINS)
    assert scope.gids["device"] == "DEV-0"
    assert scope.entities["device"] == 5
    assert scope.values["site.name"] == "Berlin"


def test_known_values_are_used_as_they_are(filled: Database) -> None:
    """What the caller changed in this transaction is what the condition reads, and its references are followed."""
    with filled.read() as conn:
        known = differences(
            {},
            {"device": Translated(FieldState.PRESENT, "DEV-0", "0", "$")},
            Stamp(OWN, "tieline", "alert", 4, observed_at=2),
            CATALOGUE,
        ).after
        scope = load_scope(conn, CATALOGUE, "alert", 4, JOINS, known)
    assert scope.values == {"alert.device": "DEV-0", "device.name": "Press 7 (old)"}


def test_a_batch_costs_a_handful_of_queries(sqlite_db: Database) -> None:
    """A thousand scopes with the same joins need a few queries more than one; building them needs none."""
    counts = []
    with sqlite_db.write() as conn:
        put(conn, 1, "SITE-1", "site", name="Berlin")
        put(conn, 2, "DEV-1", "device", name="Press 07", site="SITE-1")
        for n in range(10, 410):
            put(conn, n, f"ALRT-{n}", "alert", device="DEV-1")
    asked: list[str] = []
    event.listen(sqlite_db.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    for many in (1, 400):
        asked.clear()
        loaded = Loaded()
        wants = [Want("alert", n, JOINS) for n in range(10, 10 + many)]
        with sqlite_db.read() as conn:
            load_scopes(conn, CATALOGUE, wants, loaded)
        counts.append(len([one for one in asked if one.startswith("SELECT")]))
        scopes = [build_scope(CATALOGUE, want.etype, want.entity_id, loaded, want.joins) for want in wants]
        assert {scope.values["site.name"] for scope in scopes} == {"Berlin"}
    assert counts[1] == counts[0] <= 10
