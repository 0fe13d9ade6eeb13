"""The ground of these tests: the real application over a real database, with the in-memory kind on the far side."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bridges.deliver import Deliverer
from bridges.handle import Handler
from bridges.inbox import Inbox
from bridges.plan import SNAPSHOT
from bridges.registered import Registered
from connectors.memory.world import World, end_world, find_world
from connectors.registry import connector_class
from core.clock import FixedClock
from core.database import Database
from core.secrets import Vault
from core.settings import Settings
from gateway import auth
from gateway.app import create_app
from gateway.parts import Parts
from snapshots.act import snapshot_act
from tests.bridges.plant import BRIDGES, ENTITIES, MAPPINGS, publish_all

RECIPE: dict[str, Any] = {
    "kind": "recipe",
    "name": "alert-context",
    "title": {"en": "Context of the alert", "zh": "告警背景"},
    "subject": "alert",
    "join": {"device": "alert.device"},
    "deadline_ms": 2000,
    "facets": {
        "cpu": {
            "title": {"en": "CPU, last hour", "zh": "最近一小时 CPU"},
            "connector": "monitoring",
            "lookup": "cpu_mean",
            "with": {"machine": {"id_of": "device"}, "hours": "1"},
        },
        "history": {
            "title": {"en": "Last tickets", "zh": "最近工单"},
            "connector": "tickets",
            "lookup": "recent_tickets",
            "with": {"machine": '"press-07"', "limit": "3"},
        },
    },
}


@dataclass
class Ground:
    """One Tieline in this process."""

    parts: Parts
    app: Flask
    clock: FixedClock
    key: str
    rings: list[int] = field(default_factory=list)
    worlds: list[str] = field(default_factory=list)

    @property
    def db(self) -> Database:
        return self.parts.db

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None, **more: Any) -> TestResponse:
        """Call the API as a program would."""
        headers = {"Authorization": f"Bearer {key or self.key}", **more.pop("headers", {})}
        return self.client().open(f"/api/v1{path}", method=method, json=body, headers=headers, **more)

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Call the API and return what it answered, which must be good."""
        response = self.call(method, path, body, **more)
        assert response.status_code < 300, response.get_data(as_text=True)
        return response.get_json()

    def make_key(self, *scopes: str, name: str = "test") -> str:
        with self.db.write() as conn:
            return auth.make(conn, name, scopes, now=self.db.now(conn))

    def world(self, name: str) -> World:
        self.worlds.append(name)
        return find_world(name, self.clock)

    def register(self, name: str, **more: Any) -> dict[str, Any]:
        """Register an in-memory connector; its world has the connector's name."""
        self.world(name)
        settings = {"world": name, **more.pop("settings", {})}
        found: dict[str, Any] = self.ok("POST", "/connectors", {"name": name, "kind": "memory", "settings": settings, **more})
        return found

    def deliver(self, path: str, data: bytes = b'{"alert":{}}', **more: Any) -> TestResponse:
        """Knock at a door."""
        return self.client().post(path, data=data, content_type=more.pop("content_type", "application/json"), **more)

    def story(self) -> World:
        """Publish the small plant's definitions, register its two systems, and let one alert go its whole way."""
        publish_all(self.db, [*ENTITIES, *MAPPINGS, RECIPE, *BRIDGES])
        self.register("tickets")
        made = self.register("monitoring", inbound={"scheme": "path"})
        self.world("tickets").open_ticket("Oil changed", machine="press-07")
        monitoring = self.world("monitoring")
        monitoring.raise_alert("7001", name="Oil hot", severity=4, machine="press-07")
        monitoring.figures["cpu_mean", "press-07"] = {"mean": 71.5, "samples": 60, "unit": "%"}
        self.deliver(made["door"]["url"].removeprefix("http://tieline.test"), monitoring.push("alerts", "7001"))
        self.work()
        return monitoring

    def work(self) -> None:
        """Handle and deliver until nothing is due."""
        registered = self.parts.registered
        handler = Handler(self.db, registered)
        own = {SNAPSHOT: snapshot_act(self.db, registered.open, "http://tieline.test", "en")}
        deliverer = Deliverer(self.db, registered, own, owner="test")
        while handler.run() + deliverer.run():
            pass

    def close(self) -> None:
        self.parts.inbox.close()
        self.parts.registered.close()
        for name in self.worlds:
            end_world(name)


def make_ground(db: Database, home: Path, clock: FixedClock) -> Ground:
    settings = Settings.from_env({"TIELINE_HOME": str(home), "TIELINE_PUBLIC_URL": "http://tieline.test"})
    vault = Vault(home / "secret.key")
    rings: list[int] = []

    def ring() -> None:
        rings.append(1)

    parts = Parts(settings, db, vault, Registered(db, vault, connector_class), Inbox(db, ring), ring, clock=clock)
    with db.write() as conn:
        key = auth.make(conn, "first", ["admin"], now=db.now(conn))
    return Ground(parts, create_app(parts), clock, key, rings)
