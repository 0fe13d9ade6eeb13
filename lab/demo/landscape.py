"""The demo landscape: three stand-ins on three ports, what they remember between runs, and the hands that play in them."""

from __future__ import annotations

import contextlib
import itertools
import json
import urllib.request
from pathlib import Path
from typing import Any

from connectors.zabbix import push
from lab.standins.roundup import Roundup
from lab.standins.tryton import Tryton
from lab.standins.zabbix import Zabbix

TRIGGER = "Oil temperature too high on {HOST.NAME}"


class Landscape:
    """Monitoring, tickets and ERP. Use as a context manager: at the end they stop, and what happened is kept."""

    def __init__(self, home: Path, first_port: int) -> None:
        self._events = home / "demo-zabbix.json"
        with contextlib.ExitStack() as made:
            self.zabbix = Zabbix(first_port).demo()
            made.callback(self.zabbix.stop)
            self.roundup = Roundup(first_port + 1, keep=home / "demo-roundup.json")
            made.callback(self.roundup.stop)
            self.tryton = Tryton(first_port + 2).demo()
            made.callback(self.tryton.stop)
            self._opened = made.pop_all()
        self._recall()
        for one in (self.zabbix, self.roundup, self.tryton):
            one.start()
        self.monitoring_url, self.tickets_url, self.erp_url = self.zabbix.url, self.roundup.url, self.tryton.url

    def __enter__(self) -> Landscape:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()
        self._remember()

    def settings(self) -> dict[str, tuple[str, dict[str, Any], dict[str, Any] | None]]:
        """Return what a user would type into the form: connector -> (kind, settings, how it pushes)."""
        zabbix = {"url": self.zabbix.url, "username": "gateway", "password": "Gw-lab-2026!"}
        roundup = {"url": self.roundup.url, "username": "tieline", "password": "gw-pass-2026"}
        tryton = {"url": self.tryton.url, "database": "lab", "username": "gateway", "password": "Gw-lab-2026!"}
        return {
            "monitoring": ("zabbix", zabbix, push.DOORS["standard_webhooks"]),
            "tickets": ("roundup", roundup, {"scheme": "standard_webhooks"}),
            "erp": ("tryton", tryton, None),
        }

    def push_to(self, connector: str, url: str, secret: str) -> None:
        """Tell the far side where to push, as its administrator would."""
        if connector == "tickets":
            self.roundup.push_to(url, secret)
        elif connector == "monitoring":
            token = self._zabbix("user.login", {"username": "Admin", "password": "zabbix"}, None)
            push.install(lambda method, params: self._zabbix(method, params, token), url, secret, userid="1")

    def raise_problem(self) -> tuple[str, str]:
        """Let the oil of the press get hot; returns Zabbix' event number and the problem's name."""
        world = self.zabbix.world
        trigger = next(number for number, one in world.triggers.items() if one["description"] == TRIGGER)
        event = world.raise_problem(trigger, opdata="now 95 °C")
        return event, world.events[event]["name"]

    def calm(self) -> int:
        """End what an earlier run left open; returns how many problems that were."""
        world = self.zabbix.world
        left = [number for number, one in world.events.items() if one["value"] == "1" and one["r_eventid"] == "0"]
        for number in left:
            world.recover(number)
        return len(left)

    def is_closed(self, event: str) -> bool:
        """Say whether Zabbix shows the problem as resolved."""
        self.zabbix.world.settle()
        return bool(self.zabbix.world.events[event]["r_eventid"] != "0")

    def resolve_ticket(self, number: str) -> None:
        """Do what the technician does when the work is done."""
        self.roundup.tracker.as_person(number, "tech", status="resolved")

    def ticket_url(self, number: str) -> str:
        """Return the ticket's page."""
        return f"{self.tickets_url}issue{number}"

    def _zabbix(self, method: str, params: Any, token: str | None) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": 1, "auth": token}).encode()
        request = urllib.request.Request(f"{self.zabbix.url}/api_jsonrpc.php", body, {"Content-Type": "application/json-rpc"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())["result"]

    def _remember(self) -> None:
        self._events.write_text(json.dumps(self.zabbix.world.events, ensure_ascii=False))

    def _recall(self) -> None:
        """Take up the events of earlier runs: an event number is never given twice, as in a real Zabbix."""
        if not self._events.exists():
            return
        world = self.zabbix.world
        world.events |= json.loads(self._events.read_text())
        said = [int(one["acknowledgeid"]) for event in world.events.values() for one in event["acknowledges"]]
        world._ids["event"] = itertools.count(max(map(int, world.events), default=48) + 1)
        world._ids["acknowledge"] = itertools.count(max(said, default=8) + 1)
