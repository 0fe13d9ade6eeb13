"""A record that comes for the first time is matched on entry, so that rules already see whose it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from core.tables import entity, event, identity_edge, match_record, review
from tests.bridges.plant import ENTITIES, Plant, publish_all

MATCHED: dict[str, Any] = {
    **next(one for one in ENTITIES if one["name"] == "ticket"),
    "match": {"fields": {"title": "id"}, "link": 12, "review": 2},
}


def tickets(plant: Plant) -> dict[str, str]:
    """Return who answers for each ticket today."""
    with plant.db.read() as conn:
        top = entity.alias("top")
        query = select(entity.c.gid, top.c.gid).join(top, top.c.id == entity.c.survivor_id).where(entity.c.etype == "ticket")
        return {row[0]: row[1] for row in conn.execute(query.order_by(entity.c.id))}


def push_ticket(plant: Plant, connector: str, title: str, known_as: str | None = None) -> str:
    """Let a system tell of a ticket, or of a change of one; return what it calls it."""
    plant.clock.move(5)
    world = plant.worlds[connector]
    thing = world.open_ticket(title) if known_as is None else world.change("tickets", known_as, title=title)
    plant.push(connector, world.push("tickets", thing["id"]))
    plant.handler.run()
    return str(thing["id"])


def test_two_systems_that_tell_of_one_thing_are_joined_on_entry(plant: Plant) -> None:
    """The second system's ticket with the same number of its own is the first one's at once; its event says so."""
    publish_all(plant.db, [MATCHED])
    push_ticket(plant, "tickets", "SN-2026-0815")
    push_ticket(plant, "monitoring", "sn 2026 0815")
    push_ticket(plant, "monitoring", "SN-2026-9999")
    assert tickets(plant) == {
        "TICK-2026-000001": "TICK-2026-000001",
        "TICK-2026-000002": "TICK-2026-000001",
        "TICK-2026-000003": "TICK-2026-000003",
    }
    with plant.db.read() as conn:
        edge = conn.execute(select(identity_edge)).one()
        told = conn.execute(select(event.c.entity_id, event.c.type).order_by(event.c.id)).all()
    assert (edge.made_by, edge.score) == ("matching", 13.0)
    assert [row.entity_id for row in told if row.type != "ticket.merged"] == [1, 1, 3]
    assert [row.entity_id for row in told if row.type == "ticket.merged"] == [1], "bridges may decide on it as on any merge"


def test_what_changes_later_is_prepared_again_and_waits_for_a_run(plant: Plant) -> None:
    """A known record is not joined behind anybody's back: its new values are kept for the next run."""
    publish_all(plant.db, [MATCHED])
    push_ticket(plant, "tickets", "SN-2026-0815")
    number = push_ticket(plant, "monitoring", "SN-2026-9999")
    push_ticket(plant, "monitoring", "SN-2026-0815", number)
    assert set(tickets(plant).values()) == {"TICK-2026-000001", "TICK-2026-000002"}
    with plant.db.read() as conn:
        rows = conn.execute(select(match_record.c.features, match_record.c.matched_at).order_by(match_record.c.entity_id)).all()
        assert conn.execute(select(review)).all() == []
    assert rows[0].features == rows[1].features == ["SN20260815"]
    assert rows[0].matched_at is not None
    assert rows[1].matched_at is None


def test_without_a_rule_nothing_is_kept(plant: Plant) -> None:
    """Entities whose definition does not say how they match are left alone."""
    push_ticket(plant, "tickets", "SN-2026-0815")
    with plant.db.read() as conn:
        assert conn.execute(select(match_record)).all() == []
