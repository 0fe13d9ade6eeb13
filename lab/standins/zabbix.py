"""
A stand-in for Zabbix: real HTTP, real JSON-RPC, a webhook with retries, and buttons for a demo.

Built from what a Zabbix 6.0.14 answered and sent (lab recordings of login, problems, events, history, refusals and
webhooks); where 6.4, 7.0 and 7.2 differ, from the manual. It runs no JavaScript: a media type of type webhook posts
its parameters with the macros filled in, signed as its parameters ``signing`` and ``secret`` say. It is no Zabbix:
triggers do not compute, they are raised and recovered by hand or by ``/control``.

    python -m lab.standins.zabbix --port 28080        # Admin / zabbix, gateway / Gw-lab-2026!
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import math
import sys
import threading
import time
import urllib.error
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime
from html import escape
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from lab.standins.server import Answer, Request, Server
from lab.standins.zabbix_rpc import Rpc
from lab.standins.zabbix_world import SEVERITIES, World

UPDATES = ((2, "acknowledged"), (16, "unacknowledged"), (4, "commented"), (8, "changed severity"), (1, "closed"))


class Zabbix(Server):
    """The whole stand-in: ``.world`` is what it knows, ``.rpc`` the API, ``.alerts`` what became of each push."""

    def __init__(
        self,
        port: int = 0,
        *,
        version: str = "6.0.14",
        time_zone: str = "UTC",
        close_delay_s: float = 0.4,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(port)
        self.world = World(clock=clock, close_delay_s=close_delay_s)
        self.rpc = Rpc(self.world, version)
        self.zone = ZoneInfo(time_zone)
        self.alerts: list[dict[str, Any]] = []
        self.retry_s: float | None = None  #: shorter than the media type's attempt_interval, for tests
        self._stopping = threading.Event()
        self._pusher = threading.Thread(target=self._push_forever, daemon=True)

    def start(self) -> Self:
        """Serve, and push in a second thread."""
        super().start()
        self._pusher.start()
        return self

    def stop(self) -> None:
        """Stop both."""
        self._stopping.set()
        super().stop()
        if self._pusher.is_alive():
            self._pusher.join(5)

    def answer(self, request: Request) -> Answer:
        """Route: the API, the control calls, the page."""
        parts = urlsplit(request.path)
        path = parts.path.rstrip("/")
        if path.endswith("/api_jsonrpc.php"):
            if request.method != "POST":
                return Answer(412)
            return Answer.of(self.rpc.handle(request.json(), request.headers.get("authorization", "")))
        if path.startswith("/control"):
            asked = request.json() or {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
            return self._control(path.removeprefix("/control"), asked)
        return Answer.page(self._page()) if path == "" else Answer(404, b"not found")

    def demo(self) -> Zabbix:
        """Fill in a small plant, with three hours of CPU values."""
        world, now = self.world, int(self.world.clock())
        press_inventory = {
            "serialno_a": "SN-7781",
            "location": "2 号车间",
            "vendor": "Bosch Rexroth",
            "model": "A10VSO",
            "asset_tag": "EQ-0007",
        }
        press = world.add_host("press-07", "液压机 07", tags={"site": "苏州", "asset": "EQ-0007"}, inventory=press_inventory)
        lathe = world.add_host("lathe-12", "数控车床 12", tags={"site": "苏州"}, inventory={"asset_tag": "EQ-0012"})
        shop = world.add_host("db01", "Order database", tags={"service": "orders"})
        world.add_trigger(press, "Oil temperature too high on {HOST.NAME}", priority=4, tags={"spare_part": "SEAL-80"})
        world.add_trigger(press, "CPU high on {HOST.NAME}", priority=3, manual_close=False)
        world.add_trigger(lathe, "主轴振动超限 {HOST.NAME}", priority=3, tags={"spare_part": "BRG-6208"})
        world.add_trigger(shop, "Payment failed on {HOST.NAME}", priority=5, tags={"service": "orders"})
        for number, hostid in enumerate((press, lathe, shop)):
            itemid = world.add_item(hostid, "system.cpu.util", units="%")
            values = [(now - 60 * minute, 40 + 10 * number + 5 * math.sin(minute / 9)) for minute in range(180)]
            world.add_values(itemid, [(clock, round(value, 2)) for clock, value in values])
        return self

    def _control(self, path: str, asked: dict[str, Any]) -> Answer:
        world = self.world
        if path == "/raise":
            wanted = str(asked.get("trigger", ""))
            for triggerid, trigger in world.triggers.items():
                if wanted in (triggerid, trigger["description"]):
                    return Answer.of({"eventid": world.raise_problem(triggerid, opdata=str(asked.get("opdata", "")))})
            return Answer.of({"error": f"no trigger {wanted!r}", "triggers": list(world.triggers.values())}, 404)
        if path == "/recover":
            eventid = str(asked.get("eventid", ""))
            if eventid not in world.events:
                return Answer.of({"error": f"no event {eventid!r}"}, 404)
            return Answer.of({"r_eventid": world.recover(eventid)})
        with world.lock:
            world.settle()
            return Answer.of(
                {
                    "hosts": list(world.hosts.values()),
                    "triggers": list(world.triggers.values()),
                    "events": [one for one in world.events.values() if one["value"] == "1"],
                    "alerts": self.alerts[-100:],
                }
            )

    def _page(self) -> str:
        world = self.world
        with world.lock:
            world.settle()
            events = [one for one in world.events.values() if one["value"] == "1"][::-1][:50]
            triggers = list(world.triggers.values())
        rows = "".join(_event_row(one) for one in events) or "<tr><td colspan=5>没有问题 · no problems</td></tr>"
        buttons = "".join(_trigger_row(one, world.hosts[one["hostid"]]["name"]) for one in triggers)
        return (
            "<!doctype html><meta charset=utf-8><title>Zabbix stand-in</title><h1>Zabbix 替身 · stand-in</h1>"
            f"<table border=1 cellpadding=4><tr><th>id<th>severity<th>name<th>state<th></tr>{rows}</table>"
            f"<form method=post action=/control/raise>{buttons}</form>"
        )

    def _push_forever(self) -> None:
        waiting: list[dict[str, Any]] = []
        while not self._stopping.wait(0.02):
            self.world.settle()
            with self.world.lock:
                news, self.world.news = self.world.news, []
                waiting += [alert for one in news for alert in self._alerts(*one)]
            due = [alert for alert in waiting if alert["due"] <= time.monotonic()]
            for alert in due:
                self._send(alert)
            waiting = [alert for alert in waiting if alert["status"] == "0"]

    def _alerts(self, what: str, eventid: str, update: dict[str, Any] | None) -> list[dict[str, Any]]:
        """Render at once, as Zabbix does when it sends; the author of an update is skipped."""
        found = []
        if not self.rpc.actions:
            return []
        for user in self.world.users.values():
            if update is not None and update["userid"] == user.userid:
                continue
            for media in user.medias:
                mediatype = self.rpc.mediatypes.get(media["mediatypeid"], {})
                if mediatype.get("status") == "0":
                    macros = self._macros(eventid, update)
                    body = {one["name"]: _filled(one["value"], macros) for one in mediatype["parameters"]}
                    alert = {"eventid": eventid, "what": what, "body": body, "mediatype": mediatype}
                    found.append(alert | {"status": "0", "retries": 0, "error": "", "due": time.monotonic()})
        self.alerts += found
        return found

    def _send(self, alert: dict[str, Any]) -> None:
        body = {name: value for name, value in alert["body"].items() if name not in ("URL", "secret", "signing")}
        raw = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "webhook-id": f"zbx_{hashlib.sha256(raw).hexdigest()}"}
        secret, signing = alert["body"].get("secret", ""), alert["body"].get("signing")
        if signing == "standard_webhooks":
            stamp = str(int(time.time()))
            signed = f"{headers['webhook-id']}.{stamp}.".encode() + raw
            made = hmac.new(b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
            headers |= {"webhook-timestamp": stamp, "webhook-signature": f"v1,{b64encode(made).decode()}"}
        elif signing == "header":
            headers["X-Tieline-Token"] = secret
        try:
            request = urllib.request.Request(alert["body"]["URL"], data=raw, headers=headers)
            with urllib.request.urlopen(request, timeout=10):
                alert["status"] = "1"
        except (urllib.error.URLError, OSError, ValueError) as error:
            alert["retries"] += 1
            alert["error"] = f"Tieline webhook failed: {error}"
            interval = self.retry_s if self.retry_s is not None else float(alert["mediatype"]["attempt_interval"].rstrip("s"))
            alert["due"] = time.monotonic() + interval
            if alert["retries"] >= int(alert["mediatype"]["maxattempts"]):
                alert["status"] = "2"

    def _macros(self, eventid: str, update: dict[str, Any] | None) -> dict[str, str]:
        event = self.world.events[eventid]
        recovery = self.world.events.get(event["r_eventid"])
        trigger = self.world.triggers[event["objectid"]]
        host = self.world.hosts[trigger["hostid"]]
        found = {
            "EVENT.ID": eventid,
            "EVENT.VALUE": "0" if recovery else "1",
            "EVENT.STATUS": "RESOLVED" if recovery else "PROBLEM",
            "EVENT.NAME": event["name"],
            "EVENT.SEVERITY": SEVERITIES[int(event["severity"])],
            "EVENT.NSEVERITY": event["severity"],
            "EVENT.ACK.STATUS": "Yes" if event["acknowledged"] == "1" else "No",
            "EVENT.OPDATA": event["opdata"],
            "EVENT.TAGSJSON": json.dumps(event["tags"], ensure_ascii=False, separators=(",", ":")),
            "EVENT.UPDATE.STATUS": "1" if update else "0",
            "TRIGGER.ID": event["objectid"],
            "HOST.ID": host["hostid"],
            "HOST.HOST": host["host"],
            "HOST.NAME": host["name"],
            "HOST.IP": "*UNKNOWN*",
            **self._time("EVENT", event["clock"]),
        }
        if recovery:
            found |= {"EVENT.RECOVERY.ID": recovery["eventid"], **self._time("EVENT.RECOVERY", recovery["clock"])}
        if update:
            words = [word for bit, word in UPDATES if int(update["action"]) & bit]
            found |= {"EVENT.UPDATE.ACTION": " and ".join(words), "EVENT.UPDATE.MESSAGE": update["message"]}
            found |= self._time("EVENT.UPDATE", update["clock"])
            author = self.world.users[update["username"]]
            found |= {"USER.FULLNAME": author.fullname, "USER.USERNAME": author.username}
        return found

    def _time(self, name: str, clock: str) -> dict[str, str]:
        local = datetime.fromtimestamp(int(clock), self.zone)
        return {f"{name}.DATE": f"{local:%Y.%m.%d}", f"{name}.TIME": f"{local:%H:%M:%S}"}


def _filled(value: str, macros: dict[str, str]) -> str:
    """Fill in the macros that have a value; the others stay as they are, as in Zabbix."""
    for name, text in macros.items():
        value = value.replace("{" + name + "}", text)
    return value


def _trigger_row(trigger: dict[str, Any], host: str) -> str:
    name, text = trigger["triggerid"], escape(f"{host}: {trigger['description']}")
    return f"<p><button name=trigger value={name}>触发 · raise</button> {text}</p>"


def _event_row(event: dict[str, Any]) -> str:
    number, state, button = event["eventid"], "已解决 · RESOLVED", ""
    if event["r_eventid"] == "0":
        state = "问题 · PROBLEM" + (" (已确认 · acknowledged)" if event["acknowledged"] == "1" else "")
        press = f"<button name=eventid value={number}>恢复 · recover</button>"
        button = f"<form method=post action=/control/recover>{press}</form>"
    said = "<br>".join(escape(f"{one['username']}: {one['message']}") for one in event["acknowledges"] if one["message"])
    severity, text = SEVERITIES[int(event["severity"])], escape(event["name"])
    return f"<tr><td>{number}<td>{severity}<td>{text}<br><small>{said}</small><td>{state}<td>{button}</tr>"


def main(arguments: list[str] | None = None) -> int:
    """Serve the demo plant until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m lab.standins.zabbix", description="A stand-in for Zabbix.")
    parser.add_argument("--port", type=int, default=28080)
    parser.add_argument("--version", default="6.0.14")
    parser.add_argument("--time-zone", default="UTC")
    asked = parser.parse_args(arguments)
    with Zabbix(asked.port, version=asked.version, time_zone=asked.time_zone).demo() as server:
        sys.stdout.write(f"ready {server.url}\n")
        sys.stdout.flush()
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(0) from None
