"""The plant of a test: the three real systems with one Tieline between them, as an administrator set them up."""

from __future__ import annotations

import time
from typing import Any

from lab.gateway import Gateway
from lab.real.landscape import Landscape
from lab.real.roundup import system as tickets
from lab.real.roundup.drive import Technician
from lab.real.tryton import system as erp
from lab.real.waiting import until
from lab.real.zabbix import seed
from lab.real.zabbix.drive import Event, Floor

PACKS = ("packs/monitoring", "packs/demo")


class Plant:
    """What a test may do and look at. ``gateway`` only through its API and its command line."""

    def __init__(self, landscape: Landscape, gateway: Gateway) -> None:
        self.landscape, self.gateway, self.api = landscape, gateway, gateway.api
        self.floor = Floor(landscape.zabbix)
        self.technician = Technician(landscape.roundup)

    def connect(self) -> None:
        """Register the connectors, each proven by its own check; apply the packs; let both sides push."""
        monitoring = {
            "url": self.landscape.places.url("ZABBIX_WEB"),
            "username": seed.GATEWAY,
            "password": seed.GATEWAY_PASSWORD,
        }
        desk = {"url": self.landscape.roundup.url, "username": tickets.GATEWAY, "password": tickets.GATEWAY_PASSWORD}
        stock = {
            "url": self.landscape.tryton.url,
            "database": erp.DATABASE,
            "username": erp.GATEWAY,
            "password": erp.GATEWAY_PASSWORD,
        }
        for pack in PACKS:
            self.gateway.run("apply", pack)
        door = self._register("monitoring", "zabbix", monitoring, {"scheme": "path"})
        self.gateway.notes["push"] = door["url"].replace("{secret}", door["secret"])
        self.floor.push_to(self.push_address)
        door = self._register("tickets", "roundup", desk, {"scheme": "header", "header": "X-Tieline-Secret"})
        self.landscape.roundup.push_to(door["url"], door["secret"])
        self._register("erp", "tryton", stock, None)
        until(self._read_once, "the first poll of everything")
        self.settle()

    @property
    def push_address(self) -> str:
        """The secret address that Zabbix pushes to."""
        return self.gateway.notes["push"]

    def _register(self, name: str, kind: str, settings: dict[str, Any], inbound: dict[str, Any] | None) -> dict[str, Any]:
        body = {"name": name, "kind": kind, "settings": settings, **({"inbound": inbound} if inbound else {})}
        made = self.api.post("/connectors", body)
        assert made["report"]["ok"], made["report"]
        return dict(made["door"] or {})

    def poll(self, *connectors: str) -> None:
        """Poll these every second and no other: what Tieline learns of the rest, it learns by push."""
        for name in ("monitoring", "tickets", "erp"):
            for stream in self.api.get(f"/connectors/{name}")["streams"]:
                self.api.patch(f"/connectors/{name}/streams/{stream['name']}", {"enabled": name in connectors, "every_s": 1})

    def _read_once(self) -> bool:
        streams = [one for connector in self.api.get("/connectors")["items"] for one in connector["streams"]]
        return bool(streams) and all(one["last_ok_at"] for one in streams)

    def quieten(self) -> None:
        """End what an earlier test left open, on every side, and wait until nobody has anything to do."""
        self.floor.calm()
        self.poll("monitoring", "tickets")
        for ticket in self.technician.tickets():
            if ticket["status"] != "resolved":
                self.technician.resolve(ticket["id"])
        self.settle()
        self.poll()

    def settle(self, seconds: float = 60) -> None:
        """Wait until nothing waits in Tieline, each ticket's state has arrived, and it stays so for a moment."""

        def still() -> bool:
            if self.waiting():
                return False
            for ticket in self.technician.tickets():
                if ticket["tieline_ref"] and self.value(ticket["tieline_ref"], "status") != _ours(ticket["status"]):
                    return False
            time.sleep(0.3)
            return not self.waiting()

        until(still, "Tieline to settle", seconds)

    def waiting(self) -> int:
        """How much waits: accepted and not yet done, skipped, held or dead."""
        found = self.api.get("/accounting")
        assert found["holds"], found
        return sum(int(found[what]["waiting"]) for what in ("deliveries", "events", "actions"))

    def ticket_of(self, event: Event) -> dict[str, Any]:
        """Wait for the one ticket of a problem, as the technician sees it."""
        found = until(lambda: self.technician.tickets(event_id=event.id), f"a ticket of event {event.id}")
        assert len(found) == 1, found
        return found[0]

    def events(self, connector: str, external_id: str) -> list[dict[str, Any]]:
        """What Tieline made of what it was told about one thing over there, newest first."""
        listed = self.api.get("/events", connector=connector, limit=200)["items"]
        return [one for one in listed if one["external_id"] == external_id]

    def trail(self, event_id: str) -> dict[str, Any]:
        """Everything that became of one event."""
        found: dict[str, Any] = self.api.get(f"/events/{event_id}")
        return found

    def actions(self, connector: str, external_id: str) -> list[dict[str, Any]]:
        """Every action that the events of one thing over there asked for, oldest first."""
        trails = [self.trail(one["id"]) for one in reversed(self.events(connector, external_id))]
        return [action for trail in trails for event in trail["events"] for action in event["actions"]]

    def action(self, connector: str, external_id: str, act: str) -> dict[str, Any]:
        """Wait until one action that the events of a thing asked for is over, and return it."""

        def look() -> dict[str, Any] | None:
            mine = [one for one in self.actions(connector, external_id) if one["act"] == act]
            return mine[-1] if mine and mine[-1]["state"] != "waiting" else None

        found = until(look, f"{act} for {external_id} of {connector}")
        assert found is not None
        return found

    def value(self, master_id: str, field: str) -> Any:
        """The current value of one field."""
        fields = self.api.get(f"/entities/{master_id}")["fields"]
        return fields[field]["value"] if field in fields else None


def _ours(status: str) -> str:
    """Return our word for a state of the tracker (packs/monitoring, roundup-status)."""
    return {"unread": "open", "deferred": "open", "resolved": "resolved", "done-cbb": "resolved"}.get(status, "in_progress")
