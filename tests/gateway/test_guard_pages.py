"""What the console and the API say of loop guards and of late facets."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bridges.loops import LoopError, WriteBudgetError
from core.repairs import open_repair
from core.tables import action, event, facet, late_facet
from tests.gateway.ground import Ground
from tests.gateway.test_pages import signed_in


def test_an_event_says_which_write_of_ours_it_follows_from(ground: Ground) -> None:
    """The trail leads to the action; what a budget holds says for whom and until when; metrics count repairs by code."""
    ground.story()
    with ground.db.write() as conn:
        wrote = conn.execute(select(action.c.id, action.c.event_id)).first()
        assert wrote is not None
        conn.execute(event.update().where(event.c.id == wrote.event_id).values(cause=wrote.id, hops=3))
        until = {"next_at": ground.clock.now(), "reason": "write-budget: more than 300 writes in 10 minutes"}
        held = {"state": "held", "held_by": "budget:alert-to-ticket:ALRT-2026-000001", **until}
        conn.execute(action.update().where(action.c.id == wrote.id).values(held))
        for error in (
            LoopError("It goes round.", why="It answers.", fix="Mend it."),
            WriteBudgetError("So often.", why="Again.", fix="Mend it."),
        ):
            open_repair(conn, f"{error.code}:x", error, connector=None, now=ground.clock.now())
    page = signed_in(ground).get(f"/events/{wrote.event_id}").text
    assert f"/actions/{wrote.id}" in page
    assert "3 in a row" in page
    assert "waits for the write budget of alert-to-ticket · ALRT-2026-000001" in page
    told = "\n".join(ground.ok("GET", f"/events/{wrote.event_id}")["summary"])
    assert f"it follows from our own write {wrote.id}, the 3rd in a row" in told
    assert "held by budget:alert-to-ticket:ALRT-2026-000001 until 2026-01-01T00:00:00" in told
    metrics = ground.client().get("/metrics").text
    assert 'tieline_repairs_by_code{code="loop"} 1.0' in metrics
    assert 'tieline_repairs_by_code{code="write-budget"} 1.0' in metrics
    assert "tieline_repairs_open 2.0" in metrics
    assert "tieline_late_facets 0.0" in metrics


@pytest.mark.parametrize(("language", "said"), [("en", "It did not come within its grace."), ("zh", "宽限期内仍未返回")])
def test_a_snapshot_says_what_became_of_a_late_facet(ground: Ground, language: str, said: str) -> None:
    """On its page and in its answer: here one that never came."""
    ground.story()
    alert = ground.ok("GET", "/events?type=alert.created")["items"][0]["master_id"]
    taken = ground.ok("POST", "/snapshots", {"recipe": "alert-context", "subject": alert})
    with ground.db.write() as conn:
        name = conn.execute(select(facet.c.name).where(facet.c.snapshot_id == taken["id"])).scalars().first()
        row = {"snapshot_id": taken["id"], "name": name, "due_at": 1, "until_at": 2, "state": "dead"}
        conn.execute(late_facet.insert().values(row | {"reason": "It did not come within its grace."}))
    assert ground.ok("GET", f"/snapshots/{taken['id']}")["late"][name]["state"] == "dead"
    assert said in signed_in(ground).get(f"/snapshots/{taken['id']}?lang={language}").text
