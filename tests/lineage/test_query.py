"""Field lineage asked of a database: true for a generation, honest about its limits."""

from __future__ import annotations

from typing import Any

import pytest

from core.database import Database
from core.definitions import Edge, publish, retire, save_version
from core.errors import InputError, NotFoundError
from lineage import edges, graph
from lineage.query import fields
from tests.lineage.landscape import ALERT, EDGES, build, define


def ask(db: Database, field: str, **how: Any) -> dict[str, Any]:
    with db.read() as conn:
        return fields(conn, field, **how)


def levels(answer: dict[str, Any]) -> dict[str, int]:
    return {node["id"]: node["level"] for node in answer["nodes"]}


def test_both_directions_are_walked_and_signed(db: Database) -> None:
    """Upstream is negative, downstream positive; the edge says what it is and who draws it."""
    build(db)

    answer = ask(db, "alert.severity")

    assert levels(answer) == {
        "source:zabbix/problems/$.severity": -1,
        "field:alert.severity": 0,
        "field:alert.priority": 1,
        "act:tickets/create_ticket/priority": 2,
        "bridge:alert-to-ticket": 2,
        "act:tickets/create_ticket": 3,
    }
    (edge,) = [one for one in answer["edges"] if one["dst"] == "field:alert.priority"]
    assert edge == {
        "src": "field:alert.severity",
        "dst": "field:alert.priority",
        "kind": "INDIRECT",
        "subtype": "CONDITIONAL",
        "detail": 'alert.severity >= 4 ? "P1" : "P2"',
        "by": {"kind": "formula", "name": "alert-priority", "version": 1},
    }
    assert (answer["graph_version"], answer["truncated"], answer["hidden"]) == (4, False, 0)


def test_one_direction_and_a_depth_are_kept_and_the_rest_is_counted(db: Database) -> None:
    """Down one step from a field: what lies behind is a number on the last node."""
    build(db)

    answer = ask(db, "alert.severity", direction="down", depth=1)

    assert levels(answer) == {"field:alert.severity": 0, "field:alert.priority": 1}
    (last,) = [node for node in answer["nodes"] if node["level"] == 1]
    assert (last["hidden"], last["neighbours"]) == ({"down": 2}, {"up": 1, "down": 2})
    assert (answer["truncated"], answer["hidden"], answer["stopped"]) == (True, 2, {"down": ["depth"]})


def test_any_node_may_be_asked_about(db: Database) -> None:
    """A bridge, a foreign path or an argument is a node like a field."""
    build(db)

    assert "field:alert.severity" in levels(ask(db, "bridge:alert-to-ticket", direction="up"))
    assert "act:tickets/create_ticket/priority" in levels(ask(db, "source:zabbix/problems/$.severity", depth=9))


def test_a_field_without_edges_says_what_that_means(db: Database) -> None:
    """An empty answer is no claim of no impact: it says that no live definition reads or writes the field."""
    build(db)

    answer = ask(db, "alert.status")

    assert levels(answer) == {"field:alert.status": 0}
    assert answer["coverage"]["note"] == "no live definition writes it; no live definition reads it"


def test_an_unknown_field_is_refused_with_the_near_name(db: Database) -> None:
    """Nobody is told "no lineage" about a misspelt field."""
    build(db)

    with pytest.raises(NotFoundError, match=r"Did you mean 'alert\.severity'"):
        ask(db, "alert.sevrity")
    with pytest.raises(InputError, match="up, down, both"):
        ask(db, "alert.severity", direction="sideways")


def test_the_graph_follows_a_publish_at_once(db: Database) -> None:
    """An edge that the newest version dropped is gone from the next answer; the version number says which graph it was."""
    build(db)
    assert ask(db, "alert.severity", direction="up")["graph_version"] == 4

    with db.write() as conn:
        changed = save_version(conn, "mapping", "zabbix-problems", {"to": "alert", "v": 2}, author="ann", now=9)
        publish(conn, changed.version_id, edges=EDGES["zabbix-problems"][:1], now=9)

    answer = ask(db, "alert.severity", direction="up")
    assert (answer["graph_version"], levels(answer)) == (5, {"field:alert.severity": 0})
    with db.write() as conn:
        retire(conn, "formula", "alert-priority", now=10)
    assert levels(ask(db, "alert.severity")) == {"field:alert.severity": 0}


def test_the_graph_is_built_once_per_generation(db: Database) -> None:
    """A second question reads no edges again; a publish in another process is seen by its number."""
    build(db)
    with db.read() as conn:
        first = graph.load(conn)
        assert graph.load(conn) is first
    define(db, ALERT)  # published again: the number moves
    with db.read() as conn:
        assert graph.load(conn) is not first


def test_the_cap_is_kept_on_a_database(db: Database) -> None:
    """Five hundred readers, ten shown."""
    build(db)
    with db.write() as conn:
        many = save_version(conn, "bridge", "many", {"name": "many"}, author="ann", now=9)
        drawn = [Edge("field:alert.status", f"act:x/y/{n}", "DIRECT", "IDENTITY") for n in range(500)]
        publish(conn, many.version_id, edges=drawn, now=9)

    answer = ask(db, "alert.status", direction="down", nodes=10)

    assert (len(answer["nodes"]), len(answer["edges"]), answer["hidden"], answer["stopped"]) == (
        10,
        9,
        491,
        {"down": ["nodes"]},
    )


def test_edges_are_compared_with_what_the_live_definitions_draw(db: Database) -> None:
    """A stale, a missing and an ownerless edge are each found."""
    build(db)
    with db.read() as conn:
        assert edges.faults(conn, lambda version: EDGES[version.name]) == []
        wrong = {**EDGES, "alert-priority": [], "alert": [Edge("field:alert.x", "field:alert.y", "DIRECT", "IDENTITY")]}
        found = edges.faults(conn, lambda version: wrong[version.name])

    assert found == [
        "entity alert version 1 lacks the edge field:alert.x -> field:alert.y.",
        "formula alert-priority version 1 has the stale edge field:alert.severity -> field:alert.priority.",
    ]
