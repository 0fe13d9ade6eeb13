"""The records a stream really sent: newest first, of a window, from the archive as well, whatever became of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridges import records, retention
from bridges.records import Which
from core.errors import NotFoundError
from tests.bridges.plant import Plant

ALERTS = Which("memory", "alerts")
POLICY = retention.Policy(live_days=7, archive_days=90, dedupe_days=400)


def ids(plant: Plant, which: Which) -> list[str]:
    return [one.record.external_id for one in records.find(plant.db, plant.registered, which).sent]


def sent(plant: Plant, *names: str) -> list[str]:
    """Push alerts a minute apart; return their receipts."""
    receipts = []
    for name in names:
        plant.clock.move(timedelta(minutes=1))
        receipts.append(plant.push_alert(name, severity=1))
        plant.work()
    return receipts


def test_the_newest_come_first_from_here_and_from_the_archive(plant: Plant) -> None:
    """What has left for the archive is a real record as well; a window cuts both."""
    old = sent(plant, "7001", "7002")
    plant.clock.move(8 * 86_400)
    sent(plant, "7003", "7004")
    retention.run(plant.db, POLICY, pause=lambda _: None)
    found = records.find(plant.db, plant.registered, ALERTS)

    assert [one.record.external_id for one in found.sent] == ["7004", "7003", "7002", "7001"]
    assert found.sent[-1].receipt == old[0]
    assert ids(plant, Which("memory", "alerts", last=3)) == ["7004", "7003", "7002"]
    until = found.sent[0].received_at
    assert ids(plant, Which("memory", "alerts", since=found.sent[2].received_at, until=until)) == ["7003", "7002"]
    assert records.of_event(plant.db, plant.registered, old[1]).record.external_id == "7002"


def test_only_the_stream_and_connector_that_are_meant(plant: Plant) -> None:
    """Another stream of the same kind, another connector, and what cannot be read are not mixed in; the last is counted."""
    sent(plant, "7001")
    ticket = plant.tickets.open_ticket("Oil changed")
    plant.push("tickets", {"ticket": ticket})
    plant.push("monitoring", {"alert": {"id": "x", "status": "no such word"}})
    plant.work()

    found = records.find(plant.db, plant.registered, ALERTS)

    assert ([one.record.external_id for one in found.sent], found.unreadable) == (["7001"], 1)
    assert ids(plant, Which("memory", "alerts", "tickets")) == []
    assert ids(plant, Which("zabbix", "alerts")) == []
    with pytest.raises(NotFoundError, match="monitoring, tickets"):
        ids(plant, Which("memory", "alerts", "nowhere"))
    with pytest.raises(NotFoundError, match="holds records of: alerts"):
        records.of_event(plant.db, plant.registered, found.sent[0].receipt, "tickets")
