"""A small landscape written straight into the tables: one alert from two sources, and a formula over it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from core.database import Database
from core.definitions import Edge, publish, save_version
from core.tables import connector, delivery, entity, event, observation
from core.tables import value as value_table

ALERT = {
    "kind": "entity",
    "name": "alert",
    "prefix": "ALRT",
    "fields": {
        "title": {"type": "string"},
        "severity": {"type": "integer"},
        "score": {"type": "number"},
        "priority": {"type": "string"},
        "status": {"type": "string"},
    },
}
FORMULA = {
    "kind": "formula",
    "name": "alert-priority",
    "of": "alert.priority",
    "expression": 'alert.severity >= 4 ? "P1" : "P2"',
}
MAPPING = {"kind": "mapping", "name": "zabbix-problems", "from": {"kind": "zabbix", "stream": "problems"}, "to": "alert"}
EDGES = {
    "alert": [],
    "zabbix-problems": [
        Edge("source:zabbix/problems/$.name", "field:alert.title", "DIRECT", "IDENTITY"),
        Edge("source:zabbix/problems/$.severity", "field:alert.severity", "DIRECT", "TRANSFORMATION", "integer"),
    ],
    "alert-priority": [Edge("field:alert.severity", "field:alert.priority", "INDIRECT", "CONDITIONAL", FORMULA["expression"])],
    "alert-to-ticket": [
        Edge("field:alert.priority", "bridge:alert-to-ticket", "INDIRECT", "CONDITIONAL", 'alert.priority == "P1"'),
        Edge("bridge:alert-to-ticket", "act:tickets/create_ticket", "INDIRECT", "CONDITIONAL", "step ticket"),
        Edge("field:alert.priority", "act:tickets/create_ticket/priority", "DIRECT", "IDENTITY", "alert.priority"),
    ],
}  # fmt: skip


def define(db: Database, spec: dict[str, Any]) -> int:
    """Publish one definition with its edges."""
    with db.write() as conn:
        now = db.now(conn)
        made = save_version(conn, spec["kind"], spec["name"], spec, author="ann", now=now)
        publish(conn, made.version_id, edges=EDGES[spec["name"]], now=now)
        return made.version_id


def build(db: Database) -> dict[str, int]:
    """Publish the definitions and write one alert with its values; return the version ids by name."""
    bridge = {"kind": "bridge", "name": "alert-to-ticket"}
    ids = {str(spec["name"]): define(db, spec) for spec in (ALERT, MAPPING, FORMULA, bridge)}
    with db.write() as conn:
        now = db.now(conn)
        for key, name in ((1, "zabbix-east"), (2, "roundup-desk")):
            row = {"id": key, "name": name, "kind": name.partition("-")[0], "settings": {}, "state": "ok", "created_at": now}
            conn.execute(insert(connector).values(**row, updated_at=now))
        for key, gid, survivor in ((1, "ALRT-2026-000001", 1), (2, "ALRT-2026-000002", 1)):
            row = {"id": key, "gid": gid, "etype": "alert", "minted_at": now, "survivor_id": survivor}
            conn.execute(insert(entity).values(**row))
        for key, source in ((1, 1), (2, 2)):
            body = {"id": key, "receipt": f"rcp_{key}", "connector_id": source, "external_id": f"x{key}", "body_sha256": "0"}
            conn.execute(insert(delivery).values(**body, body=b"{}", headers={}, origin="push", received_at=now, state="done"))
            happened = {"id": f"evt_{key}", "delivery_id": key, "n": 0, "connector_id": source, "stream": "problems"}
            happened |= {"type": "alert.created", "external_id": f"x{key}", "handled_at": now, "state": "done"}
            conn.execute(insert(event).values(**happened))
    observe(db, "obs_1", 1, "severity", 4, raw="4", path="$.severity", source=1, version=ids["zabbix-problems"])
    observe(db, "obs_2", 1, "priority", "P1", source=0, version=ids["alert-priority"], inputs={"alert.severity": "obs_1"})
    observe(db, "obs_3", 2, "title", "Fan 2", raw="Fan 2", path="$.title", source=2, version=None, later=5)
    observe(db, "obs_4", 1, "title", "Fan", raw="Fan", path="$.name", source=1, version=ids["zabbix-problems"])
    return ids


def observe(
    db: Database,
    key: str,
    entity_id: int,
    field: str,
    value: Any,
    *,
    source: int,
    version: int | None,
    raw: Any = None,
    path: str | None = None,
    inputs: Any = None,
    later: int = 0,
    state: str = "present",
) -> None:
    """Write one observation and make it the present value of its source."""
    with db.write() as conn:
        now = db.now(conn)
        at = {"source_at": now - 1000 + later, "observed_at": now}
        told = {"id": key, "entity_id": entity_id, "field": field, "state": state, "value": value, "raw": raw, "path": path}
        by = {"version_id": version, "event_id": f"evt_{source or 1}", "delivery_id": source or None, "inputs": inputs}
        conn.execute(insert(observation).values(**told, **at, **by, connector_id=source or None))
        held = {"entity_id": entity_id, "field": field, "connector_id": source, "observation_id": key, "state": state}
        conn.execute(insert(value_table).values(**held, **at, value=value))
