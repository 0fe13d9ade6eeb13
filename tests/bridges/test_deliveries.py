"""Deciding about a delivery that came to nothing."""

from __future__ import annotations

import pytest

from bridges import deliveries, replay
from bridges.accounting import balance
from core.errors import ConflictError, NotFoundError
from core.tables import repair
from tests.bridges.plant import Plant


def _skip(plant: Plant, receipt: str) -> None:
    with plant.db.write() as conn:
        deliveries.skip(conn, receipt, by="li", reason="a tester's body", now=plant.clock.now())


def test_a_dead_delivery_can_be_skipped_with_a_reason(plant: Plant) -> None:
    """Who and why are kept, its repair closes, the books balance, and it can still be replayed."""
    receipt = plant.push("monitoring", b"{")
    plant.handler.run()
    _skip(plant, receipt)

    [row] = plant.deliveries
    assert (row["state"], row["reason"]) == ("skipped", "skipped by li: a tester's body")
    assert plant.rows(repair, repair.c.closed_at.is_(None)) == []
    assert balance(plant.db).holds
    replay.run(plant.db, replay.Choice(id=receipt), by="test")
    plant.handler.run()
    assert plant.deliveries[0]["state"] == "dead"


def test_its_dead_events_are_skipped_with_it(plant: Plant) -> None:
    """A record that was refused is decided about with its delivery."""
    receipt = plant.push_alert("N/A", severity=2)
    plant.handler.run()
    assert plant.events[0]["state"] == "dead"
    _skip(plant, receipt)

    assert plant.events[0]["reason"] == "skipped by li: a tester's body"
    assert plant.rows(repair, repair.c.closed_at.is_(None)) == []


def test_what_went_well_is_not_skipped(plant: Plant) -> None:
    """Only what waits for a decision can get one."""
    receipt = plant.push_alert("7001", severity=2)
    plant.handler.run()
    with pytest.raises(ConflictError, match="It is done"):
        _skip(plant, receipt)
    with pytest.raises(NotFoundError):
        _skip(plant, "rcp_nope")
