"""What Prometheus reads: counters that only grow, whoever did the work and wherever its rows are by now."""

from __future__ import annotations

import re

from bridges import retention
from core.errors import RateLimitedError, TransientError
from core.tables import connector, stream
from gateway.metrics import Metrics
from tests.bridges.conftest import add_connector, plant, registered
from tests.bridges.plant import Plant

__all__ = ["add_connector", "plant", "registered"]

DAY_S = 86_400
POLICY = retention.Policy(live_days=7, archive_days=90, dedupe_days=400)


def scraped(plant: Plant, name: str, live_days: int = 7) -> dict[str, float]:
    """Scrape as a web process that has just started, and return one metric by its labels."""
    found = {}
    for line in Metrics(plant.db, live_days).text().decode().splitlines():
        if fits := re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line):
            found[fits[1] or ""] = float(fits[2])
    return found


def attempts(plant: Plant) -> dict[tuple[str, str, str, str], float]:
    """Return the counter of attempts by (connector, outcome, family, code)."""
    found = {}
    for labels, value in scraped(plant, "tieline_attempts_total").items():
        said = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        found[said["connector"], said["outcome"], said["family"], said["code"]] = value
    return found


def test_attempts_are_counted_by_how_they_ended(plant: Plant) -> None:
    """Each attempt counts once: with its connector, its outcome, and the class of its error."""
    plant.tickets.script("create_ticket", fail=TransientError("Busy.", why="Maintenance.", fix="None."))
    plant.tickets.script("create_ticket", fail=RateLimitedError("Slower.", why="429.", retry_after=1))
    plant.push_alert("7001")
    for _ in range(3):
        plant.work()
        plant.clock.move(3600)
    assert attempts(plant) == {
        ("tickets", "failed", "transient", "transient"): 1,
        ("tickets", "failed", "transient", "rate-limited"): 1,
        ("tickets", "done", "", ""): 1,
        ("monitoring", "done", "", ""): 1,
    }


def test_counters_never_go_back(plant: Plant) -> None:
    """When what was attempted is archived and its day is pruned, the counters stand where they stood."""
    for n in range(3):
        plant.push_alert(f"700{n}")
        plant.work()
    before, accepted = attempts(plant), scraped(plant, "tieline_deliveries_accepted_total")
    assert before["tickets", "done", "", ""] == 3
    for days in (8, 120):
        plant.clock.move(days * DAY_S)
        retention.run(plant.db, POLICY, pause=lambda _: None)
        assert attempts(plant) == before
        assert scraped(plant, "tieline_deliveries_accepted_total") == accepted
    assert len(plant.attempts) < 6


def test_a_lost_worker_s_attempt_is_counted(plant: Plant) -> None:
    """What a killed worker left open is counted by whoever takes over."""
    from bridges.claims import claim

    plant.push_alert("7001")
    plant.handler.run()
    claim(plant.db, "gone:1", limit=10, lease_s=15)
    plant.clock.move(16)
    plant.work()
    assert attempts(plant)["tickets", "lost", "transient", "worker-lost"] == 1
    assert attempts(plant)["tickets", "done", "", ""] == 1


def test_what_is_held_says_by_whom(plant: Plant) -> None:
    """A later step waits for its step, a held connector is told with its name."""
    plant.push_alert("7001")
    plant.handler.run()
    assert scraped(plant, "tieline_held_actions") == {'by="step",connector="monitoring"': 1.0}
    with plant.db.write() as conn:
        conn.execute(connector.update().where(connector.c.name == "tickets").values(state="held", held_by="person:x"))
    plant.deliverer.run()
    assert scraped(plant, "tieline_held_actions") == {
        'by="step",connector="monitoring"': 1.0,
        'by="person",connector="tickets"': 1.0,
    }
    assert scraped(plant, "tieline_connector_held") == {'connector="monitoring"': 0.0, 'connector="tickets"': 1.0}


def test_archiving_is_behind_by_the_policy_that_is_set(plant: Plant) -> None:
    """The days at hand are the setting's; what a person must decide about may not leave, so it is not late."""
    plant.push_alert("7001")
    plant.work()
    plant.push_alert("7999", severity=1)
    plant.work()
    plant.clock.move(9 * DAY_S)
    assert scraped(plant, "tieline_archive_behind_seconds", live_days=7)[""] == 2 * DAY_S
    assert scraped(plant, "tieline_archive_behind_seconds", live_days=30)[""] == 0
    with plant.db.write() as conn:
        conn.exec_driver_sql("UPDATE action SET state = 'dead', reason = 'x', ended_at = 1")
    assert scraped(plant, "tieline_archive_behind_seconds", live_days=7)[""] == 0


def test_lag_is_told_of_each_connector(plant: Plant) -> None:
    """How long a connector's events waited, and how long its actions took from being made to being done."""
    plant.push_alert("7001")
    plant.clock.move(7)
    plant.handler.run()
    plant.clock.move(3)
    plant.work()
    found = scraped(plant, "tieline_lag_seconds")
    assert found['connector="monitoring",rank="p99",step="accepted_to_handled"'] == 7
    assert found['connector="tickets",rank="p50",step="created_to_done"'] == 3
    assert not any('connector="tickets"' in one and "handled" in one for one in found)


def test_a_poll_that_fails_says_how(plant: Plant) -> None:
    """How often in a row, and by which error the last time."""
    with plant.db.write() as conn:
        row = {"connector_id": plant.ids["monitoring"], "name": "alerts", "enabled": True, "every_s": 30, "next_at": 0}
        conn.execute(stream.insert().values(**row))
    plant.monitoring.script("poll", times=2, fail=TransientError("Busy.", why="Maintenance.", fix="None."))
    for _ in range(2):
        plant.poller.run()
        plant.clock.move(600)
    assert scraped(plant, "tieline_poll_failures") == {'code="transient",connector="monitoring",stream="alerts"': 2.0}
    plant.poller.run()
    assert scraped(plant, "tieline_poll_failures") == {'code="",connector="monitoring",stream="alerts"': 0.0}
