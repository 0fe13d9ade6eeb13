"""A small plant for these tests: a machine with an alert, three connectors of the in-memory kind, one recipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, select

from connectors.kit.contract import Connector
from connectors.memory.connector import Memory
from connectors.memory.kind import MemorySettings
from connectors.memory.world import World, end_world, find_world
from core.clock import Clock
from core.database import Database
from core.definitions import publish, save_version
from core.ids import new_id
from core.tables import (
    action,
    connector,
    decision,
    definition_version,
    delivery,
    event,
    observation,
    value,
)
from mappings.identity import Resolved, Want, mint, resolve_or_mint

SECOND = 1_000_000
ALERT = {
    "prefix": "ALRT",
    "title": {"en": "Alert", "zh": "告警"},
    "fields": {
        "title": {"type": "string"},
        "part": {"type": "string"},
        "device": {"type": "ref", "to": "device"},
    },
}
DEVICE = {"prefix": "DEV", "title": {"en": "Device", "zh": "设备"}, "fields": {"name": {"type": "string"}}}
TICKET = {"prefix": "TICK", "title": {"en": "Ticket", "zh": "工单"}, "fields": {"title": {"type": "string"}}}
RECIPE: dict[str, Any] = {
    "title": {"en": "Context of the ticket", "zh": "工单背景"},
    "subject": "alert",
    "join": {"device": "alert.device"},
    "deadline_ms": 600,
    "facets": {
        "cpu": {
            "title": {"en": "CPU, last hour", "zh": "最近一小时 CPU"},
            "connector": "monitoring",
            "lookup": "cpu_mean",
            "with": {"machine": {"id_of": "device"}, "hours": "1"},
            "stale_after_s": 900,
        },
        "part": {
            "title": {"en": "Spare part", "zh": "备件"},
            "connector": "erp",
            "lookup": "stock",
            "with": {"code": "alert.part"},
        },
        "history": {
            "title": {"en": "Last tickets", "zh": "最近工单"},
            "connector": "tickets",
            "lookup": "recent_tickets",
            "with": {"machine": "device.name", "limit": "3"},
        },
    },
}


class Plant:
    """The database's side and the far side of one test."""

    def __init__(self, db: Database, worlds: dict[str, World]) -> None:
        self.db, self.worlds = db, worlds
        self.connectors: dict[str, Connector] = {name: Memory(name, MemorySettings(world=world_of(name))) for name in worlds}
        self.alert = self.device = self.ticket = 0

    def open(self, name: str) -> Connector:
        return self.connectors[name]

    def publish(self, conn: Connection, kind: str, name: str, spec: dict[str, Any]) -> None:
        """Make a definition live, as its author wrote it."""
        now = self.db.now(conn)
        saved = save_version(conn, kind, name, {"kind": kind, "name": name, **spec}, author="t", now=now)
        publish(conn, saved.version_id, edges=[], now=now)

    def say(self, conn: Connection, entity_id: int, field: str, said: object, source: int) -> None:
        """Let a connector have said something about an entity."""
        now = self.db.now(conn)
        known = {
            "entity_id": entity_id,
            "field": field,
            "state": "present",
            "value": said,
            "source_at": now,
            "observed_at": now,
        }
        observed = new_id("obs")
        conn.execute(observation.insert().values({**known, "id": observed, "connector_id": source, "path": f"$.{field}"}))
        conn.execute(value.insert().values({**known, "connector_id": source, "observation_id": observed}))

    def action(self) -> str:
        """Leave an action the way a fired bridge does; return its id."""
        ids = {name: new_id(name) for name in ("rcp", "evt", "dec", "act")}
        done = {"state": "done", "connector_id": 1, "external_id": ids["rcp"]}
        with self.db.write() as conn:
            arrived = {
                "receipt": ids["rcp"],
                "body": b"{}",
                "body_sha256": "",
                "headers": {},
                "origin": "push",
                "received_at": 1,
            }
            delivered = key(conn.execute(delivery.insert().values(**done, **arrived)))
            where = {
                "id": ids["evt"],
                "delivery_id": delivered,
                "n": 0,
                "stream": "s",
                "type": "alert.created",
                "handled_at": 1,
            }
            conn.execute(event.insert().values(**done, **where))
            version = conn.execute(select(definition_version.c.id).limit(1)).scalar_one()
            fired = {
                "id": ids["dec"],
                "event_id": ids["evt"],
                "bridge": "b",
                "version_id": version,
                "verdict": "fired",
                "at": 1,
            }
            conn.execute(decision.insert().values(fired))
            row = {
                "id": ids["act"],
                "key": ids["act"],
                "seq": 1,
                "decision_id": ids["dec"],
                "event_id": ids["evt"],
                "bridge": "b",
            }
            row |= {"step": "context", "act": "snapshot", "order_key": "k", "arguments": {}, "state": "done", "created_at": 1}
            conn.execute(action.insert().values(row))
        return ids["act"]


def key(result: Any) -> int:
    return int(result.inserted_primary_key[0])


def world_of(name: str) -> str:
    return f"plant-{name}"


@contextmanager
def standing(db: Database, clock: Clock) -> Iterator[Plant]:
    """Give a plant in which every source is well."""
    worlds = {name: find_world(world_of(name), clock) for name in ("monitoring", "erp", "tickets")}
    plant = Plant(db, worlds)
    with db.write() as conn:
        for number, name in enumerate(worlds, start=1):
            row = {
                "id": number,
                "name": name,
                "kind": "memory",
                "settings": {},
                "state": "ok",
                "created_at": 1,
                "updated_at": 1,
            }
            conn.execute(connector.insert().values(row))
        for name, spec in (("device", DEVICE), ("alert", ALERT), ("ticket", TICKET)):
            plant.publish(conn, "entity", name, spec)
        plant.publish(conn, "recipe", "ticket-context", RECIPE)
        now = db.now(conn)
        wants = [Want(1, "device", "M-17"), Want(1, "alert", "7001")]
        found = resolve_or_mint(conn, db, wants, {"device": "DEV", "alert": "ALRT"}, now)
        device, alert = (one for want in wants if isinstance(one := found[want], Resolved))
        plant.device, plant.alert = device.entity_id, alert.entity_id
        plant.ticket, _ = mint(conn, db, "ticket", "TICK", now)
        for field, said in (("title", "Spindle hot"), ("part", "FAN-9"), ("device", device.gid)):
            plant.say(conn, alert.entity_id, field, said, 1)
        plant.say(conn, device.entity_id, "name", "M-17", 1)
    worlds["monitoring"].figures["cpu_mean", "M-17"] = {"mean": 71.536, "samples": 60, "unit": "%"}
    worlds["erp"].figures["stock", "FAN-9"] = {
        "quantity": 4.0,
        "unit": "pcs",
        "order_point": 5.0,
        "bom": [{"code": "FAN-9", "quantity": 2}],
    }
    for title in ("Fan loud", "Fan louder", "Fan dead", "Fan again"):
        worlds["tickets"].open_ticket(title, machine="M-17")
    try:
        yield plant
    finally:
        for name in worlds:
            end_world(world_of(name))
