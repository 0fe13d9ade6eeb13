"""
A small plant for the engine's tests: two in-memory systems (monitoring, tickets) and real definitions.

The foreign systems are ``connectors.memory`` (the complete in-memory twin), the definitions go through the
versioned store, and everything between is the engine as it ships.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import select

from bridges.deliver import Deliverer
from bridges.handle import Handler
from bridges.polls import Poller
from bridges.registered import Registered
from bridges.storing import Arrival, store
from connectors.memory.world import World
from core.clock import FixedClock
from core.database import Database
from core.definitions import publish, save_version
from core.jsons import sha256
from core.tables import action, attempt, decision, delivery, event
from core.words import Json

TITLE = {"en": "x", "zh": "某"}
ENTITIES: list[dict[str, Any]] = [
    {"kind": "entity", "name": "device", "prefix": "DEV", "title": TITLE, "fields": {"name": {"type": "string"}}},
    {
        "kind": "entity",
        "name": "alert",
        "prefix": "ALRT",
        "title": TITLE,
        "fields": {
            "title": {"type": "string"},
            "severity": {"type": "integer"},
            "status": {"type": "string", "words": ["open", "resolved"]},
            "acknowledged": {"type": "boolean"},
            "priority": {"type": "string"},
            "device": {"type": "ref", "to": "device"},
            "ticket": {"type": "ref", "to": "ticket"},
        },
    },
    {
        "kind": "entity",
        "name": "ticket",
        "prefix": "TICK",
        "title": TITLE,
        "fields": {
            "title": {"type": "string"},
            "status": {"type": "string"},
            "alert": {"type": "ref", "to": "alert"},
        },
    },
]
MAPPINGS: list[dict[str, Any]] = [
    {
        "kind": "mapping",
        "name": "memory-alerts",
        "from": {"kind": "memory", "stream": "alerts"},
        "to": "alert",
        "fields": {
            "title": "$.name",
            "severity": "$.severity",
            "status": {"from": "$.status", "table": {"problem": "open", "resolved": "resolved"}},
            "acknowledged": "$.acknowledged",
            "device": {"from": "$.machine", "on_missing": "skip", "on_null": "skip"},
        },
    },
    {
        "kind": "mapping",
        "name": "memory-tickets",
        "from": {"kind": "memory", "stream": "tickets"},
        "to": "ticket",
        "fields": {"title": "$.title", "status": "$.status"},
    },
    {
        "kind": "formula",
        "name": "alert-priority",
        "of": "alert.priority",
        "expression": 'alert.severity >= 4 ? "P1" : "P2"',
    },
]
BRIDGES: list[dict[str, Any]] = [
    {
        "kind": "bridge",
        "name": "alert-to-ticket",
        "on": {"entity": "alert", "events": ["created", "changed"], "fields": ["status", "severity"]},
        "when": 'alert.status == "open" && alert.severity >= 3 && !present(alert.ticket)',
        "urgent": "alert.severity >= 5",
        "steps": [
            {
                "id": "ticket",
                "connector": "tickets",
                "act": "create_ticket",
                "creates": "ticket",
                "sets": {"alert.ticket": "ticket", "ticket.alert": "alert"},
                "with": {"title": 'alert.priority + " " + alert.title'},
            },
            {
                "id": "ack",
                "after": ["ticket"],
                "connector": "monitoring",
                "act": "acknowledge",
                "target": "alert",
                "with": {"message": {"step": "ticket", "take": "external_id"}},
            },
        ],
    },
    {
        "kind": "bridge",
        "name": "ticket-resolved",
        "on": {"entity": "ticket", "events": ["created", "changed"], "fields": ["status"]},
        "join": {"alert": "ticket.alert"},
        "when": 'ticket.status == "resolved" && present(ticket.alert) && alert.status == "open"',
        "steps": [
            {
                "id": "close",
                "connector": "monitoring",
                "act": "close_problem",
                "target": "alert",
                "with": {"message": '"resolved: " + ticket.title'},
            }
        ],
    },
]


STATES_BRIDGE: dict[str, Any] = {
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
        },
        {
            "id": "ticket",
            "connector": "tickets",
            "act": "create_ticket",
            "creates": "ticket",
            "with": {"title": "alert.title"},
        },
    ],
}
"""Acts on every state of an alert: what the state machine and other tests of order stand on."""


def publish_all(db: Database, specs: list[dict[str, Any]]) -> None:
    """Publish definitions as they are, in this order."""
    with db.write() as conn:
        now = db.now(conn)
        for spec in specs:
            saved = save_version(conn, spec["kind"], spec["name"], spec, author="test", now=now)
            publish(conn, saved.version_id, edges=(), now=now)


@dataclass
class Plant:
    """The engine with its two foreign systems, driven by hand."""

    db: Database
    clock: FixedClock
    registered: Registered
    handler: Handler
    deliverer: Deliverer
    poller: Poller
    worlds: dict[str, World]
    ids: dict[str, int]

    @property
    def monitoring(self) -> World:
        """The in-memory monitoring system."""
        return self.worlds["monitoring"]

    @property
    def tickets(self) -> World:
        """The in-memory ticket system."""
        return self.worlds["tickets"]

    def push(self, connector: str, body: Json, external_id: str | None = None) -> str:
        """Let a body arrive (committed) and return its receipt."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        digest = sha256(raw)
        arrival = Arrival(self.ids[connector], raw, {}, external_id)
        with self.db.write() as conn:
            return store(self.db, conn, [(arrival, digest, external_id or f"sha256:{digest}")])[0].receipt

    def push_alert(self, id_: str, **more: Json) -> str:
        """Raise an alert in the world and push it as that system would."""
        thing = self.monitoring.raise_alert(id_, **{"name": "Oil hot", "severity": 4, "machine": "press-07", **more})
        return self.push("monitoring", {"alert": thing})

    def work(self) -> None:
        """Handle and deliver until nothing is due."""
        while self.handler.run() + self.deliverer.run():
            pass

    def rows(self, table: Any, *where: Any) -> list[Any]:
        """Return rows of a table as mappings."""
        with self.db.read() as conn:
            return list(conn.execute(select(table).where(*where)).mappings())

    @property
    def deliveries(self) -> list[Any]:
        """Every delivery."""
        return self.rows(delivery)

    @property
    def events(self) -> list[Any]:
        """Every event."""
        return self.rows(event)

    @property
    def decisions(self) -> list[Any]:
        """Every decision."""
        return self.rows(decision)

    @property
    def actions(self) -> list[Any]:
        """Every action, in order."""
        return sorted(self.rows(action), key=lambda row: row["seq"])

    @property
    def attempts(self) -> list[Any]:
        """Every attempt."""
        return self.rows(attempt)
