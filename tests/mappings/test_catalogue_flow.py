"""The shipped packs in the real engine: what is decided and planned, for records of the real kinds. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from bridges.handle import Handler
from bridges.registered import Registered
from bridges.storing import Arrival, store
from connectors.registry import connector_class
from core import jsons
from core.clock import FixedClock
from core.database import Database
from core.definitions import publish, save_version
from core.secrets import Vault
from core.tables import action, connector, decision, event
from core.words import Json
from mappings.catalogue import load
from tests.mappings.test_catalogue_packs import ALL

SIGN_IN = {"url": "http://127.0.0.1:9", "username": "gateway", "password": "x"}
CONNECTORS: dict[str, tuple[str, dict[str, Json]]] = {
    "monitoring": ("zabbix", SIGN_IN),
    "tickets": ("roundup", SIGN_IN),
    "erp": ("tryton", {**SIGN_IN, "database": "lab"}),
}


@dataclass
class Shop:
    """The engine with the shipped packs, fed by hand."""

    db: Database
    clock: FixedClock
    handler: Handler
    ids: dict[str, int] = field(default_factory=dict)

    def tell(self, name: str, body: Json) -> list[tuple[str, str]]:
        """Let a body arrive and be handled; return (bridge, step) of every new action."""
        before = len(self.actions())
        raw = jsons.dumps(body).encode()
        digest = jsons.sha256(raw)
        with self.db.write() as conn:
            store(self.db, conn, [(Arrival(self.ids[name], raw, {}), digest, f"{digest}{self.clock.move(1)}")])
        self.handler.run()
        return [(row["bridge"], row["step"]) for row in self.actions()[before:]]

    def actions(self) -> list[Any]:
        with self.db.read() as conn:
            return list(conn.execute(select(action).order_by(action.c.created_at, action.c.seq)).mappings())

    def problem(self, number: str, status: str = "PROBLEM", trigger: str = "23135", **more: str) -> list[tuple[str, str]]:
        ended = {"event_recovery_id": "99", "event_recovery_date": "2026.11.22", "event_recovery_time": "08:00:00"}
        return self.tell(
            "monitoring",
            {
                "event_id": number, "event_name": "Oil temperature too high", "event_nseverity": "4", "event_status": status,
                "event_date": "2026.11.22", "event_time": "07:25:17", "event_ack": "No", "trigger_id": trigger,
                "host_id": "10560", "host": "press-07", "host_name": "Hydraulic press 07",
                "event_tags": [{"tag": "spare_part", "value": "SEAL-80"}],
                **(ended if status == "RESOLVED" else {}), **more,
            },
        )  # fmt: skip

    def issue(self, number: str, status: str, ref: str, activity: str) -> list[tuple[str, str]]:
        issue: dict[str, Json] = {"id": number, "title": "Oil temperature too high", "status": {"id": "1", "label": status},
                 "priority": {"id": "2", "label": "urgent"}, "machine": "press-07", "asset": None, "event_id": "35",
                 "part": "SEAL-80", "assignedto": None, "tieline_ref": ref, "activity": activity, "creation": activity,
                 "actor": "tech", "creator": "gateway", "messages": []}  # fmt: skip
        return self.tell("tickets", {"event": "issue.updated", "issue": issue})

    def stock(self, quantity: float) -> list[tuple[str, str]]:
        product = {"id": 1, "code": "SEAL-80", "rec_name": "[SEAL-80] Shaft seal", "name": "Shaft seal", "quantity": quantity,
                   "template.": {"name": "Shaft seal"}, "default_uom.": {"symbol": "u"}}  # fmt: skip
        points = [{"product": 1, "min_quantity": 5.0, "target_quantity": 20.0}]
        return self.tell("erp", {"polled": "stock", "products": [product], "order_points": points})


@pytest.fixture
def shop(db: Database, clock: FixedClock, tmp_path: Path) -> Iterator[Shop]:
    with db.write() as conn:
        for kind in ("entity", "code_table", "mapping", "formula", "recipe", "bridge"):
            for _, spec in ALL:
                if spec["kind"] == kind:
                    publish(
                        conn, save_version(conn, kind, spec["name"], spec, author="test", now=1).version_id, edges=(), now=1
                    )
        assert load(conn).broken == {}
        ids = {}
        for n, (name, (kind, settings)) in enumerate(CONNECTORS.items(), 1):
            ids[name] = n
            row = {"id": n, "name": name, "kind": kind, "settings": settings, "state": "ok", "created_at": 1, "updated_at": 1}
            conn.execute(insert(connector).values(**row))
    registered = Registered(db, Vault(tmp_path / "secret.key"), connector_class)
    yield Shop(db, clock, Handler(db, registered, owner="test"), ids)
    registered.close()
    with db.read() as conn:
        troubles = conn.execute(select(event.c.reason, event.c.error).where(event.c.state.in_(("dead", "held")))).all()
        errors = conn.execute(select(decision.c.bridge, decision.c.reason).where(decision.c.verdict == "error")).all()
    assert (troubles, errors) == ([], [])


OPENED = [("alert-to-ticket", step) for step in ("ticket", "context", "note", "ack")]


def reference(shop: Shop, n: int) -> str:
    """Return the master ID of the n-th ticket that was asked for."""
    return str([row for row in shop.actions() if row["act"] == "create_ticket"][n]["arguments"]["tieline_ref"])


def test_an_alert_makes_one_ticket_and_its_end_closes_the_alert(shop: Shop) -> None:
    """Story 1: one ticket with snapshot, note and acknowledgement; resolving it closes the problem, once."""
    assert shop.problem("35") == OPENED
    first = shop.actions()[0]["arguments"]
    assert {name: first[name] for name in ("title", "priority", "machine", "event_id", "part")} == {
        "title": "Oil temperature too high", "priority": "urgent", "machine": "press-07", "event_id": "35", "part": "SEAL-80",
    }  # fmt: skip
    assert shop.problem("35", event_ack="Yes") == []
    ref = reference(shop, 0)
    assert shop.issue("1", "in-progress", ref, "2026-11-22.07:40:00") == []
    assert shop.issue("1", "resolved", ref, "2026-11-22.07:50:00") == [("ticket-resolved-closes-alert", "close")]
    assert shop.actions()[-1]["arguments"]["message"].startswith("Ticket 1 is resolved.")
    assert shop.problem("35", "RESOLVED") == []
    assert shop.issue("1", "resolved", ref, "2026-11-22.08:10:00") == []


def test_a_problem_that_comes_back_speaks_in_its_open_ticket(shop: Shop) -> None:
    """A new event of the same trigger is a message while the ticket is open, asked for or seen, and closes with it."""
    shop.problem("35")
    assert shop.problem("36") == [("alert-returns", "note")]
    ref = reference(shop, 0)
    shop.issue("1", "in-progress", ref, "2026-11-22.07:40:00")
    assert shop.problem("37") == [("alert-returns", "note")]
    assert shop.problem("38", trigger="777") == OPENED
    shop.issue("1", "resolved", ref, "2026-11-22.07:50:00")
    assert shop.actions()[-1]["act"] == "close_problem"


def test_a_problem_that_comes_back_after_the_repair_is_a_new_ticket(shop: Shop) -> None:
    """The ticket was resolved and the alert closed by hand; the next event of the trigger opens another ticket."""
    shop.problem("35")
    shop.issue("1", "resolved", reference(shop, 0), "2026-11-22.07:50:00")
    shop.problem("35", "RESOLVED")
    assert shop.problem("36") == OPENED
    assert reference(shop, 1) != reference(shop, 0)


def test_an_alert_that_clears_by_itself_is_noted(shop: Shop) -> None:
    """The technician hears it in the open ticket; nothing is closed for him."""
    shop.problem("35")
    assert shop.problem("35", "RESOLVED") == [("alert-cleared-notes-ticket", "note")]


def test_small_alerts_stay_in_monitoring_until_they_grow(shop: Shop) -> None:
    """Below "average" nothing is opened; a raised severity opens the ticket then."""
    assert shop.problem("35", event_nseverity="2") == []
    assert shop.problem("35", event_nseverity="5") == OPENED
    assert all(row["urgent"] for row in shop.actions())


def test_low_stock_makes_one_ticket_per_fall(shop: Shop) -> None:
    """Story 2: re-armed only when stock recovers, and never two open tickets for a part."""
    steps = [("low-stock", step) for step in ("ticket", "context", "note")]
    assert shop.stock(9.0) == []
    assert shop.stock(4.0) == steps
    assert shop.stock(3.0) == []
    ref = reference(shop, 0)
    assert shop.issue("7", "unread", ref, "2026-11-22.07:40:00") == []
    assert shop.stock(8.0) == []
    assert shop.stock(4.5) == [("low-stock-again", "note")]
    shop.issue("7", "resolved", ref, "2026-11-22.09:00:00")
    assert shop.stock(2.0) == []
    assert shop.stock(20.0) == []
    assert shop.stock(1.0) == steps
