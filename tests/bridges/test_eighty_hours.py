"""
Eighty hours in a few seconds: a far side that is away for three days and a third, and comes back.

The clock is handed in, everything else is the engine as it ships: schedule, breaker, holds, healing, repairs. Time jumps to
whatever is due next. Then all is delivered once, in order; who was given up in the meantime is decided about by a person.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import func, select

from bridges.accounting import balance
from bridges.actions import retry
from bridges.claims import BREAKER_S, next_due
from bridges.heal import escalate_late, heal_held
from bridges.retry import SCHEDULE_S
from core.clock import SECOND
from core.errors import UnreachableError
from core.repairs import open_keys
from core.tables import action, connector
from core.words import State
from tests.bridges.plant import Plant, publish_all

HOUR = 3600
AWAY = UnreachableError("The monitoring system cannot be reached.", why="Connection refused.")
SAID = {0: "a", 1: "a", 2: "b", 20: "a", 30: "c", 60: "a", 70: "b", 79: "c"}
"""At which hour a new state of which alert comes in."""
REFUSED_FROM = 40
LONGEST = SCHEDULE_S[-1] / HOUR
"""Hours until the last one that waits is tried again."""
STATES: dict[str, Any] = {
    "kind": "bridge",
    "name": "each-state",
    "on": {"entity": "alert", "events": ["created", "changed"]},
    "when": "alert.severity >= 1",
    "urgent": "alert.severity >= 5",
    "steps": [
        {
            "id": "ack",
            "connector": "monitoring",
            "act": "acknowledge",
            "target": "alert",
            "with": {"message": "alert.title"},
        }
    ],
}


class Days:
    """The plant through the hours, looked after as beat and workers would."""

    def __init__(self, plant: Plant) -> None:
        self.plant, self.began = plant, plant.clock.now()
        self.said: dict[str, list[str]] = {}
        self.looks = 0

    @property
    def hour(self) -> float:
        """How many hours have passed."""
        return (self.plant.clock.now() - self.began) / (HOUR * SECOND)

    def until(self, hour: float) -> None:
        """Let time pass, from one due row to the next."""
        while self.hour < hour:
            self.plant.work()
            escalate_late(self.plant.db)
            if heal_held(self.plant.db, self.plant.registered):
                self.plant.registered.refresh()
                continue
            now, end = self.plant.clock.now(), self.began + round(hour * HOUR) * SECOND
            self.plant.clock.at = max(now + SECOND, min(end, self._next(now)))
            self.looks += 1

    def _next(self, now: int) -> int:
        """Return when to look again: when a row is due, when a breaker lets one through, after an hour at most."""
        with self.plant.db.read() as conn:
            opens = conn.execute(select(func.max(connector.c.breaker_open_until))).scalar_one()
            found = [one for one in (next_due(conn), opens) if one is not None and one > now]
        return min([*found, now + HOUR * SECOND])

    def say(self, alert: str, severity: int) -> None:
        """Let a new state of an alert come in, pushed by a system that takes no answers."""
        told = self.said.setdefault(alert, [])
        told.append(f"{alert}{len(told)}")
        thing = {**self.plant.monitoring.raise_alert(f"seen-{alert}", name=told[-1], severity=severity), "id": alert}
        self.plant.push("monitoring", {"alert": thing}, f"id-{told[-1]}")

    def attempts(self) -> Counter[str]:
        """Count the attempts of each action."""
        return Counter(row["action_id"] for row in self.plant.attempts if row["outcome"] != "decided")

    def repairs(self, prefix: str) -> set[str]:
        """Return the open repairs that begin so."""
        with self.plant.db.read() as conn:
            return open_keys(conn, prefix)


@pytest.fixture
def days(plant: Plant) -> Days:
    """Give the plant with one bridge more, before anything has happened."""
    publish_all(plant.db, [STATES])
    for alert in {*SAID.values(), "d"}:
        plant.monitoring.raise_alert(alert, name="before", severity=2)
    return Days(plant)


def test_a_far_side_that_is_away_for_eighty_hours(days: Days) -> None:
    """Nothing is lost and the far side is not stormed; when it is back, each state arrives once, in order."""
    plant = days.plant
    plant.monitoring.script("act", fail=AWAY, times=50_000)
    for hour, alert in SAID.items():
        if hour > REFUSED_FROM and days.hour < REFUSED_FROM:
            _refused_for_ten_hours(days)
        days.until(hour)
        days.say(alert, severity=2)
    days.until(80)
    assert balance(plant.db).problems == []
    assert plant.monitoring.effects == {}
    tried = days.attempts()
    assert max(tried.values()) <= len(SCHEDULE_S)
    assert sum(tried.values()) <= 80 * HOUR / BREAKER_S[-1] + 50, "a breaker lets one through every ten minutes"
    dead = [row["id"] for row in plant.actions if row["state"] == State.DEAD]
    assert dead, "what came in the first hours has had its twelve attempts"
    assert {f"action:{one}" for one in dead} == days.repairs("action:")

    plant.monitoring.calm()
    days.until(80 + LONGEST)
    _behind_a_dead_one_all_wait(days, dead)
    for one in dead:
        with plant.db.write() as conn:
            retry(conn, one, by="person:li", now=plant.clock.now())
    days.until(81 + LONGEST)
    _all_arrived(days)


def _refused_for_ten_hours(days: Days) -> None:
    """In the middle of it the far side takes our token for a wrong one: then nothing is tried until its check passes again."""
    plant = days.plant
    days.until(REFUSED_FROM)
    plant.monitoring.token = "changed"
    plant.monitoring.calm()
    days.say("d", severity=2)
    days.until(REFUSED_FROM + 1)
    [key] = days.repairs("credentials:")
    before = days.attempts()
    days.until(REFUSED_FROM + 10)
    assert days.attempts() == before
    held = plant.rows(action, action.c.state == State.HELD, action.c.held_by == f"repair:{key}")
    assert held
    assert balance(plant.db).problems == []
    plant.monitoring.token = None
    plant.monitoring.script("act", fail=AWAY, times=50_000)
    days.until(REFUSED_FROM + 11)
    assert days.repairs("credentials:") == set()


def _behind_a_dead_one_all_wait(days: Days, dead: list[str]) -> None:
    """Whoever came later is not told before the one that was given up is decided about."""
    first = {row["order_key"]: row["seq"] for row in days.plant.actions if row["id"] in dead}
    for row in days.plant.actions:
        behind = row["seq"] > first.get(row["order_key"], row["seq"])
        if row["order_key"] not in first:
            assert row["state"] == State.DONE
        elif behind:
            assert row["state"] in (State.WAITING, State.DEAD)


def _all_arrived(days: Days) -> None:
    plant = days.plant
    assert {row["state"] for row in plant.actions} == {State.DONE}
    for alert, told in days.said.items():
        assert plant.monitoring.get("alerts", alert)["notes"] == told, "once each, in order"
    assert plant.monitoring.writes == len(plant.monitoring.effects) == sum(map(len, days.said.values()))
    assert days.repairs("") == set()
    assert plant.rows(connector, connector.c.breaker_failures > 0) == []
    assert balance(plant.db).problems == []
